"""The figures of the sample sessions, which are known to the token and to the dollar."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

DATA = Path(os.environ.get("TACHO_TEST_DATA", "")) / "agent-sessions/claude-code"
pytestmark = pytest.mark.skipif(
    not os.environ.get("TACHO_TEST_DATA") or not DATA.is_dir(), reason="TACHO_TEST_DATA names no sample data"
)
TOKENS = {
    "input_tokens": 4433,
    "output_tokens": 81085,
    "cache_write_tokens": 0,
    "cache_write_1h_tokens": 742614,
    "cache_read_tokens": 31802050,
}
COSTS = {
    "claude-opus-4-6": "24.4600705",
    "claude-sonnet-4-5-20250929": "0.2633937",
    "claude-haiku-4-5-20251001": "0.095479",
}


def check(envelope: Any) -> None:
    totals = envelope["totals"]
    assert totals["calls"] == 335
    assert {name: totals[name] for name in TOKENS} == TOKENS
    assert (totals["cost_usd"], totals["cost_state"], totals["unpriced_calls"]) == ("24.8189432", "exact", 0)
    assert {row["model"]: row["cost_usd"] for row in envelope["rows"]} == COSTS


def test_the_sample_costs_what_it_cost(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    answer = tacho("import", "claude-code", DATA, "--history", path)
    assert answer.code == 0
    assert "335 model calls (335 new)" in answer.out
    assert "cost $24.8189432" in answer.out
    assert "5 calls of low confidence ($0.0381633)" in answer.err
    envelope = tacho("usage", "--history", path, "--by", "model", "--format", "json").json()
    check(envelope)
    assert any("5 calls" in warning and "0.0381633" in warning for warning in envelope["warnings"])
    assert "9 files (9 unchanged), 0 lines read" in tacho("import", "claude-code", DATA, "--history", path).out
    check(tacho("usage", "--history", path, "--format", "json").json())


def test_order_and_folders_do_not_matter(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    files = sorted(DATA.rglob("*.jsonl"), reverse=True)
    for file in files:
        assert tacho("import", "claude-code", file, "--history", path, "-q").code == 0
    check(tacho("usage", "--history", path, "--format", "json").json())


def test_a_cut_log_is_taken_up_again(tacho: Command, tmp_path: Path) -> None:
    path, copy = tmp_path / "h.db", tmp_path / "copy"
    shutil.copytree(DATA, copy)
    for file in copy.rglob("*.jsonl"):
        whole = file.read_bytes()
        file.chmod(0o600)
        file.write_bytes(whole[: len(whole) * 2 // 3])
    assert tacho("import", "claude-code", copy, "--history", path, "-q").code == 0
    for file in copy.rglob("*.jsonl"):
        whole = (DATA / file.relative_to(copy)).read_bytes()
        with file.open("ab") as end:
            end.write(whole[len(whole) * 2 // 3 :])
    assert tacho("import", "claude-code", copy, "--history", path, "-q").code == 0
    check(tacho("usage", "--history", path, "--format", "json").json())


def test_sums_agree_whatever_they_are_grouped_by(tacho: Command, tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    tacho("import", "claude-code", DATA, "--history", path, "-q")
    totals = [
        tacho("usage", "--history", path, "--by", by, "--format", "json").json()["totals"]
        for by in ("model", "provider", "day", "session", "total")
    ]
    assert all(total == totals[0] for total in totals)
