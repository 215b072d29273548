"""Counts what a lane of tests/run.sh left in its folder and prints one line for it.

count.py LANE FOLDER STATUS SECONDS BUDGET TOTALS   counts one lane, appends its figures to the file TOTALS
count.py --total TOTALS                             prints the last line; exit 1 if anything failed

A folder holds JUnit files (pytest, busted, cmocka, and ctest.xml of ctest) and `checks`, lines that begin with "ok",
"not ok" or "skip". STATUS is the lane's exit code (124: out of its budget).
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

OUT_OF_BUDGET = 124


class Counts(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        return Counts(*(a + b for a, b in zip(self, other)))

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def outcome(case: ElementTree.Element) -> Counts:
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return Counts(failed=1)
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return Counts(skipped=1)
    return Counts(passed=1)


def told(path: Path, name: str, failure: ElementTree.Element) -> None:
    print(f"FAILED {path.stem}: {name}")
    print("    " + (failure.get("message") or failure.text or "").strip().replace("\n", "\n    "))


def junit(path: Path, *, show: bool = False) -> Counts:
    """Counts of one JUnit file; `show` prints the messages of failures that nothing else has printed.

    busted reports what went wrong outside a test, as in before_each, beside the tests: each is a failure.
    """
    counts = Counts()
    tree = ElementTree.parse(path)
    for case in tree.iter("testcase"):
        counts += outcome(case)
        for failure in case.findall("failure") + case.findall("error") if show else []:
            told(path, case.get("name") or "", failure)
    for suite in tree.iter("testsuite"):
        for error in suite.findall("error"):
            counts += Counts(failed=1)
            if show:
                told(path, "outside a test", error)
    return counts


def cmocka(folder: Path) -> Counts:
    """Counts of C tests: one per cmocka test; a program that died without its report is one failure."""
    counts = Counts()
    for program in ElementTree.parse(folder / "ctest.xml").iter("testcase"):
        name = program.get("name") or ""
        own = Counts()
        try:
            for report in sorted(folder.glob(f"{name}.*.xml")):
                own += junit(report, show=True)
        except ElementTree.ParseError:
            own = Counts()
        whole = outcome(program)
        if own == Counts() or (whole.failed and not own.failed):
            own += whole
            if whole.failed:
                print(f"FAILED {name}: it died before or after its tests")
                print("    " + (program.findtext("system-out") or "")[-4000:].strip().replace("\n", "\n    "))
        counts += own
    return counts


def lane(folder: Path) -> Counts:
    counts = Counts()
    checks = folder / "checks"
    for line in checks.read_text(encoding="utf-8").splitlines() if checks.exists() else []:
        counts += Counts(line.startswith("ok "), line.startswith("not ok "), line.startswith("skip "))
    if (folder / "ctest.xml").exists():
        counts += cmocka(folder)
    for path in [*folder.glob("pytest-*.xml"), *folder.glob("busted*.xml")]:
        counts += junit(path, show=path.name.startswith("busted"))
    return counts


def count_lane(name: str, folder: str, status: int, seconds: int, budget: int, totals: str) -> None:
    note = ""
    try:
        counts = lane(Path(folder))
    except (ElementTree.ParseError, OSError) as error:
        counts, note = Counts(failed=1), f", report unreadable ({error})"
    if status == OUT_OF_BUDGET:
        counts, note = counts + Counts(failed=1), f", stopped: over its budget of {budget} s"
    elif status != 0:
        counts, note = counts + Counts(failed=1), f", broke with exit code {status}"
    elif counts == Counts():
        counts, note = Counts(failed=1), ", no test was counted"
    print(f"{name}: {counts}, {seconds} s{note}", flush=True)
    with Path(totals).open("a", encoding="utf-8") as file:
        print(*counts, file=file)


def total(totals: str) -> int:
    counts = Counts()
    for line in Path(totals).read_text(encoding="utf-8").splitlines():
        counts += Counts(*map(int, line.split()))
    if counts == Counts():
        counts = Counts(failed=1)
    print(f"all: {counts}")
    return 1 if counts.failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--total":
        sys.exit(total(sys.argv[2]))
    lane_name, lane_folder, status, seconds, budget, totals_file = sys.argv[1:]
    count_lane(lane_name, lane_folder, int(status), int(seconds), int(budget), totals_file)
