"""Tracked generators and async generators: as the untracked ones to whoever drives them, and recorded as semantics 7
says: from the first step to the end, current only while a step runs."""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import gc
import inspect
import os
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import pytest
import tachograph as tacho

ROUNDS = int(os.environ.get("TACHO_TEST_ROUNDS", "400"))
VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("VARIABLE", default=0)


def row(collector: tacho.Collector, name: str) -> Any:
    return next(row for row in collector.operations() if row.operation == name)


def outcomes(collector: tacho.Collector, name: str) -> dict[str, int]:
    values = row(collector, name).to_dict()
    words = ("ok", "error", "timeout", "cancelled", "aborted", "in_flight")
    return {word: values[word] for word in words if values[word]}


# ------------------------------------------------------------------------------------------------ driven as any other


class Unusual(BaseException):
    """Not an Exception."""


def program(seed: int) -> Callable[[], Generator[Any, Any, Any]]:
    """A generator that yields, catches, raises and returns as the seed says; the same every time it is made."""

    def run() -> Generator[Any, Any, Any]:
        random_one = random.Random(seed)
        got: Any = None
        try:
            for step in range(random_one.randrange(6)):
                VARIABLE.set(VARIABLE.get() + 1)
                try:
                    got = yield (step, repr(got))
                except ValueError as error:
                    if random_one.random() < 0.3:
                        return "caught"
                    if random_one.random() < 0.3:
                        raise KeyError("from inside") from error
                except GeneratorExit:
                    if random_one.random() < 0.3:
                        got = yield "does not stop"
                    raise
                if random_one.random() < 0.1:
                    raise Unusual("now")
            return random_one.choice([None, (1, 2), StopIteration(3), "end"])
        finally:
            VARIABLE.set(VARIABLE.get() + 100)

    return run


def drive(make: Callable[[], Generator[Any, Any, Any]], seed: int) -> list[str]:
    """What the driver sees of a random series of calls."""
    random_one = random.Random(seed)
    generator = make()
    seen = []
    for _ in range(random_one.randrange(1, 10)):
        what = random_one.choice(["next", "next", "send", "throw", "close", "from"])
        try:
            if what == "next":
                value = next(generator)
            elif what == "send":
                value = generator.send(random_one.randrange(5))
            elif what == "throw":
                value = generator.throw(random_one.choice([ValueError("v"), Unusual("u"), GeneratorExit()]))
            elif what == "close":
                value = generator.close()
            else:
                value = (lambda: (yield from generator))().__next__()
            seen.append(f"{what} {value!r} {VARIABLE.get()}")
        except BaseException as error:
            cause = type(error.__cause__).__name__
            seen.append(f"{what} {type(error).__name__} {error} {getattr(error, 'value', '')!r} {cause}")
    return seen


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_random_generators_behave_as_untracked_ones(collector: tacho.Collector) -> None:
    first = random.randrange(1 << 30)
    for seed in range(first, first + ROUNDS):
        plain = program(seed)
        tracked = collector.track(plain, name="program")
        with_, without = (contextvars.copy_context().run(drive, make, seed) for make in (tracked, plain))
        assert with_ == without, f"seed {seed}"
    gc.collect()
    assert row(collector, "program").in_flight == 0


def test_they_look_like_generators() -> None:
    @tacho.track
    def numbers(n: int) -> Generator[int, None, None]:
        """Numbers."""
        yield from range(n)

    generator = numbers(3)
    assert inspect.isgeneratorfunction(numbers) and inspect.isgenerator(generator)
    assert isinstance(generator, collections.abc.Generator) and iter(generator) is generator
    assert numbers.__doc__ == "Numbers." and list(inspect.signature(numbers).parameters) == ["n"]
    assert inspect.getgeneratorstate(generator) == inspect.GEN_CREATED
    assert next(generator) == 0 and inspect.getgeneratorstate(generator) == inspect.GEN_SUSPENDED
    assert generator.gi_frame is not None and weakref.ref(generator)() is generator
    assert list(generator) == [1, 2]
    with pytest.raises(TypeError):
        numbers()  # type: ignore[call-arg]


def test_methods_and_delegation(collector: tacho.Collector) -> None:
    class Reader:
        @collector.track(name="lines")
        def lines(self) -> Generator[str, None, str]:
            yield "a"
            return "end"

        @collector.track(name="all")
        def all(self) -> Generator[str, None, None]:
            yield (yield from self.lines())

    assert list(Reader().all()) == ["a", "end"]
    outer, inner = (next(r for r in collector.snapshot().records() if r.operation == name) for name in ("all", "lines"))
    assert inner.parent_id == outer.id


