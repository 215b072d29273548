"""Every test starts with empty numbers and without settings in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import tachograph as tacho


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("TACHO_") and not name.startswith("TACHO_TEST")]:
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    tacho.reset()
    yield
    tacho.configure(enabled=True)


@pytest.fixture
def collector() -> tacho.Collector:
    return tacho.Collector(session="test")


@pytest.fixture
def strict() -> tacho.Collector:
    return tacho.Collector(session="test", strict=True)
