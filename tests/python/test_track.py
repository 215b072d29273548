"""What @track records: names, outcomes, nesting, usage."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
import tachograph as tacho


def records() -> list[Any]:
    return list(tacho.snapshot().records())


def parents() -> dict[str, str | None]:
    """Name of an operation to that of its parent."""
    found = records()
    names = {record.id: record.operation for record in found}
    return {record.operation: names.get(record.parent_id) for record in found}


def outcomes() -> list[tuple[str, str, str | None, str | None]]:
    return [(record.operation, record.outcome, record.error_category, record.error_type) for record in records()]


# ------------------------------------------------------------------------------------------------------- names


def test_name_is_the_qualified_name_without_locals() -> None:
    class Inner:
        @tacho.track
        def method(self) -> None: ...

    @tacho.track
    def local() -> None: ...

    Inner().method()
    local()
    names = [record.operation for record in records()]
    assert names == [
        "test_name_is_the_qualified_name_without_locals.Inner.method",
        "test_name_is_the_qualified_name_without_locals.local",
    ]


def test_what_is_given_at_decoration_is_recorded() -> None:
    @tacho.track("answer", kind="llm", provider="anthropic", model="claude-opus-4-6")
    def function() -> None: ...

    function()
    (record,) = records()
    assert (record.operation, record.kind, record.provider, record.model) == (
        "answer",
        "llm",
        "anthropic",
        "claude-opus-4-6",
    )
    assert record.outcome == "ok" and record.seconds > 0


def test_wrapped_twice_is_recorded_once() -> None:
    @tacho.track("outer")
    @tacho.track("inner")
    def function() -> None: ...

    function()
    assert [record.operation for record in records()] == ["outer"]


# ---------------------------------------------------------------------------------------------------- outcomes


class LimitError(Exception):
    status_code = 429


class CodeError(Exception):
    code = "context_length_exceeded"


class DerivedError(LimitError): ...


@pytest.mark.parametrize(
    ("error", "outcome", "category", "type_"),
    [
        (ValueError("secret"), "error", None, "ValueError"),
        (TimeoutError(), "timeout", "timeout", "TimeoutError"),
        (ConnectionResetError(104, "x"), "error", "network", "ConnectionResetError"),
        (LimitError(), "error", "rate_limit", "LimitError"),
        (DerivedError(), "error", "rate_limit", "DerivedError"),
        (CodeError(), "error", "context_length", "CodeError"),
        (KeyboardInterrupt(), "cancelled", None, None),
        (asyncio.CancelledError(), "cancelled", None, None),
        (GeneratorExit(), "aborted", None, None),
        (SystemExit(1), "error", None, "SystemExit"),
        (SystemExit(0), "ok", None, None),
        (SystemExit(), "ok", None, None),
    ],
)
def test_outcome_of_what_is_raised(error: BaseException, outcome: str, category: str | None, type_: str | None) -> None:
    @tacho.track("f")
    def function() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        function()
    assert caught.value is error
    (record,) = records()
    assert record.outcome == outcome
    if category is not None:
        assert record.error_category == category
    if type_ is not None:
        assert record.error_type == type_


def test_the_message_is_recorded_nowhere() -> None:
    @tacho.track
    def function() -> None:
        raise ValueError("a secret text")

    with pytest.raises(ValueError, match="secret"):
        function()
    assert "secret" not in tacho.export("json")  # type: ignore[operator]
    assert b"secret" not in tacho.export("msgpack")  # type: ignore[operator]


def test_fail_without_an_exception() -> None:
    @tacho.track("f")
    def function() -> None:
        tacho.current().fail("rate_limit", "TooMany")

    function()
    assert outcomes() == [("f", "error", "rate_limit", "TooMany")]


# ----------------------------------------------------------------------------------------------------- nesting


@tacho.track("leaf")
def leaf() -> str | None:
    return tacho.current().name


@tacho.track("middle")
def middle() -> str | None:
    return leaf()


@tacho.track("outer")
def outer() -> str | None:
    return middle()


def test_calls_nest() -> None:
    assert outer() == "leaf"
    assert parents() == {"leaf": "middle", "middle": "outer", "outer": None}
    assert tacho.current().name is None


def test_with_blocks_and_calls_nest_in_the_order_they_began() -> None:
    @tacho.track("call")
    def call() -> None:
        with tacho.operation("block"):
            leaf()
        assert tacho.current().name == "call"

    with tacho.operation("around"):
        call()
    assert parents() == {"leaf": "block", "block": "call", "call": "around", "around": None}


def test_async_functions_and_their_tasks_nest() -> None:
    @tacho.track("child")
    async def child(n: int) -> int:
        await asyncio.sleep(0.001 * (3 - n))
        leaf()
        assert tacho.current().name == "child"
        return n

    @tacho.track("parent")
    async def parent() -> int:
        total = sum(await asyncio.gather(child(1), child(2)))
        assert tacho.current().name == "parent"
        return total

    async def main() -> list[int]:
        return await asyncio.gather(parent(), parent())

    assert asyncio.run(main()) == [3, 3]
    found = records()
    by_id = {record.id: record for record in found}
    assert len(found) == 10
    for record in found:
        expected = {"leaf": "child", "child": "parent", "parent": None}[record.operation]
        above = by_id.get(record.parent_id)
        assert (above.operation if above else None) == expected
    assert len({record.parent_id for record in found if record.operation == "child"}) == 2


def test_a_loop_inside_a_tracked_call_is_a_root_of_its_own() -> None:
    @tacho.track("task")
    async def task() -> None:
        leaf()

    @tacho.track("runner")
    def runner() -> None:
        asyncio.run(task())

    runner()
    assert parents() == {"leaf": "task", "task": None, "runner": None}


def test_another_context_on_the_same_thread_is_skipped() -> None:
    @tacho.track("call")
    def call() -> None:
        contextvars.Context().run(leaf)
        leaf()

    call()
    found = [record for record in records() if record.operation == "leaf"]
    assert [record.parent_id is None for record in found] == [True, False]


def test_threads_do_not_inherit_but_propagate_does() -> None:
    @tacho.track("spawner")
    def spawner(function: Callable[[], Any]) -> None:
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    spawner(leaf)
    assert parents()["leaf"] is None
    tacho.reset()

    @tacho.track("spawner")
    def carrying() -> None:
        carried = tacho.propagate(leaf)
        threads = [threading.Thread(target=carried) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    carrying()
    found = records()
    (above,) = [record for record in found if record.operation == "spawner"]
    assert [record.parent_id for record in found if record.operation == "leaf"] == [above.id] * 4


def test_propagate_without_an_operation_is_the_function_itself() -> None:
    assert tacho.propagate(leaf) is leaf


def test_nest_false_has_neither_parent_nor_children() -> None:
    @tacho.track("alone", nest=False)
    def alone() -> None:
        leaf()

    @tacho.track("outer")
    def around() -> None:
        alone()

    around()
    assert parents() == {"leaf": "outer", "alone": None, "outer": None}


def test_an_operation_can_be_kept_after_its_end() -> None:
    @tacho.track("kept")
    def keep() -> Any:
        return tacho.current()

    kept = keep()
    again = keep()
    assert kept is not again and kept.id != again.id
    assert kept.outcome == "ok" and kept.seconds > 0
    kept.usage(input=3)
    kept.end()
    assert len(records()) == 2


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="greenlet copies stacks, which ASan forbids")
def test_greenlets_do_not_mix() -> None:
    greenlet = pytest.importorskip("greenlet")
    hub = greenlet.getcurrent()

    @tacho.track("inner")
    def inner() -> None:
        hub.switch()
        assert tacho.current().name == "inner"

    @tacho.track("outer")
    def around() -> None:
        mine = tacho.current()
        hub.switch()
        assert tacho.current() is mine
        inner()
        assert tacho.current() is mine

    alive = [greenlet.greenlet(around) for _ in range(50)]
    while alive:
        for one in list(alive):
            one.switch()
            if one.dead:
                alive.remove(one)
    found = records()
    above = {record.id for record in found if record.operation == "outer"}
    below = [record.parent_id for record in found if record.operation == "inner"]
    assert len(below) == 50 and set(below) == above
    assert tacho.current().id is None


# ------------------------------------------------------------------------------------------------- async outcomes


def test_a_cancelled_task_is_cancelled() -> None:
    @tacho.track("waits")
    async def waits() -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [record.outcome for record in records()] == ["cancelled"]


def test_a_closed_or_abandoned_coroutine_is_aborted() -> None:
    @tacho.track("waits")
    async def waits() -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        closed, dropped = waits(), waits()
        closed.send(None)
        closed.close()
        dropped.send(None)
        del dropped
        gc.collect()

    asyncio.run(main())
    assert [record.outcome for record in records()] == ["aborted", "aborted"]
    assert tacho.current().id is None


def test_a_coroutine_never_awaited_is_not_recorded() -> None:
    @tacho.track
    async def function() -> None: ...

    function().close()
    assert records() == []


def test_async_time_is_from_first_step_to_end() -> None:
    @tacho.track("sleeps")
    async def sleeps() -> None:
        await asyncio.sleep(0.02)

    async def main() -> None:
        await sleeps()

    asyncio.run(main())
    assert 0.02 <= records()[0].seconds < 1


# --------------------------------------------------------------------------------------------------- usage and cost


def test_usage_and_cost_hooks() -> None:
    @tacho.track(
        "answer",
        kind="llm",
        provider="anthropic",
        model="claude-opus-4-6",
        usage=lambda result: {"input": result, "output": 340},
        cost=lambda result: "0.25",
    )
    def function() -> int:
        return 1200

    assert function() == 1200
    (record,) = records()
    assert (record.usage.input_tokens, record.usage.output_tokens) == (1200, 340)
    assert str(record.cost.usd) == "0.25" and record.cost.state == "reported"


def test_hooks_that_raise_do_not_matter() -> None:
    @tacho.track("f", usage=lambda result: 1 / 0, cost=lambda result: {}["x"])
    def function() -> int:
        return 5

    assert function() == 5
    assert [record.outcome for record in records()] == ["ok"]


def anthropic_response() -> Any:
    usage = types.SimpleNamespace(
        input_tokens=100, output_tokens=50, cache_read_input_tokens=1000, cache_creation_input_tokens=10
    )
    return types.SimpleNamespace(id="msg_1", type="message", model="claude-opus-4-6", usage=usage, content=[])


def test_track_provider_call_reads_the_response() -> None:
    @tacho.track_provider_call("anthropic")
    def call() -> Any:
        return anthropic_response()

    call()
    wrapped = tacho.track_provider_call("anthropic", anthropic_response, name="direct")
    wrapped()
    first, second = records()
    for record in (first, second):
        assert (record.kind, record.provider, record.model) == ("llm", "anthropic", "claude-opus-4-6")
        assert record.usage.input_tokens == 100 and record.usage.cache_read_tokens == 1000
        assert record.cost.state == "exact"
    assert second.operation == "direct"
    with pytest.raises(TypeError):
        tacho.track_provider_call("anthropic", anthropic_response, kin="llm")


def test_keyboard_interrupt_in_a_response_reaches_the_program() -> None:
    class Response:
        @property
        def usage(self) -> Any:
            raise KeyboardInterrupt

    @tacho.track_provider_call("anthropic")
    def call() -> Any:
        return Response()

    with pytest.raises(KeyboardInterrupt):
        call()


# ----------------------------------------------------------------------------------------------- threads, on and off


def test_ten_threads_lose_nothing() -> None:
    @tacho.track("counted")
    def counted() -> None: ...

    def run() -> None:
        for _ in range(10_000):
            counted()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = [row for row in tacho.operations() if row.operation == "counted"]
    assert (row.calls, row.ok, row.errors) == (100_000, 100_000, 0)
    assert tacho.summary().total_operations == 100_000


def test_disabled_at_decoration_gives_the_function_itself() -> None:
    def function() -> None: ...

    tacho.configure(enabled=False)
    assert not tacho.enabled()
    assert tacho.track(function) is function
    assert tacho.track("name", kind="tool")(function) is function
    with pytest.raises(ValueError):
        tacho.track(function, kind="nope")
    assert tacho.Collector(enabled=False).track(function) is function


def test_disabled_later_stops_recording() -> None:
    leaf()
    tacho.configure(enabled=False)
    leaf()
    tacho.configure(enabled=True)
    leaf()
    assert len(records()) == 2


def test_decorated_functions_follow_the_default_collector() -> None:
    @tacho.track("follows")
    def follows() -> None: ...

    tacho.reset()
    made = tacho.configure(session="later")
    follows()
    assert [row.operation for row in made.operations()] == ["follows"]
    assert [row.session for row in made.sessions()] == ["later"]


def test_a_function_can_have_a_collector_of_its_own(collector: tacho.Collector) -> None:
    @tacho.track("own", collector=collector)
    def own() -> None:
        leaf()

    with tacho.operation("around"):
        own()
    assert [row.operation for row in collector.operations()] == ["own"]
    assert parents() == {"leaf": None, "around": None}  # nearest around it is another collector's: a new trace


@pytest.mark.parametrize("shape", ["sync", "async", "generator"])
def test_metadata_is_in_the_record_of_every_call(shape: str) -> None:
    collector = tacho.Collector()
    options: dict[str, Any] = {"collector": collector, "metadata": {"size": 3, "place": Place()}}
    for _ in range(2):
        if shape == "sync":
            tacho.track(lambda: None, name="work", **options)()
        elif shape == "async":

            async def work() -> None: ...

            asyncio.run(tacho.track(work, name="work", **options)())
        else:

            def items() -> Any:
                yield 1

            list(tacho.track(items, name="work", **options)())
    collector.record("plain", 1.0)
    records = collector.snapshot().records()
    assert [r.metadata for r in records if r.operation == "work"] == [{"size": 3, "place": "here"}] * 2
    assert [r.metadata for r in records if r.operation == "plain"] == [{}]


class Place:
    def __str__(self) -> str:
        return "here"
