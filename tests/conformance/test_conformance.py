"""Every case through C, Python, Lua and the command: equal byte for byte, and equal to what was worked out by hand."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import play
import pytest

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.json"))
MAX_BYTES = 200  # of a name
OWN = ("custom_metrics", "tags")  # with what each language makes results of by itself


@pytest.fixture(scope="session")
def play_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """play.c, compiled against the installation."""
    program = tmp_path_factory.mktemp("play") / "play"
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "tachograph", "yajl"], text=True).split()
    source = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", str(HERE / "play.c")]
    subprocess.run(["cc", *source, "-o", str(program), *flags, "-lm"], check=True)
    return program


def run(*command: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TACHO_")}
    return subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60).stdout


def cleaned(name: Any) -> str:
    """What becomes of a name: bytes that are no UTF-8 replaced, control characters dropped. Written anew here."""
    text = bytes.fromhex(name["hex"]).decode("utf-8", "replace") if isinstance(name, dict) else name
    return re.sub("[\x00-\x1f\x7f-\x9f]", "", text)


def same_name(found: str, name: Any) -> bool:
    """Long names end in a hash of the whole, which is not computed here."""
    want = cleaned(name)
    if len(want.encode()) <= MAX_BYTES:
        return found == want
    head, tilde, digits = found.rpartition("~")
    fits = len(found.encode()) <= MAX_BYTES and len(found.encode()) > MAX_BYTES - 4
    return bool(tilde) and fits and want.startswith(head) and re.fullmatch("[0-9a-f]{8}", digits) is not None


def agrees(found: Any, want: Any) -> bool:
    """Exact, unless the case allows an error or speaks of a name."""
    if isinstance(want, dict) and "cleaned" in want:
        return isinstance(found, str) and same_name(found, want["cleaned"])
    if isinstance(want, dict) and "near" in want:
        return found is not None and math.isclose(found, want["near"], rel_tol=want["within"])
    return bool(found == want)


def check_row(table: str, all_rows: list[dict[str, Any]], keys: dict[str, Any], fields: dict[str, Any]) -> None:
    rows = [row for row in all_rows if all(agrees(row[key], want) for key, want in keys.items())]
    assert len(rows) == 1, f"{table} {keys}: {len(rows)} rows"
    for field, want in fields.items():
        assert agrees(rows[0][field], want), f"{table} {keys} {field}: {rows[0][field]!r}, not {want!r}"


def check(case: dict[str, Any], answer: dict[str, Any]) -> None:
    summary = {**answer["summary"], **answer["summary"]["data_quality"]}
    for field, want in case["expect"]["summary"].items():
        assert agrees(summary[field], want), f"summary {field}: {summary[field]!r}, not {want!r}"
    for table, keys, fields in case["expect"]["rows"]:
        check_row(table, answer[table], keys, fields)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case__is_the_same_in_all_faces(path: Path, play_c: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "case.tacho"
    by_c = run(str(play_c), str(path), str(snapshot))
    by_python = run(sys.executable, str(HERE / "play.py"), str(path))
    by_lua = run("lua5.4", str(HERE / "play.lua"), str(path))
    assert by_c.decode() == by_python.decode()
    assert by_c.decode() == by_lua.decode()
    case, answer = json.loads(path.read_text(encoding="utf-8")), json.loads(by_c)
    check(case, answer)
    if shutil.which("tacho") is None:
        pytest.skip("the command is not installed")
    by_command = json.loads(run("tacho", "summary", "--from", str(snapshot), "--format", "json"))
    assert by_command["rows"] == [answer["summary"]]


def tables(case: dict[str, Any], snapshot: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables by several keys, as the command reads them from what C saved."""
    found = {}
    for by in map(",".join, case.get("usage", [])):
        envelope = json.loads(run("tacho", "usage", "--from", str(snapshot), "--by", by, "--format", "json"))
        assert sum(row["calls"] for row in envelope["rows"]) == envelope["totals"]["calls"]
        found[by] = envelope["rows"]
    return found


@pytest.mark.skipif(shutil.which("tacho") is None, reason="the command is not installed")
@pytest.mark.parametrize("path", [path for path in CASES if path.stem in OWN], ids=lambda path: path.stem)
def test_case__is_the_same_in_the_results_of_each_language(path: Path, play_c: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "case.tacho"
    answer, case = json.loads(run(str(play_c), str(path), str(snapshot))), json.loads(path.read_text(encoding="utf-8"))
    read = tables(case, snapshot)
    want = play.own(answer["summary"], read)
    assert want.count("\n") > 10
    assert run(sys.executable, str(HERE / "play.py"), str(path), "own").decode() == want
    assert run("lua5.4", str(HERE / "play.lua"), str(path), "own").decode() == want
    for by, keys, fields in case["expect"].get("usage", []):
        check_row(",".join(by), read[",".join(by)], keys, fields)


def test_cases__have_everything_that_is_promised() -> None:
    assert len(CASES) >= 8
    assert len({json.loads(path.read_text(encoding="utf-8"))["session"] for path in CASES}) == len(CASES)
