"""Signatures of the native core (bindings/python). Use the package `tachograph`; names here may change."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

_T = TypeVar("_T")

version: str

class TachoError(Exception):
    """Base of all exceptions of tachograph; there is one subclass per status of the core."""

    status: int

class InvalidError(TachoError, ValueError): ...
class NomemError(TachoError, MemoryError): ...
class FullError(TachoError): ...
class NotFoundError(TachoError, LookupError): ...
class NoDataError(TachoError): ...
class DamagedError(TachoError): ...
class ForeignError(TachoError): ...
class NewerError(TachoError): ...
class LimitError(TachoError): ...
class IoError(TachoError, OSError): ...
class BusyError(TachoError): ...
class EndedError(TachoError): ...
class UnsupportedError(TachoError): ...
class StoppedError(TachoError): ...
class DeniedError(TachoError, PermissionError): ...

class _Component:
    def __enter__(self) -> _Component: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> _Component: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class Session:
    """One agent run or user session, as a `with` or `async with` block."""

    @property
    def id(self) -> str | None: ...
    def __enter__(self) -> Session: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Session: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class Operation:
    """An operation in flight: `with`, `async with`, decorator, or start() and end()."""

    @property
    def name(self) -> str | None: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def id(self) -> str | None:
        """16 hex digits; None before the begin or when disabled."""
    @property
    def seconds(self) -> float | None:
        """Duration so far or at the end; None before the begin."""
    @property
    def cost_usd(self) -> Any:
        """Cost as Decimal; None when unknown."""
    @property
    def outcome(self) -> str | None:
        """Outcome after the end, else None."""
    @property
    def record(self) -> Any:
        """The tachograph.Record after the end; None before it, or when the ring has lost it."""
    def __enter__(self) -> Operation: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Operation: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def __call__(self, function: _T) -> _T: ...
    def start(self) -> Operation: ...
    def end(self, outcome: str = "ok") -> None: ...
    def component(self, name: str, /) -> _Component: ...
    def add_component(self, name: str, seconds: float, /) -> None: ...
    def usage(self, response: Any = ..., dialect: str | None = None, /, **classes: Any) -> None: ...
    def tool_call(self, name: str, seconds: float | None, success: bool = True, error: Any = None) -> None: ...
    def model(self, id: str, /) -> None: ...
    def provider(self, id: str, /) -> None: ...
    def cost(self, usd: Any, /) -> None: ...
    def first_token(self) -> None: ...
    def retry(self, reason: str | None = None, /) -> None: ...
    def human(self) -> None: ...
    def warn(self, type: str | None = None, /) -> None: ...
    def context(self, size: int, limit: int | None = None, compressed: bool = False) -> None: ...
    def event(self, name: str, /, **fields: Any) -> None: ...
    def fail(self, category: Any, type: str | None = None) -> None: ...
    def cache(self, name: str, event: str, /) -> None: ...
    def traceparent(self) -> str | None: ...

class Counter:
    """A sum that only grows. Recording never raises, except in strict mode."""

    @property
    def name(self) -> str: ...
    def labels(self, *values: Any, **by_name: Any) -> Counter:
        """The handle of one series; every label wants a value. Hot code keeps it."""

    def inc(self, amount: float = 1, /) -> None: ...
    def add(self, amount: float = 1, /) -> None: ...

class Gauge:
    """A value that goes up and down."""

    @property
    def name(self) -> str: ...
    def labels(self, *values: Any, **by_name: Any) -> Gauge: ...
    def set(self, value: float, /) -> None: ...
    def inc(self, amount: float = 1, /) -> None: ...
    def add(self, amount: float = 1, /) -> None: ...
    def dec(self, amount: float = 1, /) -> None: ...

class _Timer:
    def __enter__(self) -> _Timer: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    async def __aenter__(self) -> _Timer: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class Histogram:
    """A distribution of values, with exact sum, count and extremes, and percentiles within 2.2 %."""

    @property
    def name(self) -> str: ...
    def labels(self, *values: Any, **by_name: Any) -> Histogram: ...
    def observe(self, value: float, /) -> None: ...
    def time(self) -> _Timer:
        """A block whose duration is observed, for `with` and `async with`, in the unit s, ms or us; else in seconds."""

class Cache:
    """Hits, misses and the size of one cache of the application."""

    @property
    def name(self) -> str: ...
    def hit(self, n: int = 1, /) -> None: ...
    def miss(self, n: int = 1, /) -> None: ...
    def eviction(self, n: int = 1, /) -> None: ...
    def size_rejection(self, n: int = 1, /) -> None: ...
    def size(self, n: int, capacity: int | None = None) -> None:
        """Entries in it now, and how many fit; None leaves the capacity as it was told before."""

class Tracked:
    """The wrapper of a tracked function."""

    __wrapped__: Any
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class Table:
    """Rows, records, a summary or system numbers of the core."""

    def values(self) -> list[tuple[Any, ...]]: ...
    def parts(self) -> tuple[Table, Table, Table, Table | None, Table | None]: ...
    def totals(self) -> tuple[Any, ...] | None: ...
    def warnings(self) -> list[str]: ...
    def write(
        self,
        format: str,
        *,
        schema: str | None = None,
        columns: tuple[str, ...] = ...,
        width: int = 0,
        color: bool = False,
        ascii: bool = False,
    ) -> str: ...

class Snapshot:
    """An immutable copy of all numbers; `a | b` merges two."""

    def __or__(self, other: Snapshot) -> Snapshot: ...
    def operations(self) -> Table: ...
    def tools(self) -> Table: ...
    def models(self) -> Table: ...
    def providers(self) -> Table: ...
    def usage(
        self,
        by: str | Sequence[str],
        *,
        kinds: str = "usual",
        session: str | None = None,
        since: datetime | timedelta | str | float | None = None,
        until: datetime | timedelta | str | float | None = None,
        where: Mapping[str, str | None] | None = None,
    ) -> Table: ...
    def sessions(self) -> Table: ...
    def caches(self) -> Table: ...
    def metrics(self, name: str | None = None, /) -> Table: ...
    def slowest(self, n: int = 0, /) -> Table: ...
    def records(self, session: str | None = None, /) -> Table: ...
    def summary(self, session: str | None = None, /) -> Table: ...
    def system(self) -> Table: ...
    def export(self, format: str, /) -> str | bytes: ...
    def save(self, path: str | os.PathLike[str], /) -> str: ...

def operation(
    name: str,
    *,
    kind: str = "custom",
    provider: str | None = None,
    model: str | None = None,
    session: str | Session | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    traceparent: str | None = None,
) -> Operation:
    """An operation for `with`, `async with`, as a decorator, or for start() and end() by hand."""

def record(
    name: str,
    seconds: float | None,
    *,
    kind: str = "custom",
    provider: str | None = None,
    model: str | None = None,
    success: bool = True,
    error: Any = None,
    usage: Any = None,
    cost: Any = None,
    tool: str | None = None,
    components: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    ended_at: datetime | str | float | None = None,
    session: str | Session | None = None,
    dialect: str | None = None,
    first_token: float | None = None,
    retries: int = 0,
    interventions: int = 0,
    warnings: int = 0,
    context_size: int | None = None,
    context_limit: int | None = None,
    compressed: bool = False,
) -> None:
    """Record one finished operation.

    Args:
        name:        name of the operation.
        seconds:     duration; None = unknown: counted, but in no duration.
        kind:        as for track(); custom by default.
        provider, model: who answered.
        success:     False = error; `error` says more.
        error:       exception, class name, or category (network, auth, rate_limit, timeout ...).
        usage:       a provider's response or a mapping of token classes; `dialect` says how to read it.
        cost:        USD as the provider reported it: Decimal, text or number; it wins over the price table.
        tool:        tool that a step used.
        components:  name -> seconds of named parts.
        tags:        labels; only names declared in the configuration count.
        metadata:    name -> value for the record: texts, numbers, truth, None; anything else as str() tells it.
                     At most 1 KiB an operation; the oldest of a process are lost first.
        ended_at:    aware datetime, ISO text or epoch seconds; None = now.
        session:     id or Session; None = the session block around the caller, else the process's.
        first_token: seconds from the start to the first token.
        retries, interventions, warnings: how often that happened.
        context_size, context_limit, compressed: the context window in tokens, and whether it was compacted.

    Never raises for a value: what cannot be read is not recorded (strict=True raises).
    """

def session(
    id: str | None = None,
    *,
    name: str | None = None,
    user: str | None = None,
    tags: Mapping[str, str] | None = None,
    summary: Any = None,
) -> Session:
    """A block to which everything inside belongs; `summary` = stream or path that gets its summary at the end."""

def counter(name: str, description: str = "", unit: str = "1", labels: Sequence[str] = ()) -> Counter:
    """Declare a counter, or find it: the same name is always the same metric.

    Args:
        name:        a letter or _, then letters, digits, _ . - /; at most 200 bytes.
        description: one sentence for people.
        unit:        UCUM: s, By, {token}, ms ...; sums are kept in nanoseconds for s, in whole numbers for By and
                     {token}, else in millionths.
        labels:      names of at most 8 labels.
    Raises: ValueError for a name that is not allowed, or declared before as something else.
    """

def gauge(
    name: str, description: str = "", unit: str = "1", labels: Sequence[str] = (), *, merge: str = "newest"
) -> Gauge:
    """Declare a gauge; `merge` says how processes become one: sum, newest or max."""

def histogram(name: str, description: str = "", unit: str = "1", labels: Sequence[str] = ()) -> Histogram:
    """Declare a histogram: 2^-20 to 2^12 for s, 1 to 2^32 for By and {token}, else 2^-16 to 2^16; what is outside is
    counted in the first or last bucket, and exact in sum, count and extremes."""

def cache(name: str) -> Cache:
    """The handle of a cache of the application. A provider's prompt cache is not one: its tokens are in the usage."""

