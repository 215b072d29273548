"""The native core, or what stands in for it where it cannot load (semantics 47)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import _core as core

    AVAILABLE = True
else:
    try:
        core = import_module("tachograph._core")
        AVAILABLE = True
    except (ImportError, OSError) as problem:
        from . import _absent as core

        AVAILABLE = False
        core.warn(problem)

current = core.current

__all__ = ["AVAILABLE", "core", "current"]
