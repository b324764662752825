"""Checks that the whole numbers of a message can be added, saved and shown as times, whoever wrote them."""

from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from schemas.limits import END_MS

_LEAST = -(1 << 31)


def problem_of_numbers(message: msgspec.Struct) -> str:
    """Return which whole number of a struct, or of those in it, is out of all bounds, or nothing.

    One bound for all, that of times: counts and offsets do not come near it.
    """
    for name in _numbers(type(message)):
        value = getattr(message, name)
        if value is not None and not _LEAST <= value < END_MS:
            return _beyond(name, value)
    for name, sparse in _columns(type(message)):
        column = getattr(message, name)
        if sparse:
            column = [value for value in column if value is not None]
        if column and not (min(column) >= _LEAST and max(column) < END_MS):
            return _beyond(name, next(value for value in column if not _LEAST <= value < END_MS))
    for name in _structs(type(message)):
        inner = getattr(message, name)
        if inner is not None and (problem := problem_of_numbers(inner)):
            return problem
    return ""


def _beyond(name: str, value: int) -> str:
    shown = f"{value:.3e}" if abs(value) < 1e300 else "of over 300 digits"  # no float holds these
    return f"{name} {shown}: {_LEAST} to {END_MS - 1} expected"


@cache
def _hints(struct: type) -> dict[str, tuple[Any, bool]]:
    """Return the types of fields, and whether they may be None."""
    found = {}
    for name, hint in get_type_hints(struct).items():
        if name in struct.__struct_fields__:  # type: ignore[attr-defined]
            found[name] = _plain(hint)
    return found


def _plain(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) is not UnionType:
        return hint, False
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return (kinds[0] if len(kinds) == 1 else None), len(kinds) < len(get_args(hint))


@cache
def _numbers(struct: type) -> tuple[str, ...]:
    return tuple(name for name, (kind, _) in _hints(struct).items() if kind is int)


@cache
def _columns(struct: type) -> tuple[tuple[str, bool], ...]:
    """Return the columns of whole numbers, and whether there are gaps in them."""
    found = []
    for name, (kind, _) in _hints(struct).items():
        if get_origin(kind) is list:
            of, sparse = _plain(get_args(kind)[0])
            if of is int:
                found.append((name, sparse))
    return tuple(found)


@cache
def _structs(struct: type) -> tuple[str, ...]:
    return tuple(
        name
        for name, (kind, _) in _hints(struct).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    )
