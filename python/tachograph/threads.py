"""Carrying the current operation into another thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ._native import core

F = TypeVar("F", bound=Callable[..., Any])


def propagate(fn: F) -> F:
    """Give a function the operation and session that are current now, for when it runs in another thread.

    Tasks inherit them by themselves; threads and executors do not (semantics 7).

    Args:    fn: a synchronous function; its arguments, result and exceptions pass through.
    Returns: a function of the same signature; it may run any number of times, also at the same time.
    """
    scope = core.scope()
    if scope is None:
        return fn

    @functools.wraps(fn)
    def inside(*args: Any, **kwargs: Any) -> Any:
        return core.with_scope(scope, fn, args, kwargs)

    return cast(F, inside)