def record_cache(name: str, event: str, n: int = 1) -> None:
    """Count events of a cache by name: hit, miss, eviction or size_rejection."""

class Collector:
    """The handle an application records through; settings by name."""

    def __init__(self, **config: Any) -> None: ...
    @property
    def session_id(self) -> str | None: ...
    operation = staticmethod(operation)
    record = staticmethod(record)
    session = staticmethod(session)
    counter = staticmethod(counter)
    gauge = staticmethod(gauge)
    histogram = staticmethod(histogram)
    cache = staticmethod(cache)
    record_cache = staticmethod(record_cache)
    def take_snapshot(self, alone: bool = False, /) -> Snapshot: ...
    def timeline_points(
        self, what: str, period: str, step: str | None = None, /
    ) -> list[tuple[datetime, datetime, float | Decimal | None, int, bool]]: ...
    def enabled(self) -> bool: ...
    def reset(self) -> None: ...
    def close(self, timeout: float = 2.0) -> bool: ...
    def flush(self, timeout: float = 2.0) -> bool: ...

def track(
    function: Any,
    *,
    name: str | None = None,
    kind: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    tags: dict[str, str] | None = None,
    usage: Callable[[Any], Any] | None = None,
    cost: Callable[[Any], Any] | None = None,
    nest: bool = True,
    response: bool = False,
    collector: Collector | None = None,
    metadata: dict[str, Any] | None = None,
) -> Any: ...
def take_snapshot(alone: bool = False, /) -> Snapshot: ...
def standard() -> Collector: ...
def configure(**config: Any) -> Collector: ...
def reset() -> None: ...
def enabled() -> bool:
    """Whether the default collector records."""

def current() -> Operation:
    """The innermost operation, or one that records nothing. Never None, never raises."""

def scope() -> Operation | Session | None: ...
def with_scope(
    scope: Operation | Session, function: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any], /
) -> _T: ...
def enclosing_session() -> str | None: ...
def calculate_cost(
    model: str | None,
    usage: Any,
    provider: str | None = None,
    at: datetime | str | float | None = None,
    service_tier: str | None = None,
    dialect: str | None = None,
) -> dict[str, Any]: ...
def load(path: str | os.PathLike[str], /) -> Snapshot: ...
def fields(what: str, /) -> list[tuple[str, str, str]]: ...
def quality() -> tuple[str, ...]: ...
def units() -> tuple[tuple[str, str], ...]: ...
def default_save_file() -> str: ...
