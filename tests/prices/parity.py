"""Our prices against the two packages of the lock file, vector by vector: the lane `prices_full`.

192 usages (prompts around the usual thresholds, with and without cache and reasoning) for every model of
genai-prices at three instants, and for every id that litellm prices per token. What differs belongs to a class that is
explained here or in reviewed.json; the counts of all classes are printed. Needs the packages: downloaded once, into
build/prices.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import litellm_rule
import pytest
import test_table
import vectors

HERE = Path(__file__).resolve().parent
REVIEWED: dict[str, Any] = json.loads((HERE / "reviewed.json").read_text(encoding="utf-8"))
PICO = Decimal("1e-12")
VERSION = {source["name"]: source["version"] for source in test_table.LOCK["sources"]}
AT_TABLE = f"{test_table.LOCK['date']}T12:00:00Z"


def usages() -> Iterator[dict[str, int]]:
    """The vectors as disjoint classes."""
    for prompt, read, write, output, reasoning in vectors.vectors():
        yield {
            "input": prompt - read - write,
            "cache_read": read,
            "cache_write": write,
            "output": output - reasoning,
            "reasoning": reasoning,
        }


def tell(what: str, classes: Counter[str]) -> None:
    print(f"\n{what}: {sum(classes.values())} vectors")
    for name, count in classes.most_common():
        print(f"  {count:>9}  {name}")


# -------------------------------------------------------------------------------------------------------- genai-prices


def genai_vectors() -> Path:
    """The package's own prices, one line per vector; made once per version."""
    version = VERSION["genai-prices"]
    package, out = test_table.KEPT / f"genai-prices-{version}", test_table.KEPT / f"genai-prices-{version}.tsv"
    if not package.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
        done = subprocess.run([*command, str(package), f"genai-prices=={version}"], check=False, capture_output=True)
        if done.returncode != 0:
            pytest.skip(f"genai-prices {version} cannot be installed: {done.stderr.decode()[-200:]}")
    if not out.exists():
        environment = {**os.environ, "PYTHONPATH": str(package)}
        part = out.with_suffix(".part")
        subprocess.run([sys.executable, str(HERE / "vectors.py"), str(part)], check=True, env=environment)
        part.rename(out)
    return out


RUN_GENAI = """
import sys, tachograph
for line in open(sys.argv[1], encoding="utf-8"):
    provider, model, instant, prompt, read, write, output, reasoning, expected = line.rstrip("\\n").split("\\t")
    prompt, read, write, output, reasoning = map(int, (prompt, read, write, output, reasoning))
    usage = {"input": prompt - read - write, "cache_read": read, "cache_write": write,
             "output": output - reasoning, "reasoning": reasoning}
    usd = tachograph.calculate_cost(model, usage, provider=provider, at=int(instant)).usd
    ours = "-" if usd is None else str(int(usd.scaleb(12)))
    if ours != expected:
        print(provider, model, ours, expected, sep="\\t")
"""


def genai_class(provider: str, model: str, ours: str, theirs: str, reviewed: set[tuple[str, str]]) -> str:
    if theirs == "-":
        return "refused by genai-prices"
    if ours == "-" and theirs == "0":
        return "no price: unknown here, 0 there"
    return "reviewed" if (provider, model) in reviewed else "unexplained"


