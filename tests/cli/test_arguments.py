"""Whatever is typed wrongly ends with 2, nothing on standard output, and a sentence that names the right word."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command

WRONG = [
    (
        ["usge"],
        "unknown command 'usge'; the nearest is 'usage'. There are: import, run, usage, summary, steps",
    ),  # in the order of help,
    (["usage", "--sicne", "7d"], "unknown flag --sicne; the nearest is --since"),
    (["usage", "--hist", "x"], "unknown flag --hist; the nearest is --history"),
    (["usage", "--hist=x"], "unknown flag --hist; the nearest is --history"),
    (["usage", "--limi", "1"], "unknown flag --limi; the nearest is --limit"),
    (["usage", "-x"], "unknown flag -x; there are -n (--limit)"),
    (["usage", "-qx"], "unknown flag -x"),
    (["usage", "--since"], "--since needs a value"),
    (["usage", "-n"], "-n needs a value"),
    (["usage", "--history", ""], "--history needs a value, not an empty text"),
    (["help", "usge"], "unknown command 'usge'"),
    (["usage", "--ascii=yes"], "--ascii takes no value"),
    (["summary", "--by", "model"], "tacho summary does not take --by. It takes: --history, --from"),
    (["--by", "model"], "tacho summary does not take --by"),
    (["usage", "7f3a"], "tacho usage: '7f3a' is too much"),
    (["summary", "a", "b"], "'b' is too much"),
    (["usage", "--by", "modl"], "--by: 'modl' is not one of: model, provider, session, day"),
    (["usage", "--by", "model,week"], "--by: 'week' is not one of: model, provider, session, day"),
    (["usage", "--where", "tag:=x"], "--where: 'tag:' is not one of: session, model"),
    (["usage", "--format", "xml"], "--format: 'xml' is not one of: table, plain, json, jsonl, csv"),
    (["usage", "--format", "msgpack"], "--format: 'msgpack' is not one of"),
    (["import", "--auto", "--format", "csv"], "--format: 'csv' is not one of: plain, json"),
    (["usage", "--color", "sometimes"], "--color: 'sometimes' is not one of: auto, always, never"),
    (["usage", "--limit", "0"], "--limit: '0' is not a whole number from 1"),
    (["usage", "--limit", "-1"], "--limit: '-1' is not a whole number"),
    (["usage", "--limit", "9999999999"], "--limit: '9999999999' is not a whole number"),
    (["usage", "--sort", "cots_usd"], "The nearest is cost_usd"),
    (["usage", "--columns", "model,cals"], "--columns: 'cals' is not one of"),
    (["usage", "--columns", ","], "names no column"),
    (["usage", "--where", "model"], "--where: 'model' is not KEY=VALUE"),
    (["usage", "--where", "modle=x"], "The nearest is model"),
    (["usage", "--tz", "Europe/Berln"], "the nearest is"),
    (["usage", "--tz", "../../etc/passwd"], "there is no time zone '../../etc/passwd'"),
    (["usage", "--tz", "/etc/localtime"], "there is no time zone"),
    (["usage", "--tz", "+25:00"], "there is no time zone"),
    (["usage", "--since", "yesterdy"], "--since: 'yesterdy' is no time"),
    (["usage", "--since", "2026-02-30"], "is no time"),
    (["usage", "--since", "2026-2-3"], "is no time"),
    (["usage", "--since", "2026-02-03T25:00:00Z"], "is no time"),
    (["usage", "--since", "7x"], "is no time"),
    (["usage", "--since", "2026-02-03", "--until", "2026-02-01"], "--since 2026-02-03 is not before --until"),
    (["usage", "--history", "a", "--from", "b"], "name two sources"),
    (["import"], "import what?"),
    (["import", "claud-code"], "the nearest is claude-code"),
    (["import", "--auto", "claude-code"], "--auto finds logs by itself"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_arguments_exit_2_and_name_the_right_ones(tacho: Command, arguments: list[str], sentence: str) -> None:
    answer = tacho(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("tacho: ")
    assert sentence in answer.err


def test_a_wrong_flag_touches_no_file(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert tacho("import", "claude-code", tmp_path, "--history", path, "--format", "xml").code == 2
    assert not path.exists()


def test_flags_stand_anywhere(tacho: Command, history: Path) -> None:
    expected = tacho("usage", "--by", "day", "--history", history).out
    assert tacho("--history", history, "--by", "day", "usage").out == expected
    assert tacho("--history", history, "usage", "--by=day").out == expected


def test_two_hyphens_end_the_flags(tacho: Command, history: Path) -> None:
    assert "'--by' in" in tacho("summary", "--history", history, "--", "--by").err


def test_the_last_value_counts(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, "--by", "day", "--by", "tool", "-n9", "-n1")
    assert answer.code == 0
    assert answer.out.startswith("Usage by tool\n")


def test_control_characters_never_reach_the_terminal(tacho: Command) -> None:
    answer = tacho("usage", "--history", "\x1b]0;x\x07\x9bred")
    assert answer.code == 3
    assert not any(ord(letter) < 32 and letter != "\n" for letter in answer.err)
