"""JSON of many megabytes, read and written while others go on."""

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from streams.incidents import json_turns
from streams.incidents.json_turns import Each, dumps, loads

FEATURE = {
    "type": "Feature",
    "properties": {"name": "浦东", "b": 1, "a": None},
    "geometry": [[121.5, 31.2]] * 50,
}
LARGE = {"features": [{**FEATURE, "number": i} for i in range(20_000)]}
"""So large that there are many turns on a busy machine too."""


class Another:
    """A thread that counts for as long as it is let."""

    def __init__(self) -> None:
        self.count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Another":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.count += 1


@pytest.fixture(autouse=True)
def impatient() -> Any:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def test_what_is_read_is_what_the_text_holds() -> None:
    assert loads(json.dumps(LARGE)) == LARGE
    assert loads("[1, null]") == [1, None]
    with pytest.raises(ValueError, match="Expecting value"):
        loads('{"a": ')


def test_what_is_written_one_by_one_is_the_same_text() -> None:
    by_turns = {**LARGE, "features": Each.of(LARGE["features"])}
    assert dumps([by_turns, 7, "é"]) == json.dumps([LARGE, 7, "é"], sort_keys=True)
    with pytest.raises(TypeError, match="set is no JSON"):
        dumps({1, 2})


@pytest.mark.parametrize(
    ("called_back", "work"),
    [
        ("_turn", lambda: loads(json.dumps(LARGE))),
        ("_held", lambda: dumps(Each.of(LARGE["features"]))),
    ],
)
def test_others_have_their_turn_while_a_large_text_is_read_or_written(
    monkeypatch: pytest.MonkeyPatch, called_back: str, work: Callable[[], Any]
) -> None:
    real, counts = getattr(json_turns, called_back), set[int]()
    with Another() as another:

        def seen(value: Any) -> Any:
            counts.add(another.count)
            return real(value)

        monkeypatch.setattr(json_turns, called_back, seen)
        work()
    assert len(counts) > 20, "it went on again and again"
