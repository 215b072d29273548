"""What a killed process had not handed to its history is handed over by `tacho run`, before its folder goes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KILLED = """
import os, pathlib, signal, sys, time
import tachograph as tacho
tacho.configure(history=sys.argv[1], history_interval=3600)
for _ in range(20):
    with tacho.llm("answer", provider="anthropic", model="claude-opus-4-6") as op:
        op.usage(input=1200, output=340)
deadline = time.monotonic() + 30
while not pathlib.Path(os.environ["TACHO_DIR"], "history").exists():
    assert time.monotonic() < deadline, "nobody keeps the history"
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_to_its_history(tmp_path: Path) -> None:
    tacho = shutil.which("tacho")
    if tacho is None:
        pytest.skip("tacho is not installed")
    history, runtime = tmp_path / "kept.db", tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)}
    command = [tacho, "run", "--quiet", "--", sys.executable, "-c", KILLED, str(history)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGKILL, "")
    assert list(runtime.iterdir()) == []
    usage = [tacho, "usage", "--history", str(history), "--by", "operation", "--format", "json"]
    rows = json.loads(subprocess.check_output(usage, env=environment))["rows"]
    assert [(row["operation"], row["calls"]) for row in rows] == [("answer", 20)]
