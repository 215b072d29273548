"""Where the answer goes, and what happens when it cannot."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import Command, big_log


def test_output_to_a_file_is_the_same_answer(tacho: Command, history: Path, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    answer = tacho("usage", "--history", history, "--format", "csv", "-o", path)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert path.read_bytes().decode() == tacho("usage", "--history", history, "--format", "csv", "-o", "-").out
    assert sorted(tmp_path.glob("usage.csv*")) == [path]


def test_a_failure_leaves_an_older_answer_whole(tacho: Command, history: Path, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("old")
    answer = tacho("usage", "--history", history, "--until", "2026-01-01", "-o", path)
    assert answer.code == 3
    assert path.read_text() == "old"
    assert sorted(tmp_path.glob("usage.csv*")) == [path]


def test_an_incomplete_answer_is_kept(tacho: Command, unpriced: Path, tmp_path: Path) -> None:
    path = tmp_path / "usage.txt"
    assert tacho("usage", "--history", unpriced, "--strict", "-o", path).code == 4
    assert "nobody-knows-1" in path.read_text()


def test_output_never_replaces_what_is_read(tacho: Command, history: Path) -> None:
    before = history.read_bytes()
    answer = tacho("usage", "--history", history, "-o", history)
    assert answer.code == 2
    assert "is what is read" in answer.err
    assert history.read_bytes() == before


def test_output_that_cannot_be_written_is_said(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, "-o", "/nowhere/usage.csv")
    assert answer.code == 5
    assert "'/nowhere/usage.csv' cannot be written: No such file or directory" in answer.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, "-o", "/dev/full")
    assert answer.code == 5
    assert "No space left on device" in answer.err
    with open("/dev/full", "w") as full:
        for arguments in (["usage", "--history", str(history)], ["--help"], ["--version"]):
            result = subprocess.run(
                tacho.arguments(*arguments), env=tacho.environment, stdout=full, stderr=subprocess.PIPE, check=False
            )
            assert result.returncode == 5, arguments
            assert b"No space left on device" in result.stderr


@pytest.mark.parametrize("arguments", [["usage"], ["steps", "--format", "jsonl"], ["summary"], ["--help"]])
def test_a_closed_pipe_ends_quietly(tacho: Command, history: Path, arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = arguments if arguments == ["--help"] else [*arguments, "--history", str(history)]
    result = subprocess.run(
        tacho.arguments(*words), env=tacho.environment, stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert (result.returncode, result.stderr) == (0, b"")


def hold_up(process: subprocess.Popen[bytes], started: Path) -> None:
    """Stops the process for more than a second, soon after the file appeared that it begins with."""
    deadline = time.monotonic() + 30
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.03)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    process.send_signal(signal.SIGCONT)


def in_terminal(tacho: Command, *arguments: object, wait: Path | None = None, **variables: str) -> tuple[int, str]:
    """Runs on a terminal; with `wait`, held up when that file is there. The code, and what was shown."""
    try:
        main_end, other_end = pty.openpty()
    except OSError as error:  # a bare chroot without /dev/pts
        pytest.skip(f"no terminal to be had: {error}")
    environment = {**tacho.environment, "TERM": "xterm-256color", **variables}
    process = subprocess.Popen(
        tacho.arguments(*arguments), env=environment, stdin=other_end, stdout=other_end, stderr=other_end
    )
    os.close(other_end)
    if wait:
        hold_up(process, wait)
    shown = b""
    while True:
        try:
            piece = os.read(main_end, 65536)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        shown += piece
    os.close(main_end)
    return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_a_table(tacho: Command, history: Path) -> None:
    code, text = in_terminal(tacho, "usage", "--history", history)
    assert code == 0
    assert "\x1b[1m" in text
    assert "\x1b[1m" not in in_terminal(tacho, "usage", "--history", history, NO_COLOR="1")[1]
    assert "\x1b[1m" not in in_terminal(tacho, "usage", "--history", history, TERM="dumb")[1]


def test_a_narrow_terminal_gets_fewer_columns(tacho: Command, history: Path) -> None:
    code, text = in_terminal(tacho, "usage", "--history", history, COLUMNS="60", NO_COLOR="1")
    assert code == 0
    assert max(map(len, text.splitlines()[3:-1])) <= 60
    assert "Columns are left out at this width; all of them: --format plain" in text


def test_a_short_import_shows_no_progress(tacho: Command, logs: Path, tmp_path: Path) -> None:
    code, text = in_terminal(tacho, "import", "claude-code", logs, "--history", tmp_path / "t.db")
    assert code == 0
    assert "importing:" not in text
    assert "\x1b" not in text


def test_a_long_import_shows_progress_and_erases_it(tacho: Command, tmp_path: Path) -> None:
    calls = big_log(tmp_path / "big.jsonl", 30000)
    path = tmp_path / "t.db"
    code, text = in_terminal(tacho, "import", "claude-code", tmp_path, "--history", path, wait=path)
    assert code == 0
    pieces = text.split("\r\x1b[K")
    assert re.fullmatch(r"importing: \d+ %, \d+ of \d+ MiB, \d+ calls", pieces[1])
    assert "importing" not in pieces[-1]
    assert f"{calls:,} model calls" in pieces[-1]
    path = tmp_path / "q.db"
    code, text = in_terminal(tacho, "import", "claude-code", tmp_path, "--history", path, "-q", wait=path)
    assert (code, "importing" in text) == (0, False)


def test_nothing_outside_ascii_when_asked(tacho: Command, history: Path) -> None:
    for arguments in (["usage"], ["summary"], ["steps"]):
        assert tacho(*arguments, "--history", history, "--ascii").out.isascii()