# ------------------------------------------------------------------------------------------------------ how they end


def test_outcomes(collector: tacho.Collector) -> None:
    @collector.track(name="count")
    def count() -> Generator[int, None, None]:
        yield 1
        yield 2

    list(count())
    closed = count()
    next(closed)
    closed.close()
    dropped = count()
    next(dropped)
    del dropped
    failed = count()
    next(failed)
    with pytest.raises(ValueError):
        failed.throw(ValueError)
    late = count()
    next(late)
    with pytest.raises(TimeoutError):
        late.throw(TimeoutError())
    never = count()
    never.close()
    count()
    gc.collect()
    assert outcomes(collector, "count") == {"ok": 1, "aborted": 2, "error": 1, "timeout": 1}
    running = count()
    next(running)
    assert row(collector, "count").in_flight == 1
    list(running)


def test_generator_is_told_by_fail(collector: tacho.Collector) -> None:
    @collector.track(name="doubt")
    def doubt() -> Generator[int, None, None]:
        yield 1
        tacho.current().fail("content_filter")

    list(doubt())
    assert outcomes(collector, "doubt") == {"error": 1}


def test_duration_covers_the_consumer(collector: tacho.Collector) -> None:
    @collector.track(name="slow", kind="llm")
    def slow() -> Generator[int, None, None]:
        yield 1

    for _ in slow():
        threading.Event().wait(0.02)
    record = collector.slowest()[0]
    assert record.seconds >= 0.02 and 0 <= record.first_token_seconds < 0.02


def test_hooks_get_what_it_returns_else_the_last_item(collector: tacho.Collector) -> None:
    def usage(result: Any) -> Any:
        return result.get("usage")

    @collector.track(name="by item", kind="llm", provider="anthropic", model="claude-opus-4-6", usage=usage)
    def by_item() -> Generator[dict[str, Any], None, None]:
        yield {}
        yield {"usage": {"input": 1000, "output": 10}}

    @collector.track(name="by result", kind="llm", cost=lambda result: result["cost"])
    def by_result() -> Generator[dict[str, Any], None, dict[str, Any]]:
        yield {}
        return {"cost": "0.5"}

    list(by_item())
    list(by_result())
    rows = {row.operation: row for row in collector.operations()}
    assert rows["by item"].input_tokens == 1000 and str(rows["by item"].cost_usd) == "0.00525"
    assert str(rows["by result"].cost_usd) == "0.5"


# ----------------------------------------------------------------------------------------------- who is inside whom


def test_current_only_while_a_step_runs(collector: tacho.Collector) -> None:
    @collector.track(name="inner")
    def inner() -> Generator[Any, None, None]:
        yield tacho.current().name
        with collector.step("part"):
            yield tacho.current().name
            yield tacho.current().name
        yield tacho.current().name

    with collector.step("outer"):
        generator = inner()
        assert next(generator) == "inner" and tacho.current().name == "outer"
        with collector.step("later"):
            assert next(generator) == "part" and tacho.current().name == "later"
            assert next(generator) == "part" and tacho.current().name == "later"
        assert next(generator) == "inner" and tacho.current().name == "outer"
        assert list(generator) == []
    assert tacho.current().id is None
    records = {record.operation: record for record in collector.snapshot().records()}
    assert records["inner"].parent_id == records["later"].parent_id == records["outer"].id
    assert records["part"].parent_id == records["inner"].id


def test_steps_in_several_threads_and_contexts(collector: tacho.Collector) -> None:
    @collector.track(name="wanderer")
    def wanderer() -> Generator[Any, None, None]:
        for _ in range(6):
            with collector.step("part"):
                yield tacho.current().name

    generator = wanderer()
    seen: list[Any] = []

    def step() -> None:
        seen.append((next(generator), tacho.current().id))

    for _ in range(2):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
        contextvars.copy_context().run(step)
        step()
    assert seen == [("part", None)] * 6
    assert list(generator) == [] and tacho.current().id is None
    assert outcomes(collector, "wanderer") == {"ok": 1}


def test_finally_blocks_of_a_dropped_generator_are_inside(collector: tacho.Collector) -> None:
    names = []

    @collector.track(name="dropped")
    def dropped() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            names.append(tacho.current().name)

    generator = dropped()
    next(generator)
    del generator
    gc.collect()
    assert names == ["dropped"] and tacho.current().id is None


