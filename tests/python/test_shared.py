"""Numbers that several processes share through a folder."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import tachograph as tacho

WORKER = """
    import os, sys
    import tachograph as tacho
    for _ in range(int(sys.argv[1])):
        with tacho.session("run"), tacho.step("plan"):
            tacho.record_tool_call("grep", 0.25)
    print(tacho.summary().total_steps, tacho.operations().totals.calls)
    sys.stdout.flush()
    if len(sys.argv) > 2:
        os.kill(os.getpid(), 9)
    """


def work(folder: Path, steps: int, *arguments: str) -> list[int]:
    """Own steps, and those of everybody, as a process of its own sees them."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WORKER), str(steps), *arguments],
        env={**os.environ, "TACHO_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""
    return [int(word) for word in run.stdout.split()]


def test_processes_that_share_a_folder_are_read_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    assert work(folder, 3) == [3, 3]
    assert work(folder, 4, "killed") == [4, 7]
    here = tacho.Collector(dir=folder)
    here.record_step("plan", 1.0)
    assert here.summary().total_steps == 1
    assert here.summary("run").total_steps == 7
    assert here.operations().totals.calls == 8
    assert here.tools()[0].calls == 7
    assert here.snapshot().summary().total_steps == 8
    assert [row.calls for row in here.sessions() if row.session == "run"] == [14]

    loaded = tacho.load(folder)
    assert loaded.operations().totals.calls == 8
    assert loaded.summary("run").total_tool_calls == 7
    here.save(tmp_path / "all.msgpack")
    assert tacho.load(tmp_path / "all.msgpack").operations().totals.calls == 8


def test_what_was_in_flight_at_a_kill_is_no_success(tmp_path: Path) -> None:
    program = """
        import os
        import tachograph as tacho
        tacho.record("done", 1.0, session="run")
        flying = [tacho.operation("plan", session="run").start() for _ in range(5)]
        os.kill(os.getpid(), 9)
        """
    environment = {**os.environ, "TACHO_DIR": str(tmp_path / "shared")}
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    for session in (None, "run"):
        summary = tacho.load(tmp_path / "shared").summary(session)
        assert (summary.total_operations, summary.successful_operations, summary.failed_operations) == (6, 1, 0)
        assert (summary.orphaned_operations, summary.cancelled_operations, summary.aborted_operations) == (5, 0, 0)
        assert summary.success_rate == 1.0  # of those that ended well, in an error or a timeout
        assert "6 operations" in str(summary) and "5 orphaned" in str(summary)


def test_times_are_right_although_the_clock_was_set_meanwhile(tmp_path: Path) -> None:
    """The process took no snapshot since its clock was an hour behind: the anchor in its file is that old."""
    folder = tmp_path / "shared"
    here = tacho.Collector(dir=folder)
    with here.step("plan"):
        pass
    before = tacho.load(folder).records()[0].ended_at
    [file] = folder.glob("seg-*")
    file.chmod(0o600)
    with file.open("r+b") as segment:
        segment.seek(1064)
        [place] = struct.unpack("<Q", segment.read(8))
        segment.seek(1072 + 16 * place)
        [wall] = struct.unpack("<q", segment.read(8))
        segment.seek(1072 + 16 * place)
        segment.write(struct.pack("<q", wall - 3600 * 10**9))
    for _ in range(2):
        assert tacho.load(folder).records()[0].ended_at == before
    assert abs(before.timestamp() - time.time()) < 60
    here.close()


def test_the_folder_is_for_its_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    work(folder, 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        segment = path.name.startswith("seg-")  # which nobody may write but the descriptor that made it
        assert stat.S_IMODE(path.stat().st_mode) == (0o400 if segment else 0o600)
    assert {path.name.split("-")[0] for path in folder.iterdir()} >= {"meta", "seg"}


def test_a_reset_starts_over_for_this_process_only(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    work(folder, 2)
    here = tacho.Collector(dir=folder)
    here.record("x", 1.0)
    here.reset()
    assert here.operations().totals.calls == 2
    here.record("x", 1.0)
    assert tacho.load(folder).operations().totals.calls == 3


def test_a_folder_that_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(tacho.TachoError, match=r"^Is a directory"):
        tacho.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_folder_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    for name, words in (("link", "symbolic link; name the folder that it leads to"), ("open", "mode 777.; chmod go-w")):
        with pytest.raises(tacho.DeniedError, match=f"the registry '.*{name}' cannot be read: .*{words}"):
            tacho.load(tmp_path / name)
        with pytest.raises(tacho.DeniedError, match=f"dir '.*{name}' cannot be used .*{words}"):
            tacho.Collector(dir=tmp_path / name, strict=True)
        told = subprocess.run(
            [sys.executable, "-c", "import tachograph as tacho; tacho.record_step('plan', 1.0)"],
            env={**os.environ, "TACHO_DIR": str(tmp_path / name)},
            capture_output=True,
            text=True,
        ).stderr
        assert words.replace(".", ")") in told and "recording in private memory" in told
