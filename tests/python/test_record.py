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
]

LEFT_OUT: list[tuple[str, Any]] = [
    ("kind", "llmm"),
    ("kind", 3),
    ("kind", []),
    ("provider", 3),
    ("provider", ""),
    ("model", 3),
    ("tags", 3),
    ("tags", {"tier": 3}),
    ("ended_at", "garbage"),
    ("ended_at", datetime(2026, 6, 1)),
    ("ended_at", []),
    ("components", {"x": "y"}),
    ("components", {"x": -1}),
    ("components", {3: 1}),
    ("components", 3),
    ("cost", "abc"),
    ("cost", -1),
    ("cost", float("nan")),
    ("cost", True),
    ("first_token", "x"),
    ("session", 3),
    ("tool", 3),
    ("usage", b"{"),
    ("usage", {"zz": 1}),
]


def faults(collector: tacho.Collector) -> int:
    """What the core counted as bad, read from the map `drops` of a saved snapshot (small counts are one byte)."""
    saved = collector.export("msgpack")
    assert isinstance(saved, bytes)
    drops = saved[saved.index(b"drops") :]
    places = [(drops.find(name), len(name)) for name in (b"invalid_value", b"invalid_duration", b"usage_fault")]
    return sum(drops[at + length] for at, length in places if at >= 0)


@pytest.mark.parametrize(("argument", "value"), LEFT_OUT)
def test_a_value_that_cannot_be_used_is_left_out_and_counted(
    argument: str, value: Any, collector: tacho.Collector, strict: tacho.Collector
) -> None:
    before = faults(collector)
    collector.record("a", 1, **{argument: value})
    (record,) = records(collector)
    assert (record.operation, record.seconds, record.outcome, record.kind) == ("a", 1.0, "ok", "custom")
    assert (record.cost_usd, record.model) == (None, None)
    assert faults(collector) == before + 1
    with pytest.raises((tacho.TachoError, TypeError, ValueError), match=argument):
        strict.record("a", 1, **{argument: value})
    assert records(strict) == []


def test_only_what_is_bad_is_left_out() -> None:
    collector = tacho.Collector(tags=["tier"])
    collector.record("a", 1, kind="llmm", model="m", components={"x": "y", "z": 0.5}, cost="0.5", ended_at="garbage")
    (record,) = records(collector)
    assert (record.model, record.components, record.cost_usd) == ("m", {"z": 0.5}, Decimal("0.5"))


def test_misspelt_classes_are_told(collector: tacho.Collector, strict: tacho.Collector) -> None:
    before = faults(collector)
    with collector.operation("a") as op:
        op.usage({"inputt": 1})
    assert faults(collector) == before + 1
    with strict.operation("a") as op:
        with pytest.raises(ValueError, match="usage"):
            op.usage({"inputt": 1})
        op.usage({"id": "x", "choices": []})  # a response without usage is nothing wrong


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


def test_a_success_that_is_not_given_is_no_failure(collector: tacho.Collector) -> None:
    collector.record("x", 1, success=None)  # type: ignore[arg-type]
    collector.record("y", 1, success=False)
    assert [record.outcome for record in collector.snapshot().records()] == ["ok", "error"]


class Interrupted:
    """A value whose conversion is interrupted."""

    def _raise(self, *unused: Any) -> Any:
        raise KeyboardInterrupt

    __float__ = __index__ = __bool__ = __str__ = _raise


@pytest.mark.parametrize(
    "options",
    [
        {"success": Interrupted()},
        {"retries": Interrupted()},
        {"context_size": Interrupted()},
        {"compressed": Interrupted()},
        {"cost": Interrupted()},
        {"first_token": Interrupted()},
        {"components": {"a": Interrupted()}},
    ],
)
def test_interrupts_reach_the_program(collector: tacho.Collector, options: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        collector.record("x", 1.0, **options)
    with pytest.raises(KeyboardInterrupt):
        collector.record("x", Interrupted())  # type: ignore[arg-type]
    assert collector.summary().total_operations == 0


def test_interrupts_in_reports(collector: tacho.Collector) -> None:
    with collector.step("x") as op:
        for call in (
            lambda: op.add_component("a", Interrupted()),  # type: ignore[arg-type]
            lambda: op.tool_call("a", 1.0, Interrupted()),  # type: ignore[arg-type]
            lambda: op.context(Interrupted()),  # type: ignore[arg-type]
            lambda: op.cost(Interrupted()),
            lambda: op.usage(input=Interrupted()),
            lambda: op.usage(input=1, inclusive=Interrupted()),
        ):
            with pytest.raises(KeyboardInterrupt):
                call()
    assert collector.summary().total_steps == 1


@pytest.mark.parametrize("name", ["retries", "interventions", "warnings", "context_size", "context_limit"])
@pytest.mark.parametrize("value", ["3", 1.5, -1, [], float("nan")])
def test_counts_that_are_none_are_counted(
    collector: tacho.Collector, strict: tacho.Collector, name: str, value: Any
) -> None:
    collector.record("x", 1.0, **{name: value})
    assert collector.summary().total_operations == 1
    assert sum(collector.summary().data_quality["drops"].values()) == 1
    with pytest.raises((TypeError, ValueError, tacho.TachoError)):
        strict.record("x", 1.0, **{name: value})
    with strict.step("y") as op, pytest.raises((TypeError, ValueError, tacho.TachoError)):
        op.context("12")  # type: ignore[arg-type]


def test_whole_floats_are_counts(strict: tacho.Collector) -> None:
    strict.record("x", 1.0, retries=2.0, context_size=12e3)  # type: ignore[arg-type]
    record = strict.slowest()[0]
    assert (record.retries, record.context_size) == (2, 12000)


def test_a_misspelt_class_among_others(collector: tacho.Collector, strict: tacho.Collector) -> None:
    wrong = {"input": 5, "outputt": 3}
    collector.record("x", 1.0, usage=wrong)
    with collector.step("y") as op:
        op.usage(wrong)
    summary = collector.summary()
    assert summary.input_tokens == 10 and summary.data_quality["drops"] == {"usage_fault": 2}
    with pytest.raises(ValueError):
        strict.record("x", 1.0, usage=wrong)
    with strict.step("y") as op, pytest.raises(ValueError):
        op.usage(wrong)
    strict.record("x", 1.0, usage={"input": 5, "total_tokens": 5, "model": "m", "output": None})
    strict.record("x", 1.0, usage={"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6})
    strict.record("x", 1.0, usage={"input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 2, "odd": 1})


def test_slowest_prints_slowest_first(collector: tacho.Collector) -> None:
    with collector.agent("outer"):
        collector.record("long", 9.0)
        collector.record("short", 1.0)
    lines = str(collector.slowest()).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["long", "short", "agent:"]