def test_all_models_of_genai_prices_cost_the_same() -> None:
    file = genai_vectors()
    reviewed = {(row["provider"], row["model"]) for row in REVIEWED["vectors"]}
    done = subprocess.run([sys.executable, "-c", RUN_GENAI, str(file)], check=True, capture_output=True, text=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    with file.open("rb") as lines:
        count = sum(1 for _ in lines)
    classes = Counter(genai_class(*row, reviewed) for row in rows)
    classes["equal"] = count - len(rows)
    tell(f"genai-prices {VERSION['genai-prices']}", classes)
    wrong = [row for row in rows if genai_class(*row, reviewed) == "unexplained"]
    assert wrong[:20] == []
    assert count > 281_472 * 3 // 2


# ------------------------------------------------------------------------------------------------------------- litellm


def identity(key: str, info: dict[str, Any]) -> tuple[str, str]:
    """What a key is to us: several keys of litellm are the same model of the same provider."""
    provider = litellm_rule.provider_of(info)
    bare = key.split("/", 1)[1] if "/" in key and key.split("/")[0] in (provider, info["litellm_provider"]) else key
    for start, ours in (("vertex_ai", "google"), ("gemini", "google"), ("palm", "google"), ("azure", "azure")):
        provider = ours if provider.startswith(start) else provider
    return provider, bare.lower()


def is_equal(a: Decimal, b: Decimal) -> bool:
    """But for one rounding of each component, and the noise of a float in litellm's file."""
    return abs(a - b) <= max(3 * PICO, b * Decimal("1e-9"))


def litellm_class(key: str, info: dict[str, Any], usage: dict[str, int], cost: Any, twins: list[dict[str, Any]]) -> str:
    expected = litellm_rule.total(info, usage)
    rates = litellm_rule.rates(info, 1)
    if cost.usd is None:
        gated = max(rates.values()) > Decimal("0.001")
        return "unit gate" if gated else "unknown: 0 there" if expected == 0 else "unexplained"
    if is_equal(cost.usd, expected):
        return "equal"
    if is_equal(cost.usd - cost.components.get("requests", Decimal(0)), expected):
        return "fee per request"
    if any(
        is_equal(cost.usd - cost.components.get("requests", Decimal(0)), litellm_rule.total(twin, usage))
        for twin in twins
    ):
        return "two keys, one id"
    if litellm_rule.provider_of(info) == "bedrock" and any(
        is_equal(a * 10, b * 11) for a, b in [(cost.usd, expected), (expected, cost.usd)]
    ):
        return "Bedrock region"
    if info.get("input_cost_per_token") is None:
        return "input without a price: the audio's"
    if key in OVERRIDDEN:
        return "override"
    return "unexplained"


OVERRIDDEN = {
    f"{row.get('provider')}/{row['model']}"
    for row in json.loads((test_table.PRICE / "generate/overrides.json").read_text(encoding="utf-8"))["prices"]
}


def priced_per_token(data: bytes) -> dict[str, dict[str, Any]]:
    entries = json.loads(data, parse_float=Decimal)
    return {
        key: info
        for key, info in entries.items()
        if info.get("litellm_provider") and (info.get("input_cost_per_token") or info.get("output_cost_per_token"))
    }


def litellm_costs(
    table: Path, entries: dict[str, dict[str, Any]], folder: Path
) -> Iterator[tuple[str, dict[str, int], Any]]:
    """Costs of all vectors of all ids, computed in another process under that table."""
    code = """
import json, pickle, sys, tachograph
asked, usages = json.load(open(sys.argv[1], encoding="utf-8"))
with open(sys.argv[2], "wb") as out:
    for model, provider, at in asked:
        for usage in usages:
            cost = tachograph.calculate_cost(model, usage, provider=provider, at=at)
            pickle.dump((cost.usd, cost.components), out)
"""
    names = [
        [key.removeprefix("bedrock_mantle/"), litellm_rule.provider_of(info), AT_TABLE] for key, info in entries.items()
    ]
    (folder / "asked.json").write_text(json.dumps([names, list(usages())]), encoding="utf-8")
    command = [sys.executable, "-c", code, str(folder / "asked.json"), str(folder / "costs")]
    subprocess.run(command, check=True, env={**os.environ, "TACHO_PRICES": str(table)})
    with (folder / "costs").open("rb") as file:
        for key in entries:
            for usage in usages():
                yield key, usage, Answer(*pickle.load(file))


class Answer:
    def __init__(self, usd: Decimal | None, components: dict[str, Decimal]) -> None:
        self.usd = usd
        self.components = components


def test_all_ids_of_litellm_cost_the_same(tmp_path: Path) -> None:
    version = VERSION["litellm"]
    data = test_table.package_data("litellm", version)
    source, table = tmp_path / "litellm.json", tmp_path / "litellm.prices"
    source.write_bytes(data)
    tacho = str(Path(os.environ["TACHO_TEST_PREFIX"]) / "bin/tacho")
    subprocess.run(
        [tacho, "prices", "build", str(source), "--date", test_table.LOCK["date"], "-o", str(table)], check=True
    )
    entries = priced_per_token(data)
    twins: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, info in entries.items():
        twins.setdefault(identity(key, info), []).append(info)
    classes: Counter[str] = Counter()
    wrong = []
    for key, usage, cost in litellm_costs(table, entries, tmp_path):
        info = entries[key]
        provider, bare = identity(key, info)
        others = twins[provider, bare] + twins.get((provider, key.lower()), [])
        name = litellm_class(key, info, usage, cost, others)
        classes[name] += 1
        if name == "unexplained":
            wrong.append([key, *usage.values(), str(cost.usd), str(litellm_rule.total(info, usage))])
    tell(f"litellm {version}, {len(entries)} ids", classes)
    assert wrong[:20] == []
    assert len(entries) > 2_400
