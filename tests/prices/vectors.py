"""Price vectors computed by the genai-prices package, for the C test that compares them with our table.

    python3 tests/prices/vectors.py OUT [--every N]

needs the package in the version that core/src/price/prices.lock.json names. One line per vector: provider, model id,
instant (Unix seconds), input total, cache read, cache write, output total, reasoning, and the total price in pico-USD
("-" where the package refuses). Input and output are totals; the classes are inside them, as that package counts.
"""

import argparse
import datetime
import itertools
from decimal import Decimal

INSTANTS = [1735732800, 1784116800, 1798761600]  # 2025-01-01 12:00, 2026-07-15 12:00, 2027-01-01 00:00 UTC
PROMPTS = [0, 1000, 127999, 128000, 128001, 199999, 200000, 200001, 271999, 272000, 272001, 1000000]
CACHED = [(0, 0), (1, 0), (2, 0), (1, 3)]  # shares of read and write, in eighths
OUTPUTS = [(0, 0), (1000, 0), (1000, 400), (64000, 0)]


def ids_of(match):
    """Ids that a rule names exactly."""
    if hasattr(match, "equals"):
        return [match.equals]
    return [text for clause in getattr(match, "or_", []) for text in ids_of(clause)]


def vectors():
    for prompt, (read, write), (output, reasoning) in itertools.product(PROMPTS, CACHED, OUTPUTS):
        yield prompt, prompt * read // 8, prompt * write // 8, output, reasoning


def price(snapshot, provider, model, instant, vector):
    from genai_prices import Usage

    prompt, read, write, output, reasoning = vector
    usage = Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output,
        output_reasoning_tokens=reasoning,
    )
    when = datetime.datetime.fromtimestamp(instant, datetime.timezone.utc)
    try:
        result = snapshot.calc(usage, model, provider, None, when)
    except (LookupError, ValueError):
        return "-"
    return str((result.total_price * Decimal(10**12)).to_integral_value())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--every", type=int, default=1, help="only every N-th vector")
    arguments = parser.parse_args()
    from genai_prices.data import providers
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    count = 0
    with open(arguments.out, "w", encoding="utf-8") as file:
        for provider in providers:
            for model in provider.models:
                for name in ids_of(model.match)[:1] or [model.id]:
                    for instant, vector in itertools.product(INSTANTS, vectors()):
                        count += 1
                        if count % arguments.every == 0:
                            total = price(snapshot, provider.id, name, instant, vector)
                            file.write("\t".join([provider.id, name, str(instant), *map(str, vector), total]) + "\n")


if __name__ == "__main__":
    main()
