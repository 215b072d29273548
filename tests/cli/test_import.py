"""Importing: what it finds, what it says, and that doing it again changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from command_line import MODEL, Command, Log, big_log


def test_import_tells_what_it_found(tacho: Command, logs: Path, tmp_path: Path) -> None:
    answer = tacho("import", "claude-code", logs, "--history", tmp_path / "h.db")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == f"Imported claude-code into {tmp_path / 'h.db'}"
    assert lines[1] == "  2 files, 8 lines read"
    assert lines[2] == "  4 model calls (4 new), 2 tool calls, 2 steps, 0 sub-agents, 2 sessions"
    assert lines[3].startswith("  cost $0.0")


def test_import_twice_changes_nothing(tacho: Command, logs: Path, history: Path) -> None:
    before = tacho("usage", "--history", history, "--format", "csv").out
    answer = tacho("import", "claude-code", logs, "--history", history)
    assert answer.code == 0
    assert "2 files (2 unchanged)" in answer.out
    assert tacho("usage", "--history", history, "--format", "csv").out == before


def test_import_goes_on_where_a_log_grew(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    log = Log(tmp_path / "log.jsonl")
    log.prompt(0)
    log.call(1, "msg_1")
    log.write()
    tacho("import", "claude-code", log.path, "--history", path)
    log.call(2, "msg_2")
    log.write()
    assert "(1 new)" in tacho("import", "claude-code", log.path, "--history", path).out
    assert tacho("usage", "--history", path, "--format", "json").json()["totals"]["calls"] == 2


def test_import_json_is_one_envelope(tacho: Command, logs: Path, tmp_path: Path) -> None:
    answer = tacho("import", "claude-code", logs, "--history", tmp_path / "h.db", "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    envelope = answer.json()
    assert list(envelope) == ["schema", "generated_at", "query", "rows", "totals", "warnings"]
    assert envelope["schema"] == "tacho.import/1"
    assert envelope["query"] == {"command": "import", "history": str(tmp_path / "h.db")}
    row = envelope["rows"][0]
    assert (row["kind"], row["files"], row["calls"], row["tool_calls"]) == ("claude-code", 2, 4, 2)
    usage = tacho("usage", "--history", tmp_path / "h.db", "--format", "json").json()["totals"]
    assert envelope["totals"] == {name: usage[name] for name in ("calls", "cost_usd", "cost_state", "unpriced_calls")}
    assert envelope["warnings"] == []


def test_without_history_the_default_is_made_and_named(tacho: Command, logs: Path) -> None:
    answer = tacho("import", "claude-code", logs)
    path = tacho.home / ".local/state/tachograph/history.db"
    assert answer.code == 0
    assert f"into {path} (the default history" in answer.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert tacho("usage").code == 0
    state = tacho.home / "state"
    assert tacho("import", "claude-code", logs, XDG_STATE_HOME=str(state)).code == 0
    assert (state / "tachograph/history.db").exists()


def test_auto_finds_the_agents_folder(tacho: Command, logs: Path) -> None:
    nothing = tacho("import", "--auto")
    assert nothing.code == 3
    assert "no log files of claude-code found (looked in" in nothing.err
    assert tacho("import", "--auto", "--allow-empty").code == 0
    assert not (tacho.home / ".local/state").exists()
    answer = tacho("import", "--auto", CLAUDE_CONFIG_DIR=str(logs))
    assert (answer.code, answer.err) == (0, "")
    assert "4 model calls" in answer.out


def test_unreadable_lines_are_named_and_counted(tacho: Command, logs: Path, tmp_path: Path) -> None:
    bad = logs / "bad.jsonl"
    bad.write_bytes(b'{"type": "assistant"\n' * 25 + b"\xff\xfe\x00binary\n" + b"[" * 5000 + b"\n")
    answer = tacho("import", "claude-code", logs, "--history", tmp_path / "h.db")
    assert answer.code == 0
    warnings = answer.err.splitlines()
    assert len(warnings) == 6  # five of one file
    assert warnings[0].startswith(f"tacho: warning: {bad}, line 1: ")
    assert warnings[-1] == "tacho: warning: and 22 more like these (-v names them)"
    assert "27 of them unreadable" in answer.out
    assert "4 model calls" in answer.out
    quiet = tacho("import", "claude-code", logs, "--history", tmp_path / "q.db", "-q")
    assert (quiet.code, quiet.err) == (0, "")
    strict = tacho("import", "claude-code", logs, "--history", tmp_path / "s.db", "--strict", "-q")
    assert strict.code == 4
    assert "incomplete: unreadable files and folders 0, unreadable lines 27" in strict.err
    assert "4 model calls" in strict.out


def test_unpriced_calls_are_unknown_never_zero(tacho: Command, unpriced: Path) -> None:
    row = tacho("usage", "--history", unpriced, "--format", "json").json()["rows"][0]
    assert (row["cost_usd"], row["cost_state"], row["unpriced_calls"]) == (None, "unknown", 1)
    assert tacho("usage", "--history", unpriced, "--strict").code == 4
    assert tacho("summary", "--history", unpriced, "--strict").code == 4


def test_prices_of_ones_own_count(tacho: Command, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    log.prompt(0)
    log.call(1, "msg_x", model="claude-unheard-of-1", tokens_in=1000000, out=0)
    log.write()
    prices = tmp_path / "prices.json"
    rates = '{"input": 3, "output": 15, "cache_read": 1}'
    prices.write_text(f'{{"prices": [{{"provider": "anthropic", "model": "claude-unheard-of-1", "rates": {rates}}}]}}')
    path = tmp_path / "h.db"
    assert tacho("import", "claude-code", log.path, "--history", path, "--prices", prices).code == 0
    assert tacho("usage", "--history", path, "--format", "json").json()["totals"]["cost_usd"] == "3.001"
    prices.write_text('{"prices": [\n oops')
    answer = tacho("import", "claude-code", log.path, "--history", path, "--prices", prices)
    assert answer.code == 2
    assert "line 2, column" in answer.err
    missing = tacho("import", "claude-code", log.path, "--history", path, "--prices", tmp_path / "none.json")
    assert (missing.code, "no such file" in missing.err) == (2, True)


@pytest.mark.parametrize("text", ['{"prices": [{"model": "m", "rates": {"inputs": 1}}]}', None])
def test_prices_of_the_environment_that_cannot_be_used_are_told(
    tacho: Command, tmp_path: Path, text: str | None
) -> None:
    log = Log(tmp_path / "log.jsonl")
    log.prompt(0)
    log.call(1, "m1")
    log.write()
    prices = tmp_path / "prices.json"
    if text is not None:
        prices.write_text(text)
    answer = tacho("import", "claude-code", log.path, "--history", tmp_path / "h.db", TACHO_PRICES=str(prices))
    assert answer.code == 0
    assert f"warning: TACHO_PRICES: prices '{prices}' cannot be used: " in answer.err
    assert answer.err.count(str(prices)) == 1
    again = tacho("history", "reprice", "--dry-run", "--history", tmp_path / "h.db", TACHO_PRICES=str(prices))
    assert again.code == 0 and f"prices '{prices}' cannot be used: " in again.err


@pytest.mark.parametrize("name", ["missing", "missing.jsonl"])
def test_a_missing_path_is_named(tacho: Command, tmp_path: Path, name: str) -> None:
    answer = tacho("import", "claude-code", tmp_path / name, "--history", tmp_path / "h.db")
    assert (answer.code, answer.out) == (3, "")
    assert str(tmp_path / name) in answer.err


def test_a_folder_without_logs_is_no_data(tacho: Command, tmp_path: Path) -> None:
    answer = tacho("import", "claude-code", tmp_path, "--history", tmp_path / "h.db")
    assert (answer.code, answer.out) == (3, "")
    assert "no log files of claude-code there" in answer.err
    assert list(tmp_path.glob("h.db*")) == []


def test_a_foreign_history_is_left_alone(tacho: Command, logs: Path, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_text("my diary, 40 years of it\n" * 100)
    before = path.read_bytes()
    answer = tacho("import", "claude-code", logs, "--history", path)
    assert (answer.code, answer.out) == (3, "")
    assert "not a history" in answer.err
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said(tacho: Command, logs: Path) -> None:
    answer = tacho("import", "claude-code", logs, "--history", "/proc/none/h.db")
    assert answer.code == 5
    assert "'/proc/none/h.db' cannot be written: " in answer.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_finished_batches(tacho: Command, tmp_path: Path, number: int, code: int) -> None:
    log, path = tmp_path / "big.jsonl", tmp_path / "h.db"
    calls = big_log(log, 30000)
    process = subprocess.Popen(
        tacho.arguments("import", "claude-code", log, "--history", path),
        env=tacho.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the import was done before the signal came")
    assert (process.returncode, err) == (code, "")
    assert out.startswith("Stopped the import of claude-code into")
    # the next import goes on there, and nothing is there twice
    assert tacho("import", "claude-code", log, "--history", path).code == 0
    assert tacho("usage", "--history", path, "--format", "json").json()["totals"]["calls"] == calls


def test_a_limit_of_file_size_is_an_error_and_no_signal(tacho: Command, logs: Path, tmp_path: Path) -> None:
    arguments = tacho.arguments("import", "claude-code", logs, "--history", tmp_path / "h.db")
    ended = subprocess.run(
        arguments,
        env=tacho.environment,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert (ended.returncode, ended.stdout) == (5, "") and "import failed" in ended.stderr


def test_nothing_personal_is_stored(tacho: Command, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    log.prompt(0, "my secret is hunter2")
    log.call(1, "msg_1", model=MODEL)
    log.write()
    tacho("import", "claude-code", log.path, "--history", tmp_path / "h.db")
    assert b"hunter2" not in (tmp_path / "h.db").read_bytes()


def test_a_missing_path_is_refused_before_anything_is_made(tacho: Command, logs: Path, tmp_path: Path) -> None:
    answer = tacho("import", "claude-code", logs, tmp_path / "nope", "--history", tmp_path / "h.db")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == f"tacho: {tmp_path / 'nope'}: there is no such file or folder\n"
    assert not list(tmp_path.glob("h.db*"))


def without_rights(tacho: Command, *arguments: object) -> tuple[int, str]:
    """Runs the command as somebody who may not read everything, also where the tests belong to root."""
    line = tacho.arguments(*arguments)
    if os.geteuid() == 0:
        drop = shutil.which("setpriv")
        if drop is None:
            pytest.skip("root reads everything, and setpriv is missing")
        line = [drop, "--bounding-set=-all", "--inh-caps=-all", *line]
    result = subprocess.run(line, cwd=tacho.home, env=tacho.environment, capture_output=True, timeout=60, check=False)
    return result.returncode, result.stderr.decode()


def test_closed_folders_and_files_are_named(tacho: Command, logs: Path, tmp_path: Path) -> None:
    closed = logs / "closed"
    closed.mkdir()
    file = Log(logs / "shut.jsonl").write()
    for path in (closed, file):
        path.chmod(0)
    history = tmp_path / "h.db"
    code, err = without_rights(tacho, "import", "claude-code", logs, "--history", history)
    assert code == 0
    assert f"{closed}: Permission denied" in err
    assert f"{file}: permission denied" in err
    code, err = without_rights(tacho, "import", "claude-code", logs, "--history", history, "--strict")
    assert code == 4
    assert "unreadable files and folders 2, unreadable lines 0" in err
    code, err = without_rights(tacho, "import", "claude-code", logs / "first.jsonl", file, "--history", history)
    assert code == 5
    assert "not all paths given could be read" in err
    closed.chmod(0o700)


def test_counts_that_cannot_be_true_are_named(tacho: Command, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    log.prompt(0)
    log.call(1, "msg_1", tokens_in=10**17)
    log.call(2, "msg_2", tokens_in=10**15)
    log.write()
    history = tmp_path / "h.db"
    answer = tacho("import", "claude-code", log.path, "--history", history)
    assert f"{log.path}, line 2: a count of tokens is too large" in answer.err
    assert "line 3" not in answer.err
    totals = tacho("usage", "--history", history, "--format", "json").json()["totals"]
    assert (totals["cost_usd"], totals["cost_state"]) == ("9223372.036854775807", "partial")
    assert tacho("import", "claude-code", log.path, "--history", tmp_path / "s.db", "--strict").code == 4


def test_a_sum_that_saturates_is_a_lower_bound(tacho: Command, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    for i in range(3):
        log.call(i, f"msg_{i}", tokens_in=8 * 10**11)
    log.write()
    history = tmp_path / "h.db"
    tacho("import", "claude-code", log.path, "--history", history)
    totals = tacho("usage", "--history", history, "--format", "json").json()["totals"]
    assert (totals["cost_usd"], totals["cost_state"]) == ("9223372.036854775807", "partial")
    text = tacho("steps", "--history", history, "--format", "json").out
    assert '"cost_state":"exact"' in text.replace(": ", ":")


def test_a_junk_file_does_not_hide_the_others(tacho: Command, tmp_path: Path) -> None:
    folder = tmp_path / "junk"
    folder.mkdir()
    (folder / "a.jsonl").write_text("junk\n" * 1000, encoding="utf-8")
    (folder / "b.jsonl").write_text("junk\n" * 2, encoding="utf-8")
    err = tacho("import", "claude-code", folder, "--history", tmp_path / "h.db").err
    assert (err.count("a.jsonl, line"), err.count("b.jsonl, line")) == (5, 2)
    assert "more like these (-v names them)" in err
    assert tacho("import", "claude-code", folder, "--history", tmp_path / "q.db", "-q", "-v").err == ""
    err = tacho("import", "claude-code", folder, "--history", tmp_path / "v.db", "-v").err
    assert err.count("a.jsonl, line") > 20


def test_parallel_imports_take_turns(tacho: Command, tmp_path: Path) -> None:
    calls = sum(big_log(tmp_path / f"log_{i}.jsonl", 1500) for i in range(4))
    for i in range(4):
        text = (tmp_path / f"log_{i}.jsonl").read_text(encoding="utf-8").replace('"msg_', f'"msg_{i}_')
        (tmp_path / f"log_{i}.jsonl").write_text(text, encoding="utf-8")
    running = [
        subprocess.Popen(
            tacho.arguments("import", "claude-code", tmp_path / f"log_{i}.jsonl", "--history", tmp_path / "h.db"),
            env=tacho.environment,
            stdout=subprocess.DEVNULL,
        )
        for i in range(4)
    ]
    assert [process.wait(60) for process in running] == [0] * 4
    assert tacho("usage", "--history", tmp_path / "h.db", "--format", "json").json()["totals"]["calls"] == calls


def test_a_linked_folder_is_said_to_be_passed_over(tacho: Command, logs: Path, tmp_path: Path) -> None:
    elsewhere = Log(tmp_path / "elsewhere" / "log.jsonl", session="aaaa0000-1111-4222-8333-444455556666")
    elsewhere.call(1, "msg_elsewhere")
    elsewhere.write()
    (logs / "link").symlink_to(elsewhere.path.parent)
    answer = tacho("import", "claude-code", logs, "--history", tmp_path / "h.db")
    assert answer.code == 0 and "2 files" in answer.out
    assert f"{logs}/link: a symbolic link to a folder is not followed; to import it, name it" in answer.err
    assert tacho("import", "claude-code", logs, "--history", tmp_path / "h.db", "--strict").code == 4
    assert tacho("import", "claude-code", logs / "link", "--history", tmp_path / "h.db").code == 0


def test_a_cost_that_is_a_lower_bound_is_incomplete(tacho: Command, tmp_path: Path) -> None:
    log, history = Log(tmp_path / "log.jsonl"), tmp_path / "h.db"
    log.call(1, "msg_1", tokens_in=2**53 - 1)
    log.write()
    assert tacho("import", "claude-code", log.path, "--history", history, "--strict").code == 4
    for command in ("usage", "summary"):
        answer = tacho(command, "--history", history, "--strict")
        assert answer.code == 4 and "the cost is a lower bound" in answer.err
        assert tacho(command, "--history", history).code == 0


def test_a_price_for_one_provider_holds_where_none_is_named(tacho: Command, tmp_path: Path) -> None:
    log, history, own = Log(tmp_path / "log.jsonl"), tmp_path / "h.db", tmp_path / "own.json"
    log.call(1, "msg_1", model="my-model", tokens_in=1000, out=0)
    log.write()
    own.write_text('{"prices": [{"provider": "openai", "model": "my-model", "rates": {"input": 2, "cache_read": 0}}]}')
    assert tacho("import", "claude-code", log.path, "--history", history, "--prices", own).code == 0
    assert tacho("usage", "--history", history, "--format", "json").json()["totals"]["cost_usd"] == "0.002"
