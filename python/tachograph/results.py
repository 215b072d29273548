"""What reading gives: frozen dataclasses made from the core's field tables, and lists of them.

No field is named here that the core names: rows, records and summaries get their fields, order and documentation from
the same tables as JSON and CSV. Durations are float seconds, money is Decimal, times are aware datetimes in UTC,
unknown is None.
"""

from __future__ import annotations

import dataclasses
import html
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, Union

from ._native import core

if TYPE_CHECKING:
    Target = Union[str, "os.PathLike[str]", IO[str], IO[bytes]]

T = TypeVar("T", bound="_Fields")


class _Fields:
    """A frozen dataclass whose fields come from a table of the core."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def to_dict(self) -> dict[str, Any]:
        """Field names and values, lists and nested results as plain lists and dictionaries."""
        return {name: _plain(getattr(self, name)) for name in _names(self)}


def _names(result: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(result)]


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, (_Fields, Listed)) else value


def _make(base: type[T], what: str, extra: tuple[str, ...] = ()) -> type[T]:
    table = core.fields(what)
    lines = [f"    {name}: {help}." for name, _, help in table]
    made = dataclasses.make_dataclass(
        base.__name__.lstrip("_"),
        [(name, Any) for name in (*(entry[0] for entry in table), *extra)],
        bases=(base,),
        frozen=True,
        namespace={"__doc__": "\n".join([base.__doc__ or "", "", *lines]), "__str__": base.__str__},
    )
    made.__module__ = __name__
    made.__qualname__ = made.__name__
    return made


# ------------------------------------------------------------------------------------------------------ usage and cost


class _Usage(_Fields):
    """What a call consumed: disjoint token classes and other billed units; None where it was not reported."""


Usage = dataclasses.make_dataclass(
    "Usage",
    [(name, Any) for name in (*(key for _, key in core.units()), "total_tokens")],
    bases=(_Usage,),
    frozen=True,
    namespace={"__doc__": _Usage.__doc__},
)


@dataclasses.dataclass(frozen=True)
class Cost(_Fields):
    """Money of one usage under one price sheet. `usd` is None when unknown, the priced part when partial."""

    usd: Decimal | None
    state: str
    input_usd: Decimal | None = None
    output_usd: Decimal | None = None
    components: dict[str, Decimal] = dataclasses.field(default_factory=dict)
    service_tier: str | None = None
    sheet: str | None = None
    table_version: str | None = None
    priced_at: datetime | None = None
    reported_usd: Decimal | None = None
    table_usd: Decimal | None = None
    currency: str = "USD"

    @classmethod
    def of(cls, values: dict[str, Any]) -> Cost:
        """From the core's values by name. They become the fields as they are, which is faster than the constructor."""
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        return made

    def __str__(self) -> str:
        return f"{'-' if self.usd is None else format(self.usd, 'f')} {self.currency} ({self.state})"


# ------------------------------------------------------------------------------------------------- rows and records


class _Row(_Fields):
    """One row of a table. Grouping keys that the table does not group by are None."""


class _Record(_Fields):
    """One finished operation."""

    @property
    def usage(self) -> Any:
        """Its usage as one object; None when none was reported."""
        values = [getattr(self, name) for name in _names(Usage)]
        return None if all(value is None for value in values) else Usage(*values)

    @property
    def cost(self) -> Cost:
        """Its cost as one object."""
        return Cost(
            self.cost_usd,
            self.cost_state,
            service_tier=self.service_tier,
            sheet=self.price_sheet,
            reported_usd=self.reported_usd,
            table_usd=self.table_usd,
        )


class _CacheRow(_Fields):
    """One cache of the application."""


class _MetricRow(_Fields):
    """One series of a metric that the application declared. Figures are int for bytes and tokens, else float."""


if TYPE_CHECKING:
    Row = _Row
    Record = _Record
    CacheRow = _CacheRow
    MetricRow = _MetricRow
else:
    Row = _make(_Row, "row")
    Record = _make(_Record, "record")
    CacheRow = _make(_CacheRow, "cache")
    MetricRow = _make(_MetricRow, "metric")


