"""Operations by hand and by block, sessions, and what they report."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tachograph as tacho


def records(collector: tacho.Collector) -> list[Any]:
    return list(collector.snapshot().records())


def test_a_block_is_one_operation(collector: tacho.Collector) -> None:
    with collector.operation("qa", kind="agent") as op:
        assert tacho.current() is op
        assert op.seconds is not None and op.outcome is None and op.record is None
        assert op.id is not None and len(op.id) == 16
    assert op.outcome == "ok"
    (record,) = records(collector)
    assert (record.operation, record.kind, record.outcome, record.id) == ("qa", "agent", "ok", op.id)
    assert record.seconds == pytest.approx(op.seconds, abs=1e-9)
    assert op.record == record


def test_an_exception_passes_and_is_recorded(collector: tacho.Collector) -> None:
    error = ValueError("x")
    with pytest.raises(ValueError) as caught, collector.operation("qa"):
        raise error
    assert caught.value is error
    (record,) = records(collector)
    assert (record.outcome, record.error_type) == ("error", "ValueError")


def test_async_with(collector: tacho.Collector) -> None:
    async def main() -> None:
        async with collector.session("s"), collector.operation("outer") as op, op.component("part"):
            await asyncio.sleep(0)
            assert tacho.current() is op
        with pytest.raises(KeyError):
            async with collector.operation("fails"):
                raise KeyError("k")

    asyncio.run(main())
    assert [(record.operation, record.outcome) for record in records(collector)] == [
        ("outer", "ok"),
        ("fails", "error"),
    ]


def test_as_a_decorator(collector: tacho.Collector) -> None:
    @collector.operation("deco", kind="step", provider="openai")
    def function(x: int) -> int:
        return x + 1

    @collector.operation("deco", kind="step")
    async def waits(x: int) -> int:
        return x + 1

    assert function(1) == 2 and asyncio.run(waits(2)) == 3
    assert [(record.operation, record.kind) for record in records(collector)] == [("deco", "step")] * 2


def test_by_hand(collector: tacho.Collector) -> None:
    op = collector.operation("hand")
    assert op.id is None and op.seconds is None
    assert op.start() is op
    assert tacho.current() is not op
    op.end("cancelled")
    op.end()
    assert op.outcome == "cancelled"
    assert [record.outcome for record in records(collector)] == ["cancelled"]


def test_misuse_is_ignored_or_raises_in_strict_mode(collector: tacho.Collector, strict: tacho.Collector) -> None:
    for one in (collector, strict):
        op = one.operation("x")
        calls = [lambda op=op: op.end(), lambda op=op: op.start() and op.start(), lambda op=op: op.end("nonsense")]
        for call in calls:
            if one is strict:
                with pytest.raises(tacho.TachoError):
                    call()
            else:
                call()
    with strict.operation("y") as op:
        with pytest.raises(tacho.TachoError):
            op.tool_call("x", -1)
        with pytest.raises(tacho.TachoError):
            op.add_component("x", float("nan"))
        with pytest.raises(tacho.TachoError):
            op.cost("much")


def test_nothing_raises_on_wrong_values(collector: tacho.Collector) -> None:
    with collector.operation("x") as op:
        for value in (None, "text", -1, float("nan"), float("inf"), object(), [], 10**40, b"bytes"):
            op.tool_call("tool", value)  # type: ignore[arg-type]
            op.tool_call(value, 1)  # type: ignore[arg-type]
            op.add_component("part", value)  # type: ignore[arg-type]
            op.usage(value)
            op.usage(input=value)
            op.usage(model=value)
            op.model(value)  # type: ignore[arg-type]
            op.provider(value)  # type: ignore[arg-type]
            op.cost(value)
            op.context(value, value, value)  # type: ignore[arg-type]
            op.fail(value, value)  # type: ignore[arg-type]
            op.retry(value)  # type: ignore[arg-type]
            op.warn(value)  # type: ignore[arg-type]
            with op.component(value):  # type: ignore[arg-type]
                pass
    assert len([record for record in records(collector) if record.kind == "custom"]) == 1


def test_dropped_while_open_is_aborted(collector: tacho.Collector) -> None:
    collector.operation("dropped").start()
    gc.collect()
    assert [record.outcome for record in records(collector)] == ["aborted"]


@pytest.mark.parametrize("word", ["step", "tool", "llm", "agent", "workflow"])
def test_short_forms(word: str, collector: tacho.Collector) -> None:
    with getattr(collector, word)("name"):
        pass
    assert [(record.operation, record.kind) for record in records(collector)] == [("name", word)]
    assert callable(getattr(tacho, word))


def test_what_an_operation_reports(collector: tacho.Collector) -> None:
    with collector.operation("answer", kind="llm", provider="anthropic") as op:
        op.usage(input=1200, output_tokens=340, cache_read=10000, model="claude-opus-4-6")
        op.retry("rate limit")
        op.human()
        op.warn("slow")
        op.context(11200, limit=200000, compressed=True)
        op.first_token()
        op.tool_call("search", 0.25)
        op.tool_call("fetch", 1.5, error=TimeoutError())
        op.tool_call("fetch", 0.5, success=False)
        op.add_component("inference", 1.25)
        with op.component("search"):
            pass
        assert op.cost_usd is not None
    record = op.record
    assert record.usage.input_tokens == 1200 and record.usage.total_tokens == 11540
    assert (record.retries, record.interventions, record.warning_count) == (1, 1, 1)
    assert (record.context_size, record.context_limit, record.compressions) == (11200, 200000, 1)
    assert record.model == "claude-opus-4-6" and record.cost.state == "exact"
    assert record.cost_usd == op.cost_usd == Decimal("0.0195")
    assert record.tool_calls == 3
    assert record.components["inference"] == 1.25 and set(record.components) == {"inference", "search"}
    assert record.first_token_seconds is not None
    rows = {row.tool: row for row in collector.tools()}
    assert (rows["fetch"].calls, rows["fetch"].timeout, rows["fetch"].error) == (2, 1, 1)
    children = [one for one in records(collector) if one.kind == "tool"]
    assert {child.parent_id for child in children} == {op.id}


def test_a_reported_cost_wins(collector: tacho.Collector) -> None:
    with collector.llm("a", provider="anthropic", model="claude-opus-4-6") as op:
        op.usage({"input": 1000})
        op.cost(Decimal("0.123456789012"))
    assert op.cost_usd == Decimal("0.123456789012")
    assert op.record.cost.state == "reported" and op.record.cost.table_usd == Decimal("0.005")


STREAM = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "model": "claude-opus-4-6",
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 8037,
                "cache_creation": {"ephemeral_5m_input_tokens": 37, "ephemeral_1h_input_tokens": 8000},
                "output_tokens": 1,
                "service_tier": "batch",
            },
        },
    },
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"cache_creation_input_tokens": 8037, "output_tokens": 512, "input_tokens": None},
    },
    {"type": "message_stop"},
]


@pytest.mark.parametrize("shape", [dict, json.dumps], ids=["mapping", "json"])
def test_events_of_a_stream_fold(shape: Callable[[Any], Any], collector: tacho.Collector) -> None:
    with collector.llm("list", provider="anthropic", model="claude-opus-4-6") as whole:
        whole.usage(STREAM if shape is dict else json.dumps(STREAM))
    with collector.llm("one by one", provider="anthropic", model="claude-opus-4-6") as events:
        for event in STREAM:
            events.usage(shape(event))
    assert events.record.usage == whole.record.usage
    assert events.record.usage.output_tokens == 512 and events.record.usage.cache_write_1h_tokens == 8000
    assert events.cost_usd == whole.cost_usd is not None
    assert events.record.cost.state == "exact"


def test_usage_refuses_unknown_names(collector: tacho.Collector) -> None:
    with collector.operation("x") as op:
        with pytest.raises(TypeError):
            op.usage(inptu=3)
        with pytest.raises(TypeError):
            op.usage({}, input=3)


def test_current_is_never_none() -> None:
    op = tacho.current()
    assert op.id is None and op.seconds is None and op.cost_usd is None and op.record is None
    with op:
        op.usage(input=3)
        op.tool_call("x", 1)
        op.start()
        op.end()
        op.fail("auth")
        assert op.traceparent() is None
    assert tacho.snapshot().records() == []


def test_traceparent_is_inherited(collector: tacho.Collector) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with collector.operation("outer", traceparent=parent) as outer, collector.operation("inner") as inner:
        assert outer.traceparent().split("-")[1] == "0af7651916cd43dd8448eb211c80319c"  # type: ignore[union-attr]
        assert inner.traceparent() == f"00-0af7651916cd43dd8448eb211c80319c-{inner.id}-01"
    assert {record.trace_id for record in records(collector)} == {"0af7651916cd43dd8448eb211c80319c"}


# ---------------------------------------------------------------------------------------------------------- sessions


def test_everything_inside_belongs_to_the_session(collector: tacho.Collector) -> None:
    @collector.track("tracked")
    def tracked() -> None: ...

    with collector.session("one") as session:
        assert session.id == "one"
        tracked()
        with collector.operation("block"), collector.session("two"):
            tracked()
            collector.record("after", 1)
        collector.record("after", 1)
    tracked()
    assert [(record.operation, record.session) for record in records(collector)] == [
        ("tracked", "one"),
        ("tracked", "two"),
        ("after", "two"),
        ("block", "one"),
        ("after", "one"),
        ("tracked", "test"),
    ]


def test_a_session_for_one_operation(collector: tacho.Collector) -> None:
    with collector.operation("a", session="given"):
        collector.record("b", 1)
    with collector.operation("c", session="given"):
        pass
    assert [(record.operation, record.session) for record in records(collector)] == [
        ("b", "given"),
        ("a", "given"),
        ("c", "given"),
    ]
    with pytest.raises(TypeError):
        collector.operation("d", session=3)  # type: ignore[arg-type]


def test_a_session_has_a_random_id_by_default(collector: tacho.Collector) -> None:
    with collector.session() as first, collector.session() as second:
        assert first.id and second.id and first.id != second.id


def test_summary_is_of_the_session_around(collector: tacho.Collector) -> None:
    with tacho.session("around"):
        tacho.record("a", 1)
        with tacho.operation("b"):
            assert tacho.summary().session == "around"
    tacho.record("c", 1)
    assert tacho.summary("around").total_operations == 2
    assert tacho.summary().total_operations == 3
    with pytest.raises(tacho.TachoError) as caught:
        tacho.summary("nowhere")
    assert isinstance(caught.value, LookupError)


def test_summary_at_the_end_of_a_session(collector: tacho.Collector, tmp_path: Path) -> None:
    stream = io.StringIO()
    for target in (stream, tmp_path / "summary.txt"):
        with collector.session("told", summary=target):
            collector.record("a", 1)
    assert stream.getvalue() and (tmp_path / "summary.txt").read_text()
    with collector.session("told", summary=tmp_path / "missing" / "file"):
        pass


def test_sessions_do_not_cross_collectors(collector: tacho.Collector) -> None:
    with tacho.session("default"), tacho.operation("outer"):
        with collector.operation("own") as own:
            pass
        tacho.record("inner", 1)
    assert own.record.session == "test" and own.record.parent_id is None
    assert {record.session for record in tacho.snapshot().records()} == {"default"}


def test_blocks_that_are_left_in_the_order_of_their_entry_leave_nothing_current() -> None:
    collector = tacho.Collector()
    outer, a, b, c = (collector.operation(name) for name in ("outer", "a", "b", "c"))
    for op in (outer, a, b, c):
        op.__enter__()
    a.__exit__(None, None, None)
    b.end()
    assert tacho.current().id == c.id
    c.__exit__(None, None, None)
    assert tacho.current().id == outer.id
    outer.__exit__(None, None, None)
    assert tacho.current().id is None


def test_sessions_and_operations_may_be_left_in_the_order_of_their_entry() -> None:
    collector = tacho.Collector()
    session, op = collector.session("s"), collector.operation("a")
    session.__enter__()
    op.__enter__()
    session.__exit__(None, None, None)
    op.__exit__(None, None, None)
    collector.record("after", 1)
    after = [one for one in collector.snapshot().records() if one.operation == "after"]
    assert [(one.parent_id, one.session == "s") for one in after] == [(None, False)]


def test_a_component_of_an_operation_that_began_again_has_no_time(collector: tacho.Collector) -> None:
    op = collector.operation("x")
    part = op.component("part")
    with op:
        part.__enter__()
    with op:
        while op.seconds < 0.001:
            pass
        part.__exit__(None, None, None)
    assert [dict(record.components or {}) for record in collector.snapshot().records()] == [{}, {}]


def test_metadata_and_events_stand_in_the_record(collector: tacho.Collector) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    metadata = {
        "tier": "gold",
        "n": 3,
        "ratio": 0.5,
        "ok": True,
        "none": None,
        "odd": Odd(),
        "bad": Bad(),
        7: "left out",
    }
    with collector.operation("qa", metadata=metadata) as op:
        op.event("saved", path="x", lines=7)
        op.retry("busy")
    assert op.record is not None
    assert op.record.metadata == {
        "tier": "gold",
        "n": 3,
        "ratio": 0.5,
        "ok": True,
        "none": None,
        "odd": "odd",
        "bad": None,
    }
    assert [(event["name"], event["fields"]) for event in op.record.events] == [
        ("saved", {"path": "x", "lines": 7}),
        ("retry", {"reason": "busy"}),
    ]
    assert op.record.started_at <= op.record.events[0]["at"] <= op.record.ended_at
    collector.record("after", 1.0, metadata={"tier": "silver", "big": 2**70})
    (after,) = (record for record in records(collector) if record.operation == "after")
    assert after.metadata == {"tier": "silver", "big": str(2**70)}
    assert after.events == []
    collector.record("wrong", 1.0, metadata=7)
    (wrong,) = (record for record in records(collector) if record.operation == "wrong")
    assert wrong.metadata == {}


def test_tags_that_are_not_declared_go_to_the_record() -> None:
    collector = tacho.Collector(tags=["tier"])
    tags = {"tier": "gold", "region": "eu"}
    with collector.operation("a", tags=tags, metadata={"size": 3}):
        pass
    collector.record("b", 1.0, tags=tags)
    collector.record("c", 1.0, tags=tags, metadata={"region": "us"})

    @tacho.track(tags=tags, collector=collector)
    def work() -> None:
        pass

    work()
    found = {record.operation: record.metadata for record in collector.snapshot().records()}
    assert found.pop("a") == {"region": "eu", "size": 3}
    assert found.pop("b") == {"region": "eu"}
    assert found.pop("c") == {"region": "us"}  # what is said last counts
    assert list(found.values()) == [{"region": "eu"}]
    assert "tag_undeclared" not in collector.summary().data_quality["drops"]
    assert collector.operations()[0].calls == 1
