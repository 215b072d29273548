"""The committed price table is what its generator makes of the packages that the lock file names."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ["TACHO_TEST_SOURCE"])
PRICE = ROOT / "core/src/price"
LOCK: dict[str, Any] = json.loads((PRICE / "prices.lock.json").read_text(encoding="utf-8"))
KEPT = ROOT / "build/prices"
MAX_BYTES = 400 * 1024

sys.path.insert(0, str(PRICE / "generate"))
import embed  # noqa: E402
import package_json  # noqa: E402
import update  # noqa: E402

MEMBERS = {"genai-prices": update.GENAI_DATA, "litellm": update.LITELLM_DATA}


def package_data(name: str, version: str) -> bytes:
    """The data file of one locked package; downloaded once."""
    kept = KEPT / f"{name}-{version}.data"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        command += ["--python-version", "3.12", "--only-binary", ":all:", "--dest", str(KEPT), f"{name}=={version}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
        wheels = list(KEPT.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        if not wheels:
            pytest.skip(f"{name} {version} cannot be downloaded: {done.stderr.strip()[-200:]}")
        kept.write_bytes(update.wheel_member(wheels[0], MEMBERS[name]))
        wheels[0].unlink()
    return kept.read_bytes()


def locked_sources() -> list[tuple[dict[str, str], bytes]]:
    return [(source, package_data(source["name"], source["version"])) for source in LOCK["sources"]]


def test_the_locked_packages_have_the_hash_of_the_lock() -> None:
    for source, data in locked_sources():
        assert hashlib.sha256(data).hexdigest() == source["sha256"]


def test_the_generator_makes_the_committed_table(tmp_path: Path) -> None:
    files = []
    for source, data in locked_sources():
        if source["name"] == "genai-prices":
            data = package_json.dump(package_json.providers_from_source(data.decode("utf-8"))).encode("utf-8")
        files.append(tmp_path / f"{source['name']}-{source['version']}.json")
        files[-1].write_bytes(data)
    tacho = str(Path(os.environ["TACHO_TEST_PREFIX"]) / "bin/tacho")
    table = update.build(tacho, files, LOCK["date"], tmp_path)
    assert len(table) == LOCK["bytes"]
    note = ", ".join(f"{source['name']} {source['version']}" for source in LOCK["sources"]) + ", MIT, see NOTICE."
    made = embed.source(table, "builtin_bytes", note, "price/table.h")
    assert made == (PRICE / "table_builtin.c").read_text(encoding="utf-8")


def test_the_table_is_small() -> None:
    """400 KB, semantics 54."""
    assert LOCK["bytes"] <= MAX_BYTES


def test_the_overrides_are_the_committed_ones() -> None:
    text = json.dumps(json.loads((PRICE / "generate/overrides.json").read_text("utf-8")), separators=(",", ":"))
    made = embed.source(text.encode("utf-8"), "overrides_text", "From overrides.json.", "price/overrides.h")
    assert made == (PRICE / "overrides_builtin.c").read_text(encoding="utf-8")


def test_the_notice_names_every_source() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for source in LOCK["sources"]:
        assert f"Price data of {source['name']}" in notice
