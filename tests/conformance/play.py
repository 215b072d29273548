"""Plays one conformance case through the Python package: play.py CASE prints export("json"), and with `own` behind it
what the package's own results say of caches, custom metrics and tables, a number a line.

README.md says what a case is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import tachograph as tacho

SPECIAL = ("counter", "gauge", "histogram", "cache")
KIND = {"record_step": "step", "record_tool_call": "tool"}


def text(value: Any) -> Any:
    """A text, or the bytes of {"hex": ...} as Python carries bytes that are not UTF-8."""
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]).decode("utf-8", "surrogateescape")
    return value


def seconds(value: Any) -> Any:
    """NaN and infinities stand as words, because JSON has none."""
    return float(value) if isinstance(value, str) else value


def special(collector: Any, call: dict[str, Any]) -> None:
    """Custom metrics and caches."""
    word, name = call["call"], call["name"]
    if word == "cache":
        if "size" in call:
            collector.cache(name).size(call["size"], call.get("capacity"))
        if "event" in call:
            collector.record_cache(name, call["event"], call.get("n", 1))
        return
    metric = getattr(collector, word)(name, **call.get("declare", {}))
    metric = metric.labels(**call["labels"]) if "labels" in call else metric
    if "set" in call:
        metric.set(seconds(call["set"]))
    else:
        (metric.observe if word == "histogram" else metric.add)(seconds(call["amount"]))


def play(collector: Any, call: dict[str, Any], session: str) -> None:
    """One call; what the package refuses is not recorded and not an error of the case."""
    if call["call"] in SPECIAL:
        try:
            special(collector, call)
        except ValueError:
            pass
        return
    call = dict(call)
    word = call.pop("call")
    arguments = {"session": session, "kind": KIND.get(word, "custom"), **call}
    for key in ("name", "error", "tool", "model", "provider"):
        if key in arguments:
            arguments[key] = text(arguments[key])
    if "first_token" in arguments:
        arguments["first_token"] = seconds(arguments["first_token"])
    if "components" in arguments:
        arguments["components"] = {name: seconds(value) for name, value in arguments["components"].items()}
    name, took = arguments.pop("name"), seconds(arguments.pop("seconds"))
    try:
        collector.record(name, took, **arguments)
    except ValueError:
        pass


def numbers(name: str, value: Any) -> Iterator[str]:
    """Numbers and texts of a row; what is unknown, and times, are left out."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from numbers(f"{name} {key}", value[key])
    elif isinstance(value, (int, float)):
        yield f"{name} {value:.12g}"
    elif isinstance(value, (str, Decimal)):
        yield f"{name} {value}"


def lines(table: str, rows: Iterable[dict[str, Any]], names: Iterable[str]) -> Iterator[str]:
    for at, row in enumerate(rows, 1):
        yield f"{table} {at}"
        for name in names:
            yield from numbers(f"{table} {at} {name}", row.get(name))


CACHE = ("cache", "hits", "misses", "total_requests", "hit_rate", "evictions", "size_rejections", "size", "capacity")
METRIC = ("metric", "type", "unit", "description", "labels", "value", "count", "sum", "min", "max", "avg", "high")
USAGE = ("operation", "kind", "model", "tags", "calls", "input_tokens", "total_tokens", "cost_usd", "total_seconds")


def own(summary: dict[str, Any], tables: dict[str, Iterable[dict[str, Any]]]) -> str:
    """The same text from JSON and from what any face gives."""
    text = [*lines("caches", summary["caches"], CACHE), *lines("metrics", summary["metrics"], METRIC)]
    for by, rows in tables.items():
        text += lines(by, rows, USAGE)
    return "\n".join(text) + "\n"


def tables_of(collector: Any, case: dict[str, Any]) -> dict[str, Iterable[dict[str, Any]]]:
    return {",".join(by): [row.to_dict() for row in collector.usage(by=by)] for by in case.get("usage", [])}


def main() -> None:
    case = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    collector = tacho.Collector(tags=case.get("tags", []))
    for call in case["calls"]:
        play(collector, call, case["session"])
    if len(sys.argv) > 2:
        sys.stdout.write(own(collector.summary().to_dict(), tables_of(collector, case)))
    else:
        sys.stdout.write(collector.export("json"))


if __name__ == "__main__":
    main()
