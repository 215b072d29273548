"""Import + usage against ccusage, warm, on the same logs: the sample sessions repeated under new ids up to 16 MB.

Prints one line per figure: name, measured, limit, separated by tabs. Needs TACHO_TEST_DATA and npm.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CCUSAGE = "20.0.24"
WANTED_BYTES = 16_000_000
ROUNDS = 15
IDENTIFIER = re.compile(
    r'("(?:id|tool_use_id|requestId|sessionId|uuid|parentUuid|agentId|toolUseID|parentToolUseID)":")'
)


def make_logs(source: Path, projects: Path) -> int:
    """Copies of the sample sessions whose ids differ; returns the bytes written."""
    written = copy = 0
    while written < WANTED_BYTES:
        for path in sorted(source.rglob("*.jsonl")):
            text = IDENTIFIER.sub(rf"\g<1>c{copy}-", path.read_text(encoding="utf-8"))
            target = projects / f"copy-{copy}" / f"c{copy}-{path.relative_to(source)}"
            target.parent.mkdir(parents=True, exist_ok=True)
            written += target.write_text(text, encoding="utf-8")
        copy += 1
    return written


def ccusage(cache: Path) -> Path:
    """The native program of the npm package, installed once."""
    program = cache / "node_modules/@ccusage/ccusage-linux-x64/bin/ccusage"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", str(cache), f"ccusage@{CCUSAGE}"], check=True
        )
    if not program.exists():
        found = [p for p in cache.glob("node_modules/@ccusage/*/**/ccusage*") if p.is_file() and p.suffix == ""]
        if not found:
            raise SystemExit("bench_import: the ccusage package holds no program for this machine")
        program = found[0]
    program.chmod(0o755)
    return program


def seconds(commands: list[list[str]], environment: dict[str, str]) -> float:
    """Of the commands one after the other."""
    start = time.perf_counter()
    for command in commands:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def remove(history: Path) -> None:
    for path in history.parent.glob(history.name + "*"):
        path.unlink()


def peak_megabytes(command: list[str], environment: dict[str, str]) -> float:
    """Peak resident memory of one run, measured in a process that starts nothing else."""
    script = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = [sys.executable, "-c", script, *command]
    return int(subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout) / 1024


def main() -> None:
    data = os.environ.get("TACHO_TEST_DATA")
    if not data:
        raise SystemExit("bench_import: TACHO_TEST_DATA is not set; the sample sessions are there")
    tacho = str(Path(os.environ["TACHO_TEST_PREFIX"]) / "bin/tacho")
    other = ccusage(Path(os.environ["TACHO_TEST_SOURCE"]) / "build/ccusage")
    with tempfile.TemporaryDirectory() as folder:
        projects = Path(folder) / "claude/projects"
        size = make_logs(Path(data) / "agent-sessions/claude-code", projects)
        history = Path(folder) / "history.db"
        environment = dict(os.environ, CLAUDE_CONFIG_DIR=str(Path(folder) / "claude"), HOME=folder)
        importing = [tacho, "import", "claude-code", str(projects), "--history", str(history)]
        ours = theirs = float("inf")
        for _ in range(ROUNDS):  # in turns, so that what disturbs one disturbs the other
            remove(history)
            ours = min(ours, seconds([importing, [tacho, "usage", "--history", str(history)]], environment))
            theirs = min(theirs, seconds([[str(other), "claude", "daily", "--offline", "--json"]], environment))
        usage = [tacho, "usage", "--history", str(history), "--format", "json"]
        calls = json.loads(subprocess.run(usage, env=environment, check=True, capture_output=True).stdout)["totals"][
            "calls"
        ]
        history.unlink()
        memory = peak_megabytes(importing, environment)
    print(f"import + usage of {size / 1e6:.1f} MB ({calls} calls), s\t{ours:.3f}\t")
    print(f"ccusage {CCUSAGE} on the same, s\t{theirs:.3f}\t")
    print(f"import + usage / ccusage\t{ours / theirs:.2f}\t1")
    print(f"peak memory of the import, MB\t{memory:.1f}\t100")


if __name__ == "__main__":
    main()
