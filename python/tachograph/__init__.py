"""tachograph: how fast, how reliable and how expensive LLM applications and agents are.

    import tachograph as tacho

    @tacho.track
    def search(query): ...

    with tacho.operation("answer", kind="agent") as op:
        op.usage(response)
    print(tacho.summary())

Importing reads no settings, opens no file and starts no thread. The default collector is opened by the first decoration
or record, with the settings of the environment at that moment. Durations are seconds, money is `decimal.Decimal` in
USD, times are aware datetimes in UTC, and what is unknown is None.
"""

from __future__ import annotations

from ._native import AVAILABLE, core, current
from .collector import Collector, calculate_cost, collector, configure, default, load, reset
from .threads import propagate
from .track import track, track_provider_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .results import (
        CacheRow,
        CacheRows,
        Cost,
        Grouped,
        MetricRow,
        MetricRows,
        Point,
        Record,
        Records,
        Row,
        Rows,
        SessionSummary,
        Snapshot,
        System,
        Usage,
    )

__version__: str = core.version
TachoError = core.TachoError
Operation = core.Operation
Session = core.Session
Cache = core.Cache
Counter = core.Counter
Gauge = core.Gauge
Histogram = core.Histogram

# The recording and reading functions are methods of the default collector's face: the same names as on a Collector.
operation = default.operation
step = default.step
tool = default.tool
llm = default.llm
agent = default.agent
workflow = default.workflow
session = default.session
record = default.record
record_call = default.record_call
record_step = default.record_step
record_tool_call = default.record_tool_call
record_success = default.record_success
record_failure = default.record_failure
record_usage = default.record_usage
record_context = default.record_context
record_cache = default.record_cache
counter = default.counter
gauge = default.gauge
histogram = default.histogram
cache = default.cache
summary = default.summary
operations = default.operations
tools = default.tools
models = default.models
providers = default.providers
costs = default.costs
usage = default.usage
sessions = default.sessions
system = default.system
caches = default.caches
metrics = default.metrics
timeline = default.timeline
slowest = default.slowest
snapshot = default.snapshot
export = default.export
save = default.save
flush = default.flush
close = default.close
enabled = default.enabled

_LAZY = frozenset(
    {
        "CacheRow",
        "CacheRows",
        "Cost",
        "Grouped",
        "MetricRow",
        "MetricRows",
        "Point",
        "Record",
        "Records",
        "Row",
        "Rows",
        "SessionSummary",
        "Snapshot",
        "System",
        "Usage",
    }
)
_ERRORS = frozenset(name for name in vars(core) if name.endswith("Error"))

__all__ = [
    "AVAILABLE",
    "Cache",
    "CacheRow",
    "CacheRows",
    "Collector",
    "Cost",
    "Counter",
    "Gauge",
    "Grouped",
    "Histogram",
    "MetricRow",
    "MetricRows",
    "Operation",
    "Point",
    "Record",
    "Records",
    "Row",
    "Rows",
    "Session",
    "SessionSummary",
    "Snapshot",
    "System",
    "TachoError",
    "Usage",
    "agent",
    "cache",
    "caches",
    "calculate_cost",
    "close",
    "collector",
    "configure",
    "costs",
    "counter",
    "current",
    "enabled",
    "export",
    "flush",
    "gauge",
    "histogram",
    "llm",
    "load",
    "metrics",
    "models",
    "operation",
    "operations",
    "propagate",
    "providers",
    "record",
    "record_cache",
    "record_call",
    "record_context",
    "record_failure",
    "record_step",
    "record_success",
    "record_tool_call",
    "record_usage",
    "reset",
    "save",
    "session",
    "sessions",
    "slowest",
    "snapshot",
    "step",
    "summary",
    "system",
    "timeline",
    "tool",
    "tools",
    "track",
    "track_provider_call",
    "usage",
    "workflow",
]


def __getattr__(name: str) -> Any:
    """Classes of results are made when they are first needed; exceptions come from the core's list of statuses."""
    if name in _LAZY:
        from . import results

        return getattr(results, name)
    if name in _ERRORS:
        return getattr(core, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ERRORS})
