"""Runs the built command (TACHO_BIN, else `tacho` on PATH) in an empty home, over small logs made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BINARY = os.environ.get("TACHO_BIN") or shutil.which("tacho")
SESSION = "7f3a0000-1111-4222-8333-444455556666"
MODEL = "claude-opus-4-6"


@dataclass
class Answer:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Command:
    """The command with an environment of its own. Calling it runs it once."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def arguments(self, *arguments: object) -> list[str]:
        assert BINARY, "neither TACHO_BIN nor `tacho` on PATH"
        return [BINARY, *map(str, arguments)]

    def __call__(self, *arguments: object, cwd: Path | None = None, **variables: str) -> Answer:
        result = subprocess.run(
            self.arguments(*arguments),
            cwd=cwd or self.home,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Answer(result.returncode, result.stdout.decode(), result.stderr.decode())


@pytest.fixture
def tacho(tmp_path: Path) -> Command:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    environment.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
    return Command(home, environment)


class Log:
    """A Claude Code transcript, line by line. Times are seconds after 2026-02-03T04:00:00Z."""

    def __init__(self, path: Path, session: str = SESSION) -> None:
        self.path = path
        self.session = session
        self.lines: list[str] = []
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, seconds: int, kind: str, message: dict[str, Any]) -> None:
        time = f"2026-02-03T{4 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"
        line = {
            "type": kind,
            "sessionId": self.session,
            "uuid": f"{len(self.lines):08}-0000-4000-8000-{self.session[:12].replace('-', '0')}",
            "timestamp": time,
            "message": message,
        }
        self.lines.append(json.dumps(line))

    def prompt(self, seconds: int, text: str = "please") -> None:
        self.add(seconds, "user", {"role": "user", "content": text})

    def call(
        self,
        seconds: int,
        response: str,
        *,
        model: str = MODEL,
        tokens_in: int = 100,
        out: int = 10,
        tool: tuple[str, str] | None = None,
    ) -> None:
        content: list[dict[str, Any]] = [{"type": "text", "text": "done"}]
        if tool:
            content.append({"type": "tool_use", "id": tool[1], "name": tool[0], "input": {}})
        usage = {"input_tokens": tokens_in, "output_tokens": out, "cache_read_input_tokens": 1000}
        message = {"id": response, "model": model, "role": "assistant", "type": "message"}
        self.add(seconds, "assistant", {**message, "content": content, "stop_reason": "end_turn", "usage": usage})

    def result(self, seconds: int, tool_id: str, failed: bool = False) -> None:
        block = {"type": "tool_result", "tool_use_id": tool_id, "content": "text", "is_error": failed}
        self.add(seconds, "user", {"role": "user", "content": [block]})

    def write(self) -> Path:
        self.path.write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")
        return self.path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two sessions: three calls of two models with two tool calls, one failed; and, a day later, one call."""
    first = Log(tmp_path / "logs" / "first.jsonl")
    first.prompt(0)
    first.call(10, "msg_a", tool=("Bash", "tool_1"))
    first.result(12, "tool_1")
    first.call(20, "msg_b", tool=("Read", "tool_2"), out=20)
    first.result(21, "tool_2", failed=True)
    first.call(30, "msg_c", model="claude-haiku-4-5-20251001", tokens_in=7, out=3)
    first.write()
    second = Log(tmp_path / "logs" / "second.jsonl", session="9c000000-1111-4222-8333-444455556666")
    second.prompt(19 * 3600)
    second.call(19 * 3600 + 5, "msg_d", tokens_in=50, out=5)
    second.write()
    return tmp_path / "logs"


@pytest.fixture
def history(tacho: Command, logs: Path, tmp_path: Path) -> Path:
    path = tmp_path / "h.db"
    answer = tacho("import", "claude-code", logs, "--history", path)
    assert (answer.code, answer.err) == (0, "")
    return path


@pytest.fixture
def unpriced(tacho: Command, tmp_path: Path) -> Path:
    """A history with one call of a model that has no price."""
    log = Log(tmp_path / "unpriced" / "log.jsonl")
    log.prompt(0)
    log.call(1, "msg_x", model="nobody-knows-1")
    log.write()
    path = tmp_path / "unpriced.db"
    assert tacho("import", "claude-code", log.path, "--history", path).code == 0
    return path


SAVE = """
#include <tachograph.h>
int main(int argc, char **argv) {
    tacho_collector *collector;
    tacho_series *series;
    tacho_operation step, call;
    tacho_snapshot *snapshot;
    tacho_labels none = TACHO_LABELS_INIT;
    tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    if (argc < 2 || tacho_collector_open(&collector, NULL) != TACHO_OK) return 1;
    tacho_bind(collector, TACHO_KIND_STEP, "plan", &none, &series);
    tacho_begin(series, NULL, &step);
    tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &series);
    tacho_begin(series, &step, &call);
    tacho_operation_usage(&call, &TACHO_USAGE(.input = 1200, .output = 340));
    tacho_end(&call, TACHO_OUTCOME_OK);
    tacho_end(&step, TACHO_OUTCOME_OK);
    if (tacho_snapshot_take(collector, &snapshot) != TACHO_OK) return 2;
    return tacho_save(snapshot, argv[1]) == TACHO_OK ? 0 : 3;
}
"""


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a program saved: one step with one call of 1,200 and 340 tokens."""
    prefix = os.environ.get("TACHO_TEST_PREFIX", "")
    if not (Path(prefix) / "include/tachograph.h").exists():
        pytest.skip("TACHO_TEST_PREFIX names no installation with headers")
    folder = tmp_path_factory.mktemp("saved")
    (folder / "save.c").write_text(SAVE, encoding="utf-8")
    flags = subprocess.run(
        ["pkg-config", "--static", "--cflags", "--libs", "tachograph"],
        env={**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    subprocess.run(["cc", "-o", "save", "save.c", *flags], cwd=folder, check=True)
    subprocess.run([folder / "save", folder / "run.tacho"], check=True)
    return folder / "run.tacho"
