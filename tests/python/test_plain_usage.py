"""A dict of whole numbers takes a shorter way to its price than a response does; the answers are the same."""

import datetime
import random
from decimal import Decimal
from typing import Any

import tachograph as tacho
from tachograph import _core as core

NAMES = [name for pair in core.units() for name in pair]
VALUES: list[Any] = [0, 1, 5, 1000, 10**9, 2**53, 2**53 + 1, -1, 2**63, 2**70, 1.5, True, None, "3", Decimal(4)]


def cost(usage: dict[str, Any], **options: Any) -> tacho.Cost:
    return tacho.calculate_cost("gpt-4o", usage, provider="openai", at=1784116800, **options)


def test_plain_dicts_cost_what_responses_cost() -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    source = random.Random(seed)
    for _ in range(3000):
        usage = {source.choice(NAMES): source.choice(VALUES) for _ in range(source.randrange(1, 6))}
        assert cost(usage) == cost(usage, dialect="disjoint"), usage


def test_a_key_that_is_no_name_is_left_out() -> None:
    assert cost({"input": 1000, 7: 8, "\ud800": 3, "input\0": 4}).usd == Decimal("0.0025")


def test_priced_at_is_the_instant_that_was_given() -> None:
    for seconds in (-4_000_000_000, -1, 1, 951_782_400, 1_709_164_799, 4_102_444_800, 9_000_000_000):
        at = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(0, seconds, 250_001)
        assert tacho.calculate_cost("gpt-4o", {"input": 1}, at=at).priced_at == at
