"""Plays one conformance case through the Python package: play.py CASE prints export("json").

README.md says what a case is.
"""

from __future__ import annotations

import json
import sys
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


def main() -> None:
    case = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    collector = tacho.Collector()
    for call in case["calls"]:
        play(collector, call, case["session"])
    sys.stdout.write(collector.export("json"))


if __name__ == "__main__":
    main()
