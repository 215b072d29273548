"""timeline(): a number over time, without a database."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any

import pytest
import tachograph as tacho


def test_tells_what_was_recorded_before_the_first_call(collector: tacho.Collector) -> None:
    collector.record("answer", 0.5, kind="llm", cost=Decimal("0.25"))
    collector.record("answer", 1.5, kind="llm", cost=Decimal("0.5"), error="timeout", success=False)
    collector.record("look", 0.1, kind="tool")
    points = collector.timeline("calls", "10m")
    assert len(points) == 61
    assert sum(point.n for point in points) == 3
    assert all((point.end - point.start).total_seconds() == 10 for point in points)
    assert points[-1].complete is False
    assert points[0].value is None
    assert [after.start for after in points[1:]] == [before.end for before in points[:-1]]


def test_values_have_the_types_of_rows(collector: tacho.Collector) -> None:
    collector.record("answer", 0.5, kind="llm", cost=Decimal("0.25"))
    collector.record("answer", 1.5, kind="llm", cost=Decimal("0.5"))

    def total(what: str) -> Any:
        values = [point.value for point in collector.timeline(what, "1m") if point.n]
        return values[-1]

    assert total('cost{operation="answer"}') in (Decimal("0.75"), Decimal("0.5"))
    assert isinstance(total("avg"), float)
    assert total("success_rate") == 1.0
    assert not [point for point in collector.timeline('calls{kind="tool"}', "1m") if point.n]


def test_steps_and_periods(collector: tacho.Collector) -> None:
    assert len(collector.timeline("calls", "2h")) == 121
    assert len(collector.timeline("calls", "1d")) == 97
    assert len(collector.timeline("calls", "7d")) == 169
    assert len(collector.timeline("calls", "3d", "1d")) == 4
    assert collector.timeline("calls", "3d", step="1d")[0].start.hour == 0


@pytest.mark.parametrize(
    ("what", "period", "step"),
    [("what", "1h", None), ("calls", "1y", None), ("calls", "1h", "7s"), ('calls{user="x"}', "1h", None)],
)
def test_says_what_is_wrong_with_a_question(what: str, period: str, step: Any, collector: tacho.Collector) -> None:
    with pytest.raises(ValueError, match=r"not '|column"):
        collector.timeline(what, period, step)


def test_point_is_a_frozen_dataclass_and_the_default_collector_has_it() -> None:
    with tacho.operation("plan"):
        pass
    point = tacho.timeline("calls", "1m", "1m")[-1]
    assert isinstance(point, tacho.Point)
    assert set(point.to_dict()) == {"start", "end", "value", "n", "complete"}
    assert "n=" in str(point)
    with pytest.raises(AttributeError):
        point.n = 7  # type: ignore[misc]
    assert tacho.flush() is True


def threads_of(code: str) -> list[int]:
    script = f"import os\ndef count(): return len(os.listdir('/proc/self/task'))\n{code}"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_there_is_no_thread_until_it_is_needed_and_none_keeps_the_process() -> None:
    code = """
import tachograph as tacho
print(count())
with tacho.operation("plan"): pass
tacho.summary()
print(count())
tacho.timeline("calls", "1m")
print(count())
"""
    assert threads_of(code) == [1, 1, 2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks")
def test_a_forked_child_has_no_thread_and_may_have_its_own() -> None:
    code = """
import tachograph as tacho
tacho.record("plan", 1.0)
tacho.timeline("calls", "1m")
child = os.fork()
if child == 0:
    print(count(), flush=True)
    tacho.record("plan", 1.0)
    print(sum(point.n for point in tacho.timeline("calls", "1m", "1m")), count(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(count())
"""
    assert threads_of(code) == [1, 1, 2, 2]


def test_other_threads_may_ask(collector: tacho.Collector) -> None:
    collector.record("plan", 1.0)
    found: list[int] = []

    def ask() -> None:
        found.append(sum(point.n for point in collector.timeline("calls", "1m")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]
