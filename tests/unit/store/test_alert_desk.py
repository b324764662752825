"""What people do about alerts, without a database."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import AlertError
from streams.store.alert_desk import expire_silences


class Silences:
    """A connection to the silences of one transaction, whose now() stands still: it takes what has ended for over."""

    def __init__(self, *names: str) -> None:
        self.hold = list(names)

    def execute(self, query: str | bytes, values: tuple[str, ...]) -> Any:
        if query.startswith("UPDATE" if isinstance(query, str) else b"UPDATE"):
            self.hold.remove(values[0])
        found = [(name,) for name in self.hold if name.startswith(values[0])]
        return SimpleNamespace(fetchall=lambda: found)


def test_a_silence_that_is_named_twice_is_ended_once() -> None:
    silences: Any = Silences("aaaa-1", "bbbb-2", "cccc-3")
    assert expire_silences(silences, ["aaaa-1", "bbbb", "aaaa"]) == ["aaaa-1", "bbbb-2"]
    assert silences.hold == ["cccc-3"]


def test_none_is_ended_where_one_is_not_there() -> None:
    silences: Any = Silences("aaaa-1")
    with pytest.raises(AlertError, match="no silence that holds"):
        expire_silences(silences, ["aaaa", "dddd"])
    assert silences.hold == ["aaaa-1"]
