"""Files of prices through the command: a bad one is refused by line and column, and what was there before stays."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

TACHO = str(Path(os.environ["TACHO_TEST_PREFIX"]) / "bin/tacho")
SEEDS = Path(os.environ["TACHO_TEST_SOURCE"]) / "tests/fuzz/seeds/fuzz_price_table"

GOOD = '{"prices": [{"provider": "own", "model": "house", "rates": {"input": 1, "output": 2}}]}'
BAD = {
    "a currency": ('{"prices": [\n{"model": "x", "currency": "EUR", "rates": {"input": 1}}]}', ":2:"),
    "a price of units": ('{"prices": [\n\n{"model": "x", "rates": {"input": 2000}}]}', ":3:"),
    "an unknown unit": ('{"prices": [{"model": "x",\n"rates": {"inputs": 1}}]}', ":2:"),
    "a mistyped member": ('{"prices": [{"model": "x", "rates": {"input": 1},\n"form": "2026-01-01"}]}', ":2:"),
    "a member twice": ('{"prices": [{"model": "x", "rates": {"input": 1},\n"model": "y"}]}', ":2:"),
    "a unit twice": ('{"prices": [{"model": "x", "rates": {"input": 1,\n"input_tokens": 2}}]}', ":2:"),
    "a factor that is no fraction": ('{"modifiers": [{"provider": "openai",\n"factor": 0.85}]}', ":2:"),
    "a negative price": ('{"prices": [{"model": "x", "rates": {"input": -1}}]}', ":1:"),
    "overlapping dates": (
        '{"prices": [{"model": "x", "from": "2026-01-01", "to": "2026-06-01", "rates": {"input": 1}},\n'
        '{"model": "x", "from": "2026-05-01", "rates": {"input": 2}}]}',
        ":2:",
    ),
    "half a file": ('{"prices": [', ":1:"),
    "another file": ("[1, 2]", ":1:"),
}


def tacho(*arguments: object, prices: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"TACHO_PRICES": str(prices)} if prices else {})}
    command = [TACHO, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", env=environment)


@pytest.mark.parametrize("name", BAD)
def test_bad_user_prices_are_refused_where_they_are_bad(name: str, tmp_path: Path) -> None:
    text, place = BAD[name]
    file = tmp_path / "own.json"
    file.write_text(text, encoding="utf-8")
    done = tacho("prices", "check", file)
    assert done.returncode != 0
    assert f"own.json{place}" in done.stderr


@pytest.mark.parametrize("name", BAD)
def test_a_failed_update_keeps_the_old_table(name: str, tmp_path: Path) -> None:
    good, bad, table = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "t.prices"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_text(BAD[name][0], encoding="utf-8")
    assert tacho("prices", "build", good, "-o", table).returncode == 0
    before = table.read_bytes()
    for command in ("build", "update"):
        assert tacho("prices", command, bad, "-o", table).returncode != 0
        assert table.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "good.json", "t.prices"]


def test_the_prices_in_force_are_those_of_the_file(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(GOOD, encoding="utf-8")
    assert "$1 per million" in tacho("prices", "house", "--provider", "own", prices=good).stdout
    assert "(exact)" in tacho("prices", "claude-opus-4-6", "--provider", "anthropic", prices=good).stdout


def test_mutated_files_do_no_harm(tmp_path: Path) -> None:
    """A few through the command; the fuzzer reads a million in the lane `deep`."""
    seed = int(os.environ.get("TACHO_TEST_SEED", random.SystemRandom().randrange(2**32)))
    print(f"seed {seed}")
    dice = random.Random(seed)
    seeds = sorted(SEEDS.iterdir())
    file = tmp_path / "mutated"
    for _ in range(150):
        data = bytearray(dice.choice(seeds).read_bytes())
        for _ in range(dice.randrange(1, 5)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        file.write_bytes(data)
        done = tacho("prices", "check", file)
        assert 0 <= done.returncode < 6, (seed, done.stderr)
        assert "ERROR: " not in done.stderr
