"""`tacho doctor`: settings, registry, history and prices, and what is wrong with them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, big_log


def examine(tacho: Command, *arguments: object, **variables: str) -> Any:
    answer = tacho("doctor", "--format", "json", *arguments, **variables)
    assert (answer.code, answer.err) == (0, "")
    return answer.json()


@pytest.fixture
def registry(tmp_path: Path, record: Path, tacho: Command) -> Path:
    folder = tmp_path / "registry"
    environment = {**tacho.environment, "TACHO_DIR": str(folder)}
    subprocess.run([record, "2", "0"], env=environment, check=True)
    return folder


def test_nothing_is_wrong_with_nothing(tacho: Command) -> None:
    answer = tacho("doctor", "--strict")
    assert (answer.code, answer.err) == (0, "")
    assert "private memory" in answer.out and "there is no such file" in answer.out
    assert answer.out.endswith("Nothing is wrong.\n")
    found = examine(tacho)
    assert found["schema"] == "tacho.doctor/1"
    assert found["registry"] is None and found["warnings"] == []
    assert {setting["source"] for setting in found["settings"]} == {"default"}


def test_settings_say_where_they_come_from(tacho: Command, tmp_path: Path) -> None:
    (tacho.home / "tachograph.json").write_text('{"sample": 0.5, "prices": "mine.json"}')
    found = examine(tacho, TACHO_WINDOW="many", TACHO_SESSION="mine")
    sources = {setting["name"]: (setting["value"], setting["source"]) for setting in found["settings"]}
    assert sources["session"] == ("mine", "TACHO_SESSION")
    assert sources["sample"][0] == "0.5" and sources["sample"][1].endswith("tachograph.json")
    assert sources["window"][1] == "default"
    assert len(found["warnings"]) == 2  # the window that is no number, and prices that a project may not set
    assert tacho("doctor", "--strict", TACHO_WINDOW="many").code == 1
    assert "session" in tacho("doctor", TACHO_SESSION="mine").out


def test_a_registry(tacho: Command, registry: Path, record: Path) -> None:
    environment = {**tacho.environment, "TACHO_DIR": str(registry)}
    with subprocess.Popen([record, "1", "0", "wait"], env=environment, stdin=-1, stdout=-1) as live:
        assert live.stdout is not None and live.stdout.readline() == b"ready\n"
        found = examine(tacho, TACHO_DIR=str(registry))["registry"]
        assert (found["path"], found["source"], found["live"]) == (str(registry), "TACHO_DIR", 1)
        assert found["dead"] + found["folded"] == 1 and found["skipped"] == 0
        (segment,) = [one for one in found["segments"] if one["state"] == "live"]
        assert segment["process"] == live.pid and segment["writer"].startswith("tachograph ")
        assert segment["file_bytes"] >= segment["used_bytes"] > 0 and segment["drops"] == {}
        text = tacho("doctor", "--from", registry).out
        assert f"Registry {registry} (--from)" in text and f"live      {live.pid:>8}" in text
        live.communicate(b"")
    assert examine(tacho, "--from", registry)["registry"]["live"] == 0


def test_a_damaged_segment_is_named(tacho: Command, registry: Path) -> None:
    before = {path.name for path in registry.iterdir()}
    (registry / ("seg-" + "0" * 32)).write_bytes(b"no segment at all")
    found = examine(tacho, "--from", registry)
    assert found["registry"]["skipped"] == 1
    assert found["warnings"] == [f"registry: seg-{'0' * 32} is left out of all numbers: foreign"]
    assert "left out: foreign" in tacho("doctor", "--from", registry).out
    assert {path.name for path in registry.iterdir()} == before | {"seg-" + "0" * 32}
    assert tacho("usage", "--from", registry, "--format", "json").json()["totals"]["calls"] == 2


def test_what_was_lost_is_a_warning(tacho: Command, registry: Path) -> None:
    causes = {
        0: "operation_lost",
        18: "record_unkept",
        31: "metric_overflow",
        34: "history_refused",
        35: "history_missed",
    }
    (path,) = [path for path in registry.iterdir() if path.name == "base" or path.name.startswith("seg-")]
    path.chmod(0o600)
    with path.open("r+b") as file:
        for index in [2, *causes]:  # calls that were invalid are no loss
            file.seek(2048 + 8 * index)
            file.write((index + 1).to_bytes(8, "little"))
    found = examine(tacho, "--from", registry)
    assert found["warnings"] == [f"registry: {cause} of {path.name}: {index + 1}" for index, cause in causes.items()]


def test_what_could_not_be_read_is_told_by_every_answer(tacho: Command, registry: Path) -> None:
    lack = "3 segments of processes could not be read: foreign 2, damaged 1"
    for number in range(2):
        (registry / (f"seg-{number}" + "0" * 31)).write_bytes(b"no segment at all")
    (registry / ("damaged-base-" + "0" * 16)).write_bytes(b"was base once")
    for command in ("usage", "summary", "steps"):
        answer = tacho(command, "--from", registry, "--format", "json")
        assert (answer.code, answer.json()["warnings"]) == (0, [lack]) and lack in answer.err
        people = tacho(command, "--from", registry)
        assert people.code == 0 and people.err.count(lack) == 1
        strict = tacho(command, "--from", registry, "--strict")
        assert strict.code == 4 and "incomplete: segments not read 3" in strict.err
    assert "3 processes that could not be read" in tacho("summary", "--from", registry).out
    found = examine(tacho, "--from", registry)
    assert f"registry: damaged-base-{'0' * 16} is left out of all numbers: damaged" in found["warnings"]
    assert found["registry"]["skipped"] == 3
    assert tacho("doctor", "--from", registry, "--strict").code == 1
    (registry / ("damaged-base-" + "0" * 16)).unlink()
    assert "2 segments" in tacho("usage", "--from", registry).err


def test_a_registry_that_is_none(tacho: Command, tmp_path: Path) -> None:
    found = examine(tacho, TACHO_DIR=str(tmp_path / "none"))
    assert found["registry"] is None
    assert "no program has recorded there" in found["warnings"][0]


def test_a_history(tacho: Command, history: Path, tmp_path: Path) -> None:
    found = examine(tacho, "--history", history)["history"]
    assert found["records"] == 8 and found["file_bytes"] == history.stat().st_size and found["problem"] is None
    text = tmp_path / "text"
    text.write_text("dear diary")
    found = examine(tacho, "--history", text)
    assert "is not a history" in found["history"]["problem"] and len(found["warnings"]) == 1
    assert examine(tacho, TACHO_HISTORY="off")["history"] is None


@pytest.mark.parametrize("kind", [0x0D, 0x0A], ids=["the records", "what counts them"])
def test_a_history_whose_records_cannot_be_read(kind: int, tacho: Command, tmp_path: Path) -> None:
    """Its first page, with the tables' names, is whole: it can be opened."""
    big_log(tmp_path / "logs" / "log.jsonl", 1500)
    path = tmp_path / "h.db"
    assert tacho("import", "claude-code", tmp_path / "logs", "--history", path).code == 0
    pages = bytearray(path.read_bytes())
    size = int.from_bytes(pages[16:18], "big")
    for start in range(size, len(pages), size):
        if pages[start] == kind:  # a leaf of a table, of an index
            pages[start : start + size] = b"\xa5" * size
    path.write_bytes(pages)
    words = "database disk image is malformed"
    found = examine(tacho, "--history", path)
    assert found["history"] == {"path": str(path), "problem": words, "records": None, "file_bytes": len(pages)}
    assert found["warnings"] == [f"history: '{path}' cannot be read: {words}"]
    answer = tacho("doctor", "--history", path, "--strict")
    assert answer.code == 1 and words in answer.out and " records" not in answer.out
    assert "Nothing is wrong" not in answer.out
    if kind == 0x0D:
        usage = tacho("usage", "--history", path, "--by", "total")
        assert usage.code == 3 and words in usage.err


def test_what_is_unknown_of_a_history_is_not_0(tacho: Command, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("dear diary")
    for path, size in ((text, 10), (tmp_path / "none", None)):
        history = examine(tacho, "--history", path)["history"]
        assert (history["records"], history["file_bytes"]) == (None, size)
