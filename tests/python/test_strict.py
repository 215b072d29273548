"""What is wrong in a call: counted and ignored, or, with strict=True, an error that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tachograph as tacho

NAN = float("nan")

# (call, what counts it, what the message names)
REPORTS: list[tuple[Callable[[Any], Any], str, str]] = [
    (lambda op: op.usage(5), "invalid_value", "usage"),
    (lambda op: op.usage("no JSON"), "invalid_value", "usage"),
    (lambda op: op.usage({"input": -3}), "usage_fault", "usage"),
    (lambda op: op.usage({"input": NAN}), "usage_fault", "usage"),
    (lambda op: op.usage(input=-3), "usage_fault", "argument"),
    (lambda op: op.usage(input=NAN), "usage_fault", "argument"),
    (lambda op: op.usage(input="many"), "usage_fault", "argument"),
    (lambda op: op.usage(input=1, model=5), "invalid_value", "model"),
    (lambda op: op.usage({"input": 3}, dialect="nobody's"), "invalid_value", "dialect"),
    (lambda op: op.usage({"input": 3}, dialect=5), "invalid_value", "dialect"),
    (lambda op: op.model(5), "invalid_value", "model"),
    (lambda op: op.provider(5), "invalid_value", "provider"),
    (lambda op: op.warn(5), "invalid_value", "type"),
    (lambda op: op.retry(5), "invalid_value", "reason"),
    (lambda op: op.fail(5), "invalid_value", "category"),
    (lambda op: op.fail("network", type=5), "invalid_value", "type"),
    (lambda op: op.context(-1), "invalid_value", "size"),
    (lambda op: op.context(5, limit=-1), "invalid_value", "limit"),
    (lambda op: op.cost(NAN), "invalid_value", "cost"),
    (lambda op: op.event(5), "invalid_value", "argument"),
]
CALLS: list[tuple[Callable[[Any], Any], str, str]] = [
    (lambda c: c.operation("x", traceparent="junk").start().end(), "traceparent_invalid", "traceparent"),
    (lambda c: c.operation("x", traceparent=5).start().end(), "invalid_value", "traceparent"),
    (lambda c: c.operation("x", metadata=5).start().end(), "invalid_value", "metadata"),
    (lambda c: c.record("x", 1.0, usage=5), "invalid_value", "usage"),
    (lambda c: c.record("x", 1.0, usage={"input": -3}), "usage_fault", "argument"),
    (lambda c: c.record("x", 1.0, usage={"input": 3}, dialect="nobody's"), "invalid_value", "dialect"),
]


def drops(collector: tacho.Collector) -> dict[str, int]:
    return dict(collector.summary().data_quality["drops"])


@pytest.mark.parametrize(("call", "cause", "named"), REPORTS)
def test_a_wrong_report_is_counted_or_raised(call: Callable[[Any], Any], cause: str, named: str) -> None:
    lenient, strict = tacho.Collector(), tacho.Collector(strict=True)
    with lenient.llm("x", provider="openai") as op:
        call(op)
    assert drops(lenient) == {cause: 1}
    assert lenient.operations()[0].calls == 1
    with strict.llm("x", provider="openai") as op, pytest.raises(tacho.TachoError, match=named):
        call(op)


@pytest.mark.parametrize(("call", "cause", "named"), CALLS)
def test_a_wrong_call_is_counted_or_raised(call: Callable[[Any], Any], cause: str, named: str) -> None:
    lenient, strict = tacho.Collector(), tacho.Collector(strict=True)
    call(lenient)
    assert drops(lenient) == {cause: 1}
    assert lenient.operations()[0].calls == 1
    with pytest.raises(tacho.TachoError, match=named):
        call(strict)


def test_what_happened_is_counted_though_its_reason_is_not() -> None:
    collector = tacho.Collector()
    with collector.step("x") as op:
        op.retry(5)
        op.warn(5)
    assert (op.record.retries, op.record.warning_count) == (1, 1)
    assert drops(collector) == {"invalid_value": 2}


def test_a_response_in_which_the_provider_is_wrong_raises_nothing(strict: tacho.Collector) -> None:
    response = {"usage": {"prompt_tokens": -3, "completion_tokens": 5, "total_tokens": 2}, "model": "gpt-5"}
    with strict.llm("x", provider="openai") as op:
        op.usage(response)
    assert drops(strict) == {"usage_fault": 1}
