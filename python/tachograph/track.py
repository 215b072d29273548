"""The decorator. What it makes is a C type (bindings/python/tracked.c); this file checks its arguments."""

# ruff: noqa: F811  (`overload` is our own at run time: importing typing would double the time of the import)
from __future__ import annotations

from ._native import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar, overload

    from .collector import Collector

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        """Signatures for type checkers; nothing at run time."""
        return function


def _copied(tags: Any) -> Any:
    return dict(tags) if hasattr(tags, "keys") else tags  # what is no mapping is refused by the core, by name


def _plain(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Read now, so that no call runs code of the values."""
    if metadata is None:
        return None
    kept = (str, int, float, bool, None.__class__)
    return {str(name): value if value.__class__ in kept else str(value) for name, value in dict(metadata).items()}


def _checked_kind(kind: str, type: str | None, as_type: str | None) -> str:
    given = [word for word in (type, as_type) if word is not None]
    if len(given) > 1 or (given and kind != "custom" and given[0] != kind):
        raise TypeError("kind, type and as_type are one argument: give one of them")
    return given[0] if given else kind


def _check(sample: float, metadata: Mapping[str, Any] | None) -> None:
    if not isinstance(sample, (int, float)) or not 0.0 <= sample <= 1.0:
        raise ValueError(f"sample must be between 0 and 1, not {sample!r}")
    if metadata is not None and not hasattr(metadata, "keys"):
        raise TypeError(f"metadata must be a mapping, not {metadata.__class__.__name__}")


@overload
def track(fn: F, /) -> F: ...
@overload
def track(
    fn: str | None = None,
    *,
    name: str | None = None,
    kind: str = "custom",
    provider: str | None = None,
    model: str | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    usage: Callable[[Any], Any] | None = None,
    cost: Callable[[Any], Any] | None = None,
    sample: float = 1.0,
    nest: bool = True,
    collector: Collector | None = None,
    type: str | None = None,
    as_type: str | None = None,
) -> Callable[[F], F]: ...
@overload
def track(
    fn: F,
    *,
    name: str | None = None,
    kind: str = "custom",
    provider: str | None = None,
    model: str | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    usage: Callable[[Any], Any] | None = None,
    cost: Callable[[Any], Any] | None = None,
    sample: float = 1.0,
    nest: bool = True,
    collector: Collector | None = None,
    type: str | None = None,
    as_type: str | None = None,
) -> F: ...
def track(
    fn: Any = None,
    *,
    name: str | None = None,
    kind: str = "custom",
    provider: str | None = None,
    model: str | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    usage: Callable[[Any], Any] | None = None,
    cost: Callable[[Any], Any] | None = None,
    sample: float = 1.0,
    nest: bool = True,
    collector: Collector | None = None,
    type: str | None = None,
    as_type: str | None = None,
) -> Any:
    """Measure every call of a function: `@track`, `@track("name", ...)` or `track(fn, ...)`.

    Works on functions, coroutine functions, generators, async generators, methods, classmethods and staticmethods (over
    or under their decorator). Generators are measured from their first step to their end, and are current only while a
    step runs; their result is what they return or, where that is None, the last item.
    The function's values, exceptions, tracebacks and signature stay as they are. Everything is decided here, once;
    wrapping twice records once. Where recording is off at this moment, the function itself is returned.

    Args:
        fn:        the function, or the name of the operation.
        name:      name of the operation; the default is `__qualname__` without `<locals>.`.
        kind:      step, llm, embedding, tool, agent, workflow, retriever, reranker, guardrail, evaluator or custom;
                   `type` and `as_type` are other words for it.
        provider, model: what is called, if it is known beforehand.
        tags:      labels where the configuration declares their names; else they are metadata of every call.
        metadata:  mapping for the record of every call; texts, numbers, truth and None, details as for operation().
        usage:     function of the result that gives a provider's response, a mapping of token classes, or None.
        cost:      function of the result that gives the cost in USD as the provider reported it, or None.
        sample:    part of the records to keep, 0..1; this version keeps all of them.
        nest:      False = without parent and children.
        collector: records here; the default is whatever the default collector is at the time of the call.

    Raises: TypeError for what cannot be tracked (classes) and for arguments of wrong type, ValueError for
        an unknown kind. The tracked function itself never raises because of the measuring.
    """
    kind = _checked_kind(kind, type, as_type)
    _check(sample, metadata)
    if isinstance(fn, str):
        if name is not None:
            raise TypeError("the name was given twice")
        fn, name = None, fn

    def wrap(function: Any) -> Any:
        return core.track(
            function,
            name=name,
            kind=kind,
            provider=provider,
            model=model,
            tags=_copied(tags),
            metadata=_plain(metadata),
            usage=usage,
            cost=cost,
            nest=nest,
            collector=collector,
        )

    return wrap if fn is None else wrap(fn)


@overload
def track_provider_call(provider: str, fn: F, **options: Any) -> F: ...
@overload
def track_provider_call(provider: str, fn: None = None, **options: Any) -> Callable[[F], F]: ...
def track_provider_call(provider: str, fn: Any = None, **options: Any) -> Any:
    """`track(kind="llm", provider=provider)`, with usage read from the result by the provider's dialect.

    Args:
        provider: name or alias of the provider.
        fn:       wrapped at once when given.
        options:  name, kind, model, tags, metadata, cost, nest, collector: as for track().
    """
    unknown = options.keys() - {"name", "kind", "model", "tags", "metadata", "cost", "nest", "collector"}
    if unknown:
        raise TypeError(f"track_provider_call() got unexpected arguments: {', '.join(sorted(unknown))}")

    def wrap(function: Any) -> Any:
        return core.track(function, **{"kind": "llm", **options}, provider=provider, response=True)

    return wrap if fn is None else wrap(fn)
