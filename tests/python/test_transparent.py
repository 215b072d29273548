"""A tracked function behaves as the untracked one: values, exceptions, tracebacks, signature, context."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import functools
import gc
import inspect
import os
import pickle
import random
import subprocess
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import tachograph as tacho

ROUNDS = int(os.environ.get("TACHO_TEST_ROUNDS", "400"))
VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("VARIABLE", default=0)
Program = Callable[..., Any]
Wrap = Callable[[Any], Any]


class Unusual(BaseException):
    """Not an Exception."""


class StatusError(Exception):
    """As the packages of providers raise them; reading it must not matter."""

    status_code = 429
    code = "rate_limit_exceeded"


class HostileError(Exception):
    """Everything one may look at raises."""

    @property
    def status_code(self) -> int:
        raise RuntimeError("status_code was read")

    @property
    def code(self) -> str:
        raise SystemExit("code was read")

    def __str__(self) -> str:
        raise RuntimeError("the message was read")


RAISED = [
    ValueError("v"),
    KeyError("k"),
    OSError(2, "no"),
    TimeoutError(),
    StatusError("s"),
    HostileError(),
    Unusual(),
    KeyboardInterrupt(),
    SystemExit(3),
    SystemExit(),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopIteration(7),
    RecursionError("deep"),
]


# ----------------------------------------------------------------------------------------- generated programs

# A program is a tree: what a function does, and the functions it calls. It is built twice, plain and tracked, from the
# same tree, and run with the same arguments.


def make_tree(choose: random.Random, depth: int) -> dict[str, Any]:
    calls = choose.randrange(3) if depth > 0 else 0
    return {
        "async": choose.random() < 0.4,
        "calls": [make_tree(choose, depth - 1) for _ in range(calls)],
        "catch": choose.random() < 0.3,
        "raise": choose.randrange(len(RAISED)) if choose.random() < 0.25 else None,
        "operation": choose.random() < 0.2,
        "set": choose.random() < 0.3,
        "finally": choose.random() < 0.3,
        "sleep": choose.random() < 0.5,
        "method": choose.choice(["none", "method", "classmethod", "staticmethod"]),
        "value": choose.choice([None, 1, (1, 2), (), ValueError("a value"), StopIteration(3), "text"]),
    }


def build(tree: dict[str, Any], wrap: Wrap, trace: list[Any]) -> Program:
    inner = [build(call, wrap, trace) for call in tree["calls"]]
    maker = asynchronous if tree["async"] else synchronous
    function = maker(tree, inner, trace)
    if tree["method"] == "none":
        return wrap(function)
    held: Any = in_class(tree["method"], function, wrap)()
    return held.method


def in_class(how: str, function: Program, wrap: Wrap) -> type:
    if how == "staticmethod":
        return type("Holder", (), {"method": staticmethod(wrap(function))})

    if inspect.iscoroutinefunction(function):

        async def asynchronous_method(self: Any, *args: Any) -> Any:
            return await function(*args)

        body: Any = wrap(asynchronous_method)
    else:

        def method(self: Any, *args: Any) -> Any:
            return function(*args)

        body = wrap(method)
    return type("Holder", (), {"method": classmethod(body) if how == "classmethod" else body})


def leave(tree: dict[str, Any], trace: list[Any]) -> Any:
    if tree["raise"] is not None:
        raise RAISED[tree["raise"]]
    return tree["value"]


def synchronous(tree: dict[str, Any], inner: list[Program], trace: list[Any]) -> Program:
    def function(argument: int, *rest: int) -> Any:
        trace.append(("in", argument, rest, VARIABLE.get()))
        try:
            if tree["set"]:
                VARIABLE.set(argument)
            for call in inner:
                step(call, argument + 1)
            return leave(tree, trace)
        finally:
            if tree["finally"]:
                trace.append("finally")

    def step(call: Program, argument: int) -> None:
        try:
            result = call(argument)
            if inspect.iscoroutine(result):
                result.close()  # a synchronous function cannot await it
                result = "coroutine"
            trace.append(("got", repr(result)))
        except Exception as error:
            if not tree["catch"]:
                raise
            trace.append(("caught", type(error)))

    return function


def asynchronous(tree: dict[str, Any], inner: list[Program], trace: list[Any]) -> Program:
    async def function(argument: int, *rest: int) -> Any:
        trace.append(("in", argument, rest, VARIABLE.get()))
        try:
            if tree["set"]:
                VARIABLE.set(argument)
            if tree["sleep"]:
                await asyncio.sleep(0)
            for call in inner:
                await step(call, argument + 1)
            return leave(tree, trace)
        finally:
            if tree["finally"]:
                trace.append("finally")

    async def step(call: Program, argument: int) -> None:
        try:
            result = call(argument)
            trace.append(("got", repr(await result if inspect.isawaitable(result) else result)))
        except Exception as error:
            if not tree["catch"]:
                raise
            trace.append(("caught", type(error)))

    return function


def frames(error: BaseException) -> list[tuple[str, int | None]]:
    return [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]


async def drive(program: Program, cancel_after: int | None) -> Any:
    async def main() -> Any:
        return await program(0, 8, 9)

    task = asyncio.ensure_future(main())
    for _ in range(cancel_after if cancel_after is not None else 0):
        await asyncio.sleep(0)
    if cancel_after is not None:
        task.cancel("enough")
    return await task


def outcome(tree: dict[str, Any], wrap: Wrap, cancel_after: int | None) -> tuple[Any, ...]:
    trace: list[Any] = []
    program = build(tree, wrap, trace)

    def run() -> tuple[Any, ...]:
        for error in RAISED:
            error.__traceback__ = error.__context__ = error.__cause__ = None
        try:
            value = asyncio.run(drive(program, cancel_after)) if tree["async"] else program(0, 8, 9)
            return ("value", repr(value), VARIABLE.get())
        except BaseException as error:
            known = next((i for i, one in enumerate(RAISED) if one is error), None)
            text = repr(error.args) if known is None else known
            return ("raised", type(error), text, frames(error), repr(error.__context__), VARIABLE.get())

    return (*contextvars.copy_context().run(run), trace)


def test_programs_run_the_same_with_and_without_track() -> None:
    seed = int(os.environ.get("TACHO_TEST_SEED", random.SystemRandom().randrange(2**32)))
    print(f"seed {seed}: repeat with TACHO_TEST_SEED={seed}")
    choose = random.Random(seed)
    for _ in range(ROUNDS):
        tree = make_tree(choose, 3)
        cancel_after = choose.randrange(4) if choose.random() < 0.3 else None
        plain = outcome(tree, lambda function: function, cancel_after)
        tracked = outcome(tree, tacho.track, cancel_after)
        assert tracked == plain, f"seed {seed}, tree {tree}, cancelled after {cancel_after}"


# ------------------------------------------------------------------------------------------------------ identity


def plain(a: int, b: int = 2, *rest: int, c: int = 3, **more: int) -> tuple[Any, ...]:
    """What it says."""
    return a, b, rest, c, more


tracked = tacho.track(plain)


@tacho.track
def pickled(value: int) -> int:
    return value


@tacho.track
async def waits(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((1,), {}),
        ((1, 5), {}),
        ((1, 2, 3, 4), {"c": 9}),
        ((), {"a": 1}),
        ((1,), {"z": 1, "y": 2}),
        ((), {}),
        ((1,), {"a": 2}),
    ],
)
def test_arguments_pass_through(arguments: tuple[int, ...], keywords: dict[str, int]) -> None:
    def run(function: Program) -> Any:
        try:
            return function(*arguments, **keywords)
        except TypeError as error:
            return str(error)

    assert run(tracked) == run(plain)


def test_metadata_is_the_functions() -> None:
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__defaults__"):
        assert getattr(tracked, name) == getattr(plain, name)
    assert tracked.__kwdefaults__ == plain.__kwdefaults__
    assert tracked.__code__ is plain.__code__
    assert tracked.__wrapped__ is plain
    assert inspect.signature(tracked) == inspect.signature(plain)
    assert inspect.getsource(tracked) == inspect.getsource(plain)
    assert inspect.isfunction(tracked) and callable(tracked)
    assert inspect.getdoc(tracked) == "What it says."


def test_attributes_go_to_the_wrapper() -> None:
    def function() -> None: ...

    function.before = 1  # type: ignore[attr-defined]
    wrapped = tacho.track(function)
    wrapped.after = 2  # type: ignore[attr-defined]
    assert (wrapped.before, wrapped.after) == (1, 2)  # type: ignore[attr-defined]
    assert not hasattr(function, "after")
    wrapped.__name__ = "other"
    assert (wrapped.__name__, function.__name__) == ("other", "function")
    with pytest.raises(AttributeError):
        wrapped.missing  # type: ignore[attr-defined]  # noqa: B018
    assert set(vars(wrapped)) >= {"before", "after", "__wrapped__"}


def test_pickle_and_copy_give_the_same_object() -> None:
    assert pickle.loads(pickle.dumps(pickled)) is pickled
    assert copy.copy(pickled) is pickled and copy.deepcopy(pickled) is pickled
    assert functools.partial(pickled, 3)() == 3
    assert weakref.ref(pickled)() is pickled


def test_coroutine_functions_stay_coroutine_functions() -> None:
    assert inspect.iscoroutinefunction(waits)
    assert not inspect.iscoroutinefunction(tracked)
    coroutine = waits(1)
    assert inspect.iscoroutine(coroutine) and inspect.isawaitable(coroutine) and isinstance(coroutine, Coroutine)
    assert coroutine.cr_code is waits.__wrapped__.__code__
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
    coroutine.close()


@pytest.mark.parametrize("value", [None, 1, (1, 2), (), StopIteration(1), ValueError("v"), [3]])
def test_values_of_coroutines_arrive_whole(value: Any) -> None:
    assert asyncio.run(waits(value)) is value
    coroutine = waits(value)

    async def outer() -> Any:
        return await coroutine

    assert asyncio.run(outer()) is value


def test_coroutine_protocol() -> None:
    class Yields:
        def __await__(self) -> Iterator[Any]:
            self.got = yield "first"
            try:
                yield "second"
            except KeyError:
                yield "third"

    async def steps(waiting: Yields) -> str:
        await waiting
        return "done"

    def run(function: Program) -> list[Any]:
        waiting = Yields()
        coroutine = function(waiting)
        seen = [coroutine.send(None), coroutine.send("sent"), waiting.got, coroutine.throw(KeyError("k"))]
        try:
            coroutine.send(None)
        except StopIteration as stop:
            seen.append(stop.value)
        with pytest.raises(RuntimeError) as again:
            coroutine.send(None)
        return [*seen, str(again.value)]

    assert run(tacho.track(steps)) == run(steps)


@pytest.mark.parametrize("again", ["send", "throw", "close"])
def test_a_coroutine_called_from_inside_refuses_and_goes_on(again: str, collector: tacho.Collector) -> None:
    async def reenters(held: list[Any]) -> str:
        with pytest.raises(ValueError, match="coroutine already executing") as refused:
            getattr(held[0], again)(*{"send": [None], "throw": [KeyError()], "close": []}[again])
        return str(refused.value)

    def run(function: Program) -> Any:
        held: list[Any] = []
        held.append(function(held))
        with pytest.raises(StopIteration) as stop:
            held[0].send(None)
        return stop.value.value

    assert run(collector.track(reenters)) == run(reenters)
    (record,) = collector.snapshot().records()
    assert record.outcome == "ok"


def test_a_coroutine_never_awaited_warns_as_ever() -> None:
    with pytest.warns(RuntimeWarning, match="coroutine 'waits' was never awaited"):
        waits(1)
        gc.collect()


def test_methods_of_every_kind() -> None:
    class Holder:
        @tacho.track
        def method(self, x: int) -> Any:
            return self, x

        @classmethod
        @tacho.track
        def inside(cls) -> Any:
            return cls

        @tacho.track
        @classmethod
        def outside(cls) -> Any:
            return cls

        @staticmethod
        @tacho.track
        def static_inside(x: int) -> int:
            return x

        @tacho.track
        @staticmethod
        def static_outside(x: int) -> int:
            return x

        @property
        @tacho.track
        def read(self) -> int:
            return 5

    holder = Holder()
    assert holder.method(1) == (holder, 1) == Holder.method(holder, 1)
    assert Holder.inside() is Holder is holder.outside()
    assert holder.static_inside(3) == 3 == Holder.static_outside(3)
    assert holder.read == 5
    bound = holder.method
    assert inspect.ismethod(bound) and bound(2) == (holder, 2) and bound.__self__ is holder
    assert str(inspect.signature(bound)) == "(x: 'int') -> 'Any'"


def test_the_traceback_has_no_frame_of_ours() -> None:
    @tacho.track
    def inner() -> None:
        raise ValueError("deep")

    @tacho.track
    def outer() -> None:
        inner()

    with pytest.raises(ValueError) as caught:
        outer()
    assert [entry.name for entry in traceback.extract_tb(caught.tb)][1:] == ["outer", "inner"]


def test_deep_recursion_ends_in_recursion_error() -> None:
    @tacho.track
    def down(n: int) -> int:
        return down(n + 1)

    with pytest.raises(RecursionError):
        down(0)


def test_wrapping_twice_is_harmless() -> None:
    twice = tacho.track(tacho.track(plain), name="twice")
    assert twice.__wrapped__ is plain
    assert twice(1) == plain(1)


def test_cycles_are_collected() -> None:
    def make() -> weakref.ref[Any]:
        @tacho.track
        def function() -> Any:
            return function

        function.itself = function  # type: ignore[attr-defined]
        return weakref.ref(function)

    reference = make()
    gc.collect()
    assert reference() is None


# ------------------------------------------------------------------------------------------------------- decoration


class Called:
    def __call__(self) -> int:
        return 4


@pytest.mark.parametrize("function", [len, functools.partial(plain, 1), Called(), [].append])
def test_other_callables(function: Any) -> None:
    assert callable(tacho.track(function))


def test_callable_objects_work() -> None:
    assert tacho.track(len)([1, 2]) == 2
    assert tacho.track(Called())() == 4
    assert tacho.track(functools.partial(plain, 1))(7) == plain(1, 7)


@pytest.mark.parametrize("function", [Called, 3, property()])
def test_what_cannot_be_tracked_raises_at_decoration(function: Any) -> None:
    with pytest.raises(TypeError, match="cannot be tracked"):
        tacho.track(function)


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"kind": "nope"}),
        (ValueError, {"name": ""}),
        (ValueError, {"sample": 2}),
        (TypeError, {"name": 3}),
        (TypeError, {"provider": 3}),
        (TypeError, {"tags": {"a": 1}}),
        (TypeError, {"tags": "gold"}),
        (TypeError, {"usage": 3}),
        (TypeError, {"collector": 3}),
        (TypeError, {"kind": "tool", "type": "llm"}),
        (TypeError, {"metadata": 3}),
        (TypeError, {"unknown": 3}),
    ],
)
def test_wrong_use_raises_at_decoration(error: type[Exception], options: dict[str, Any]) -> None:
    with pytest.raises(error):
        tacho.track(plain, **options)


def test_other_words_for_kind() -> None:
    for options in ({"kind": "tool"}, {"type": "tool"}, {"as_type": "tool"}):
        assert callable(tacho.track(plain, **options))


def test_types_module_functions_are_not_fooled_into_a_crash() -> None:
    """The wrapper says it is a function; what rebuilds functions from their parts gets the plain one."""
    again = types.FunctionType(tracked.__code__, globals(), "again", tracked.__defaults__)
    again.__kwdefaults__ = tracked.__kwdefaults__
    assert again(1) == plain(1)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs inspect.get_annotations")
def test_annotations_can_be_read() -> None:
    assert inspect.get_annotations(tracked) == inspect.get_annotations(plain)


def test_an_operation_ended_by_hand_leaves_no_trace_of_its_call() -> None:
    """Also where greenlets have moved tracked calls to the context variable, and where it was entered by hand."""
    script = """
import contextvars, sys, types
import tachograph as tacho

@tacho.track
def ended(depth):
    if depth:
        ended(depth - 1)
    tacho.current().end()

@tacho.track
def entered():
    tacho.current().end()
    tacho.current().__enter__()

@tacho.track
def outer():
    contextvars.copy_context().run(ended, 0)

entered()
entered()
ended(2)
assert tacho.current().id is None
assert [r.parent_id for r in tacho.snapshot().records() if r.operation == "ended"].count(None) == 1
sys.modules["greenlet"] = types.ModuleType("greenlet")
outer()
ended(5)
assert tacho.current().id is None
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_default_collector_replaced_while_it_records_lives_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seconds:
        def __float__(self) -> float:
            monkeypatch.setenv("TACHO_WINDOW", "77")
            tacho.reset()
            gc.collect()
            asked.append(tacho.collector())
            return float("nan")

    asked: list[tacho.Collector] = []
    before = tacho.collector()
    tacho.record("x", Seconds(), tags={"a": "b"})  # type: ignore[arg-type]
    assert len(asked) == 1
    assert asked[0] is not before
    assert tacho.operations() == []


def test_settings_that_hold_themselves_are_refused() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(RecursionError):
        tacho.Collector(serve=loop)
