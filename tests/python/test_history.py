"""Finished operations that a program hands to a history file while it runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import tachograph as tacho


def run(script: str, *arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=60,
    )


def names(history: Path) -> list[str]:
    """Operations in the file. Read by another process: nothing here may open a file that the library has open."""
    script = """
        import sqlite3, sys
        for row in sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute(
            "SELECT operation FROM record ORDER BY operation"
        ):
            print(*row)
        """
    return run(script, history).stdout.split()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_what_was_recorded_is_in_the_file_after_a_flush_and_after_the_close(tmp_path: Path) -> None:
    file = tmp_path / "made" / "history.db"
    collector = tacho.Collector(history=file, history_interval="1h")
    collector.record_step("plan", 1.0)
    assert collector.flush() is True
    assert names(file) == ["plan"]
    collector.record_step("read", 1.0)
    assert collector.close() is True
    assert names(file) == ["plan", "read"]


def test_the_interval_hands_over_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    collector = tacho.Collector(history=file, history_interval=0.05)
    collector.record_step("plan", 1.0)
    until = time.monotonic() + 30
    while names(file) != ["plan"] and time.monotonic() < until:
        time.sleep(0.02)
    assert names(file) == ["plan"]
    collector.close()


def test_a_busy_thread_is_handed_over_before_its_ring_is_full(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    collector = tacho.Collector(history=file, history_interval="40s")
    collector.flush()
    for made in (600, 1200, 1800):
        for _ in range(600):
            collector.record_step("plan", 1.0)
        deadline = time.monotonic() + 30
        while len(names(file)) < made:
            assert time.monotonic() < deadline
    assert collector.close() is True
    assert len(names(file)) == 1800


def test_the_command_shows_the_numbers_of_the_live_summary(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    collector = tacho.Collector(history=file, history_interval="1h")
    for i in range(5):
        with collector.llm("answer", provider="anthropic", model="claude-opus-4-6") as op:
            op.usage(input=100 + i, output=20, cache_read=1000)
    collector.close()
    live = collector.usage(by="model")
    if shutil.which("tacho") is None:
        pytest.skip("the command is not installed")
    said = subprocess.run(
        ["tacho", "usage", "--history", str(file), "--format", "json"], capture_output=True, text=True, check=True
    )
    row = json.loads(said.stdout)["rows"][0]
    assert row["model"] == "claude-opus-4-6"
    assert (row["calls"], row["total_tokens"]) == (live[0].calls, live[0].total_tokens)
    assert row["cost_usd"] == str(live[0].cost_usd)


def test_a_program_that_ends_hands_over_within_two_seconds(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    script = """
        import os, threading, time
        import tachograph as tacho
        tacho.record_step("plan", 1.0)
        assert len(os.listdir("/proc/self/task")) == 2 and threading.active_count() == 1
        print(time.monotonic())
        """
    done = run(script, TACHO_HISTORY=file, TACHO_HISTORY_INTERVAL="1h")
    assert time.monotonic() - float(done.stdout) < 2
    assert (done.returncode, done.stderr) == (0, "")
    assert names(file) == ["plan"]


def test_import_starts_nothing(tmp_path: Path) -> None:
    script = """
        import os, sys
        import tachograph
        assert len(os.listdir("/proc/self/task")) == 1
        assert "tachograph._io" not in sys.modules
        assert "sqlite" not in open("/proc/self/maps").read()
        """
    done = run(script, TACHO_HISTORY=tmp_path / "history.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "history.db").exists()


def test_without_the_setting_there_is_no_thread_and_no_sqlite() -> None:
    script = """
        import os, sys
        import tachograph as tacho
        tacho.record_step("plan", 1.0)
        assert len(os.listdir("/proc/self/task")) == 1
        assert "tachograph._io" not in sys.modules
        """
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")


def test_auto_is_the_default_place(tmp_path: Path) -> None:
    done = run(
        "import tachograph as tacho; tacho.record_step('plan', 1.0)", TACHO_HISTORY="auto", XDG_STATE_HOME=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "tachograph" / "history.db") == ["plan"]


def test_a_killed_process_loses_nothing_in_a_shared_folder(tmp_path: Path) -> None:
    file, folder = tmp_path / "history.db", tmp_path / "shared"
    script = """
        import os
        import tachograph as tacho
        tacho.record_step("killed", 1.0)
        tacho.flush()
        tacho.record_step("late", 1.0)
        os.kill(os.getpid(), 9)
        """
    done = run(script, TACHO_HISTORY=file, TACHO_DIR=folder, TACHO_HISTORY_INTERVAL="1h")
    assert done.returncode == -signal.SIGKILL
    assert names(file) == ["killed"]
    collector = tacho.Collector(dir=folder, history=file, history_interval="1h")
    collector.record_step("next", 1.0)
    collector.flush()
    assert names(file) == ["killed", "late", "next"]
    collector.close()
    assert names(file) == ["killed", "late", "next"]


@pytest.mark.parametrize("shared", [False, True])
def test_forked_children_are_in_the_history_too(tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "history.db"
    script = """
        import os
        import tachograph as tacho
        tacho.record_step("parent", 1.0)
        tacho.flush()
        children = []
        for i in range(3):
            child = os.fork()
            if child == 0:
                tacho.record_step("child%d" % i, 1.0)
                raise SystemExit(0)
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        tacho.record_step("parent2", 1.0)
        """
    shared_by = {"TACHO_DIR": tmp_path / "shared"} if shared else {}
    done = run(script, TACHO_HISTORY=file, TACHO_HISTORY_INTERVAL="1h", **shared_by)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(file) == ["child0", "child1", "child2", "parent", "parent2"]


def test_reset_hands_over_what_it_takes_away(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    collector = tacho.Collector(history=file, history_interval="1h")
    collector.record_step("before", 1.0)
    collector.reset()
    assert collector.flush()
    assert names(file) == ["before"]
    collector.record_step("after", 1.0)
    collector.close()
    assert names(file) == ["after", "before"]


def test_a_file_that_cannot_be_written_is_data_quality(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("no folder")
    collector = tacho.Collector(history=tmp_path / "blocked" / "history.db", history_interval="1h")
    collector.record_step("plan", 1.0)
    assert collector.flush() is False
    assert collector.summary().data_quality["drops"]["history_refused"] >= 1
    collector.close()


def test_configure_takes_a_history(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    script = """
        import sys
        import tachograph as tacho
        tacho.configure(history=sys.argv[1])
        @tacho.track
        def work(): pass
        work()
        """
    done = run(script, file)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(file) == ["work"]


def test_off_and_disabled_keep_nothing(tmp_path: Path) -> None:
    before = threads()
    off = tacho.Collector(history="off")
    disabled = tacho.Collector(history=tmp_path / "history.db", enabled=False)
    for collector in (off, disabled):
        collector.record_step("plan", 1.0)
        collector.close()
    assert threads() <= before
    assert threading.active_count() == 1
    assert not (tmp_path / "history.db").exists()
