"""JSON of many megabytes, read and written in a thread while others go on.

Python's parser and writer are one call each, which holds the interpreter for as long as it takes: 3 s to read a file of
160 MB, and all threads stand still. Where they call back, others have their turn.
"""

import json
from collections.abc import Iterable
from typing import Any


def loads(text: str) -> Any:
    """Return what a JSON text holds; raises as `json.loads` does."""
    return json.loads(text, object_hook=_turn)


def _turn(value: dict[str, Any]) -> dict[str, Any]:
    return value


class Each:
    """A value to be written at a turn of its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, values: Iterable[Any]) -> list["Each"]:
        """Return a list whose values are written one by one."""
        return [cls(value) for value in values]


def dumps(value: Any) -> str:
    """Return a value that may hold some of `Each` as JSON, keys sorted: the same text as without them."""
    return json.dumps(value, sort_keys=True, default=_held)


def _held(one: Any) -> Any:
    if not isinstance(one, Each):
        raise TypeError(f"{type(one).__name__} is no JSON; give dicts, lists, texts and numbers")
    return one.value
