"""The command as a function, and small logs to read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
        tier: str | None = None,
    ) -> None:
        content: list[dict[str, Any]] = [{"type": "text", "text": "done"}]
        if tool:
            content.append({"type": "tool_use", "id": tool[1], "name": tool[0], "input": {}})
        usage = {"input_tokens": tokens_in, "output_tokens": out, "cache_read_input_tokens": 1000, "service_tier": tier}
        message = {"id": response, "model": model, "role": "assistant", "type": "message"}
        self.add(seconds, "assistant", {**message, "content": content, "stop_reason": "end_turn", "usage": usage})

    def result(self, seconds: int, tool_id: str, failed: bool = False) -> None:
        block = {"type": "tool_result", "tool_use_id": tool_id, "content": "text", "is_error": failed}
        self.add(seconds, "user", {"role": "user", "content": [block]})

    def write(self) -> Path:
        self.path.write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")
        return self.path


def big_log(path: Path, calls: int) -> int:
    """A log of `calls` calls, about 2 kB each; returns how many."""
    log = Log(path)
    log.prompt(0)
    log.call(1, "msg_0")
    prompt, call = log.lines
    padding = "x" * 1500
    with path.open("w", encoding="utf-8") as file:
        file.write(prompt + "\n")
        for i in range(calls):
            text = call.replace('"msg_0"', f'"msg_{i}"').replace("00000001-0000", f"{i:08}-0000")
            file.write(text.replace('"text": "done"', f'"text": "{padding}"') + "\n")
    return calls
