"""The grid's windows against a model that keeps every word ever said and adds it all up anew at each question."""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.grid.window import Windows

MANY = settings(max_examples=300)
MINUTE = 60_000
Key = tuple[int, int]
"""(window start, slot)"""


@dataclass(frozen=True)
class Put:
    source: int
    order: int
    start: int
    slot: int
    counts: tuple[int, int, int]


@dataclass(frozen=True)
class Close:
    before: int


@dataclass(frozen=True)
class Take:
    pass


puts = st.builds(
    Put,
    source=st.integers(0, 2),
    order=st.integers(1, 12),
    start=st.integers(0, 6).map(lambda n: n * MINUTE),
    slot=st.integers(0, 2),
    counts=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
deeds = st.lists(
    st.one_of(puts, puts, puts, st.builds(Close, st.integers(0, 8 * MINUTE)), st.just(Take())), max_size=60
)


@dataclass
class Model:
    """The newest word of each source on each row, and what was told of it."""

    words: dict[Key, dict[int, Put]] = field(default_factory=lambda: defaultdict(dict))
    closed_before: int = 0
    late: dict[Key, int] = field(default_factory=lambda: defaultdict(int))

    def put(self, word: Put) -> None:
        mine = self.words[word.start, word.slot]
        known = mine.get(word.source)
        if known is None or word.order >= known.order:
            mine[word.source] = word
        if word.start < self.closed_before:
            for start in range(word.start, self.closed_before, MINUTE):
                self.late[start, word.slot] += 1

    def close(self, before: int) -> None:
        self.closed_before = max(self.closed_before, before // MINUTE * MINUTE)

    def row(self, key: Key) -> tuple[int, int, int]:
        words = self.words[key].values()
        readings, arrivals, departures = (sum(word.counts[i] for word in words) for i in range(3))
        return readings, arrivals, departures

    def occupancy(self, key: Key) -> int:
        start, slot = key
        rows = [self.row(other) for other in list(self.words) if other[0] <= start and other[1] == slot]
        return sum(arrivals - departures for _, arrivals, departures in rows)

    def is_told(self, key: Key) -> bool:
        readings, arrivals, departures = self.row(key)
        return bool(readings or arrivals != departures)


def play(script: list[Put | Close | Take]) -> tuple[Windows, Model, dict[Key, list[tuple[int, ...]]]]:
    """Return windows, model, and what was told of each row: (revision, readings, arrivals, departures, occupancy)."""
    windows, model = Windows(MINUTE), Model()
    told: dict[Key, list[tuple[int, ...]]] = defaultdict(list)
    for deed in [*script, Take()]:
        if isinstance(deed, Put):
            windows.put(deed.source, deed.order, deed.start, deed.slot, deed.counts)
            model.put(deed)
        elif isinstance(deed, Close):
            windows.close(deed.before)
            model.close(deed.before)
        else:
            for start, slot, row in windows.take_due():
                told[start, slot].append(
                    (row.revision, row.readings, row.arrivals, row.departures, row.occupancy)
                )
    return windows, model, told


@MANY
@given(deeds)
def test_what_was_told_last_of_a_closed_row_is_the_sum_of_the_newest_words(
    script: list[Put | Close | Take],
) -> None:
    _, model, told = play(script)
    closed = {key for key in list(model.words) if key[0] < model.closed_before}
    assert set(told) <= closed
    for key in closed:
        if key in told:
            assert told[key][-1][1:] == (*model.row(key), model.occupancy(key))
        else:
            assert not model.is_told(key)


@MANY
@given(deeds)
def test_a_window_closes_once_and_is_revised_at_most_as_often_as_late_words_came(
    script: list[Put | Close | Take],
) -> None:
    _, model, told = play(script)
    for key, rows in told.items():
        assert [row[0] for row in rows] == list(range(len(rows)))
        # One that was withdrawn before it was told may be told first by a late word.
        assert len(rows) - 1 <= model.late[key]


@MANY
@given(deeds)
def test_occupancy_on_file_is_that_of_the_last_closed_window(script: list[Put | Close | Take]) -> None:
    windows, model, _ = play(script)
    for slot, occupancy in windows.occupancy.items():
        assert occupancy == model.occupancy((model.closed_before - MINUTE, slot))


@MANY
@given(deeds, st.integers(0, 8))
def test_forgotten_windows_change_neither_what_stays_nor_what_comes(
    script: list[Put | Close | Take], minutes: int
) -> None:
    windows, model, _ = play(script)
    windows.forget(minutes * MINUTE)
    edge = min(minutes * MINUTE, model.closed_before)
    assert all(start >= windows.forgotten_before for start in windows.rows)
    assert windows.forgotten_before <= edge
    for start in range(0, windows.forgotten_before, MINUTE):
        windows.put(0, 99, start, 0, (5, 5, 0))
    assert windows.take_due() == []
    start = 7 * MINUTE
    windows.put(0, 99, start, 0, (1, 1, 0))
    windows.close(start + MINUTE)
    [occupancy] = [row.occupancy for at, slot, row in windows.take_due() if (at, slot) == (start, 0)]
    assert occupancy == model.occupancy((start - MINUTE, 0)) + 1