class _Written:
    """Stands for a table of the core in a copy that crosses processes: the text that the table writes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def write(self, format: str) -> str:
        """The text; it was written in the one format that its owner asks for."""
        return self._text


class Listed(list[T], Generic[T]):
    """A list of results that prints as the terminal table."""

    _table: core.Table | _Written | None

    def __init__(self, items: Iterable[T], table: core.Table | None) -> None:
        super().__init__(items)
        self._table = table

    def to_dict(self) -> list[dict[str, Any]]:
        """Every item as a dictionary."""
        return [_plain(item) for item in self]

    def __str__(self) -> str:
        return "" if self._table is None else self._table.write("table").rstrip("\n")

    def _repr_html_(self) -> str:
        return _html_table(self.to_dict())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": None if self._table is None else _Written(self._table.write("table"))}


class Rows(Listed[Row]):
    """Rows of a table, with `totals` over all of them and `warnings` for a reader."""

    def __init__(self, source: core.Table | Iterable[Row] | None) -> None:
        self.totals: Row | None = None
        self.warnings: list[str] = []
        if not isinstance(source, core.Table):
            super().__init__(source or (), None)
            return
        super().__init__((Row(*values) for values in source.values()), source)
        totals = source.totals()
        self.totals = None if totals is None else Row(*totals)
        self.warnings = source.warnings()


class Grouped(Rows):
    """Rows of usage and cost by any keys, with what they add up to."""

    def __init__(self, taken: core.Snapshot | Iterable[Row], by: str | Sequence[str] = (), **query: Any) -> None:
        self._read: Any = taken.usage if isinstance(taken, core.Snapshot) else None
        super().__init__(taken.usage(by, **query) if isinstance(taken, core.Snapshot) else taken)
        self._query = {**query, "kinds": "calls"}
        self._cost: dict[str, dict[str | None, Decimal | None]] = {}

    def _cost_by(self, key: str) -> dict[str | None, Decimal | None]:
        if key not in self._cost and self._read is not None:
            self._cost[key] = {getattr(row, key): row.cost_usd for row in Rows(self._read((key,), **self._query))}
        return self._cost.get(key, {})

    def __getstate__(self) -> dict[str, Any]:
        for key in ("provider", "operation"):
            self._cost_by(key)  # the snapshot stays in this process
        return {**super().__getstate__(), "_read": None}

    @property
    def total_calls(self) -> int:
        """Calls of all rows."""
        return 0 if self.totals is None else int(self.totals.calls)

    @property
    def total_tokens(self) -> int | None:
        """Tokens of all rows; None when no usage was reported."""
        return None if self.totals is None else self.totals.total_tokens

    @property
    def total_cost_usd(self) -> Decimal | None:
        """Cost of all rows, as far as it has a price; None when nothing has."""
        return None if self.totals is None else self.totals.cost_usd

    @property
    def by_provider(self) -> dict[str | None, Decimal | None]:
        """Cost by provider, dearest first; None stands for calls that named none, and for an unknown cost."""
        return self._cost_by("provider")

    @property
    def by_operation(self) -> dict[str | None, Decimal | None]:
        """Cost by name of the operation that booked it, dearest first."""
        return self._cost_by("operation")


class Records(Listed[Record]):
    """Finished operations."""

    def __init__(self, source: core.Table | Iterable[Record] | None) -> None:
        if isinstance(source, core.Table):
            super().__init__((Record(*values) for values in source.values()), source)
        else:
            super().__init__(source or (), None)


class CacheRows(Listed[CacheRow]):
    """Caches by name, with `totals` over all of them."""

    def __init__(self, source: core.Table | Iterable[CacheRow] | None) -> None:
        self.totals: CacheRow | None = None
        if not isinstance(source, core.Table):
            super().__init__(source or (), None)
            return
        super().__init__((CacheRow(*values) for values in source.values()), source)
        totals = source.totals()
        self.totals = None if totals is None else CacheRow(*totals)


class MetricRows(Listed[MetricRow]):
    """Series of custom metrics by name, then labels."""

    def __init__(self, source: core.Table | Iterable[MetricRow] | None) -> None:
        if isinstance(source, core.Table):
            super().__init__((MetricRow(*values) for values in source.values()), source)
        else:
            super().__init__(source or (), None)


def _html_table(rows: list[dict[str, Any]]) -> str:
    """Columns that hold something, as an HTML table."""
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] not in (None, {}, []) for row in rows)]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row[name])}</td>' for name in columns)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    return "-" if value is None else html.escape(str(value))


# ----------------------------------------------------------------------------------------------------------- summary


class _SessionSummary(_Fields, Mapping[str, Any]):
    """The summary of a session or of the process; also a mapping of its fields.

    `caches` and `metrics` are those of the application; None in the summary of a session, to which they do not belong.
    """

    _table: core.Table | _Written | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in _names(self):
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(_names(self))

    def __len__(self) -> int:
        return len(_names(self))

    def __str__(self) -> str:
        return repr(self) if self._table is None else self._table.write("text").rstrip("\n")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": None if self._table is None else _Written(self._table.write("text"))}

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


if TYPE_CHECKING:
    SessionSummary = _SessionSummary
else:
    SessionSummary = _make(
        _SessionSummary, "summary", ("tools", "models", "slowest", "caches", "metrics", "data_quality")
    )


def summary_of(table: core.Table) -> SessionSummary:
    """The dataclass of a summary that the core has made."""
    (values,) = table.values()
    tools, models, slowest, caches, metrics = table.parts()
    trusted = frozenset(core.quality())
    quality = {name: value for (name, _, _), value in zip(core.fields("summary"), values) if name in trusted}
    make: Any = SessionSummary
    own = None if caches is None else CacheRows(caches), None if metrics is None else MetricRows(metrics)
    made: SessionSummary = make(*values, Rows(tools), Rows(models), Records(slowest), *own, quality)
    object.__setattr__(made, "_table", table)
    return made


class _System(_Fields):
    """What runs, and what it takes of the machine, at one moment."""

    _table: core.Table

    def __str__(self) -> str:
        return self._table.write("text").rstrip("\n")

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


if TYPE_CHECKING:
    System = _System
else:
    System = _make(_System, "system")


def system_of(table: core.Table) -> System:
    """The dataclass of system numbers that the core has read."""
    (values,) = table.values()
    make: Any = System
    made: System = make(*values)
    object.__setattr__(made, "_table", table)
    return made


# ---------------------------------------------------------------------------------------------------------- timeline


@dataclasses.dataclass(frozen=True)
class Point(_Fields):
    """One step of a timeline. `value` is None where nothing is known or there is nothing it could be of.

    `n` operations ended in it; `complete` means that all of it is over and was watched.
    """

    start: datetime
    end: datetime
    value: float | Decimal | None
    n: int
    complete: bool

    def __str__(self) -> str:
        value = "-" if self.value is None else format(self.value, "f" if isinstance(self.value, Decimal) else ".6g")
        return f"{self.start:%Y-%m-%d %H:%M:%S}  {value}  n={self.n}{'' if self.complete else '  incomplete'}"


# ---------------------------------------------------------------------------------------------------------- snapshot


class Snapshot:
    """An immutable copy of all numbers, live or loaded. `a | b` merges: what both hold counts once."""

    def __init__(self, taken: core.Snapshot) -> None:
        self._taken = taken

    def __or__(self, other: Snapshot) -> Snapshot:
        return Snapshot(self._taken | other._taken) if isinstance(other, Snapshot) else NotImplemented

    def summary(self, session: str | None = None) -> SessionSummary:
        """The summary of a session (id or unique prefix), or of everything."""
        return summary_of(self._taken.summary(session))

    def operations(self) -> Rows:
        """One row per operation name and kind, without tools."""
        return Rows(self._taken.operations())

    def tools(self) -> Rows:
        """One row per tool."""
        return Rows(self._taken.tools())

    def models(self) -> Rows:
        """One row per model."""
        return Rows(self._taken.models())

    def providers(self) -> Rows:
        """One row per provider, with its availability."""
        return Rows(self._taken.providers())

    def costs(self, by: str | Sequence[str] = ("provider", "model"), **query: Any) -> Grouped:
        """What has a cost or usage, by one or several keys; keywords as for usage()."""
        return Grouped(self._taken, by, kinds="calls", **query)

    def usage(self, by: str | Sequence[str] = "model", **query: Any) -> Grouped:
        """Usage by one or several of model, provider, session, day, tool, operation, kind and total.

        Args:
            by:    model calls, unless it names a tool (calls of tools), an operation (all but tools) or a kind (all).
            query: `session` (id or unique prefix), `since` and `until` (aware datetime, ISO text or epoch seconds; of
                   the end of a call).
        Raises: ValueError for an unknown key; NotFoundError if there is no such session.
        """
        return Grouped(self._taken, by, **query)

    def caches(self) -> CacheRows:
        """One row per cache of the application."""
        return CacheRows(self._taken.caches())

    def metrics(self, name: str | None = None) -> MetricRows:
        """One row per series of custom metrics; of one metric with `name`."""
        return MetricRows(self._taken.metrics(name))

    def sessions(self) -> Rows:
        """One row per session."""
        return Rows(self._taken.sessions())

    def system(self) -> System:
        """What runs, and what it takes of the machine."""
        return system_of(self._taken.system())

    def slowest(self, n: int = 10) -> Records:
        """The n slowest finished operations, slowest first."""
        return Records(self._taken.slowest(n) if n != 0 else ())

    def records(self, session: str | None = None) -> Records:
        """The recent records, oldest first."""
        return Records(self._taken.records(session))

    def export(self, format: str, to: Target | None = None) -> str | bytes | None:
        """All numbers as json, msgpack, text or csv; into `to` (path or stream) when it is given."""
        written = self._taken.export(format)
        if to is None:
            return written
        _write(written, to)
        return None

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write JSON (name ends in .json) or MessagePack; gives the path."""
        return self._taken.save(Path(core.default_save_file() if path is None else os.fsdecode(path)))

    def __str__(self) -> str:
        return str(self.summary())


def _write(what: str | bytes, to: Any) -> None:
    if hasattr(to, "write"):
        to.write(what)
    elif isinstance(what, bytes):
        Path(to).write_bytes(what)
    else:
        Path(to).write_text(what, encoding="utf-8")


# ------------------------------------------------------------------------------------------------- called by the core


def write_summary(collector: core.Collector, session: str | None, to: Any) -> None:
    """At the end of `session(summary=to)`: its summary as text, to a stream or path."""
    _write(f"{summary_of(collector.take_snapshot().summary(session))}\n", to)


def record_of(snapshot: core.Snapshot, id: str) -> Record | None:
    """The record of an operation; None when the ring has lost it."""
    return next((record for record in Records(snapshot.records(None)) if record.id == id), None)
