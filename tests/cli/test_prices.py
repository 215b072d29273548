"""`tacho prices`: files of prices, where an updated table goes, and the schema of prices of one's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

ROOT = Path(os.environ.get("TACHO_TEST_SOURCE") or Path(__file__).parents[2])
SCHEMA = json.loads((ROOT / "core/doc/prices.schema.json").read_text("utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float)}

# A whole table with one model.
SOURCE = '{"p/m": {"litellm_provider": "p", "input_cost_per_token": 3e-06}}'
OWN = '{"prices": [\n  // ours\n  {"model": "house-7b", "rates": {"input": "0.2"}}]}'


def fault(value: Any, schema: dict[str, Any], where: str = "$") -> str | None:
    """What a value breaks of the keywords that the schema uses; None = nothing. Unknown keywords are an error."""
    schema = {**SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]} if "$ref" in schema else dict(schema)
    for name in ("$schema", "title", "description", "$defs"):
        schema.pop(name, None)
    types = schema.pop("type", None)
    names = [types] if isinstance(types, str) else types or []
    if names and not any(isinstance(value, TYPES[name]) and not isinstance(value, bool) for name in names):
        return f"{where}: not {types}"
    found: str | None = None
    for keyword, rule in schema.items():
        found = found or check(value, keyword, rule, schema, where)
    return found


def check(value: Any, keyword: str, rule: Any, schema: dict[str, Any], where: str) -> str | None:
    members = value if isinstance(value, dict) else {}
    if keyword in ("anyOf", "oneOf"):
        fits = sum(fault(value, each, where) is None for each in rule)
        good = fits == 1 if keyword == "oneOf" else fits > 0
    elif keyword == "properties":
        faults = [fault(members[name], each, f"{where}.{name}") for name, each in rule.items() if name in members]
        return next(filter(None, faults), None)
    elif keyword == "additionalProperties":
        extra = [name for name in members if name not in schema.get("properties", {})]
        if rule is not False:
            return next(filter(None, (fault(members[name], rule, f"{where}.{name}") for name in extra)), None)
        good = not extra
    elif keyword == "propertyNames":
        good = all(fault(name, rule) is None for name in members)
    elif keyword == "items":
        return next(filter(None, (fault(each, rule, f"{where}[{at}]") for at, each in enumerate(value))), None)
    else:
        simple = {
            "required": lambda: all(name in members for name in rule),
            "enum": lambda: value in rule,
            "minimum": lambda: not isinstance(value, (int, float)) or value >= rule,
            "maximum": lambda: not isinstance(value, (int, float)) or value <= rule,
            "minProperties": lambda: len(members) >= rule,
            "maxItems": lambda: len(value) <= rule,
            "minLength": lambda: len(value) >= rule,
            "maxLength": lambda: len(value) <= rule,
            "pattern": lambda: not isinstance(value, str) or re.search(rule, value) is not None,
        }
        good = simple[keyword]()
    return None if good else f"{where}: {keyword} {rule}"


def examples() -> list[str]:
    return re.findall(r"^```json\n(.*?)^```", (ROOT / "core/doc/prices.md").read_text("utf-8"), re.S | re.M)


def test_examples_of_the_documentation_fit_the_schema(tacho: Command) -> None:
    assert examples()
    for number, text in enumerate(examples()):
        assert fault(json.loads(text), SCHEMA) is None
        path = tacho.home / f"example-{number}.json"
        path.write_text(text)
        assert tacho("prices", "check", path).code == 0


def test_our_own_corrections_fit_the_schema() -> None:
    overrides = json.loads((ROOT / "core/src/price/generate/overrides.json").read_text("utf-8"))
    assert fault(overrides, SCHEMA) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"prices": [{"model": "m"}]}',
        '{"prices": [{"model": "m", "rates": {"inputs": 1}}]}',
        '{"prices": [{"model": "m", "rates": {"input": -1}}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "currency": "EUR"}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "from": "soon"}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "hours": "4-5"}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "bands": [{"rates": {"input": 2}}]}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "bands": [{"above": -1, "rates": {"input": 2}}]}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "bands": [{"above": 1.5, "rates": {"input": 2}}]}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "bands": {"above": 5}}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "form": "2026-01-01"}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "provider": 5}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "provider": null}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "service": 5}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "per": "1000"}]}',
        '{"prices": [{"model": "m", "rates": {"input": 1}, "context": -5}]}',
        '{"prices": [5]}',
        '{"prices": {}}',
        '{"prices": [], "price": []}',
        '{"prices": [], "providers": {"own": {"alias": ["mine"]}}}',
        '{"prices": [], "aliases": [{"provider": "p", "id": "a", "is": 5}]}',
        '{"modifiers": [{"factor": "half"}]}',
        '{"modifiers": [{"factor": 0.85}]}',
        '{"modifiers": [{"factor": "0.85"}]}',
        '{"modifiers": [{"factor": " 17/20"}]}',
        '{"modifiers": [{"factor": "17/20 "}]}',
        '{"modifiers": [{"factor": "17/20", "provider": 5}]}',
        '{"modifiers": [{"factor": "17/20", "provider": "openai", "models": "gpt-*"}]}',
        '{"modifiers": [{"factor": "17/20", "provider": "openai", "models": [5]}]}',
    ],
)
def test_schema_and_command_refuse_the_same(tacho: Command, text: str) -> None:
    path = tacho.home / "bad.json"
    path.write_text(text)
    answer = tacho("prices", "check", path)
    assert fault(json.loads(text), SCHEMA) is not None
    assert answer.code == 3
    assert re.search(r"bad\.json:1:\d+: ", answer.err)


def test_a_price_that_would_count_as_nothing_is_refused(tacho: Command) -> None:
    path = tacho.home / "small.json"
    path.write_text('{"prices": [{"model": "x", "rates": {"input": 1, "output": "1e-16"}}]}')
    answer = tacho("prices", "check", path)
    assert answer.code == 3 and re.search(r"small\.json:1:\d+: too small to be told from 0", answer.err)
    path.write_text('{"prices": [{"model": "x", "rates": {"input": 0, "output": "0.0e-30", "requests": 1e-15}}]}')
    assert tacho("prices", "check", path).code == 0


def test_units_of_the_schema_are_those_of_the_library(tacho: Command) -> None:
    for unit in SCHEMA["$defs"]["rates"]["propertyNames"]["enum"]:
        path = tacho.home / "unit.json"
        path.write_text(json.dumps({"prices": [{"model": "m", "rates": {unit: "0.5"}}]}))
        assert tacho("prices", "check", path).code == 0, unit


# --------------------------------------------------------------------------------------------------------------- update


def version(tacho: Command, **variables: str) -> str:
    answer = tacho("prices", **variables)
    assert answer.code == 0
    return answer.out


def test_update_writes_where_settings_look(tacho: Command) -> None:
    built_in = version(tacho)
    source = tacho.home / "source.json"
    source.write_text(SOURCE)
    answer = tacho("prices", "update", source, "--date", "2099-12-31")
    place = tacho.home / ".cache/tachograph/prices"
    assert answer.code == 0 and str(place) in answer.err and place.is_file()
    assert version(tacho).startswith("price table 2099-12-31.")
    own = tacho.home / "own.json"
    own.write_text(OWN)
    assert tacho("prices", "house-7b", TACHO_PRICES=str(own)).code == 0
    assert tacho("prices", "m", "--provider", "p", TACHO_PRICES=str(own)).code == 0

    before = place.read_bytes()
    for text, code in (("{", 3), ("[1]", 3), (OWN, 2)):
        source.write_text(text)
        assert tacho("prices", "update", source).code == code
        assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == ["prices"]

    place.write_bytes(b"junk")
    answer = tacho("prices")
    assert answer.out == built_in and "cannot be used" in answer.err


def test_an_older_table_than_the_built_in_one_is_not_used(tacho: Command) -> None:
    built_in = version(tacho)
    source = tacho.home / "source.json"
    source.write_text(SOURCE)
    assert tacho("prices", "update", source, "--date", "2020-01-01").code == 0
    assert version(tacho) == built_in


def test_a_date_that_is_no_day_is_refused(tacho: Command) -> None:
    source = tacho.home / "source.json"
    source.write_text(SOURCE)
    for text in ("2026-02-30", "2026-13-01", "2026-1-1", "2026-01-01x", "1999-12-31", "+2026-01-01"):
        answer = tacho("prices", "update", source, "--date", text)
        assert answer.code == 2 and f"--date: '{text}'" in answer.err, text


def test_update_needs_a_place(tacho: Command) -> None:
    source = tacho.home / "source.json"
    source.write_text(SOURCE)
    environment = {name: value for name, value in tacho.environment.items() if name != "HOME"}
    command = tacho.arguments("prices", "update", source)
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 2 and "-o FILE" in answer.stderr


# ------------------------------------------------------------------------------------------------------ list, one model


def test_list_is_sorted_and_takes_a_provider_by_any_name(tacho: Command) -> None:
    rows = [line.split()[:2] for line in tacho("prices", "list").out.splitlines()]
    assert rows == sorted(rows)
    bedrock = tacho("prices", "list", "--provider", "bedrock").out
    assert {line.split()[0] for line in bedrock.splitlines()} == {"aws"}
    assert bedrock == tacho("prices", "list", "--provider", "https://bedrock-runtime.us-east-1.amazonaws.com").out


@pytest.mark.parametrize("arguments", [["no such id"], ["--provider", "nobody"], ["gpt-4o", "--provider", "anthropic"]])
def test_a_list_of_nothing_exits_3(tacho: Command, arguments: list[str]) -> None:
    answer = tacho("prices", "list", *arguments)
    assert (answer.code, answer.out) == (3, "")
    assert arguments[-1] in answer.err


def test_list_and_model_show_own_prices_and_contracts_above_the_table(tacho: Command) -> None:
    path = tacho.home / "own.json"
    path.write_text(
        '{"prices": [{"provider": "own", "model": "house", "rates": {"input": 2}}],'
        ' "modifiers": [{"provider": "anthropic", "factor": "17/20"}]}'
    )
    rows = json.loads(tacho("prices", "list", "-f", "json", TACHO_PRICES=str(path)).out)["rows"]
    prices = {(row["provider"], row["model"]): (row["input"], row["output"]) for row in rows}
    assert prices["own", "house"] == ("2", None)
    assert prices["anthropic", "claude-opus-4-6"] == ("4.25", "21.25")
    assert prices["openai", "gpt-4o"] == ("2.5", "10")
    model = tacho("prices", "claude-opus-4-6", "--provider", "anthropic", TACHO_PRICES=str(path)).out
    assert "now $4.25 in, $21.25 out per million tokens, with the factor of your contract" in model


def test_a_sheet_that_another_followed_says_when_it_ended(tacho: Command) -> None:
    path = tacho.home / "own.json"
    path.write_text(
        '{"prices": [{"provider": "own", "model": "house", "rates": {"input": 2, "output": 4}},'
        ' {"provider": "own", "model": "house", "from": "2026-03-01", "rates": {"input": 1, "output": 3}}]}'
    )
    lines = tacho("prices", "house", "--provider", "own", TACHO_PRICES=str(path)).out.splitlines()
    assert any(line.startswith("  standard, before 2026-03-01 ") for line in lines)
    assert any(line.startswith("  standard, from 2026-03-01 ") for line in lines)
