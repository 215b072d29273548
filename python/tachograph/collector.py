"""The calls for recording and reading, as methods of a Collector and as functions on the default one."""

from __future__ import annotations

from ._native import core
from .track import track, track_provider_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import IO, Any, Union

    from .results import CacheRows, Cost, Grouped, MetricRows, Point, Records, Rows, SessionSummary, Snapshot, System

    Instant = Union[datetime, str, float]
    Target = Union[str, "os.PathLike[str]", IO[str], IO[bytes]]

# Keys of a mapping given to record_step(): the argument of record() that each stands for.
_STEP_KEYS = {
    "seconds": "seconds",
    "duration": "seconds",
    "usage": "usage",
    "success": "success",
    "error": "error",
    "tool": "tool",
    "model": "model",
    "provider": "provider",
    "cost": "cost",
    "components": "components",
    "ended_at": "ended_at",
    "tags": "tags",
    "metadata": "metadata",
}
_STEP_NAMES = ("step", "name", "operation")


class Face:
    """What can be recorded and read, over the four calls of the core that a collector and the module both have.

    Recording calls never raise because of what was measured: a value that cannot be recorded is counted and left out.
    With `strict=True` in the configuration they raise subclasses of TachoError. Names of arguments are checked as
    everywhere in Python.
    """

    if TYPE_CHECKING:
        operation = staticmethod(core.operation)
        record = staticmethod(core.record)
        session = staticmethod(core.session)
        take_snapshot = staticmethod(core.take_snapshot)
        counter = staticmethod(core.counter)
        gauge = staticmethod(core.gauge)
        histogram = staticmethod(core.histogram)
        cache = staticmethod(core.cache)
        record_cache = staticmethod(core.record_cache)

        def timeline_points(self, what: str, period: str, step: str | None = None, /) -> list[Any]: ...

    # ---------------------------------------------------------------------------------------------- operations by kind

    def step(self, name: str, **options: Any) -> core.Operation:
        """`operation(name, kind="step", ...)`."""
        return self.operation(name, kind="step", **options)

    def tool(self, name: str, **options: Any) -> core.Operation:
        """`operation(name, kind="tool", ...)`."""
        return self.operation(name, kind="tool", **options)

    def llm(self, name: str, provider: str | None = None, model: str | None = None, **options: Any) -> core.Operation:
        """`operation(name, kind="llm", ...)`: one call of a model."""
        return self.operation(name, kind="llm", provider=provider, model=model, **options)

    def agent(self, name: str, **options: Any) -> core.Operation:
        """`operation(name, kind="agent", ...)`."""
        return self.operation(name, kind="agent", **options)

    def workflow(self, name: str, **options: Any) -> core.Operation:
        """`operation(name, kind="workflow", ...)`."""
        return self.operation(name, kind="workflow", **options)

    # ------------------------------------------------------------------------------------------------ after the fact

    def record_call(
        self, provider: str, operation: str | None = None, seconds: float | None = None, **options: Any
    ) -> core.Operation | None:
        """One call of a model; without `seconds` an operation for `with` or `async with`.

        Args:
            provider:  who was called.
            operation: name of the operation; the provider's name if there is none.
            seconds:   duration.
            options:   as for record(), or as for operation() when `seconds` is left out.
        """
        options.setdefault("kind", "llm")
        name = provider if operation is None else operation
        if seconds is None:
            return self.operation(name, provider=provider, **options)
        self.record(name, seconds, provider=provider, **options)
        return None

    def record_step(
        self, step: str | Mapping[str, Any], seconds: float | None = None, **options: Any
    ) -> core.Operation | None:
        """One step; without `seconds` an operation for `with` or `async with`.

        Args:
            step:    name of the step, or one mapping with any of `step`, `duration` or `seconds`, `tokens` or `usage`,
                     `success`, `error`, `tool`, `model`, `provider`, `cost`, `components`, `ended_at`, `description`.
                     `tokens` is a mapping of classes, or one number, which then counts as input. `description` is for
                     the record's notes, which this version does not keep.
            seconds: duration.
            options: as for record(), or as for operation() when `seconds` is left out.
        """
        if not isinstance(step, str):
            name, arguments = _of_mapping(step)
            self.record(name, arguments.pop("seconds", seconds), kind="step", **{**arguments, **options})
            return None
        if seconds is None:
            return self.operation(step, kind="step", **options)
        self.record(step, seconds, kind="step", **options)
        return None

    def record_tool_call(self, tool: str, seconds: float | None, **options: Any) -> None:
        """One finished call of a tool, inside the current operation if there is one; options as for record()."""
        self.record(tool, seconds, kind="tool", **options)

    def record_success(self, provider: str, seconds: float | None, **options: Any) -> None:
        """One call of a provider that went well; options as for record()."""
        options.setdefault("kind", "llm")
        self.record(options.pop("operation", provider), seconds, provider=provider, **options)

    def record_failure(self, provider: str, seconds: float | None, error: Any, **options: Any) -> None:
        """One call of a provider that failed: `error` is an exception, a class name or a category."""
        options.setdefault("kind", "llm")
        self.record(options.pop("operation", provider), seconds, provider=provider, error=error, **options)

    def record_usage(self, usage: Any, **options: Any) -> None:
        """What the current operation consumed: a provider's response, or a mapping of token classes.

        Without a current operation it is a call of its own, of kind llm and unknown duration; options as for record().
        """
        operation = core.current()
        if operation.id is not None and not options:
            operation.usage(usage)
            return
        options.setdefault("kind", "llm")
        self.record(options.pop("operation", options.get("provider") or "llm"), None, usage=usage, **options)

    def record_context(self, size: int, limit: int | None = None, compressed: bool = False) -> None:
        """Size of the context window of the current operation, in tokens; without an operation it is not kept."""
        core.current().context(size, limit, compressed)

    # ------------------------------------------------------------------------------------------------------- reading

    def snapshot(self) -> Snapshot:
        """An immutable copy of all numbers as they are now; with a shared folder (`dir`), of everybody who uses it."""
        from .results import Snapshot

        return Snapshot(self.take_snapshot())

    def summary(self, session: str | None = None) -> SessionSummary:
        """The summary of a session: the given one, else the session block around the caller, else the process.

        Args:   session: id, or a unique prefix of at least 4 characters.
        Raises: NotFoundError (also a LookupError) if there is no such session.
        """
        from .results import Snapshot

        wanted = core.enclosing_session() if session is None else session
        return Snapshot(self.take_snapshot(wanted is None)).summary(wanted)

    def operations(self) -> Rows:
        """One row per operation name and kind, without tools."""
        return self.snapshot().operations()

    def tools(self) -> Rows:
        """One row per tool."""
        return self.snapshot().tools()

    def models(self) -> Rows:
        """One row per model."""
        return self.snapshot().models()

    def providers(self) -> Rows:
        """One row per provider, with its availability."""
        return self.snapshot().providers()

    def costs(self, by: str | Sequence[str] = ("provider", "model"), **query: Any) -> Grouped:
        """What has a cost or usage, by one or several keys, with `total_cost_usd`, `by_provider` and `by_operation`.

        Args: as for usage(), over model calls and whatever else booked usage or a cost.
        """
        return self.snapshot().costs(by, **query)

    def usage(self, by: str | Sequence[str] = "model", **query: Any) -> Grouped:
        """Usage by one or several keys, with `total_calls`, `total_tokens` and `total_cost_usd`.

        Args:
            by:    of model, provider, session, day, tool, operation, kind, total and tag:NAME, a declared tag. Model
                   calls are counted, unless it names a tool (calls of tools), an operation (all but tools) or a kind
                   (all).
            query: `session` (id or unique prefix); `since` and `until` (aware datetime, ISO text, epoch seconds, or
                   how long ago as "24h" or a timedelta; of the end of a call); `where` (mapping of session, model,
                   provider, operation, tool or tag:NAME to its value; None = operations without the tag).
        Raises: ValueError for an unknown key; NotFoundError if there is no such session.
        """
        return self.snapshot().usage(by, **query)

    def sessions(self) -> Rows:
        """One row per session."""
        return self.snapshot().sessions()

    def system(self) -> System:
        """What runs, and what it takes of the machine.

        Requests ended and running, active sessions and agents; processor time, memory and descriptors of the process,
        which are read now and never while recording.
        """
        return self.snapshot().system()

    def caches(self) -> CacheRows:
        """One row per cache of the application, all processes together."""
        return self.snapshot().caches()

    def metrics(self, name: str | None = None) -> MetricRows:
        """One row per series of the counters, gauges and histograms that the application declared.

        Args: name: of one metric; None = all.
        """
        return self.snapshot().metrics(name)

    def timeline(self, what: str, period: str, step: str | None = None) -> list[Point]:
        """A number over time, one value per step of the period that ends now; needs no history.

        The first call starts a native thread that adds up every ten seconds what is new. Known are 10 minutes in steps
        of 10s, 2 hours in steps of 1m and 48 hours in longer steps, from the first call on; what was before it only if
        every operation still has its record.

        Args:
            what:   `STAT{label="value", ...}` as in rules: calls, errors, error_rate, success_rate, availability,
                    retries, interventions, avg, min, max, std, p50 to p99.9, rate, cost, cost_per_call, tokens,
                    input_tokens, output_tokens, total_input_tokens, total_output_tokens; labels operation, kind,
                    provider, model, tool, component with = and !=, where * stands for any text.
            period: a number and one of s, m, h, d, w: "10m".
            step:   10s, 1m, 15m, 1h or 1d; the default is the shortest that is known for the whole period.
        Returns: oldest first; the last point contains now. Durations are seconds (percentiles and extremes within
            2.2 %), money is Decimal, rates of outcomes 0 to 1.
        Raises: ValueError for a question that is none.
        """
        from .results import Point

        return [Point(*values) for values in self.timeline_points(what, period, step)]

    def slowest(self, n: int = 10) -> Records:
        """The n slowest finished operations since the start, slowest first."""
        return self.snapshot().slowest(n)

    def export(self, format: str, to: Target | None = None) -> str | bytes | None:
        """All numbers as json, msgpack, text or csv.

        Args:    to: path, or stream open for text (bytes for msgpack), that receives them.
        Returns: the text, or bytes for msgpack; None when `to` is given.
        """
        return self.snapshot().export(format, to)

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write a snapshot: JSON when the name ends in .json, else MessagePack.

        Args:    path: the default is a new file in the data directory, under metrics/.
        Returns: the path.
        """
        return self.snapshot().save(path)


def _of_mapping(step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of record() of a step given as one mapping; keys it does not know are left out."""
    arguments = {_STEP_KEYS[key]: value for key, value in step.items() if key in _STEP_KEYS}
    tokens = step.get("tokens")
    if tokens is not None and "usage" not in arguments:
        arguments["usage"] = {"input": tokens} if isinstance(tokens, (int, float)) else tokens
    names = [step[key] for key in _STEP_NAMES if isinstance(step.get(key), str) and step[key]]
    return (names[0] if names else "step"), arguments