def test_reentrancy_is_refused_and_changes_nothing(collector: tacho.Collector) -> None:
    holder: list[Any] = []

    @collector.track(name="self")
    def own() -> Generator[Any, None, None]:
        with pytest.raises(ValueError, match="already executing"):
            next(holder[0])
        yield tacho.current().name

    holder.append(own())
    assert list(holder[0]) == ["self"]
    assert outcomes(collector, "self") == {"ok": 1}


# ------------------------------------------------------------------------------------------------------------- async


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def body() -> Any:
        return await main()

    return asyncio.run(body())


def test_async_outcomes(collector: tacho.Collector) -> None:
    @collector.track(name="tick")
    async def tick(n: int) -> AsyncGenerator[int, Any]:
        for number in range(n):
            await asyncio.sleep(0)
            yield number

    async def main() -> None:
        assert inspect.isasyncgenfunction(tick) and inspect.isasyncgen(tick(1))
        assert [number async for number in tick(3)] == [0, 1, 2]
        closed = tick(3)
        assert await closed.__anext__() == 0 and await closed.asend("x") == 1
        await closed.aclose()
        failed = tick(3)
        await failed.__anext__()
        with pytest.raises(ValueError):
            await failed.athrow(ValueError("v"))
        await tick(3).aclose()
        dropped = tick(3)
        await dropped.__anext__()
        del dropped
        gc.collect()
        endless = tick(1 << 30)

        async def eat() -> None:
            async for _ in endless:
                pass

        task = asyncio.ensure_future(eat())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert outcomes(collector, "tick") == {"ok": 1, "aborted": 2, "error": 1, "cancelled": 1}


def test_async_nesting_between_tasks(collector: tacho.Collector) -> None:
    @collector.track(name="stream", kind="llm")
    async def stream(wait: float) -> AsyncGenerator[Any, None]:
        for _ in range(4):
            await asyncio.sleep(wait)
            with collector.step("part"):
                yield tacho.current().name

    async def consume(name: str, wait: float) -> None:
        with collector.agent(name):
            async for inside in stream(wait):
                assert inside == "part" and tacho.current().name == name
                with collector.tool("use"):
                    await asyncio.sleep(wait)

    async def main() -> None:
        await asyncio.gather(consume("one", 0.001), consume("two", 0.002))
        assert tacho.current().id is None

    run(main)
    records = collector.snapshot().records()
    agents = {record.id: record.operation for record in records if record.kind == "agent"}
    streams = {record.id: agents[record.parent_id] for record in records if record.operation == "stream"}
    assert sorted(streams.values()) == ["one", "two"]
    assert {record.parent_id for record in records if record.operation == "part"} == set(streams)
    assert {record.parent_id for record in records if record.operation == "use"} == set(agents)
    assert all(record.first_token_seconds > 0 for record in records if record.operation == "stream")


def test_async_steps_at_the_same_time_are_refused(collector: tacho.Collector) -> None:
    @collector.track(name="busy")
    async def busy() -> AsyncGenerator[int, None]:
        await asyncio.sleep(0.005)
        yield 1

    async def main() -> None:
        generator = busy()
        results = await asyncio.gather(generator.__anext__(), generator.__anext__(), return_exceptions=True)
        assert results[0] == 1 and isinstance(results[1], RuntimeError)
        with pytest.raises(StopAsyncIteration):
            await generator.__anext__()

    run(main)
    assert outcomes(collector, "busy") == {"ok": 1}


def test_nest_false(collector: tacho.Collector) -> None:
    @collector.track(name="apart", nest=False)
    def apart() -> Generator[Any, None, None]:
        yield tacho.current().name

    with collector.step("outer"):
        assert list(apart()) == ["outer"]
    assert {record.operation: record.parent_id for record in collector.snapshot().records()}["apart"] is None


EXIT = """
import asyncio, sys
import tachograph as tacho

@tacho.track
def numbers():
    try:
        with tacho.step("part"):
            yield 1
    finally:
        tacho.current().warn("end")

@tacho.track
async def waits():
    with tacho.step("part"):
        await asyncio.get_running_loop().create_future()

@tacho.track
async def ticks():
    with tacho.step("part"):
        yield 1

async def main():
    global ticking, task
    ticking = ticks()
    await ticking.__anext__()

kept = numbers()
next(kept)
coroutine = waits()
loop = asyncio.new_event_loop()
task = loop.create_task(coroutine)
loop.call_soon(loop.stop)
loop.run_forever()
other = asyncio.new_event_loop()
other.run_until_complete(main())
sys.modules["kept_by_modules"] = kept
"""


def test_left_open_at_exit() -> None:
    """Generators and coroutines that are in the middle when the interpreter ends."""
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-c", EXIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr and "SystemError" not in done.stderr
