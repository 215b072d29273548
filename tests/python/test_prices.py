"""The worked cases of tests/conformance/prices and the recorded responses, through Python.

Both run in a process of their own whose prices are those that `tacho prices build ... -o FILE` made of the shared data,
put in force by `TACHO_PRICES=FILE`. Amounts are compared as decimals.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from decimal import Decimal

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "conformance" / "prices" / "cases.json"
REVIEWED = ROOT / "tests" / "prices" / "reviewed.json"
DATA = os.environ.get("TACHO_TEST_DATA")


def data_file(name):
    path = pathlib.Path(DATA or "") / "prices" / name
    if not DATA or not path.exists():
        pytest.skip(f"TACHO_TEST_DATA has no prices/{name}")
    return path


def build(out, *sources):
    tacho = shutil.which("tacho")
    command = [tacho] if tacho else [sys.executable, "-m", "tachograph"]
    command += ["prices", "build", *map(str, sources), "--date", "2026-08-21", "-o", str(out)]
    subprocess.run(command, check=True)
    return out


@pytest.fixture(scope="module")
def sources():
    return [data_file("genai-prices.json"), data_file("litellm.json")]


@pytest.fixture(scope="module")
def table(tmp_path_factory, sources):
    return build(tmp_path_factory.mktemp("prices") / "table.prices", *sources)


def run(table, code, *arguments):
    environment = dict(os.environ, TACHO_PRICES=str(table))
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# ------------------------------------------------------------------------------------------------------ worked cases

RUN_CASES = """
import json, sys, tachograph

