"""Python with four forked workers, Lua and C write one folder while `tacho summary` reads it; then all are killed.

Each writer records a number of calls, says so, waits for a byte, and records on until it is killed. From then on it
adds a byte to the file `begun` before each call, and one to `done` after it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CALLS = 50_000  # of each writer
WRITERS = 7  # C, Lua, Python and its four
INPUT, OUTPUT = 3, 5  # tokens of a call
AHEAD = 16  # calls by which one number of a writer may be ahead of another while it writes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for program in ("tacho", "lua5.4"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return tmp_path / "shared"


@pytest.fixture
def writers(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    program = folder.parent / "writer"
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "tachograph"], text=True).split()
    subprocess.run(["cc", "-std=c11", str(HERE / "writer.c"), "-o", str(program), *flags, "-lm"], check=True)
    commands = ([str(program)], ["lua5.4", str(HERE / "writer.lua")], [sys.executable, str(HERE / "writer.py")])
    environment = {**os.environ, "TACHO_DIR": str(folder)}
    started = [
        subprocess.Popen(
            [*command, str(CALLS)],
            cwd=folder.parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        for command in commands
    ]
    yield started
    kill_all(started)


def kill_all(writers: list[subprocess.Popen[bytes]]) -> None:
    for writer in writers:
        if writer.returncode is None:
            os.killpg(writer.pid, signal.SIGKILL)
            writer.wait()
            for stream in (writer.stdin, writer.stdout):
                assert stream is not None
                stream.close()


def read(folder: Path) -> dict[str, Any]:
    command = ["tacho", "summary", "--from", str(folder), "--format", "json"]
    row: dict[str, Any] = json.loads(subprocess.check_output(command, timeout=30))["rows"][0]
    assert row["data_quality"]["drops"] == {} and row["data_quality"]["segments_skipped"] == {}
    return row


def watch(folder: Path, least: int, most: int) -> int:
    """One reading while all write: never less than before, and never torn."""
    row = read(folder)
    calls = int(row["model_calls"])
    assert least <= calls <= most
    for field, each in (("input_tokens", INPUT), ("output_tokens", OUTPUT), ("total_operations", 1)):
        assert abs(row[field] - each * calls) <= each * AHEAD * WRITERS, field
    return calls


def expect_exact(folder: Path) -> int:
    row = read(folder)
    calls = int(row["model_calls"])
    assert row["total_operations"] == row["successful_operations"] == calls
    assert (row["input_tokens"], row["output_tokens"]) == (INPUT * calls, OUTPUT * calls)
    assert [model["calls"] for model in row["models"]] == [calls]
    return calls


def wait_until_done(writers: list[subprocess.Popen[bytes]], folder: Path) -> int:
    """Read until every writer has said that it is done; the number of readings before that."""
    for writer in writers:
        assert writer.stdout is not None
        os.set_blocking(writer.stdout.fileno(), False)
    calls, readings = 0, 0
    said, until = 0, time.monotonic() + 60
    while said < WRITERS:
        assert time.monotonic() < until
        if (folder / "meta").exists():
            calls = watch(folder, calls, WRITERS * CALLS)
            readings += 1
        for writer in writers:
            assert writer.stdout is not None and writer.poll() is None
            said += (writer.stdout.read() or b"").count(b"done")
    return readings


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def test_writers_of_three_languages__are_read_as_one_and_lose_nothing_when_killed(
    folder: Path, writers: list[subprocess.Popen[bytes]]
) -> None:
    readings = wait_until_done(writers, folder)
    assert readings > 1
    assert expect_exact(folder) == WRITERS * CALLS
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    begun, done = folder.parent / "begun", folder.parent / "done"
    until, calls = time.monotonic() + 60, WRITERS * CALLS
    while size(done) < 2000:
        assert time.monotonic() < until
        least = size(done)
        calls = watch(folder, max(calls, WRITERS * CALLS + least), 2 * WRITERS * CALLS)
    kill_all(writers)
    recorded = expect_exact(folder) - WRITERS * CALLS
    assert size(done) <= recorded <= size(begun)
    assert expect_exact(folder) == WRITERS * CALLS + recorded  # folded by now
    assert not list(folder.glob("seg-*"))
