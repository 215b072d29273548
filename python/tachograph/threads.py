"""Carrying the current operation into another thread."""

from __future__ import annotations

from ._native import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, cast

    F = TypeVar("F", bound=Callable[..., Any])


def propagate(fn: F) -> F:
    """Give a function the operation and session that are current now, for when it runs in another thread.

    Tasks inherit them by themselves; threads and executors do not (semantics 7).

    Args:    fn: a synchronous function; its arguments, result and exceptions pass through.
    Returns: a function of the same signature; it may run any number of times, also at the same time.
    """
    import functools

    scope = core.scope()
    if scope is None:
        return fn

    @functools.wraps(fn)
    def inside(*args: Any, **kwargs: Any) -> Any:
        return core.with_scope(scope, fn, args, kwargs)

    if TYPE_CHECKING:
        return cast(F, inside)
    return inside
