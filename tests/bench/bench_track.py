"""What @track adds to a function, against prometheus_client's Histogram.time() and a plain closure.

Prints one line per figure: name, measured, limit, separated by tabs. All variants run interleaved in one process,
ROUNDS times; a figure is the median of the differences to the plain function, so that a slow moment of the machine
machine hits every variant alike.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
import timeit
from collections.abc import Callable
from typing import Any

import prometheus_client
import tachograph as tacho

ROUNDS, CALLS = 41, 20_000


def empty() -> None:
    pass


async def waits() -> None:
    pass


def closure(function: Callable[[], Any]) -> Callable[[], Any]:
    """What people write by hand."""
    total = 0

    @functools.wraps(function)
    def timed() -> Any:
        nonlocal total
        start = time.perf_counter_ns()
        try:
            return function()
        finally:
            total += time.perf_counter_ns() - start

    return timed


def async_closure(function: Callable[[], Any]) -> Callable[[], Any]:
    total = 0

    @functools.wraps(function)
    async def timed() -> Any:
        nonlocal total
        start = time.perf_counter_ns()
        try:
            return await function()
        finally:
            total += time.perf_counter_ns() - start

    return timed


def added(variants: dict[str, Callable[[], Any]], time_one: Callable[[Callable[[], Any]], float]) -> dict[str, float]:
    """Nanoseconds that each variant adds to the one called plain."""
    differences: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        took = {name: time_one(function) for name, function in variants.items()}
        for name, value in took.items():
            differences[name].append(value - took["plain"])
    return {name: statistics.median(values) for name, values in differences.items()}


def per_call(function: Callable[[], Any]) -> float:
    return timeit.timeit(function, number=CALLS) / CALLS * 1e9


def per_await(function: Callable[[], Any]) -> float:
    async def loop() -> float:
        start = time.perf_counter_ns()
        for _ in range(CALLS):
            await function()
        return (time.perf_counter_ns() - start) / CALLS

    return asyncio.run(loop())


class Holder:
    @tacho.track("method")
    def method(self) -> None:
        pass


def main() -> None:
    histogram = prometheus_client.Histogram("bench_seconds", "Of the benchmark")
    sync = added(
        {
            "plain": empty,
            "track": tacho.track("bench")(empty),
            "alone": tacho.track("alone", nest=False)(empty),
            "method": Holder().method,
            "closure": closure(empty),
            "prometheus": histogram.time()(empty),
        },
        per_call,
    )
    awaits = added({"plain": waits, "track": tacho.track("await")(waits), "closure": async_closure(waits)}, per_await)
    disabled = tacho.Collector(enabled=False).track("disabled")(empty)
    print(f"empty Python function, ns\t{per_call(empty):.1f}\t")
    print(f"@track adds, ns\t{sync['track']:.1f}\t")
    print(f"@track on a method adds, ns\t{sync['method']:.1f}\t")
    print(f"@track(nest=False) adds, ns\t{sync['alone']:.1f}\t")
    print(f"@track on an async function adds, ns\t{awaits['track']:.1f}\t")
    print(f"@track / prometheus_client Histogram.time()\t{sync['track'] / sync['prometheus']:.3f}\t0.1")
    print(f"@track / closure with two perf_counter_ns\t{sync['track'] / sync['closure']:.3f}\t0.7")
    print(f"async @track / async closure with two perf_counter_ns\t{awaits['track'] / awaits['closure']:.3f}\t")
    print(f"@track disabled is the function itself (0 = yes)\t{0 if disabled is empty else 1}\t0")


if __name__ == "__main__":
    main()
