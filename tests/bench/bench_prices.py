"""What a price costs in C and through Python, against genai_prices.calc_price, all in one run.

    python bench_prices.py BENCH_PRICES      (the C program, built from bench_prices.c)

The package is installed beside the build in the version that prices.lock.json names. Ours and theirs take turns; a
figure is the best of ROUNDS rounds. Prints one line per figure: name, measured, limit, separated by tabs.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tachograph

ROUNDS = 15
ROOT = Path(os.environ.get("TACHO_TEST_SOURCE") or Path(__file__).parents[2])
PRICE = ROOT / "core/src/price"

# Name as in bench_prices.c, provider, model, our usage, theirs (totals that include the other classes).
CASES: list[tuple[str, str, str, dict[str, int], dict[str, int]]] = [
    (
        "2 classes",
        "openai",
        "gpt-4o",
        {"input": 1000, "output": 100},
        {"input_tokens": 1000, "output_tokens": 100},
    ),
    (
        "4 classes",
        "anthropic",
        "claude-sonnet-4-5",
        {"input": 14000, "cache_read": 155000, "cache_write": 3000, "output": 2000},
        {"input_tokens": 172000, "cache_read_tokens": 155000, "cache_write_tokens": 3000, "output_tokens": 2000},
    ),
    (
        "6 classes",
        "openai",
        "gpt-realtime",
        {
            "input": 1000,
            "cache_read": 250,
            "input_audio": 100,
            "cache_read_audio": 50,
            "output": 200,
            "output_audio": 300,
        },
        {
            "input_tokens": 1400,
            "cache_read_tokens": 300,
            "input_audio_tokens": 150,
            "cache_audio_read_tokens": 50,
            "output_tokens": 500,
            "output_audio_tokens": 300,
        },
    ),
]


def their_package(cache: Path) -> Any:
    """genai_prices in the locked version, installed once."""
    lock = json.loads((PRICE / "prices.lock.json").read_text("utf-8"))
    version = next(source["version"] for source in lock["sources"] if source["name"] == "genai-prices")
    folder = cache / version
    if not (folder / "genai_prices").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
        subprocess.run([*pip, str(folder), f"genai-prices=={version}"], check=True)
    sys.path.append(str(folder))
    import genai_prices

    return genai_prices


def builtin_table() -> bytes:
    """The table compiled into the library, out of its C source."""
    lines = (PRICE / "table_builtin.c").read_text("utf-8").splitlines()
    literals = (line.rstrip(";") for line in lines if line.startswith('"'))
    return b"".join(ast.literal_eval("b" + literal.replace("\\?", "?")) for literal in literals)


def c_figures(program: str, table: Path) -> dict[str, tuple[float, str]]:
    printed = subprocess.run([program, str(table)], check=True, capture_output=True, text=True).stdout
    rows = (line.split("\t") for line in printed.splitlines())
    return {name: (float(value), limit) for name, value, limit in rows}


def nanoseconds(function: Callable[[], Any], calls: int) -> float:
    return timeit.timeit(function, number=calls) / calls * 1e9


def compare(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    if ours().usd != theirs().total_price:
        raise SystemExit(f"different prices: {ours().usd} and {theirs().total_price}")
    rounds = [(nanoseconds(ours, 1000), nanoseconds(theirs, 100)) for _ in range(ROUNDS)]
    return min(our for our, _ in rounds), min(their for _, their in rounds)


def main() -> None:
    program = sys.argv[1]
    their = their_package(ROOT / "build/genai-prices")
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "builtin.prices"
        table.write_bytes(builtin_table())
        before = c_figures(program, table)
        pairs = {}
        for what, provider, model, usage, totals in CASES:
            pairs[what] = compare(
                functools.partial(tachograph.calculate_cost, model, usage, provider=provider),
                functools.partial(their.calc_price, their.Usage(**totals), model, provider_id=provider),
            )
        after = c_figures(program, table)
    figures = {figure: (min(value, after[figure][0]), limit) for figure, (value, limit) in before.items()}
    for figure, (value, limit) in figures.items():
        print(f"{figure}\t{value:.0f}\t{limit}")
    for what, (our_time, their_time) in pairs.items():
        strings = figures[f"C price of {what}, from strings, ns"][0]
        print(f"Python price of {what}, ns\t{our_time:.0f}\t")
        print(f"genai_prices.calc_price of {what}, ns\t{their_time:.0f}\t")
        print(f"C price of {what} from strings / calc_price\t{strings / their_time:.4f}\t0.01")
        print(f"Python price of {what} / calc_price\t{our_time / their_time:.4f}\t0.05")


if __name__ == "__main__":
    main()
