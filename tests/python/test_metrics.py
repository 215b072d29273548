"""Counters, gauges, histograms and caches that a program declares itself."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest
import tachograph as tacho


@pytest.fixture
def collector() -> tacho.Collector:
    return tacho.Collector()


def row(collector: Any, name: str) -> Any:
    (only,) = collector.metrics(name)
    return only


def test_counter__adds_up_exactly(collector: tacho.Collector) -> None:
    counter = collector.counter("requests", "Requests served.")
    for _ in range(10):
        counter.inc(0.1)
    counter.inc()
    counter.add(3)
    found = row(collector, "requests")
    assert (found.value, found.type, found.unit, found.description) == (5.0, "counter", "1", "Requests served.")
    assert found.labels == {} and found.count is None


def test_labels__are_given_in_order_or_by_name(collector: tacho.Collector) -> None:
    counter = collector.counter("requests", labels=("route", "status"))
    counter.labels("/a", 200).inc()
    counter.labels(status="200", route="/a").inc(2)
    counter.labels("/a", status=500).inc()
    assert [(row.labels, row.value) for row in collector.metrics()] == [
        ({"route": "/a", "status": "200"}, 3.0),
        ({"route": "/a", "status": "500"}, 1.0),
    ]
    for bad in (("/a",), ("/a", 1, 2)):
        with pytest.raises(TypeError):
            counter.labels(*bad)
    with pytest.raises(TypeError):
        counter.labels("/a", route="/a", status=1)
    with pytest.raises(TypeError):
        counter.labels("/a", colour=1)


def test_bytes_and_tokens__stay_whole_numbers(collector: tacho.Collector) -> None:
    collector.counter("sent", unit="By").inc(2**40)
    collector.histogram("prompt", unit="{token}").observe(1200)
    assert row(collector, "sent").value == 2**40 and isinstance(row(collector, "sent").value, int)
    found = row(collector, "prompt")
    assert (found.sum, found.min, found.max, found.count) == (1200, 1200, 1200, 1)


def test_gauge__goes_up_and_down(collector: tacho.Collector) -> None:
    gauge = collector.gauge("depth", merge="sum")
    assert collector.metrics() == []
    gauge.set(5)
    gauge.inc()
    gauge.dec(2)
    gauge.add(-0.5)
    assert row(collector, "depth").value == 3.5
    assert row(collector, "depth").merge == "sum"


def test_histogram__times_blocks(collector: tacho.Collector) -> None:
    histogram = collector.histogram("wait", unit="s")
    with histogram.time():
        pass

    async def block() -> None:
        async with histogram.time():
            await asyncio.sleep(0)

    asyncio.run(block())
    histogram.observe(2.5)
    found = row(collector, "wait")
    assert found.count == 3 and found.max == 2.5 and 2.5 < found.sum < 3
    with pytest.raises(ValueError, match="not time"):
        collector.histogram("size", unit="By").time()


def test_declaration__is_checked_at_once() -> None:
    for place in (tacho, tacho.Collector()):
        for name in ("", "1x", "a b", "tacho_cache_hits_total"):
            with pytest.raises(ValueError):
                place.counter(name)
        with pytest.raises(ValueError):
            place.counter("x", labels=("le",))
        with pytest.raises(ValueError):
            place.gauge("x", merge="average")
        with pytest.raises(TypeError):
            place.counter("x", labels=(1,))
    collector = tacho.Collector()
    collector.counter("x")
    with pytest.raises(ValueError):
        collector.gauge("x")
    with pytest.raises(ValueError):
        collector.counter("x", unit="s")


def test_another_declaration__raises_where_it_stands() -> None:
    tacho.counter("hits", labels=("route",)).labels(route="/a").inc()
    with pytest.raises(ValueError, match="'hits' is already a counter with the label route; it cannot also be a gauge"):
        tacho.gauge("hits")
    tacho.counter("hits", "Described again.", "1", ["route"])
    tacho.gauge("unused", unit="seconds", merge="sum")
    tacho.gauge("unused", unit="s", merge="sum")
    for kind, unit, labels, merge in (
        ("histogram", "s", (), None),
        ("gauge", "By", (), "sum"),
        ("gauge", "s", ("a", "b"), "sum"),
        ("gauge", "s", (), "max"),
    ):
        rule: Any = {} if merge is None else {"merge": merge}
        with pytest.raises(ValueError, match="is already a gauge in s, merged by sum"):
            getattr(tacho, kind)("unused", unit=unit, labels=labels, **rule)


def test_declaration__is_compared_with_the_default_collector() -> None:
    tacho.collector().counter("of_the_collector", labels=("x", "y"))
    with pytest.raises(ValueError, match="already a counter with the labels x, y"):
        tacho.histogram("of_the_collector")
    tacho.counter("of_the_module")
    with pytest.raises(ValueError, match="'of_the_module' is already a counter"):
        tacho.collector().gauge("of_the_module")


def test_values_without_a_metric__are_counted_as_lost() -> None:
    late = tacho.counter("late", labels=("a",)).labels("b")
    with pytest.raises(tacho.TachoError):
        for i in range(1100):
            tacho.collector().counter(f"many_{i}")
    late.inc()
    late.inc(4)
    assert tacho.metrics("late") == []
    assert tacho.summary().data_quality["drops"]["operation_lost"] == 2
    tacho.reset()
    tacho.configure()  # a default collector without all those metrics


def test_label_values__are_cleaned_like_every_text(collector: tacho.Collector) -> None:
    value = "/a\udcff"
    for place in (tacho, collector):
        place.counter("cleaned", labels=("route",)).labels(route=value).inc()
        place.counter("cleaned", labels=("route",)).labels(value).inc()
        assert [(row.labels, row.value) for row in place.metrics("cleaned")] == [({"route": "/a\ufffd"}, 2)]


def test_recording__never_raises_but_in_strict_mode() -> None:
    for strict in (False, True):
        collector = tacho.Collector(strict=strict)
        counter, histogram, gauge = collector.counter("a"), collector.histogram("b"), collector.gauge("c")
        cache = collector.cache("k")
        calls: list[Any] = [
            lambda counter=counter: counter.inc(-1),
            lambda counter=counter: counter.inc("many"),
            lambda counter=counter: counter.inc(float("nan")),
            lambda histogram=histogram: histogram.observe(None),
            lambda gauge=gauge: gauge.set(float("inf")),
            lambda cache=cache: cache.hit(-1),
            lambda cache=cache: cache.size("big"),
            lambda collector=collector: collector.record_cache("k", "explosion"),
        ]
        for call in calls:
            if strict:
                with pytest.raises(tacho.TachoError):
                    call()
            else:
                call()
        assert row(collector, "a").value == 0 and row(collector, "b").count == 0


def test_caches__count_what_happens(collector: tacho.Collector) -> None:
    cache = collector.cache("prompt")
    cache.hit()
    cache.hit(2)
    cache.miss()
    cache.eviction()
    cache.size_rejection()
    cache.size(10, capacity=64)
    cache.size(11)
    collector.record_cache("files", "miss", n=4)
    with collector.operation("answer") as operation:
        operation.cache("prompt", "hit")
    files, prompt = collector.caches()
    assert (prompt.cache, prompt.hits, prompt.misses, prompt.total_requests, prompt.hit_rate) == (
        "prompt",
        4,
        1,
        5,
        0.8,
    )
    assert (prompt.evictions, prompt.size_rejections, prompt.size, prompt.capacity) == (1, 1, 11, 64)
    assert (files.hits, files.hit_rate, files.size) == (0, 0.0, None)
    assert collector.caches().totals.total_requests == 9
    assert "prompt" in str(collector.caches()) and prompt.to_dict()["hit_rate"] == 0.8


def test_default__is_followed_when_it_is_replaced() -> None:
    counter, cache = tacho.counter("early", labels=("a",)).labels("x"), tacho.cache("early")
    tacho.reset()
    counter.inc()
    cache.hit()
    assert row(tacho, "early").value == 1
    tacho.reset()
    counter.inc(5)
    cache.hit()
    assert row(tacho, "early").value == 5
    assert tacho.caches()[0].hits == 1


def test_disabled__records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHO_ENABLED", "off")
    collector = tacho.Collector()
    counter = collector.counter("x", labels=("a",))
    counter.labels("b").inc()
    collector.cache("k").hit()
    collector.histogram("h").observe(1)
    with collector.histogram("h").time():
        pass
    assert not any(row.count or row.value for row in collector.metrics())
    assert not any(row.total_requests for row in collector.caches())


def test_saved__snapshots_carry_metrics_and_caches(collector: tacho.Collector, tmp_path: Any) -> None:
    collector.counter("requests", labels=("route",)).labels("/a").inc(3)
    collector.gauge("depth").set(-2.5)
    histogram = collector.histogram("wait", unit="s")
    for i in range(1, 101):
        histogram.observe(i / 100)
    collector.cache("prompt").hit(7)
    for name in ("a.tacho", "a.json"):
        loaded = tacho.load(collector.save(tmp_path / name))
        assert loaded.metrics() == collector.metrics()
        assert loaded.caches() == collector.caches()
    assert (loaded | loaded).metrics() == collector.metrics()


def test_handles__outlive_their_collector(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    collector = tacho.Collector(dir=str(folder))
    counter, cache = collector.counter("x"), collector.cache("k")
    del collector
    gc.collect()
    counter.inc()
    cache.hit()
    seen = tacho.load(folder)
    assert [row.value for row in seen.metrics()] == [1]
    assert [row.hits for row in seen.caches()] == [1]


def test_threads__add_up(collector: tacho.Collector) -> None:
    counter, histogram = collector.counter("x", labels=("thread",)), collector.histogram("h")

    def work(name: str) -> None:
        mine = counter.labels(name)
        for i in range(5000):
            mine.inc()
            histogram.observe(i)

    threads = [threading.Thread(target=work, args=(str(i % 2),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.value for row in collector.metrics("x")] == [20000.0, 20000.0]
    assert row(collector, "h").count == 40000


def test_a_summary_has_what_the_application_counts(collector: tacho.Collector) -> None:
    collector.counter("requests").add(2)
    collector.cache("files").hit()
    with collector.session("s"):
        collector.record_step("plan", 1.0)
    summary = collector.snapshot().summary()
    assert [(row.metric, row.value) for row in summary.metrics] == [("requests", 2)]
    assert [(row.cache, row.hits) for row in summary.caches] == [("files", 1)]
    assert summary.to_dict()["caches"][0]["hit_rate"] == 1
    of_session = collector.summary("s")
    assert of_session.metrics is None and of_session.caches is None
