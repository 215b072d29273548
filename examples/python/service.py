"""Records one agent run after the fact and prints its summary; with a path as argument it saves a snapshot there too.

examples/c/embed.c and examples/lua/harness.lua make the same calls and print the same text.

    python examples/python/service.py demo.tacho
"""

from __future__ import annotations

import sys

import tachograph as tacho


def at(second: int) -> str:
    return f"2026-06-01T12:00:{second:02}Z"


def record_run() -> None:
    with tacho.session("demo"):  # what is recorded in this block belongs to it
        tacho.record_tool_call("web_search", 0.25, ended_at=at(2))
        tacho.record_tool_call("web_fetch", 1.5, error="timeout", ended_at=at(3))
        tacho.record_step("search", 2.1, ended_at=at(3))
        tacho.record(
            "answer",
            1.8,
            kind="llm",
            provider="anthropic",
            model="claude-opus-4-6",
            first_token=0.4,
            usage={"input": 1200, "output": 340, "cache_read": 10000},
            ended_at=at(5),
        )
        tacho.record("plan_trip", 4.2, kind="agent", ended_at=at(5))


def main() -> None:
    record_run()
    print(tacho.summary("demo"))
    if len(sys.argv) > 1:
        tacho.save(sys.argv[1])


if __name__ == "__main__":
    main()
