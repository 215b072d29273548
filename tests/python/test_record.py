"""Recording after the fact."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import tachograph as tacho

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


def records(collector: tacho.Collector) -> list[Any]:
    return list(collector.snapshot().records())


def test_everything_a_record_may_have(collector: tacho.Collector) -> None:
    collector.record(
        "answer",
        1.8,
        kind="llm",
        provider="anthropic",
        model="claude-opus-4-6",
        usage={"input": 1200, "output": 340, "cache_read": 10000},
        tool="search",
        components={"inference": 1.5, "queue": 0.25},
        ended_at=NOON,
        session="s",
        first_token=0.4,
        retries=2,
        interventions=1,
        warnings=3,
        context_size=11200,
        context_limit=200000,
        compressed=True,
    )
    (record,) = records(collector)
    assert (record.operation, record.kind, record.provider, record.model) == (
        "answer",
        "llm",
        "anthropic",
        "claude-opus-4-6",
    )
    assert (record.seconds, record.first_token_seconds) == (1.8, 0.4)
    assert (record.started_at, record.ended_at) == (NOON - timedelta(seconds=1.8), NOON)
    assert record.components == {"inference": 1.5, "queue": 0.25}
    assert (record.tool, record.session, record.outcome) == ("search", "s", "ok")
    assert (record.retries, record.interventions, record.warning_count) == (2, 1, 3)
    assert (record.context_size, record.context_limit, record.compressions) == (11200, 200000, 1)
    assert record.cost.usd == Decimal("0.0195") and record.cost.state == "exact"


@pytest.mark.parametrize(
    "instant",
    [
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
        "2026-06-01T12:00:00Z",
        "2026-06-01T14:00:00+02:00",
        NOON.timestamp(),
        int(NOON.timestamp()),
    ],
)
def test_forms_of_an_instant(instant: Any, collector: tacho.Collector) -> None:
    collector.record("a", 1, ended_at=instant)
    assert records(collector)[0].ended_at == NOON


@pytest.mark.parametrize(
    ("given", "outcome", "category", "type_"),
    [
        ({"success": False}, "error", None, None),
        ({"error": "timeout"}, "timeout", "timeout", None),
        ({"error": "rate_limit"}, "error", "rate_limit", None),
        ({"error": "TimeoutError"}, "timeout", "timeout", "TimeoutError"),
        ({"error": "package.module.StrangeError"}, "error", None, "StrangeError"),
        ({"error": KeyError("k")}, "error", None, "KeyError"),
        ({"error": ConnectionError}, "error", "network", "ConnectionError"),
    ],
)
def test_forms_of_an_error(
    given: dict[str, Any], outcome: str, category: str | None, type_: str | None, collector: tacho.Collector
) -> None:
    collector.record("a", 1, **given)
    (record,) = records(collector)
    assert (record.outcome, record.error_type) == (outcome, type_)
    if category is not None:
        assert record.error_category == category


BAD: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a", -1), {}),
    (("a", float("nan")), {}),
    (("a", float("inf")), {}),
    (("a", "1"), {}),
    (("a", []), {}),
    (("a", 1e300), {}),
    ((3, 1), {}),
    (("", 1), {}),
    (("a", 1), {"kind": "nope"}),
    (("a", 1), {"provider": 3}),
    (("a", 1), {"ended_at": "yesterday"}),
    (("a", 1), {"ended_at": datetime(2026, 6, 1)}),
    (("a", 1), {"ended_at": []}),
    (("a", 1), {"components": {"x": -1}}),
    (("a", 1), {"components": 3}),
    (("a", 1), {"cost": "much"}),
    (("a", 1), {"cost": -1}),
    (("a", 1), {"first_token": "x"}),
    (("a", 1), {"session": 3}),
]


@pytest.mark.parametrize(("arguments", "options"), BAD)
def test_what_cannot_be_recorded_is_left_out(
    arguments: tuple[Any, ...], options: dict[str, Any], collector: tacho.Collector, strict: tacho.Collector
) -> None:
    collector.record(*arguments, **options)
    assert records(collector) == []
    with pytest.raises((tacho.TachoError, TypeError, ValueError)):
        strict.record(*arguments, **options)
    assert records(strict) == []


def test_unknown_arguments_raise(collector: tacho.Collector) -> None:
    with pytest.raises(TypeError):
        collector.record("a", 1, sucess=False)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        collector.record("a")  # type: ignore[call-arg]


def test_unknown_duration(collector: tacho.Collector) -> None:
    collector.record("a", None)
    (row,) = collector.operations()
    assert (row.calls, row.timed_calls, row.avg_seconds) == (1, 0, None)
    assert records(collector)[0].seconds is None


def test_record_inside_an_operation_is_its_child(collector: tacho.Collector) -> None:
    with collector.operation("outer") as op:
        collector.record_tool_call("search", 0.5)
    assert [(one.operation, one.kind, one.parent_id) for one in records(collector)] == [
        ("search", "tool", op.id),
        ("outer", "custom", None),
    ]


def test_common_cases(collector: tacho.Collector) -> None:
    collector.record_call("openai", "chat", 1.0, model="gpt-4o")
    collector.record_success("openai", 1.0)
    collector.record_failure("openai", 2.0, TimeoutError())
    collector.record_step("plan", 3.0, tool="edit")
    with collector.record_call("anthropic") as call:  # type: ignore[union-attr]
        call.usage(input=5)
    with collector.record_step("open"):  # type: ignore[union-attr]
        collector.record_usage({"input": 7})
        collector.record_context(100, 1000)
    collector.record_usage({"input": 9}, provider="openai", model="gpt-4o")
    found = [(one.operation, one.kind, one.provider, one.outcome) for one in records(collector)]
    assert found == [
        ("chat", "llm", "openai", "ok"),
        ("openai", "llm", "openai", "ok"),
        ("openai", "llm", "openai", "timeout"),
        ("plan", "step", None, "ok"),
        ("anthropic", "llm", "anthropic", "ok"),
        ("open", "step", None, "ok"),
        ("openai", "llm", "openai", "ok"),
    ]
    step = records(collector)[5]
    assert step.input_tokens == 7 and step.context_size == 100
    assert records(collector)[6].input_tokens == 9


def test_record_step_with_one_mapping(collector: tacho.Collector) -> None:
    collector.record_step(
        {
            "step": "edit",
            "duration": 2.5,
            "tokens": {"input": 10, "output": 5},
            "cost": 0.01,
            "tool": "edit_file",
            "success": False,
            "model": "gpt-4o",
            "description": "what it was about",
            "anything": "else",
        }
    )
    collector.record_step({"duration": 1, "tokens": 500})
    first, second = records(collector)
    assert (first.operation, first.seconds, first.tool, first.outcome) == ("edit", 2.5, "edit_file", "error")
    assert (first.input_tokens, first.output_tokens, first.cost_usd) == (10, 5, Decimal("0.01"))
    assert (second.operation, second.total_tokens) == ("step", 500)
    assert b"what it was about" not in collector.export("msgpack")  # type: ignore[operator]


def test_nothing_is_recorded_when_disabled() -> None:
    collector = tacho.Collector(enabled=False)
    collector.record("a", 1)
    with collector.operation("b") as op:
        assert op.id is None
    assert collector.snapshot().records() == [] and not collector.enabled()


def test_close_stops_recording_and_leaves_the_numbers(collector: tacho.Collector) -> None:
    collector.record("a", 1)
    assert collector.flush() is True
    with collector as same:
        assert same is collector
    collector.record("b", 1)
    assert [one.operation for one in records(collector)] == ["a"]
    assert collector.close() is True


def test_reset_starts_over(collector: tacho.Collector) -> None:
    with collector.operation("open"):
        collector.record("a", 1)
        collector.reset()
    assert [one.operation for one in records(collector)] == ["open"]


@pytest.mark.parametrize("more", [{}, {"retries": 1}, {"usage": {"input": 3}}, {"components": {"a": 1.0}}])
def test_a_wrong_session_is_told_in_strict_mode_whatever_else_is_given(
    strict: tacho.Collector, more: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match="session"):
        strict.record("x", 1.0, session=5, **more)
    assert len(strict.snapshot().records()) == 0
