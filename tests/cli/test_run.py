"""`tacho run`: a command with a registry and a session of its own, and the summary at its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import Command


@pytest.fixture
def runtime(tmp_path: Path, tacho: Command) -> Path:
    """The folder in which registries are made."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    tacho.environment["XDG_RUNTIME_DIR"] = str(folder)
    return folder


def test_the_summary_stands_beside_the_output(tacho: Command, runtime: Path, record: Path) -> None:
    answer = tacho("run", "--", "sh", "-c", f"echo out; {record} 2 0; exec {record} 1 7")
    assert (answer.code, answer.out) == (7, "out\n")
    assert "3 steps, 3 model calls" in answer.err and "$0.0435" in answer.err
    assert list(runtime.iterdir()) == []


def test_all_processes_share_a_session(tacho: Command, runtime: Path, record: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    command = f"for i in 1 2 3; do {record} 1 0 & done; wait; echo $TACHO_SESSION $TACHO_DIR"
    answer = tacho("run", "-o", path, "--format", "json", "--", "sh", "-c", command)
    assert (answer.code, answer.err) == (0, "")
    session, folder = answer.out.split()
    assert len(session) == 32 and Path(folder).parent == runtime
    envelope = json.loads(path.read_text())
    assert list(envelope) == ["schema", "generated_at", "query", "rows", "totals", "warnings"]
    assert envelope["query"]["command"] == "run" and envelope["query"]["source"] == folder
    assert (envelope["rows"][0]["session"], envelope["rows"][0]["total_steps"]) == (session, 3)


def test_a_session_that_is_set_is_kept(tacho: Command, runtime: Path, record: Path) -> None:
    assert "Session mine" in tacho("run", record, "1", "0", TACHO_SESSION="mine").err


def test_flags_behind_the_command_are_its_own(tacho: Command, runtime: Path) -> None:
    assert tacho("run", "echo", "--help", "-q", "--format", "json").out == "--help -q --format json\n"
    assert tacho("run", "-q", "--", "echo", "--", "-x").out == "-- -x\n"
    assert tacho("run", "--frmat", "json", "--", "true").code == 2


def test_nothing_recorded_is_said(tacho: Command, runtime: Path) -> None:
    answer = tacho("run", "false")
    assert answer.code == 1 and "nothing was recorded by 'false'" in answer.err
    assert tacho("run", "-q", "false").err == ""
    assert list(runtime.iterdir()) == []


def test_what_cannot_be_run(tacho: Command, runtime: Path, tmp_path: Path) -> None:
    answer = tacho("run", "no-such-command")
    assert answer.code == 127 and "'no-such-command' cannot be run: No such file" in answer.err
    plain = tmp_path / "plain"
    plain.write_text("text")
    assert tacho("run", plain).code == 126
    assert list(runtime.iterdir()) == []


def test_keep(tacho: Command, runtime: Path, record: Path) -> None:
    answer = tacho("run", "--keep", record, "1", "0")
    (folder,) = runtime.iterdir()
    assert f"tacho summary --from {folder}" in answer.err
    assert tacho("usage", "--from", folder, "--format", "json").json()["totals"]["calls"] == 1


def test_a_file_that_cannot_be_written_is_said_before_the_command_runs(
    tacho: Command, runtime: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    for path, why in ((tmp_path / "none" / "run.json", "No such file"), (tmp_path, "Is a directory")):
        answer = tacho("run", "-o", path, "--", "touch", started)
        assert (answer.code, answer.out) == (5, "") and f"'{path}' cannot be written: {why}" in answer.err
        assert not started.exists() and list(runtime.iterdir()) == []


def test_looking_whether_a_file_can_be_written_leaves_it_as_it_is(
    tacho: Command, runtime: Path, record: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "old").write_text("old")
    assert tacho("run", "-o", folder / "old", "--", "grep", "-q", "old", folder / "old").code == 0
    assert tacho("run", "-o", folder / "new", "--", "test", "!", "-e", folder / "new").code == 0
    assert [path.name for path in folder.iterdir()] == ["old"] and (folder / "old").read_text() == "old"
    os.mkfifo(folder / "pipe")  # read by the command itself: opening it before would wait for ever
    answer = tacho("run", "-o", folder / "pipe", "--", "sh", "-c", f"cat {folder / 'pipe'} & exec {record} 1 0")
    assert answer.code == 0 and "1 step, 1 model call" in answer.out


@pytest.mark.parametrize("where", ["a folder that went", "/dev/full"])
def test_numbers_that_could_not_be_written_are_kept(
    where: str, tacho: Command, runtime: Path, record: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    path = folder / "run.json" if where != "/dev/full" else Path(where)
    if where == "/dev/full" and not path.exists():
        pytest.skip("no /dev/full")
    answer = tacho("run", "-q", "-o", path, "--", "sh", "-c", f"{record} 2 0; rmdir {folder}; exit 7")
    (kept,) = runtime.iterdir()
    assert answer.code == 7 and "cannot be written" in answer.err
    assert f"tacho summary --from {kept}\n" in answer.err
    assert "2 steps, 2 model calls" in tacho("summary", "--from", kept).out


def test_a_registry_that_is_set_is_shared(tacho: Command, runtime: Path, record: Path, tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    for _ in range(2):
        answer = tacho("run", record, "1", "0", TACHO_DIR=str(folder))
        assert answer.code == 0 and "1 step, 1 model call" in answer.err
    assert list(runtime.iterdir()) == []
    assert tacho("usage", "--from", folder, "--format", "json").json()["totals"]["calls"] == 2


def test_a_process_that_stays_keeps_the_registry(tacho: Command, runtime: Path, record: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f"exec 3<&0; {record} 1 0 wait <&3 > {out} 2>&1 & until [ -s {out} ]; do :; done; {record} 2 0"
    arguments = tacho.arguments("run", "--", "sh", "-c", script)
    with subprocess.Popen(arguments, env=tacho.environment, stdin=-1, stdout=-1, stderr=-1) as running:
        assert running.stderr is not None and running.stdin is not None
        err = running.stderr.read().decode()
        running.wait()
        (folder,) = runtime.iterdir()
        assert f"1 process still records; the registry is kept: {folder}" in err and "3 steps" in err
        running.stdin.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name)
def test_signals_are_passed_on(number: signal.Signals, tacho: Command, runtime: Path, record: Path) -> None:
    script = f"trap '{record} 1 0; exit 9' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    arguments = tacho.arguments("run", "--", "sh", "-c", script)
    with subprocess.Popen(arguments, env=tacho.environment, stdout=-1, stderr=-1) as running:
        assert running.stdout is not None and running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 9 and b"1 step, 1 model call" in err
    assert list(runtime.iterdir()) == []


def test_a_command_that_is_killed(tacho: Command, runtime: Path, record: Path) -> None:
    answer = tacho("run", "--", "sh", "-c", f"{record} 2 0; kill -KILL $$")
    assert answer.code == 128 + signal.SIGKILL and "2 steps" in answer.err


def test_an_interrupt_of_the_terminal_comes_once(tacho: Command, runtime: Path) -> None:
    script = "trap 'echo got' INT; echo ready; sleep 0.2 & wait; sleep 0.3 & wait; exit 5"
    arguments = tacho.arguments("run", "-q", "--", "sh", "-c", script)
    try:
        pair, end = os.openpty()
    except OSError as error:  # a bare chroot without /dev/pts
        pytest.skip(f"no terminal to be had: {error}")
    with subprocess.Popen(
        ["setsid", "-c", *arguments], env=tacho.environment, stdin=end, stdout=-1, stderr=-1
    ) as running:
        os.close(end)
        assert running.stdout is not None and running.stdout.readline() == b"ready\n"
        os.write(pair, b"\x03")
        out, _ = running.communicate(timeout=30)
    os.close(pair)
    assert (running.returncode, out) == (5, b"got\n")


def test_without_a_command_it_is_the_shell(tacho: Command, runtime: Path) -> None:
    arguments = tacho.arguments("run", "-q")
    environment = {**tacho.environment, "SHELL": "/bin/sh"}
    answer = subprocess.run(arguments, env=environment, input=b"echo $TACHO_DIR", capture_output=True, check=True)
    assert answer.stdout.startswith(str(runtime).encode())


def test_folders_that_killed_runs_left_are_swept_after_a_day(tacho: Command, runtime: Path) -> None:
    def folder_of(command: str, *flags: str) -> Path:
        return Path(tacho("run", *flags, "--", "sh", "-c", f"echo $TACHO_DIR; {command}").out.strip())

    left = [folder_of("kill -KILL $PPID") for _ in range(2)]
    kept = folder_of("true", "--keep")
    day_before_yesterday = time.time() - 2 * 86400
    for folder in (left[0], kept):
        os.utime(folder, (day_before_yesterday, day_before_yesterday))
    inner = " ".join(tacho.arguments("run", "-q", "true"))
    answer = tacho(
        *("run", "-q", "--", "sh", "-c"),
        f"touch -d @{int(day_before_yesterday)} $TACHO_DIR; env -u TACHO_DIR {inner}; test -d $TACHO_DIR",
    )
    assert answer.code == 0, "the folder of a run that goes on was swept"
    assert sorted(runtime.iterdir()) == sorted([left[1], kept])
