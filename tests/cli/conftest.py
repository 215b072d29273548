"""Every test has an empty home; the histories are made from small logs by the command itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from command_line import Command, Log


@pytest.fixture
def tacho(tmp_path: Path) -> Command:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    environment.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
    return Command(home, environment)


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


# Records COUNT calls where the settings say, waits for the end of its input if asked to, ends with CODE.
RECORD = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <unistd.h>
int main(int argc, char **argv) {
    tacho_settings *settings;
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_collector *collector;
    tacho_series *step, *call;
    tacho_labels none = TACHO_LABELS_INIT;
    tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    const char *then = argc > 3 ? argv[3] : "";
    if (argc < 3 || tacho_settings_read(&settings, NULL, 0, NULL, 0) != TACHO_OK ||
        tacho_settings_config(settings, &config) != TACHO_OK ||
        tacho_settings_open(settings, &config, &collector) != TACHO_OK) return 99;
    tacho_bind(collector, TACHO_KIND_STEP, "plan", &none, &step);
    tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &call);
    for (int i = 0; i < atoi(argv[1]); i++) {
        tacho_operation plan, answer;
        tacho_begin(step, NULL, &plan);
        tacho_begin(call, &plan, &answer);
        tacho_operation_usage(&answer, &TACHO_USAGE(.input = 1200, .output = 340));
        tacho_end(&answer, TACHO_OUTCOME_OK);
        tacho_end(&plan, TACHO_OUTCOME_OK);
    }
    if (strcmp(then, "wait") == 0) {
        puts("ready");
        fflush(stdout);
        getchar();
    }
    return atoi(argv[2]);
}
"""


def compile_program(folder: Path, name: str, text: str) -> Path:
    """A program that is linked with the library that was installed."""
    prefix = os.environ.get("TACHO_TEST_PREFIX", "")
    if not (Path(prefix) / "include/tachograph.h").exists():
        pytest.skip("TACHO_TEST_PREFIX names no installation with headers")
    (folder / f"{name}.c").write_text(text, encoding="utf-8")
    flags = subprocess.run(
        ["pkg-config", "--static", "--cflags", "--libs", "tachograph"],
        env={**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    subprocess.run(["cc", "-o", name, f"{name}.c", *flags], cwd=folder, check=True)
    return folder / name


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that records: `record COUNT CODE [wait]`, every call 1,200 and 340 tokens inside a step."""
    return compile_program(tmp_path_factory.mktemp("record"), "record", RECORD)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a program saved: one step with one call of 1,200 and 340 tokens."""
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run([compile_program(folder, "save", SAVE), folder / "run.tacho"], check=True)
    return folder / "run.tacho"
