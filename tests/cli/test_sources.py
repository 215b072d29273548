"""Which numbers are read: flags, settings, the default; and what is said when there are none."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from command_line import Command


@pytest.mark.parametrize("arguments", [[], ["summary"], ["usage"], ["steps"]])
def test_without_data_it_says_what_to_do(tacho: Command, arguments: list[str]) -> None:
    answer = tacho(*arguments)
    assert (answer.code, answer.out) == (3, "")
    lines = answer.err.splitlines()
    where = tacho.home / ".local/state/tachograph/history.db"
    assert lines[0] == f"tacho: nothing was recorded yet (looked in {where})"
    for words in ("tacho import --auto", "TACHO_DIR", "save", "tacho --help"):
        assert words in answer.err
    assert len(lines) <= 9
    assert max(map(len, lines[1:])) <= 100
    assert not where.parent.exists()


def test_without_data_quiet_is_one_line(tacho: Command) -> None:
    assert len(tacho("usage", "-q").err.splitlines()) == 1


def test_empty_is_allowed_on_request(tacho: Command) -> None:
    answer = tacho("usage", "--allow-empty", "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    envelope = answer.json()
    assert (envelope["rows"], envelope["totals"]["calls"]) == ([], 0)
    assert tacho("summary", "--allow-empty", "--format", "json").json()["rows"][0]["total_operations"] == 0
    assert tacho("steps", "--allow-empty", "--format", "csv").out.startswith("step,duration")


def test_an_empty_history_is_no_data(tacho: Command, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/log.jsonl").write_text("")
    path = tmp_path / "h.db"
    assert tacho("import", "claude-code", tmp_path / "logs", "--history", path).code == 0
    answer = tacho("usage", "--history", path)
    assert answer.code == 3
    assert f"nothing was recorded yet (looked in {path})" in answer.err


def test_a_missing_history_is_not_made(tacho: Command, tmp_path: Path) -> None:
    answer = tacho("usage", "--history", tmp_path / "none.db")
    assert (answer.code, answer.out) == (3, "")
    assert "there is no such file" in answer.err
    assert "tacho import --auto --history" in answer.err
    assert not (tmp_path / "none.db").exists()


def test_an_empty_file_is_a_history_in_which_nothing_is(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.touch()
    answer = tacho("usage", "--history", path)
    assert answer.code == 3
    assert "nothing was recorded yet" in answer.err
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_history_is_refused_untouched(tacho: Command, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(content)
    answer = tacho("usage", "--history", path)
    assert (answer.code, answer.out) == (3, "")
    assert f"the history '{path}' cannot be read: " in answer.err
    assert path.read_bytes() == content


def test_a_newer_history_is_refused(tacho: Command, history: Path) -> None:
    with sqlite3.connect(history) as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()
    answer = tacho("usage", "--history", history)
    assert answer.code == 3
    assert "newer version" in answer.err


def test_reading_changes_nothing(tacho: Command, history: Path) -> None:
    before = history.read_bytes()
    for arguments in (["usage"], ["summary"], ["steps"]):
        assert tacho(*arguments, "--history", history).code == 0
    assert history.read_bytes() == before


def test_settings_name_the_history(tacho: Command, history: Path) -> None:
    expected = tacho("usage", "--history", history).out
    assert tacho("usage", TACHO_HISTORY=str(history)).out == expected
    config = tacho.home / ".config/tachograph"
    config.mkdir(parents=True)
    (config / "config.json").write_text(f'{{"history": "{history}"}} // mine')
    assert tacho("usage").out == expected
    assert f"history {history} (" in tacho("usage", "-v").err
    off = tacho("usage", TACHO_HISTORY="off")
    assert off.code == 3
    assert "history is switched off by TACHO_HISTORY" in off.err


def test_a_project_may_not_name_the_history(tacho: Command, history: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "tachograph.json").write_text(f'{{"history": "{history}"}}')
    answer = tacho("usage", cwd=project)
    assert answer.code == 3
    assert "'history' is ignored in a project file" in answer.err


def test_bad_settings_are_warnings(tacho: Command, history: Path) -> None:
    answer = tacho("usage", "--history", history, TACHO_WINDOW="many")
    assert answer.code == 0
    assert "tacho: warning: TACHO_WINDOW is 'many', but must be a whole number" in answer.err
    assert tacho("usage", "--history", history, "-q", TACHO_WINDOW="many").err == ""


def test_a_folder_without_a_registry_is_said_to_be_none(tacho: Command, history: Path, tmp_path: Path) -> None:
    missing = tmp_path / "registry"
    answer = tacho("usage", TACHO_DIR=str(missing))
    assert (answer.code, answer.out) == (3, "")
    assert f"there is no registry in '{missing}' (TACHO_DIR)" in answer.err
    assert "tacho run -- CMD" in answer.err
    assert not missing.exists()
    assert tacho("usage", "--history", history, TACHO_DIR=str(missing)).code == 0
    assert tacho("usage", "--allow-empty", TACHO_DIR=str(missing)).code == 0
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert "(--from)" in tacho("steps", "--from", empty).err


def test_a_registry_of_others_is_refused(tacho: Command, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    answer = tacho("summary", TACHO_DIR=str(shared))
    assert answer.code == 3 and "others may write to it (mode 777); chmod go-w would mend that" in answer.err
    assert "others may write to it" in tacho("doctor", TACHO_DIR=str(shared)).out
    assert "others may write to it" in tacho("run", "--", "true", TACHO_DIR=str(shared)).err
    (tmp_path / "link").symlink_to(shared)
    for arguments in (["usage", "--from", tmp_path / "link"], ["doctor", "--from", tmp_path / "link"]):
        answer = tacho(*arguments)
        assert "it is a symbolic link; name the folder that it leads to" in answer.out + answer.err


def test_a_registry_is_read_while_it_is_written(tacho: Command, record: Path, tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    environment = {**tacho.environment, "TACHO_DIR": str(folder)}
    with subprocess.Popen([record, "2", "0", "wait"], env=environment, stdin=-1, stdout=-1) as live:
        assert live.stdout is not None and live.stdout.readline() == b"ready\n"
        subprocess.run([record, "1", "0"], env=environment, check=True)
        for arguments in (["--from", str(folder)], []):
            variables = {} if arguments else {"TACHO_DIR": str(folder)}
            answer = tacho("usage", "--format", "json", *arguments, **variables)
            assert answer.code == 0 and answer.json()["totals"]["calls"] == 3
            assert answer.json()["query"]["source"] == str(folder)
        steps = tacho("steps", "--format", "json", "--from", folder)
        assert steps.code == 0 and len(steps.json()["rows"]) == 6
        summary = tacho("summary", "--format", "json", "--from", folder)
        assert summary.json()["totals"]["total_steps"] == 3
        live.communicate(b"")
    assert tacho("usage", "--format", "json", "--from", folder).json()["totals"]["calls"] == 3


def test_no_home_is_said(tacho: Command) -> None:
    answer = tacho("usage", HOME="")
    assert answer.code == 2
    assert "there is no default history" in answer.err