def played(case):
    usage = case.get("usage", case.get("response", case.get("stream")))
    options = {"provider": case["provider"], "at": case["at"]}
    options.update((to, case[key]) for key, to in {"dialect": "dialect", "requested_tier": "service_tier"}.items()
                   if key in case)
    cost = tachograph.calculate_cost(case["model"], usage, **options)
    text = tachograph.calculate_cost(case["model"], json.dumps(usage), **options)
    with tachograph.llm("case", provider=case["provider"], model=case["model"]) as op:
        op.usage(usage, dialect=case.get("dialect")) if "usage" not in case else op.usage(**usage)
    used = op.record.usage.to_dict()
    total = lambda *names: sum(used.get(name) or 0 for name in names)
    row = {"total_input": total("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
           "total_output": total("output_tokens", "reasoning_tokens"), "state": cost.state,
           "as_text": usage == {} or (text.usd == cost.usd and text.state == cost.state)}
    for key, amount in {"usd": cost.usd, "table_usd": cost.table_usd}.items():
        row[key] = None if amount is None else format(sum([amount] * case.get("repeat", 1)), "f")
    return row

cases = {case["name"]: case for case in json.load(open(sys.argv[1]))["cases"]}
print(json.dumps({name: played(cases[name]) for name in json.loads(sys.argv[2])}))
"""


def figures_of(cases, sources, table, folder):
    """name -> figures; a case with prices or sources of its own runs on a table of its own."""
    plain = [case["name"] for case in cases if "prices" not in case and "sources" not in case]
    rows = run(table, RUN_CASES, CASES, json.dumps(plain))
    for number, case in enumerate(case for case in cases if case["name"] not in plain):
        file = folder / f"{number}.json"
        file.write_text(json.dumps(case.get("prices", case.get("sources"))), "utf-8")
        if "sources" in case:
            file = build(folder / f"{number}.prices", *sources, file)
        rows.update(run(file, RUN_CASES, CASES, json.dumps([case["name"]])))
    return rows


def test_cases__come_out_as_written(table, sources, tmp_path):
    cases = json.loads(CASES.read_text("utf-8"))["cases"]
    rows = figures_of(cases, sources, table, tmp_path)
    assert len({case["name"].split(" ")[0] for case in cases}) == 56
    for case in cases:
        row = rows[case["name"]]
        for key in ("usd", "table_usd"):
            if key in case:
                assert row[key] is not None and Decimal(row[key]) == Decimal(case[key]), (case["name"], key, row)
        for key in ("state", "total_input", "total_output"):
            assert case.get(key, row[key]) == row[key], (case["name"], key, row)
        assert row["as_text"], (case["name"], "JSON text is priced otherwise")


# --------------------------------------------------------------------------------------------------- recorded bodies

RUN_BODIES = """
import json, sys, tachograph
rows = []
for entry in json.load(open(sys.argv[1])):
    for group in entry["extracted"]:
        for row in group["extractors"]:
            if "input_price" in row:
                cost = tachograph.calculate_cost(entry.get("model"), entry["body"], provider=row["provider_id"],
                                                 dialect=row["api_flavor"], at="2026-07-15T12:00:00Z")
                ours = [cost.input_usd, cost.output_usd, cost.table_usd]
                rows.append([entry.get("model"), row, [None if usd is None else format(usd, "f") for usd in ours]])
print(json.dumps(rows))
"""


def key_of(model, provider, dialect, input_price, output_price):
    return model, provider, dialect, Decimal(input_price), Decimal(output_price)


def test_recorded_bodies__are_equal(table):
    reviewed = {
        key_of(row["model"], row["provider"], row["dialect"], row["input_price"], row["output_price"]): row
        for row in json.loads(REVIEWED.read_text("utf-8"))["bodies"]
    }
    assert len(reviewed) <= 20
    rows = run(table, RUN_BODIES, data_file("usage-bodies.json"))
    equal, wrong, deviates = 0, [], set()
    for model, row, ours in rows:
        expected = [Decimal(row["input_price"]), Decimal(row["output_price"])]
        expected.append(Decimal(row["total_price"]) if "total_price" in row else sum(expected))
        figures = [None if usd is None else Decimal(usd) for usd in ours]
        key = key_of(model, row["provider_id"], row["api_flavor"], row["input_price"], row["output_price"])
        if key in reviewed and figures[:2] == [Decimal(reviewed[key][name]) for name in ("input_usd", "output_usd")]:
            deviates.add(key)
        elif figures[:2] != expected[:2] or ("total_price" in row and figures != expected):
            wrong.append([model, row, ours])
        else:
            equal += 1
    print(f"{len(rows)} priced, {equal} equal, {len(deviates)} reviewed, {len(wrong)} wrong")
    assert wrong == []
    assert deviates == set(reviewed)
    assert equal > 1500


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


@pytest.mark.parametrize("name", ["provider", "service_tier", "dialect"])
def test_calculate_cost__refuses_words_that_are_none(name):
    import tachograph

    with pytest.raises(TypeError, match=f"^{name} must be a str, not int"):
        tachograph.calculate_cost("o3", {"input": 1}, **{name: 5})


def test_calculate_cost__refuses_an_unknown_dialect():
    import tachograph

    with pytest.raises(ValueError, match="unknown dialect"):
        tachograph.calculate_cost("o3", {"input": 1}, provider="openai", dialect="nosuch")
    assert tachograph.calculate_cost("o3", {"prompt_tokens": 1}, provider="openai", dialect="chat").usd is not None


def test_calculate_cost__tells_when_also_of_the_first_instant():
    import tachograph

    assert tachograph.calculate_cost("o3", {"input": 1}, at=0).priced_at.timestamp() == 0
    for wrong in ("1h", "yesterday", ""):
        with pytest.raises(ValueError, match="is no time: give an aware datetime, ISO text with its zone"):
            tachograph.calculate_cost("o3", {"input": 1}, at=wrong)


def test_calculate_cost__of_counts_with_a_fraction_is_estimated():
    import tachograph

    def cost(tokens):
        return tachograph.calculate_cost("claude-opus-4-6", {"input": tokens}, provider="anthropic")

    assert (cost(10).state, cost(10.0).state, cost(10.4).state) == ("exact", "exact", "estimated")
    assert cost(10.5).usd == cost(10).usd and cost(11.5).usd == cost(12).usd  # half to even
    collector = tachograph.Collector()
    with collector.llm("ask", provider="anthropic", model="claude-opus-4-6") as op:
        op.usage(input=10.4)
    assert collector.summary().cost_state == "estimated"
