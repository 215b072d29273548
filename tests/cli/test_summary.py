"""tacho summary and tacho steps: one session."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from command_line import MODEL, SESSION, Command, Log

NEWEST = "9c000000-1111-4222-8333-444455556666"


def test_bare_command_is_the_summary_of_the_newest_session(tacho: Command, history: Path) -> None:
    answer = tacho("--history", history)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == tacho("summary", "--history", history).out
    assert answer.out.startswith(f"Session {NEWEST}\n")


@pytest.mark.parametrize("command", ["summary", "steps"])
def test_a_session_without_times_is_shown_when_there_is_no_other(tacho: Command, tmp_path: Path, command: str) -> None:
    log = Log(tmp_path / "logs" / "timeless.jsonl")
    log.prompt(0)
    log.call(1, "msg_1")
    text = log.write().read_text()
    log.path.write_text(re.sub(r'"timestamp": ?"[^"]*",? ?', "", text))
    assert tacho("import", "claude-code", log.path.parent, "--history", tmp_path / "h.db").code == 0
    answer = tacho(command, "--history", tmp_path / "h.db")
    assert answer.code == 0, answer.err
    assert MODEL in answer.out


def test_a_session_is_found_by_its_beginning(tacho: Command, history: Path) -> None:
    answer = tacho("summary", "7f3a", "--history", history)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Session {SESSION}\n")
    assert MODEL in answer.out
    assert "Bash" in answer.out


@pytest.mark.parametrize("command", ["summary", "steps"])
def test_an_unknown_session_is_no_data_and_says_where_they_are(tacho: Command, history: Path, command: str) -> None:
    answer = tacho(command, "ffff", "--history", history)
    assert (answer.code, answer.out) == (3, "")
    assert f"no session begins with 'ffff' in {history}" in answer.err
    assert f"tacho usage --by session --history {history}" in answer.err
    short = tacho(command, "7f", "--history", history)
    assert (short.code, short.out) == (2, "")
    assert "at least 4" in short.err


def test_summary_json_is_one_envelope(tacho: Command, history: Path) -> None:
    envelope = tacho("summary", "7f3a", "--history", history, "--format", "json").json()
    assert list(envelope) == ["schema", "generated_at", "query", "rows", "totals", "warnings"]
    assert envelope["schema"] == "tacho.summary/1"
    assert envelope["query"]["session"] == SESSION
    row = envelope["rows"][0]
    assert (row["session"], row["model_calls"], row["total_tool_calls"], row["total_steps"]) == (SESSION, 3, 2, 1)
    assert [tool["tool"] for tool in row["tools"]] == ["Bash", "Read"]


def test_summary_csv_is_one_line(tacho: Command, history: Path) -> None:
    text = tacho("summary", "--history", history, "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1
    assert rows[0]["session"] == NEWEST


def test_steps_are_a_tree(tacho: Command, history: Path) -> None:
    answer = tacho("steps", "7f3a", "--history", history)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == f"Steps of session {SESSION}"
    assert lines[1] == "2026-02-03 04:00 to 04:00 UTC"
    names = [line for line in lines if re.match(r" *(prompt|llm|tool)", line)]
    assert names[0].startswith("prompt")
    assert all(line.startswith("  ") for line in names[1:])
    assert len(names) == 6


def test_steps_csv_begins_with_the_six_columns(tacho: Command, history: Path) -> None:
    text = tacho("steps", "7f3a", "--history", history, "--format", "csv").out
    assert text.startswith("step,duration,tokens,cost,tool,success")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 1


def test_steps_json_and_jsonl_agree(tacho: Command, history: Path) -> None:
    envelope = tacho("steps", "7f3a", "--history", history, "--format", "json").json()
    assert envelope["schema"] == "tacho.records/1"
    lines = tacho("steps", "7f3a", "--history", history, "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == envelope["rows"]
    assert {row["session"] for row in envelope["rows"]} == {SESSION}


def test_steps_are_limited_to_the_newest_and_to_a_period(tacho: Command, history: Path) -> None:
    def rows(*arguments: str) -> list[dict[str, object]]:
        text = tacho("steps", "7f3a", "--history", history, "--format", "jsonl", *arguments).out
        return [json.loads(line) for line in text.splitlines()]

    assert rows("-n", "2") == rows()[-2:]
    assert len(rows("--until", "2026-02-03T04:00:15Z")) == 2
    assert len(rows("--where", "tool=Bash")) == 1
    nothing = tacho("steps", "7f3a", "--history", history, "--since", "2026-02-04")
    assert (nothing.code, nothing.out) == (3, "")
    assert "no operations of this session in the period (times in UTC)" in nothing.err


def test_a_saved_snapshot_is_read(tacho: Command, snapshot: Path) -> None:
    answer = tacho("summary", "--from", snapshot)
    assert (answer.code, answer.err) == (0, "")
    assert "1,540 in all" in answer.out
    row = tacho("usage", "--from", snapshot, "--format", "json").json()["rows"][0]
    assert (row["model"], row["calls"], row["total_tokens"], row["cost_usd"]) == (MODEL, 1, 1540, "0.0145")
    steps = tacho("steps", "--from", snapshot).out
    assert re.search(r"^plan +", steps, re.MULTILINE)
    assert re.search(r"^  llm: answer +", steps, re.MULTILINE)


def test_other_files_are_refused_with_the_right_flag(tacho: Command, history: Path, snapshot: Path) -> None:
    wrong = tacho("summary", "--from", history)
    assert (wrong.code, wrong.out) == (3, "")
    assert "--history FILE" in wrong.err
    wrong = tacho("summary", "--history", snapshot)
    assert (wrong.code, wrong.out) == (3, "")
    assert "--from FILE" in wrong.err
