"""Help, version and messages are made from one table, so they agree with what is accepted."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from command_line import Command

COMMANDS = ["import", "usage", "summary", "steps", "prices", "history"]
FLAG = re.compile(r"--[a-z][a-z-]+")


def flags_of(text: str) -> list[str]:
    """The flags listed in a help text, in order."""
    return re.findall(r"^ {2,6}(?:-\w, )? *(--[a-z-]+)", text.split("\nFlags:\n")[1], re.MULTILINE)


def test_version_is_one_line(tacho: Command) -> None:
    answer = tacho("--version")
    assert (answer.code, answer.err) == (0, "")
    assert re.fullmatch(r"tacho \d+\.\d+\.\d+\n", answer.out)


def test_program_help_begins_with_examples_and_lists_every_command(tacho: Command) -> None:
    answer = tacho("--help")
    assert (answer.code, answer.err) == (0, "")
    parts = re.findall(r"^([A-Z][^:\n]*?)(?: \(.*\))?:", answer.out, re.MULTILINE)
    assert parts[:2] == ["Examples", "Commands"]
    listed = answer.out.split("Commands")[1].split("\n\n")[0]
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", listed, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_help_has_examples_first_then_usage_and_flags(tacho: Command, command: str) -> None:
    answer = tacho(command, "--help")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "Examples:"
    assert len(re.findall(r"^  (?:TACHO_\w+=\S+ )?tacho( |$)", answer.out.split("\n\n")[0], re.MULTILINE)) >= 3
    assert any(line.startswith(f"Usage: tacho {command} ") for line in lines)
    assert flags_of(answer.out)[-1] in ("--help", "--version")
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_help_is_the_same_however_asked_for(tacho: Command, command: str) -> None:
    assert tacho(command, "--help") == tacho(command, "-h") == tacho("--help", command) == tacho("help", command)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_listed_flag_is_accepted(tacho: Command, command: str) -> None:
    text = tacho(command, "--help").out
    for line in re.findall(r"^ {2,6}(?:-\w, )? *--.*", text.split("\nFlags:\n")[1], re.MULTILINE):
        flag, value = re.match(r".*?(--[a-z-]+)( [A-Z][A-Z,=]*)?", line).groups()  # type: ignore[union-attr]
        given = [flag, "7"] if value else [flag]
        assert tacho(command, *given, "--help").code == 0, flag


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_use_listed_flags_only(tacho: Command, command: str) -> None:
    text = tacho(command, "--help").out
    assert set(FLAG.findall(text.split("\n\n")[0])) <= set(flags_of(text))


def test_usage_help_names_its_keys_formats_and_columns(tacho: Command) -> None:
    text = " ".join(tacho("usage", "--help").out.split())
    assert "model, provider, session, day, tool, operation, kind, total, tag:NAME (default: model)" in text
    assert "how to print: table, plain, json, jsonl, csv" in text
    assert "cost_usd" in text.split("Columns:")[1]


def test_help_of_the_program_is_the_same_however_asked_for(tacho: Command) -> None:
    assert tacho("--help") == tacho("-h") == tacho("help")


def test_help_goes_before_operands_that_would_be_wrong(tacho: Command) -> None:
    assert tacho("usage", "--help", "too", "much").code == 0


def test_page_for_users_names_every_command_and_flag(tacho: Command) -> None:
    source = os.environ.get("TACHO_TEST_SOURCE") or Path(__file__).resolve().parents[2]
    page = (Path(source) / "core/doc/command.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"tacho {command}" in page
        for flag in flags_of(tacho(command, "--help").out):
            assert f"`{flag}" in page, flag
