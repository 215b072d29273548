"""The worked cases of tests/conformance/prices and the recorded responses, through Python.

Both run in a process of their own whose table was made from the shared data with `tacho prices build`.
"""

import json
import os
import pathlib
import subprocess
import sys
from decimal import Decimal

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "conformance" / "prices" / "cases.json"
DATA = os.environ.get("TACHO_TEST_DATA")


def data_file(name):
    path = pathlib.Path(DATA or "") / "prices" / name
    if not DATA or not path.exists():
        pytest.skip(f"TACHO_TEST_DATA has no prices/{name}")
    return path


def build(out, *sources):
    command = [sys.executable, "-m", "tachograph", "prices", "build", *map(str, sources)]
    subprocess.run([*command, "--date", "2026-08-21", "-o", str(out)], check=True)
    return out


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    out = tmp_path_factory.mktemp("prices") / "table.prices"
    return build(out, data_file("genai-prices.json"), data_file("litellm.json"))


def run(table, code, *arguments):
    environment = dict(os.environ, TACHO_PRICES=str(table))
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(result.stdout)


RUN_CASES = """
import json, sys, tachograph
rows = []
for case in json.load(open(sys.argv[1]))["cases"]:
    if any(key in case for key in ("prices", "sources", "stream", "requested_tier")) or case.get("usage") == {}:
        continue
    options = {"provider": case["provider"], "at": case["at"]}
    if case.get("dialect"):
        options["dialect"] = case["dialect"]
    cost = tachograph.calculate_cost(case["model"], case.get("usage", case.get("response")), **options)
    usd = None if cost.usd is None else sum([cost.usd] * case.get("repeat", 1))
    rows.append([case["name"], None if usd is None else format(usd, "f"), cost.state,
                 None if cost.table_usd is None else format(cost.table_usd, "f")])
print(json.dumps(rows))
"""


def test_cases__come_out_as_in_c(table):
    cases = {case["name"]: case for case in json.loads(CASES.read_text("utf-8"))["cases"]}
    rows = run(table, RUN_CASES, CASES)
    assert len(rows) > 55
    for name, usd, state, table_usd in rows:
        case = cases[name]
        if "usd" in case:
            assert usd is not None and Decimal(usd) == Decimal(case["usd"]), name
        if "state" in case:
            assert state == case["state"], name
        if "table_usd" in case:
            assert Decimal(table_usd) == Decimal(case["table_usd"]), name


RUN_BODIES = """
import json, sys, tachograph
wrong, count = [], 0
for entry in json.load(open(sys.argv[1])):
    reviewed = len(entry["body"].get("usage", {}).get("iterations") or []) > 1
    for group in entry["extracted"]:
        for row in group["extractors"]:
            if "input_price" not in row or reviewed:
                continue
            cost = tachograph.calculate_cost(entry.get("model"), entry["body"], provider=row["provider_id"],
                                             dialect=row["api_flavor"], at="2026-07-15T12:00:00Z")
            count += 1
            if (
                    float(row["input_price"]) != float(cost.input_usd) or float(row["output_price"]) != float(cost.output_usd)):
                wrong.append([entry.get("model"), row, str(cost.input_usd), str(cost.output_usd)])
print(json.dumps([count, wrong]))
"""


def test_recorded_bodies__are_equal(table):
    count, wrong = run(table, RUN_BODIES, data_file("usage-bodies.json"))
    assert count > 1500
    assert wrong == []


def test_instant__may_be_a_datetime(table):
    code = """
import datetime, json, tachograph
at = datetime.datetime(2025, 6, 1, tzinfo=datetime.timezone.utc)
cost = tachograph.calculate_cost("o3", {"input": 1000}, provider="openai", at=at)
print(json.dumps([str(cost.usd), cost.table_version]))
"""
    usd, version = run(table, code)
    assert Decimal(usd) == Decimal("0.01")
    assert version.startswith("2026-08-21.")
