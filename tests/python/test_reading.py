"""What reading gives."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import pickle
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tachograph as tacho


@pytest.fixture
def story(collector: tacho.Collector) -> tacho.Collector:
    """One agent run of five calls."""
    with collector.session("demo"):
        collector.record_tool_call("web_search", 0.25, ended_at="2026-06-01T12:00:02Z")
        collector.record_tool_call("web_fetch", 1.5, error="timeout", ended_at="2026-06-01T12:00:03Z")
        collector.record_step("search", 2.1, ended_at="2026-06-01T12:00:03Z")
        collector.record(
            "answer",
            1.8,
            kind="llm",
            provider="anthropic",
            model="claude-opus-4-6",
            usage={"input": 1200, "output": 340, "cache_read": 10000},
            ended_at="2026-06-01T12:00:05Z",
        )
        collector.record("plan_trip", 4.2, kind="agent", ended_at="2026-06-01T12:00:05Z")
    return collector


def test_summary(story: tacho.Collector) -> None:
    summary = story.summary("demo")
    assert (summary.session, summary.total_operations, summary.total_steps, summary.total_tool_calls) == (
        "demo",
        3,
        1,
        2,
    )
    assert summary.total_cost_usd == Decimal("0.0195") and summary.cost_state == "exact"
    assert summary.total_tokens == 11540 and summary.total_seconds == pytest.approx(4.2)
    assert {row.tool for row in summary.tools} == {"web_fetch", "web_search"}
    assert [row.model for row in summary.models] == ["claude-opus-4-6"]
    assert summary.slowest[0].operation == "plan_trip"
    assert summary.data_quality["records_lost"] == 0
    assert summary.started_at == datetime(2026, 6, 1, 12, 0, 0, 800000, tzinfo=timezone.utc)


def test_summary_is_a_mapping(story: tacho.Collector) -> None:
    summary = story.summary("demo")
    assert summary["total_steps"] == 1 and "total_steps" in summary
    assert dict(summary)["session"] == "demo" and len(summary) == len(list(summary))
    with pytest.raises(KeyError):
        summary["nothing"]
    with pytest.raises(AttributeError):
        summary.nothing  # noqa: B018
    assert summary.get("nothing") is None


def test_results_are_frozen(story: tacho.Collector) -> None:
    for result in (story.summary(), story.operations()[0], story.slowest()[0], story.slowest()[0].cost):
        assert dataclasses.is_dataclass(result)
        name = dataclasses.fields(result)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, name, 1)


def test_tables_print_as_the_terminal_does(story: tacho.Collector) -> None:
    for listed in (story.operations(), story.tools(), story.models(), story.sessions(), story.slowest()):
        text = str(listed)
        assert text and not text.endswith("\n")
        html = listed._repr_html_()
        assert html.startswith("<table>") and html.endswith("</table>")
        assert listed.to_dict() == [item.to_dict() for item in listed]
    assert "web_fetch" in str(story.tools()) and "claude-opus-4-6" in str(story.models())
    assert "demo" in str(story.summary("demo")) and "<pre>" in story.summary()._repr_html_()
    empty = tacho.Collector().operations()
    assert list(empty) == [] and isinstance(str(empty), str) and empty._repr_html_().startswith("<table>")


def test_html_is_escaped(collector: tacho.Collector) -> None:
    collector.record("<script>alert(1)</script>", 1)
    assert "<script>" not in collector.operations()._repr_html_()
    assert "<script>" not in collector.summary()._repr_html_()


def test_rows_have_totals(story: tacho.Collector) -> None:
    rows = story.operations()
    assert rows.totals is not None and rows.totals.calls == sum(row.calls for row in rows) == 3
    assert rows.warnings == []


def test_slowest(story: tacho.Collector) -> None:
    assert [record.operation for record in story.slowest(2)] == ["plan_trip", "search"]
    with pytest.raises(ValueError):
        story.slowest(-1)


def test_to_dict_is_plain(story: tacho.Collector) -> None:
    as_dict = story.summary("demo").to_dict()
    assert isinstance(as_dict["tools"], list) and isinstance(as_dict["tools"][0], dict)
    json.dumps(as_dict, default=str)


def test_field_names_are_those_of_json(story: tacho.Collector) -> None:
    document = json.loads(story.export("json"))  # type: ignore[arg-type]
    text = json.dumps(document)
    names = {field.name for field in dataclasses.fields(story.operations()[0])}
    for name in ("success_rate", "p95_seconds", "cost_usd", "input_tokens", "calls"):
        assert name in names and f'"{name}"' in text


def test_every_class_says_what_its_fields_are(story: tacho.Collector) -> None:
    for name in ("Row", "Record", "SessionSummary"):
        made = getattr(tacho, name)
        for field in dataclasses.fields(made):
            if field.name not in ("tools", "models", "slowest", "caches", "metrics", "data_quality"):
                assert f"    {field.name}: " in made.__doc__


def test_results_can_be_copied_and_pickled(story: tacho.Collector) -> None:
    row = story.operations()[0]
    assert pickle.loads(pickle.dumps(row)) == row == copy.deepcopy(row)
    record = story.slowest()[0]
    assert pickle.loads(pickle.dumps(record)) == record
    for result in (story.summary("demo"), story.operations(), story.slowest(), story.costs()):
        for same in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
            assert (type(same), same, str(same)) == (type(result), result, str(result))
            assert same.to_dict() == result.to_dict()
    costs = story.costs()
    same = pickle.loads(pickle.dumps(costs))
    assert (same.totals, same.by_provider, same.total_calls) == (costs.totals, costs.by_provider, 1)
    assert same.by_operation == {"answer": Decimal("0.0195")}


def test_the_slowest_none_are_none(story: tacho.Collector) -> None:
    assert [len(story.slowest(n)) for n in (0, 1, 3)] == [0, 1, 3]


def test_what_is_no_snapshot_is_left_alone(story: tacho.Collector, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    for path in (other, tmp_path, str(other).encode()):
        with pytest.raises(tacho.ForeignError, match="it exists and is no snapshot"):
            story.save(path)  # type: ignore[arg-type]
    assert other.read_text() == "mine"


def test_an_unknown_format_names_the_known_ones(story: tacho.Collector) -> None:
    with pytest.raises(ValueError, match="one of json, jsonl, msgpack, text and csv"):
        story.export("xml")


def test_results_become_dictionaries_as_dataclasses_do(story: tacho.Collector) -> None:
    summary = story.summary("demo")
    plain = dataclasses.asdict(summary)
    assert plain["total_steps"] == 1 and [row["tool"] for row in plain["tools"]] == [row.tool for row in summary.tools]
    assert dataclasses.replace(summary, total_steps=2)["total_steps"] == 2
    assert "total_steps=2" in str(dataclasses.replace(summary, total_steps=2))


# ---------------------------------------------------------------------------------------------------- save and load


@pytest.mark.parametrize("name", ["numbers.json", "numbers.msgpack", "numbers"])
def test_save_and_load(name: str, story: tacho.Collector, tmp_path: Path) -> None:
    path = tmp_path / name
    assert story.save(path) == str(path)
    loaded = tacho.load(path)
    assert loaded.export("json") == story.export("json")
    assert str(loaded.summary("demo")) == str(story.summary("demo"))
    assert (loaded | loaded).export("json") == loaded.export("json")
    assert (loaded | story.snapshot()).export("json") == loaded.export("json")


def test_save_without_a_path(story: tacho.Collector, tmp_path: Path) -> None:
    path = Path(story.save())
    assert path.parent == tmp_path / "XDG_DATA_HOME" / "tachograph" / "metrics"
    assert tacho.load(path).summary("demo").total_steps == 1


def test_load_of_what_is_no_snapshot(tmp_path: Path, story: tacho.Collector) -> None:
    with pytest.raises(tacho.TachoError):
        tacho.load(tmp_path / "missing")
    for content in (b"", b"\x93", b"{}", b"hello", bytes(range(256)), story.export("msgpack")[:-5]):  # type: ignore[index]
        path = tmp_path / "bad"
        path.write_bytes(content)  # type: ignore[arg-type]
        with pytest.raises(tacho.TachoError):
            tacho.load(path)
        assert path.read_bytes() == content


def test_load_never_mixes_into_live_numbers(story: tacho.Collector, tmp_path: Path) -> None:
    before = tacho.export("json")
    tacho.load(story.save(tmp_path / "x"))
    assert tacho.export("json") == before


def test_export(story: tacho.Collector, tmp_path: Path) -> None:
    stream = io.StringIO()
    assert story.export("json", stream) is None and stream.getvalue() == story.export("json")
    assert story.export("json", tmp_path / "x.json") is None
    assert (tmp_path / "x.json").read_text() == story.export("json")
    assert isinstance(story.export("msgpack"), bytes)
    story.export("msgpack", tmp_path / "x.msgpack")
    assert tacho.load(tmp_path / "x.msgpack").export("json") == story.export("json")
    csv: Any = story.export("csv")
    assert csv.splitlines()[0].startswith("step,duration,tokens,cost,tool,success")
    with pytest.raises(ValueError):
        story.export("nonsense")


# ------------------------------------------------------------------------------------------------------------- cost


def test_calculate_cost() -> None:
    cost = tacho.calculate_cost(
        "claude-opus-4-6",
        {"input": 1_000_000, "output": 1000},
        provider="anthropic",
        at=datetime(2026, 6, 1, tzinfo=timezone.utc),
    )
    assert cost.usd == Decimal("5.025") and cost.state == "exact" and cost.currency == "USD"
    assert (cost.input_usd, cost.output_usd) == (Decimal(5), Decimal("0.025"))
    assert cost.components == {"input": Decimal(5), "output": Decimal("0.025")}
    assert cost.table_version and cost.priced_at == datetime(2026, 6, 1, tzinfo=timezone.utc)
    assert str(cost) == "5.025 USD (exact)"


def test_cost_of_an_unknown_model_is_unknown() -> None:
    cost = tacho.calculate_cost("no-such-model", {"input": 5})
    assert cost.usd is None and cost.state == "unknown" and str(cost) == "- USD (unknown)"


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 100, "output_tokens": 5, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0},
        {
            "usage": {"input_tokens": 100, "output_tokens": 5, "cache_read_input_tokens": 10},
            "model": "claude-opus-4-6-20260205",
            "type": "message",
        },
        '{"usage": {"input_tokens": 100, "output_tokens": 5, "cache_read_input_tokens": 10}}',
    ],
)
def test_cost_of_a_response(usage: Any) -> None:
    cost = tacho.calculate_cost("claude-opus-4-6", usage, provider="anthropic", at=1780272000)
    assert cost.usd == Decimal("0.00063")


def test_the_model_that_answered_is_priced() -> None:
    response = {"usage": {"input_tokens": 1_000_000, "output_tokens": 0}, "model": "claude-opus-4-6", "type": "message"}
    cost = tacho.calculate_cost("claude-haiku-4-5", response, provider="anthropic", at=1780272000)
    assert cost.usd == Decimal(5)


def test_calculate_cost_refuses_what_makes_no_sense() -> None:
    with pytest.raises(TypeError):
        tacho.calculate_cost(3, {})  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        tacho.calculate_cost("m", {}, at=datetime(2026, 6, 1))
    with pytest.raises(TypeError):
        tacho.calculate_cost("m", {}, at=[])  # type: ignore[arg-type]


def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    missing = tmp_path / "nope"
    with pytest.raises(tacho.TachoError, match=rf"^No such file or directory: '{missing}'$"):
        tacho.load(missing)
    with pytest.raises(tacho.TachoError, match=r"No such file or directory: '.*x.json'$"):
        tacho.save(missing / "x.json")


@pytest.fixture
def bill(collector: tacho.Collector) -> tacho.Collector:
    """Six calls of two providers; one fails in the network, one is refused."""
    opus = {"provider": "anthropic", "model": "claude-opus-4-6", "ended_at": "2026-06-01T12:00:00Z"}
    for name in ("answer", "answer", "plan"):
        collector.record(name, 1.0, kind="llm", usage={"input": 1000, "output": 100}, **opus)
    collector.record_call("openai", "answer", 1.0, model="gpt-4o", cost="0.25", ended_at="2026-06-02T12:00:00Z")
    collector.record_failure("openai", 2.0, "network", operation="answer", ended_at="2026-06-02T12:00:00Z")
    collector.record_failure("openai", 2.0, "auth", operation="answer", ended_at="2026-06-02T12:00:00Z")
    return collector


def test_providers_tell_their_availability(bill: tacho.Collector) -> None:
    rows = {row.provider: row for row in bill.providers()}
    assert set(rows) == {"anthropic", "openai"}
    assert rows["anthropic"].availability == rows["anthropic"].success_rate == 1.0
    assert (rows["openai"].calls, rows["openai"].errors) == (3, 2)
    assert rows["openai"].success_rate == pytest.approx(1 / 3) and rows["openai"].availability == pytest.approx(2 / 3)
    assert "AVAILABLE" in str(bill.providers())


def test_costs_by_several_keys(bill: tacho.Collector) -> None:
    costs = bill.costs()
    assert {(row.provider, row.model, row.cost_usd) for row in costs} == {
        ("anthropic", "claude-opus-4-6", Decimal("0.0225")),
        ("openai", "gpt-4o", Decimal("0.25")),
        ("openai", None, None),
    }
    assert costs.total_cost_usd == Decimal("0.2725") and costs.total_calls == 6
    assert costs.by_provider == {"openai": Decimal("0.25"), "anthropic": Decimal("0.0225")}
    assert costs.by_operation == {"answer": Decimal("0.265"), "plan": Decimal("0.0075")}
    assert "PROVIDER" in str(costs) and "MODEL" in str(costs)
    assert costs.to_dict()[0]["provider"] == "openai"


def test_usage_by_any_keys(bill: tacho.Collector) -> None:
    usage = bill.usage()
    assert (usage.total_calls, usage.total_tokens) == (6, 3300)
    assert [row.model for row in usage] == ["gpt-4o", "claude-opus-4-6", None]
    days = bill.usage(by=["day", "provider"])
    assert [(row.day, row.provider, row.calls) for row in days] == [
        ("2026-06-01", "anthropic", 3),
        ("2026-06-02", "openai", 3),
    ]
    late = bill.usage(by="total", since="2026-06-02T00:00:00Z")
    assert late[0].calls == 3 and late.by_provider == {"openai": Decimal("0.25")}
    assert bill.usage(by=()).total_calls == 6
    for wrong in ("colour", ["model", "colour"], [1]):
        with pytest.raises(ValueError, match="unknown grouping key"):
            bill.usage(by=wrong)
    with pytest.raises(LookupError):
        bill.usage(session="nobody")


def test_what_runs_is_in_the_tables(collector: tacho.Collector) -> None:
    with collector.llm("answer", provider="anthropic"):
        (row,) = collector.operations()
        assert (row.operation, row.calls, row.in_flight, row.success_rate) == ("answer", 0, 1, None)
        assert collector.providers()[0].in_flight == 1
        assert len(collector.usage()) == 0
    assert collector.operations()[0].in_flight == 0


def test_data_quality_names_what_was_dropped(collector: tacho.Collector) -> None:
    operation = collector.step("plan").start()
    operation.end()
    operation.end()
    quality = collector.summary().data_quality
    assert sum(quality["drops"].values()) == 1
    assert {"records_lost", "unpriced_calls", "usage_absent", "low_confidence_calls", "series_overflow"} < set(quality)


def test_system(collector: tacho.Collector) -> None:
    collector.record_tool_call("grep", 0.1)
    with collector.agent("run"), collector.llm("answer"):
        system = collector.system()
    assert (system.total_requests, system.concurrent_requests, system.active_agents, system.in_flight) == (1, 1, 1, 2)
    assert system.active_sessions == 1 and system.processes == 1
    assert system.cpu_seconds > 0 and system.memory_bytes > 1 << 20 and system.open_descriptors >= 3
    assert system.start_time.tzinfo is not None and 0 <= system.uptime_seconds < 60
    assert system.to_dict()["total_requests"] == 1
    assert "1 ended, 1 running" in str(system) and system._repr_html_().startswith("<pre>")
    with pytest.raises(dataclasses.FrozenInstanceError):
        system.total_requests = 2