class Collector(core.Collector, Face):
    """The handle an application records through; most programs need only the default one.

    Settings are given by name, as in the configuration: `Collector(session="nightly", window=500)`, nested ones as a
    mapping (`serve={"port": 9109}`). `strict=True` makes recording calls raise. As a context manager it closes at the
    end of the block.
    """

    def track(self, fn: Any = None, **options: Any) -> Any:
        """tachograph.track() that records here."""
        return track(fn, collector=self, **options)

    def track_provider_call(self, provider: str, fn: Any = None, **options: Any) -> Any:
        """tachograph.track_provider_call() that records here."""
        return track_provider_call(provider, fn, collector=self, **options)

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Default(Face):
    """The same calls on whatever the default collector is when they are made."""

    operation = staticmethod(core.operation)
    record = staticmethod(core.record)
    session = staticmethod(core.session)
    take_snapshot = staticmethod(core.take_snapshot)
    counter = staticmethod(core.counter)
    gauge = staticmethod(core.gauge)
    histogram = staticmethod(core.histogram)
    cache = staticmethod(core.cache)
    record_cache = staticmethod(core.record_cache)
    enabled = staticmethod(core.enabled)

    def timeline_points(self, what: str, period: str, step: str | None = None, /) -> list[Any]:
        return core.standard().timeline_points(what, period, step)

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether windows and history of this process were brought up to date within `timeout` seconds.

        False also where the history could not be written. In a shared folder another process may be the one that hands
        over; it does so in its own time, and True then says nothing about it.
        """
        return core.standard().flush(timeout)

    def close(self, timeout: float = 2.0) -> bool:
        """Stop recording. What was recorded can still be read; configure() starts again."""
        return core.standard().close(timeout)


default = _Default()


def configure(**config: Any) -> Collector:
    """Open the default collector with these settings, which are stronger than environment and files.

    Functions decorated before record to the new one. After the first record only `enabled` may change.

    Raises: ValueError for an unknown setting or value; BusyError after the first record.
    """
    made = core.configure(**config)
    assert isinstance(made, Collector)
    return made


def collector(**config: Any) -> Collector:
    """The default collector; with settings, an explicit collector of its own."""
    if config:
        return Collector(**config)
    found = core.standard()
    assert isinstance(found, Collector)
    return found


def reset() -> None:
    """Start over with all numbers at zero. Settings are read again, and decorated functions go on recording."""
    core.reset()


def load(path: str | os.PathLike[str]) -> Snapshot:
    """Read a snapshot that save() made, or the numbers of all processes that share a folder (`dir`, TACHO_DIR).

    What is read never mixes into the live numbers.

    Raises: NotFoundError, ForeignError, DamagedError, NewerError, IoError; the file is not touched.
    """
    from .results import Snapshot

    return Snapshot(core.load(path))


def _cost_of(values: dict[str, Any]) -> Cost:
    # The names of this module are looked up once: an import inside a function costs as much as the price itself.
    global _cost_of
    from .results import Cost

    _cost_of = Cost.of
    return _cost_of(values)


def calculate_cost(
    model: str | None,
    usage: Any,
    *,
    provider: str | None = None,
    at: Instant | None = None,
    service_tier: str | None = None,
    dialect: str | None = None,
) -> Cost:
    """The cost of one usage, without recording anything.

    Args:
        model:        as the provider writes it; what the response says of itself comes first.
        usage:        mapping of token classes, or a whole response of a provider (mapping, object or JSON text).
        provider:     name, alias or base URL.
        at:           whose prices: an aware datetime, ISO text or epoch seconds; the default is now.
        service_tier: standard, batch, flex, priority ...
        dialect:      how to read the response, by our names or genai-prices' flavours (chat, responses, anthropic).
    Raises: TypeError, ValueError for what cannot be read; an unknown model is no error: its cost is None.
    """
    return _cost_of(core.calculate_cost(model, usage, provider, at, service_tier, dialect))
