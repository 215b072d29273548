"""What @track adds to an empty Python function, against prometheus_client's Histogram.time() and a plain closure.

Prints one line per figure: name, measured, limit, separated by tabs. Each figure is the best of ROUNDS rounds.
"""

from __future__ import annotations

import functools
import time
import timeit
from typing import Any, Callable

import prometheus_client
import tachograph as tacho

ROUNDS, CALLS = 15, 100_000


def empty() -> None:
    pass


def closure(function: Callable[[], None]) -> Callable[[], None]:
    """What people write by hand."""
    total = 0

    @functools.wraps(function)
    def timed() -> None:
        nonlocal total
        start = time.perf_counter_ns()
        try:
            return function()
        finally:
            total += time.perf_counter_ns() - start

    return timed


def best(function: Callable[[], Any]) -> float:
    """Nanoseconds per call."""
    return min(timeit.repeat(function, number=CALLS, repeat=ROUNDS)) / CALLS * 1e9


def disabled() -> Callable[[], None]:
    collector = tacho.collector(enabled=False)
    return collector.track("disabled")(empty)


def main() -> None:
    histogram = prometheus_client.Histogram("bench_seconds", "Of the benchmark")
    plain = best(empty)
    track = best(tacho.track("bench")(empty)) - plain
    prometheus = best(histogram.time()(empty)) - plain
    by_hand = best(closure(empty)) - plain
    print(f"empty Python function, ns\t{plain:.1f}\t")
    print(f"@track adds, ns\t{track:.1f}\t")
    print(f"@track / prometheus_client Histogram.time()\t{track / prometheus:.3f}\t0.1")
    print(f"@track / closure with two perf_counter_ns\t{track / by_hand:.3f}\t0.7")
    print(f"@track disabled is the function itself (0 = yes)\t{0 if disabled() is empty else 1}\t0")


if __name__ == "__main__":
    main()
