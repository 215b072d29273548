"""`tacho history reprice`: stored costs change when somebody asks for it, and never otherwise."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Log

DEAR = {"prices": [{"provider": "anthropic", "model": "claude-opus-4-6", "rates": {"input": 100, "output": 1000}}]}


@pytest.fixture
def dear(tmp_path: Path) -> Path:
    path = tmp_path / "dear.json"
    path.write_text(json.dumps(DEAR))
    return path


def costs(tacho: Command, history: Path) -> dict[str, Any]:
    answer = tacho("usage", "--by", "model", "--history", history, "--format", "json")
    assert answer.code == 0
    return {row["model"]: row["cost_usd"] for row in answer.json()["rows"]}


def reprice(tacho: Command, history: Path, *arguments: object) -> Any:
    answer = tacho("history", "reprice", "--history", history, "--format", "json", *arguments)
    assert (answer.code, answer.err) == (0, "")
    return answer.json()


def test_the_same_prices_change_nothing(tacho: Command, history: Path) -> None:
    before = history.read_bytes()
    found = reprice(tacho, history, "--dry-run")
    assert (found["calls"], found["changed"], found["models"]) == (4, 0, [])
    assert reprice(tacho, history)["changed"] == 0
    assert costs(tacho, history) == costs(tacho, history)
    assert len(history.read_bytes()) == len(before)


def test_a_dry_run_tells_and_changes_nothing(tacho: Command, history: Path, dear: Path) -> None:
    before, bytes_before = costs(tacho, history), history.read_bytes()
    found = reprice(tacho, history, "--dry-run", "--prices", dear)
    assert found["dry_run"] is True
    assert found["changed"] == 3
    assert [model["model"] for model in found["models"]] == ["claude-opus-4-6"]
    assert Decimal(found["after_usd"]) > Decimal(found["before_usd"]) > 0
    assert costs(tacho, history) == before
    assert history.read_bytes() == bytes_before


def test_costs_change_where_prices_do_and_come_back(tacho: Command, history: Path, dear: Path) -> None:
    before = costs(tacho, history)
    tacho("usage", "--history", history, TACHO_PRICES=str(dear))
    assert costs(tacho, history) == before  # reading under other prices is no repricing
    found = reprice(tacho, history, "--prices", dear)
    after = costs(tacho, history)
    assert after["claude-haiku-4-5-20251001"] == before["claude-haiku-4-5-20251001"]
    assert after["claude-opus-4-6"] == found["after_usd"]
    assert reprice(tacho, history, "--prices", dear)["changed"] == 0
    assert reprice(tacho, history)["changed"] == 3
    assert costs(tacho, history) == before


def test_a_batch_call_stays_one(tacho: Command, tmp_path: Path) -> None:
    log, history, dear = Log(tmp_path / "logs" / "one.jsonl"), tmp_path / "h.db", tmp_path / "dear.json"
    log.prompt(0)
    for number, tier in enumerate(["standard", "batch"]):
        log.call(number + 1, f"msg_{tier}", model="claude-opus-4-6", tokens_in=1000, out=100, tier=tier)
    log.write()
    rates = {"input": 100, "output": 1000, "cache_read": 0}
    entry = {**DEAR["prices"][0], "rates": rates}
    batch = {**entry, "service": "batch", "rates": {"input": 10, "output": 100, "cache_read": 0}}
    dear.write_text(json.dumps({"prices": [entry, batch]}))
    assert tacho("import", "claude-code", log.path, "--history", history).code == 0
    assert costs(tacho, history) == {"claude-opus-4-6": "0.012"}  # 0.008 and half of it
    reprice(tacho, history, "--prices", dear)
    assert costs(tacho, history) == {"claude-opus-4-6": "0.22"}  # 0.2 and 0.02
    reprice(tacho, history)
    assert costs(tacho, history) == {"claude-opus-4-6": "0.012"}


def test_prices_are_those_of_the_time_of_the_call(tacho: Command, history: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    later = [{**DEAR["prices"][0], "from": "2026-02-04"}]  # only the second session lies behind that day in UTC
    path.write_text(json.dumps({"prices": later}))
    assert reprice(tacho, history, "--dry-run", "--prices", path)["changed"] == 0
    path.write_text(json.dumps({"prices": [{**later[0], "from": "2026-02-03T12:00Z"}]}))
    assert reprice(tacho, history, "--dry-run", "--prices", path)["changed"] == 1


def test_a_price_for_an_unknown_model_makes_its_cost_known(tacho: Command, unpriced: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"prices": [{"model": "nobody-knows-1", "rates": {"input": 1, "output": 2}}]}')
    found = reprice(tacho, unpriced, "--prices", path)
    assert (found["changed"], found["before_usd"]) == (1, "0")
    assert costs(tacho, unpriced)["nobody-knows-1"] == found["after_usd"]


def test_plain_text_and_faults(tacho: Command, history: Path, dear: Path, tmp_path: Path) -> None:
    answer = tacho("history", "reprice", "--dry-run", "--history", history, "--prices", dear)
    assert answer.code == 0 and "3 of 4 costs would change" in answer.out
    assert tacho("history").code == 2
    assert tacho("history", "forget").code == 2
    missing = tmp_path / "none.db"
    assert tacho("history", "reprice", "--history", missing).code == 3
    assert not missing.exists()
