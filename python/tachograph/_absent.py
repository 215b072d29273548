"""What stands in for the native core where it cannot load: every call does nothing (semantics 47).

It has the functions of `_core` that the package uses. Nothing is recorded, so tables are empty and costs unknown; the
program that records keeps running as it would without this package.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

version = "0"

_MESSAGE = "no data: the native core of tachograph could not be loaded on this platform"


def warn(problem: BaseException) -> None:
    """The one warning."""
    logging.getLogger("tachograph").warning("recording is off: the native core could not be loaded: %s", problem)


class TachoError(Exception):
    """What tachograph raises; `status` is the core's number."""

    status = -13  # TACHO_UNSUPPORTED


class _Block:
    """A `with` and `async with` block that does nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None


class Session(_Block):
    id = None


class Operation(_Block):
    name = kind = id = seconds = cost_usd = outcome = record = None

    def __call__(self, function: Any) -> Any:
        return function

    def start(self) -> Operation:
        return self

    def component(self, name: str, /) -> _Block:
        return _Block()

    def traceparent(self) -> None:
        return None

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    end = add_component = cache = usage = tool_call = model = provider = cost = first_token = _nothing
    retry = human = warn = context = fail = event = _nothing


class Metric(_Block):
    """A counter, gauge or histogram that records nothing."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def labels(self, *values: Any, **by_name: Any) -> Metric:
        return self

    def time(self) -> _Block:
        return _Block()

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    inc = add = dec = set = observe = _nothing


class Cache:
    """A cache of which nothing is recorded."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        return None

    hit = miss = eviction = size_rejection = size = _nothing


Counter = Gauge = Histogram = Metric


class Table:
    def __init__(self, rows: int = 0) -> None:
        self._rows = rows

    def values(self) -> list[tuple[Any, ...]]:
        return [()] * self._rows

    def parts(self) -> tuple[Table, Table, Table, Table, Table]:
        return Table(), Table(), Table(), Table(), Table()

    def totals(self) -> None:
        return None

    def warnings(self) -> list[str]:
        return [_MESSAGE]

    def write(self, format: str, **options: Any) -> str:
        return _MESSAGE


class Snapshot:
    def __or__(self, other: Snapshot) -> Snapshot:
        return self

    def summary(self, session: str | None = None, /) -> Table:
        return Table(1)

    def system(self) -> Table:
        return Table(1)

    def operations(self) -> Table:
        return Table()

    tools = models = providers = sessions = caches = operations

    def metrics(self, name: str | None = None, /) -> Table:
        return Table()

    def usage(self, by: Any, **options: Any) -> Table:
        return Table()

    def slowest(self, n: int = 0, /) -> Table:
        return Table()

    def records(self, session: str | None = None, /) -> Table:
        return Table()

    def export(self, format: str, /) -> str | bytes:
        return b"" if format == "msgpack" else ""

    def save(self, path: Any, /) -> str:
        raise TachoError(_MESSAGE)


class Collector:
    session_id = None

    def __init__(self, **config: Any) -> None:
        return None

    def operation(self, name: str, **options: Any) -> Operation:
        return Operation()

    def record(self, name: str, seconds: float | None, **options: Any) -> None:
        return None

    def session(self, id: str | None = None, **options: Any) -> Session:
        return Session()

    def counter(self, name: str, *rest: Any, **options: Any) -> Metric:
        return Metric(name)

    gauge = histogram = counter

    def cache(self, name: str) -> Cache:
        return Cache(name)

    def record_cache(self, name: str, event: str, n: int = 1) -> None:
        return None

    def take_snapshot(self, alone: bool = False, /) -> Snapshot:
        return Snapshot()

    def timeline_points(self, what: str, period: str, step: str | None = None, /) -> list[Any]:
        return []

    def enabled(self) -> bool:
        return False

    def reset(self) -> None:
        return None

    def close(self, timeout: float = 2.0) -> bool:
        return True

    flush = close


def standard() -> Any:
    from .collector import Collector as Face

    return Face()


_collector = Collector()
operation = _collector.operation
record = _collector.record
session = _collector.session
take_snapshot = _collector.take_snapshot
counter = _collector.counter
gauge = _collector.gauge
histogram = _collector.histogram
cache = _collector.cache
record_cache = _collector.record_cache
enabled = _collector.enabled
reset = _collector.reset
_current = Operation()


def configure(**config: Any) -> Any:
    return standard()


def track(function: Any, **options: Any) -> Any:
    return function


def current() -> Operation:
    return _current


def scope() -> None:
    return None


def with_scope(scope: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Any:
    return function(*args, **kwargs)


def enclosing_session() -> None:
    return None


def calculate_cost(model: str | None, usage: Any, *options: Any) -> dict[str, Any]:
    return {"usd": None, "state": "unknown"}


def load(path: Any, /) -> Snapshot:
    raise TachoError(_MESSAGE)


def fields(what: str, /) -> list[tuple[str, str, str]]:
    return []


def quality() -> tuple[str, ...]:
    return ()


def units() -> tuple[tuple[str, str], ...]:
    return ()


def default_save_file() -> str:
    raise TachoError(_MESSAGE)
