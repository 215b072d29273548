"""What prometheus_client takes to count and to observe, with one process and in its mode for several.

Prints one line per figure: name, nanoseconds, no limit. Each mode runs in a process of its own, because the mode is
decided when the package is imported; every round measures every way once and the 10th percentile of the rounds counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

ROUNDS = 101
SLICE = 2000


def _measure() -> None:
    import prometheus_client

    counter = prometheus_client.Counter("bench_pages", "Of the benchmark")
    histogram = prometheus_client.Histogram("bench_wait_seconds", "Of the benchmark")
    ways = {"counter": counter.inc, "histogram": lambda: histogram.observe(0.003)}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.thread_time_ns()
            for _ in range(SLICE):
                way()
            took[name].append((time.thread_time_ns() - start) / SLICE)
    mode = sys.argv[1]
    for name, rounds in took.items():
        print(f"prometheus_client {name}, {mode}, ns\t{sorted(rounds)[ROUNDS // 10]:.0f}\t", flush=True)


def main() -> int:
    if len(sys.argv) > 1:
        _measure()
        return 0
    alone = {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}
    result = subprocess.run([sys.executable, __file__, "one process"], env=alone, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        several = {**alone, "PROMETHEUS_MULTIPROC_DIR": folder}
        return (
            result
            or subprocess.run([sys.executable, __file__, "several processes"], env=several, check=False).returncode
        )


if __name__ == "__main__":
    sys.exit(main())
