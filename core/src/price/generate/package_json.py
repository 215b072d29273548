"""The data of an installed or downloaded `genai-prices` package as the project's JSON form (v2).

The package carries its prices as Python source (`genai_prices/data.py`, constructor calls only). That source is read
with `ast` and never executed: a price table is built from data, not from somebody's code.
"""

import ast

CLAUSES = {
    "ClauseStartsWith": "starts_with",
    "ClauseEndsWith": "ends_with",
    "ClauseContains": "contains",
    "ClauseRegex": "regex",
    "ClauseEquals": "equals",
    "ClauseOr": "or",
    "ClauseAnd": "and",
}


class Number(str):
    """Text of a decimal number; written to JSON as it stands, so that no digit passes through a binary float."""


def _decimal(node):
    value = ast.literal_eval(node.args[0])
    return Number(value)


def _date(node):
    year, month, day = (ast.literal_eval(argument) for argument in node.args)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _time(node):
    parts = [ast.literal_eval(argument) for argument in node.args if isinstance(argument, ast.Constant)]
    parts += [0] * (3 - len(parts))
    zones = [keyword.value for keyword in node.keywords if keyword.arg == "tzinfo"]
    if any(not ast.unparse(zone).endswith(("utc", "UTC", "TzInfo(0)")) for zone in zones):
        raise ValueError(f"line {node.lineno}: a time in another zone than UTC")
    return "{:02d}:{:02d}:{:02d}Z".format(*parts[:3])


def _call(node):
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    if name == "Decimal":
        return _decimal(node)
    if name == "date":
        return _date(node)
    if name == "time":
        return _time(node)
    fields = {keyword.arg.rstrip("_"): _value(keyword.value) for keyword in node.keywords}
    if name in CLAUSES:
        return {CLAUSES[name]: fields[CLAUSES[name]]}
    if node.args:
        raise ValueError(f"line {node.lineno}: {name} with positional arguments")
    return {key: value for key, value in fields.items() if value is not None}


def _value(node):
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(element) for element in node.elts]
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(key): _value(value) for key, value in zip(node.keys, node.values)}
    return ast.literal_eval(node)


def providers_from_source(source):
    """The list assigned to `providers` in the source text, as plain lists, dicts and `Number`s."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == "providers":
            return [_strip(provider) for provider in _value(statement.value)]
    raise ValueError("no list of providers in the package's data")


KEPT = ("id", "name", "api_pattern", "provider_match", "model_match", "fallback_model_providers", "models")
KEPT_MODEL = ("id", "match", "context_window", "prices", "price_variants")


def _strip(provider):
    """Without descriptions and links: only what prices and matching need."""
    kept = {key: provider[key] for key in KEPT if key in provider}
    kept["models"] = [{key: model[key] for key in KEPT_MODEL if key in model} for model in kept["models"]]
    return kept


def dump(value):
    """JSON text; numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        import json

        return "{" + ",".join(json.dumps(key) + ":" + dump(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item) for item in value) + "]"
    import json

    return json.dumps(value)
