"""Declared tags are keys of tables: live, from a file, in a folder that several processes share, and from a history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tachograph as tacho

CALLS = """
    import os, sys
    import tachograph as tacho
    def call(tags, tokens):
        tacho.record("ask", 1.0, kind="llm", provider="anthropic", model="claude-opus-4-6",
                     usage={"input": tokens}, tags=tags)
    call({"tier": "gold", "user": "u-1"}, 1000)
    call({"tier": "gold"}, 500)
    call({"tier": "silver"}, 100)
    call({}, 10)
    tacho.flush()
    if len(sys.argv) > 1:
        os.kill(os.getpid(), 9)
    """
WANT = {"gold": (2, 1500), "silver": (1, 100), None: (1, 10)}


def make_calls(*arguments: str, **environment: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CALLS), *arguments],
        env={**os.environ, "TACHO_TAGS": "tier", **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" and done.returncode == (-9 if arguments else 0)


def by_tier(source: Any, **query: Any) -> dict[Any, tuple[int, int]]:
    rows = source.usage(by="tag:tier", **query)
    assert sum(row.calls for row in rows) == rows.total_calls
    assert sum(row.cost_usd for row in rows) == rows.total_cost_usd
    return {row.tags["tier"]: (row.calls, row.input_tokens) for row in rows}


@pytest.fixture
def tagged() -> tacho.Collector:
    collector = tacho.Collector(tags=["tier"])
    for tier, tokens in (("gold", 1000), ("gold", 500), ("silver", 100), (None, 10)):
        tags = {"user": "u-1"} if tier is None else {"tier": tier}
        with collector.llm("ask", provider="anthropic", model="claude-opus-4-6", tags=tags) as op:
            op.usage(input=tokens)
    return collector


def test_rows_by_a_tag(tagged: tacho.Collector, tmp_path: Path) -> None:
    assert by_tier(tagged) == WANT
    assert by_tier(tagged, since="1h") == WANT
    tagged.save(tmp_path / "s.msgpack")
    tagged.save(tmp_path / "s.json")
    assert by_tier(tacho.load(tmp_path / "s.msgpack")) == WANT
    assert by_tier(tacho.load(tmp_path / "s.json")) == WANT
    assert by_tier(tagged.snapshot() | tacho.load(tmp_path / "s.json")) == WANT  # the same part twice


def test_rows_by_a_tag_beside_other_keys(tagged: tacho.Collector) -> None:
    rows = tagged.costs(by=("model", "tag:tier"))
    assert (rows[0].model, rows[0].tags) == ("claude-opus-4-6", {"tier": "gold"})
    assert rows.total_cost_usd == Decimal("0.00805")
    assert rows[0].to_dict()["tags"] == {"tier": "gold"}
    assert tagged.usage(by="model")[0].tags == {}
    assert "tag:tier" in str(rows) and "gold" in str(rows)


def test_where_restricts(tagged: tacho.Collector) -> None:
    assert tagged.usage(by="total", where={"tag:tier": "gold"}).total_calls == 2
    assert tagged.usage(by="total", where={"tag:tier": None}).total_calls == 1
    assert tagged.usage(by="total", where={"tag:tier": "gold", "model": "other"}).total_calls == 0
    assert tagged.costs(where={"provider": "anthropic"}).total_calls == 4
    assert set(by_tier(tagged, where={"tag:tier": "silver"})) == {"silver"}


def test_records_have_their_tags(tagged: tacho.Collector) -> None:
    assert [record.tags for record in tagged.snapshot().records()] == [
        {"tier": "gold"},
        {"tier": "gold"},
        {"tier": "silver"},
        {},
    ]


def test_wrong_keys_are_named(tagged: tacho.Collector) -> None:
    for by in ("tag:", "week", ("model", "tag:"), "\udc80"):
        with pytest.raises(ValueError, match=r"unknown grouping key .*: model, provider, .*, total or tag:NAME"):
            tagged.usage(by=by)
    with pytest.raises(ValueError, match=r"unknown key in where 'kind': session, .* or tag:NAME"):
        tagged.usage(where={"kind": "llm"})
    with pytest.raises(TypeError, match="where: the value of 'model' is a text, not None"):
        tagged.usage(where={"model": None})
    with pytest.raises(TypeError, match="where: the value of 'tag:tier' is a text or None, not 5"):
        tagged.usage(where={"tag:tier": 5})
    with pytest.raises(TypeError, match="where is a mapping"):
        tagged.usage(where="model=x")
    with pytest.raises(ValueError, match="8 tags at most"):
        tagged.usage(by=[f"tag:{i}" for i in range(9)])
    assert tagged.usage(by=(f"tag:{i}" for i in range(8))).total_calls == 4


def test_numbers_over_time_take_tags(tagged: tacho.Collector) -> None:
    def calls(what: str) -> int:
        return sum(point.n for point in tagged.timeline(what, "5m"))

    assert (calls("calls"), calls('calls{tag:tier="gold"}'), calls('calls{tag:tier=""}')) == (4, 2, 1)
    with pytest.raises(ValueError, match="component or tag:NAME"):
        tagged.timeline('calls{tier="gold"}', "5m")


def test_periods_may_be_told_as_how_long_ago(tagged: tacho.Collector) -> None:
    tagged.record("ask", 1.0, kind="llm", usage={"input": 1}, ended_at=datetime.now(timezone.utc) - timedelta(hours=30))
    for since, calls in (("1h", 4), ("24h", 4), ("2d", 5), ("1w", 5), (None, 5)):
        assert tagged.usage(by="total", since=since).total_calls == calls
    assert tagged.usage(by="total", until="1d").total_calls == 1
    assert tagged.usage(by="total", since=timedelta(hours=1)).total_calls == 4
    assert tagged.usage(by="total", since=timedelta.max).total_calls == 5
    with pytest.raises(ValueError, match="not below 0"):
        tagged.usage(by="total", since=timedelta(seconds=-1))
    for wrong in ("1x", "h", "1.5h", "-1h", "", "yesterday"):
        with pytest.raises(
            ValueError, match=r"is no time: give an aware datetime, .*or how long ago \(30m, 24h, 7d, 2w"
        ):
            tagged.usage(by="total", since=wrong)


def test_tags_of_other_processes(tmp_path: Path) -> None:
    """A living one, one that was killed, and their sum in the folder."""
    folder = tmp_path / "shared"
    make_calls("killed", TACHO_DIR=folder)
    assert by_tier(tacho.load(folder)) == WANT
    make_calls(TACHO_DIR=folder)
    twice = {tier: (2 * calls, 2 * tokens) for tier, (calls, tokens) in WANT.items()}
    assert by_tier(tacho.load(folder)) == twice
    assert by_tier(tacho.load(folder), since="1h") == twice  # from the records


@pytest.mark.skipif(shutil.which("tacho") is None, reason="the command is not installed")
def test_the_command_reads_them_from_a_history(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    make_calls(TACHO_HISTORY=path)
    answer = subprocess.run(
        ["tacho", "usage", "--history", str(path), "--by", "tag:tier,model", "--format", "csv"],
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    lines = [line.split(",")[:3] for line in answer.stdout.splitlines()]
    assert lines == [
        ["tag:tier", "model", "calls"],
        ["gold", "claude-opus-4-6", "2"],
        ["silver", "claude-opus-4-6", "1"],
        ["", "claude-opus-4-6", "1"],
    ]
