"""tests/count.py: a lane cannot look better than it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("TACHO_TEST_SOURCE", Path(__file__).resolve().parents[2]))
PASSED = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure><![CDATA[1 != 2]]></failure></testcase>'
SKIPPED = '<testcase name="c"><skipped/></testcase>'


def suite(*cases: str) -> str:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def ctest(name: str, status: str) -> str:
    failure = '<failure message="Failed"/>' if status == "fail" else ""
    return f'<testsuite><testcase name="{name}" status="{status}">{failure}</testcase></testsuite>'


def count(folder: Path, status: int = 0) -> str:
    """The line of one lane named x."""
    totals = folder / "totals"
    command = [sys.executable, str(ROOT / "tests/count.py"), "x", str(folder), str(status), "3", "9", str(totals)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def total(folder: Path) -> tuple[str, int]:
    command = [sys.executable, str(ROOT / "tests/count.py"), "--total", str(folder / "totals")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip(), done.returncode


def test_reports_of_all_kinds_add_up(tmp_path: Path) -> None:
    (tmp_path / "checks").write_text("ok one\nnot ok two\nskip three\n")
    (tmp_path / "pytest-x.xml").write_text(suite(PASSED, SKIPPED))
    (tmp_path / "busted.xml").write_text(suite(PASSED, FAILED))
    assert count(tmp_path) == "x: 3 passed, 2 failed, 2 skipped, 3 s"
    assert total(tmp_path) == ("all: 3 passed, 2 failed, 2 skipped", 1)


def test_what_goes_wrong_outside_a_test_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "busted.xml").write_text(suite(PASSED, "<error>before_each: no collector</error>"))
    assert count(tmp_path) == "x: 1 passed, 1 failed, 0 skipped, 3 s"
    assert total(tmp_path) == ("all: 1 passed, 1 failed, 0 skipped", 1)


def test_c_tests_count_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(ctest("test_a", "run"))
    (tmp_path / "test_a.first.xml").write_text(suite(PASSED, PASSED))
    (tmp_path / "test_a.second.xml").write_text(suite(PASSED))
    assert count(tmp_path) == "x: 3 passed, 0 failed, 0 skipped, 3 s"
    assert total(tmp_path) == ("all: 3 passed, 0 failed, 0 skipped", 0)


def test_a_c_program_without_report_counts_as_itself(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(ctest("public_header_c", "run"))
    assert count(tmp_path).startswith("x: 1 passed, 0 failed")


def test_a_c_program_that_dies_after_its_tests_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(ctest("test_a", "fail"))
    (tmp_path / "test_a.first.xml").write_text(suite(PASSED, PASSED))
    assert count(tmp_path).startswith("x: 2 passed, 1 failed")


def test_half_a_report_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(ctest("test_a", "fail"))
    (tmp_path / "test_a.first.xml").write_text(suite(PASSED)[:-20])
    assert count(tmp_path).startswith("x: 0 passed, 1 failed")


def test_a_failure_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(ctest("test_a", "fail"))
    (tmp_path / "test_a.first.xml").write_text(suite(PASSED, FAILED))
    assert count(tmp_path).startswith("x: 1 passed, 1 failed")


def test_a_lane_that_counted_nothing_failed(tmp_path: Path) -> None:
    assert count(tmp_path) == "x: 0 passed, 1 failed, 0 skipped, 3 s, no test was counted"


def test_a_lane_that_broke_failed(tmp_path: Path) -> None:
    (tmp_path / "checks").write_text("ok one\n")
    assert count(tmp_path, 2) == "x: 1 passed, 1 failed, 0 skipped, 3 s, broke with exit code 2"


def test_a_lane_over_its_budget_failed(tmp_path: Path) -> None:
    (tmp_path / "checks").write_text("ok one\n")
    assert count(tmp_path, 124) == "x: 1 passed, 1 failed, 0 skipped, 3 s, stopped: over its budget of 9 s"


def test_an_unreadable_report_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "pytest-x.xml").write_text("<testsuites>")
    assert "1 failed" in count(tmp_path)


def test_no_lane_at_all_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "totals").write_text("")
    assert total(tmp_path) == ("all: 0 passed, 1 failed, 0 skipped", 1)
