"""What litellm asks for plain text tokens: its `generic_cost_per_token` without the parts that no vector uses.

    python3 tests/prices/litellm_rule.py LITELLM.json --every N

prints vectors in the columns of vectors.py; pinned_litellm.tsv holds those of the locked version, but for ids whose
price another source corrects.

Written after litellm 1.109.1, `litellm_core_utils/llm_cost_calc/utils.py` (MIT), in decimals instead of floats:
thresholds apply to the whole prompt, in and out; xAI's include their first token; an absent cache rate is the input's.
"""

from __future__ import annotations

import argparse
import json
from decimal import Decimal
from typing import Any

Info = dict[str, Any]
CACHE_READ_OF_FIREWORKS = Decimal("0.5")
PREFIXES = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)


def number(value: Any) -> Decimal | None:
    return None if value is None or isinstance(value, (dict, list, bool)) else Decimal(str(value))


def provider_of(info: Info) -> str:
    """The provider as one would name it: litellm's name without what only says which list a model is on."""
    name = str(info["litellm_provider"])
    return next((start for start in ("vertex_ai", "fireworks_ai", "bedrock") if name.startswith(start)), name)


def threshold_of(key: str) -> int:
    text = key.rsplit("_above_", 1)[1].split("_tokens")[0]
    return int(Decimal(text.replace("k", "")) * (1000 if "k" in text else 1))


def thresholds(info: Info) -> list[str]:
    """The names ("200k") of the standard bands, lowest first."""
    keys = [
        key
        for key in info
        if key.endswith("_tokens") and any(key.startswith(f"{prefix}_above_") for prefix in PREFIXES)
        if "_above_1hr" not in key and "_above_12hr" not in key and info[key] is not None
    ]
    return [key.rsplit("_above_", 1)[1] for key in sorted(keys, key=threshold_of)]


def tier_of(info: Info, prompt: int) -> Info | None:
    """The range of `tiered_pricing` that holds for the prompt: start < prompt <= end, else the last."""
    ranged = sorted(
        (tier for tier in info.get("tiered_pricing") or [] if tier.get("range")), key=lambda t: t["range"][0]
    )
    if prompt <= 0 or not ranged:
        return None
    fitting = [tier for tier in ranged if tier["range"][0] < prompt <= tier["range"][1]]
    return fitting[0] if fitting else ranged[-1]


def rates(info: Info, prompt: int) -> dict[str, Decimal]:
    """input, output, cache_read, cache_write, reasoning per token."""
    found = {prefix: number(info.get(prefix)) for prefix in PREFIXES}
    reasoning = number(info.get("output_cost_per_reasoning_token"))
    tier = tier_of(info, prompt)
    if tier is not None and "input_cost_per_token" in tier:
        found = {
            prefix: number(tier.get(prefix, found[prefix] if prefix.startswith("output") else None))
            for prefix in PREFIXES
        }
        reasoning = number(tier.get("output_cost_per_reasoning_token"))
    else:
        inclusive = info["litellm_provider"] == "xai"
        for name in thresholds(info):
            limit = threshold_of(f"_above_{name}")
            if prompt > limit or (inclusive and prompt == limit):
                found = {prefix: number(info.get(f"{prefix}_above_{name}")) or found[prefix] for prefix in PREFIXES}
    base = found["input_cost_per_token"] or Decimal(0)
    output = found["output_cost_per_token"] or Decimal(0)
    read, write = found["cache_read_input_token_cost"], found["cache_creation_input_token_cost"]
    return {
        "input": base,
        "output": output,
        "cache_read": base if read is None else read,
        "cache_write": base if write is None else write,
        "reasoning": output if reasoning is None else reasoning,
    }


def total(info: Info, usage: dict[str, int]) -> Decimal:
    """USD for disjoint classes."""
    rate = rates(info, usage["input"] + usage["cache_read"] + usage["cache_write"])
    return sum((count * rate[name] for name, count in usage.items()), Decimal(0))


def main() -> None:
    import vectors

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="litellm's price map")
    parser.add_argument("--every", type=int, default=1, help="only every N-th vector")
    parser.add_argument("--at", type=int, default=1795262400, help="instant, Unix seconds")
    arguments = parser.parse_args()
    with open(arguments.file, encoding="utf-8") as file:
        entries = json.load(file, parse_float=Decimal)
    count = 0
    for key, info in entries.items():
        if not (info.get("litellm_provider") and info.get("input_cost_per_token")):
            continue
        for prompt, read, write, output, reasoning in vectors.vectors():
            count += 1
            if count % arguments.every == 0:
                usage = {"input": prompt - read - write, "cache_read": read, "cache_write": write}
                usage |= {"output": output - reasoning, "reasoning": reasoning}
                pico = int((total(info, usage) * 10**12).to_integral_value())
                row = [
                    provider_of(info),
                    key.removeprefix("bedrock_mantle/"),
                    arguments.at,
                    prompt,
                    read,
                    write,
                    output,
                    reasoning,
                    pico,
                ]
                print(*row, sep="\t")


if __name__ == "__main__":
    main()
