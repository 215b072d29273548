"""The native core, or what stands in for it where it cannot load (semantics 47)."""

from __future__ import annotations

TYPE_CHECKING = False  # the module typing costs more than the rest of this package
if TYPE_CHECKING:
    from . import _core as core

    AVAILABLE = True
else:
    try:
        import tachograph._core as core

        AVAILABLE = True
    except (ImportError, OSError) as problem:
        from . import _absent as core

        AVAILABLE = False
        core.warn(problem)

current = core.current

__all__ = ["AVAILABLE", "core", "current"]
