"""tacho usage: rows, formats, order, periods and zones."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import MODEL, SESSION, Command

COLUMNS = [
    "calls",
    "errors",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_state",
    "unpriced_calls",
    "total_input_tokens",
    "total_output_tokens",
    "total_tokens",
    "success_rate",
    "timed_calls",
    "total_seconds",
    "min_seconds",
    "avg_seconds",
    "p50_seconds",
    "p95_seconds",
    "p99_seconds",
    "max_seconds",
]


def usage(tacho: Command, history: Path, *arguments: object, **variables: str) -> Any:
    answer = tacho("usage", "--history", history, "--format", "json", *arguments, **variables)
    assert (answer.code, answer.err) == (0, "")
    return answer.json()


def test_envelope_has_its_keys_in_order(tacho: Command, history: Path) -> None:
    envelope = usage(tacho, history)
    assert list(envelope) == ["schema", "generated_at", "query", "rows", "totals", "warnings"]
    assert envelope["schema"] == "tacho.usage/1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", envelope["generated_at"])
    assert list(envelope["rows"][0]) == ["model", *COLUMNS]
    assert list(envelope["totals"]) == COLUMNS
    assert {**envelope["query"], "prices": ""} == {
        "command": "usage",
        "source": str(history),
        "prices": "",
        "by": "model",
        "tz": "UTC",
    }


def test_query_says_what_was_understood(tacho: Command, history: Path) -> None:
    arguments = ["--by", "day", "--since", "2026-02-03", "--until", "2026-02-03", "--tz", "UTC", "--sort", "-calls"]
    query = usage(tacho, history, *arguments, "-n", "5", "--where", f"model={MODEL}")["query"]
    assert query["since"] == "2026-02-03T00:00:00Z"
    assert query["until"] == "2026-02-04T00:00:00Z"
    assert (query["by"], query["sort"], query["limit"], query["model"]) == ("day", "-calls", 5, MODEL)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("model", [MODEL, "claude-haiku-4-5-20251001"]),
        ("provider", ["anthropic"]),
        ("session", [SESSION, "9c000000-1111-4222-8333-444455556666"]),
        ("day", ["2026-02-03"]),
        ("tool", ["Bash", "Read"]),
        ("kind", ["llm", "tool", "step"]),
    ],
)
def test_rows_are_grouped_by_key(tacho: Command, history: Path, by: str, keys: list[str]) -> None:
    envelope = usage(tacho, history, "--by", by)
    assert sorted(row[by] for row in envelope["rows"]) == sorted(keys)
    assert sum(row["calls"] for row in envelope["rows"]) == envelope["totals"]["calls"]
    costs = [Decimal(row["cost_usd"]) for row in envelope["rows"] if row["cost_usd"] is not None]
    if costs:
        assert sum(costs) == Decimal(envelope["totals"]["cost_usd"])


def test_total_is_one_row(tacho: Command, history: Path) -> None:
    envelope = usage(tacho, history, "--by", "total")
    assert len(envelope["rows"]) == 1
    assert envelope["rows"][0] == envelope["totals"]
    assert envelope["totals"]["input_tokens"] == 257


def test_operations_carry_their_kind(tacho: Command, history: Path) -> None:
    rows = usage(tacho, history, "--by", "operation")["rows"]
    assert list(rows[0])[:2] == ["operation", "kind"]
    assert "tool" not in {row["kind"] for row in rows}


def test_csv_and_jsonl_say_the_same_as_json(tacho: Command, history: Path) -> None:
    rows = usage(tacho, history)["rows"]
    text = tacho("usage", "--history", history, "--format", "csv").out
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == list(rows[0])
    for line, row in zip(table, rows):
        for name, value in row.items():
            assert line[name] == ("" if value is None else str(value)), name
    lines = tacho("usage", "--history", history, "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_sorting_falls_and_turns_round(tacho: Command, history: Path) -> None:
    tools = [row["tool"] for row in usage(tacho, history, "--by", "tool", "--sort", "total_seconds")["rows"]]
    assert tools == ["Bash", "Read"]
    turned = usage(tacho, history, "--by", "tool", "--sort", "-total_seconds")["rows"]
    assert [row["tool"] for row in turned] == ["Read", "Bash"]
    named = usage(tacho, history, "--by", "tool", "--sort", "-tool")["rows"]
    assert [row["tool"] for row in named] == ["Read", "Bash"]
    unknown = usage(tacho, history, "--by", "kind", "--sort", "-cost_usd")["rows"]
    assert [row["cost_usd"] is None for row in unknown] == [False, True, True]


def test_a_limit_leaves_totals_whole(tacho: Command, history: Path) -> None:
    whole, limited = usage(tacho, history), usage(tacho, history, "--sort", "-calls", "-n", "1")
    assert [row["model"] for row in limited["rows"]] == ["claude-haiku-4-5-20251001"]
    assert limited["totals"] == whole["totals"]


def test_columns_are_chosen_in_their_order(tacho: Command, history: Path) -> None:
    rows = usage(tacho, history, "--columns", "cost_usd,model, p95_seconds")["rows"]
    assert list(rows[0]) == ["cost_usd", "model", "p95_seconds"]
    text = tacho("usage", "--history", history, "--columns", "model,calls", "--format", "plain").out
    assert text.splitlines()[3].split() == ["MODEL", "CALLS"]


def test_where_narrows(tacho: Command, history: Path) -> None:
    assert usage(tacho, history, "--where", f"model={MODEL}")["totals"]["calls"] == 3
    both = usage(tacho, history, "--where", f"model={MODEL}", "--where", "session=9c00")
    assert both["totals"]["calls"] == 1
    answer = tacho("usage", "--history", history, "--where", "session=ffff")
    assert answer.code == 3
    assert "no session begins with 'ffff'" in answer.err
    assert "tacho usage --by session" in answer.err


PERIODS = [
    (["--since", "2026-02-03"], 4),
    (["--since", "2026-02-03", "--until", "2026-02-03"], 4),
    (["--until", "2026-02-03T22:00:00Z"], 3),
    (["--since", "2026-02-03T22:00:00Z"], 1),
    (["--since", "2026-02-04", "--tz", "Asia/Tokyo"], 1),
    (["--until", "2026-02-03", "--tz", "Asia/Tokyo"], 3),
    (["--since", "2026-02-04", "--tz", "+09:00"], 1),
    (["--since", "2026-02-04T08:00:00", "--tz", "+09:00"], 1),
    (["--since", "2026-02-03T23:30:00+01:00"], 1),
    (["--since", "9999d"], 4),
]


@pytest.mark.parametrize(("arguments", "calls"), PERIODS, ids=[" ".join(words) for words, _ in PERIODS])
def test_periods_count_what_ended_inside(tacho: Command, history: Path, arguments: list[str], calls: int) -> None:
    assert usage(tacho, history, *arguments)["totals"]["calls"] == calls


def test_days_follow_the_zone_and_name_it(tacho: Command, history: Path) -> None:
    assert [row["day"] for row in usage(tacho, history, "--by", "day")["rows"]] == ["2026-02-03"]
    east = tacho("usage", "--history", history, "--by", "day", "--tz", "Asia/Tokyo")
    assert "DAY (Asia/Tokyo)" in east.out
    assert re.findall(r"^2026-\d\d-\d\d(?=  )", east.out, re.MULTILINE) == ["2026-02-03", "2026-02-04"]
    offset = tacho("usage", "--history", history, "--by", "day", "--tz", "+09:00")
    assert "DAY (+09:00)" in offset.out
    assert re.findall(r"^2026-\d\d-\d\d(?=  )", offset.out, re.MULTILINE) == ["2026-02-03", "2026-02-04"]
    local = tacho("usage", "--history", history, "--by", "day", TZ="Asia/Tokyo")
    assert local.out == east.out


def test_every_answer_for_people_names_zone_and_prices(tacho: Command, history: Path) -> None:
    for arguments in (["usage"], ["usage", "--by", "tool"], ["summary"], ["steps"]):
        text = tacho(*arguments, "--history", history, "--tz", "Asia/Tokyo").out
        assert "Asia/Tokyo" in text
    assert re.search(r"prices of \d{4}-\d\d-\d\d", tacho("usage", "--history", history).out)


def test_an_unknown_tz_variable_is_utc_and_said(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, TZ="Nowhere/City")
    assert answer.code == 0
    assert "TZ is 'Nowhere/City', which is no time zone here; UTC is used" in answer.err
    assert " UTC" in answer.out


def test_nothing_in_the_period_is_no_data(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, "--until", "2026-01-01")
    assert (answer.code, answer.out) == (3, "")
    assert "matches --until 2026-01-01 (times in UTC)" in answer.err
    empty = tacho("usage", "--history", history, "--until", "2026-01-01", "--allow-empty", "--format", "json")
    assert empty.code == 0
    assert empty.json()["rows"] == []


def test_plain_text_has_every_column_and_no_colour(tacho: Command, history: Path) -> None:
    text = tacho("usage", "--history", history).out
    assert text == tacho("usage", "--history", history, "--format", "plain", COLUMNS="40").out
    assert "\x1b" not in text
    assert "FROM CACHE" in text


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_figure_is_cut_at_any_width(tacho: Command, history: Path, width: int) -> None:
    answer = tacho("usage", "--history", history, "--format", "table", COLUMNS=str(width))
    assert answer.code == 0
    cost = usage(tacho, history)["totals"]["cost_usd"]
    assert f"${Decimal(cost):.4f}" in answer.out
    hint = "Columns are left out at this width" in answer.err
    assert hint == (width <= 80)


def test_colour_follows_flag_then_environment(tacho: Command, history: Path) -> None:
    def coloured(*arguments: str, **variables: str) -> bool:
        return "\x1b[" in tacho("usage", "--history", history, *arguments, **variables).out

    assert not coloured()
    assert coloured("--color", "always")
    assert coloured("--color", "always", NO_COLOR="1")
    assert coloured(FORCE_COLOR="1")
    assert not coloured(FORCE_COLOR="1", NO_COLOR="1")
    assert not coloured("--color", "never", FORCE_COLOR="1")
