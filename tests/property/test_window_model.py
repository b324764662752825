"""The grid's windows against a model that keeps every word ever said and adds it all up anew at each question.

For every kind: one with a stock, one with two, one with none.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.grid.flows import FLEET
from streams.grid.kind import Kind
from streams.grid.metrics import SENSING
from streams.grid.requests import REQUESTS
from streams.grid.window import Windows

MANY = settings(max_examples=150)
MINUTE = 60_000
Counts = tuple[Any, ...]
Key = tuple[int, int]
"""(window start, slot)"""


@dataclass(frozen=True)
class Put:
    source: int
    order: int
    start: int
    slot: int
    numbers: tuple[int, int, int]


@dataclass(frozen=True)
class Close:
    before: int


@dataclass(frozen=True)
class Take:
    """Of what closed so many rows at least, and a sixteenth."""

    portion: int = 1_000


puts = st.builds(
    Put,
    source=st.integers(0, 2),
    order=st.integers(1, 12),
    start=st.integers(0, 6).map(lambda n: n * MINUTE),
    slot=st.sampled_from((0, 1, 2_000)),  # the last one is saved apart from the others
    numbers=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
deeds = st.lists(
    st.one_of(
        puts,
        puts,
        puts,
        st.builds(Close, st.integers(0, 8 * MINUTE)),
        st.builds(Take, st.sampled_from((1, 2, 1_000))),
    ),
    max_size=60,
)


@dataclass(frozen=True, repr=False)
class Side:
    """A kind, the counts that three small numbers stand for, and by how much they move its stocks."""

    kind: Kind[Any, Any]
    counts: Callable[[tuple[int, int, int]], Counts]
    net: Callable[[tuple[int, int, int]], tuple[int, ...]]

    def __repr__(self) -> str:
        return self.kind.name


SIDES = (
    Side(FLEET, lambda n: n, lambda n: (n[1] - n[2],)),
    Side(
        REQUESTS,
        lambda n: (n[0], 0, 0, n[1] - n[2], n[2] - n[0], 0, 0, 0, 0, 0, [], []),
        lambda n: (n[1] - n[2], n[2] - n[0]),
    ),
    Side(SENSING, lambda n: (1 + n[0], *n, *n, [], []), lambda _: ()),
)
KINDS = pytest.mark.parametrize("side", SIDES, ids=[side.kind.name for side in SIDES])


@dataclass
class Model:
    """The newest word of each source on each row, and how often late words came."""

    side: Side
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

    def row(self, key: Key) -> dict[int, Counts]:
        """Return what each source counted, without those that counted nothing."""
        counts = {source: self.side.counts(word.numbers) for source, word in self.words[key].items()}
        return without_nothing(counts)

    def stocks(self, key: Key) -> tuple[int, ...]:
        start, slot = key
        words = [words.values() for at, words in self.words.items() if at[0] <= start and at[1] == slot]
        nets = [self.side.net(word.numbers) for those in words for word in those]
        return tuple(sum(net[i] for net in nets) for i in range(self.side.kind.stocks))


def without_nothing(counts: dict[int, Counts]) -> dict[int, Counts]:
    return {source: said for source, said in counts.items() if any(said)}


Told = tuple[int, dict[int, Counts], tuple[int, ...]]
"""revision, counts by source, stocks"""


def play(
    side: Side, script: list[Put | Close | Take], *, to_the_end: bool = True
) -> tuple[Windows[Any], Model, dict[Key, list[Told]]]:
    """Return windows, model, and what was told of each row."""
    windows, model = Windows(MINUTE, side.kind), Model(side)
    told: dict[Key, list[Told]] = defaultdict(list)
    for deed in [*script, Take()] if to_the_end else script:
        if isinstance(deed, Put):
            windows.put(deed.source, [(deed.start, deed.slot, (deed.order, *side.counts(deed.numbers)))])
            model.put(deed)
        elif isinstance(deed, Close):
            windows.close(deed.before)
            model.close(deed.before)
        else:
            for start, slot, row in windows.take_due(deed.portion):
                counts = without_nothing({source: word[1:] for source, word in row.words.items()})
                told[start, slot].append((row.revision, counts, row.stocks))
    return windows, model, told


@KINDS
@MANY
@given(deeds)
def test_what_was_told_last_of_a_closed_row_is_the_sum_of_the_newest_words(
    side: Side, script: list[Put | Close | Take]
) -> None:
    _, model, told = play(side, script)
    closed = {key for key in list(model.words) if key[0] < model.closed_before}
    assert set(told) <= closed
    for key in closed:
        if key in told:
            assert told[key][-1][1:] == (model.row(key), model.stocks(key))
        else:
            assert not model.row(key)


@KINDS
@MANY
@given(deeds)
def test_a_window_closes_once_and_is_revised_at_most_as_often_as_late_words_came(
    side: Side, script: list[Put | Close | Take]
) -> None:
    _, model, told = play(side, script)
    for key, rows in told.items():
        assert [revision for revision, _, _ in rows] == list(range(len(rows)))
        # One that was withdrawn before it was told may be told first by a late word.
        assert len(rows) - 1 <= model.late[key]


@KINDS
@MANY
@given(deeds)
def test_a_revision_says_something_new(side: Side, script: list[Put | Close | Take]) -> None:
    """But for what was changed and changed back between two publications."""
    script = [deed for one in script for deed in (one, Take())]
    _, _, told = play(side, script)
    for rows in told.values():
        for (_, *before), (_, *after) in pairwise(rows):
            assert before != after


@KINDS
@MANY
@given(deeds)
def test_stocks_on_file_are_those_of_the_last_closed_window(
    side: Side, script: list[Put | Close | Take]
) -> None:
    windows, model, _ = play(side, script)
    for slot, stocks in windows.chain.standing.items():
        assert stocks == model.stocks((model.closed_before - MINUTE, slot))


@KINDS
@MANY
@given(deeds, st.integers(0, 8))
def test_forgotten_windows_change_neither_what_stays_nor_what_comes(
    side: Side, script: list[Put | Close | Take], minutes: int
) -> None:
    windows, model, _ = play(side, script)
    windows.forget(minutes * MINUTE)
    edge = min(minutes * MINUTE, model.closed_before)
    assert all(start >= windows.forgotten_before for start in windows.rows)
    assert windows.forgotten_before <= edge
    numbers = (5, 5, 0)
    for start in range(0, windows.forgotten_before, MINUTE):
        windows.put(0, [(start, 0, (99, *side.counts(numbers)))])
    assert windows.take_due() == []
    start = 7 * MINUTE
    late = Put(0, 99, start, 0, numbers)
    windows.put(0, [(start, 0, (99, *side.counts(numbers)))])
    model.put(late)
    windows.close(start + MINUTE)
    [stocks] = [row.stocks for at, slot, row in windows.take_due() if (at, slot) == (start, 0)]
    assert stocks == model.stocks((start, 0))


@KINDS
@MANY
@given(deeds, st.integers(0, 8), st.lists(puts, max_size=20))
def test_stocks_know_of_every_word_on_a_forgotten_window_that_is_not_settled(
    side: Side, script: list[Put | Close | Take], minutes: int, late: list[Put]
) -> None:
    windows, model, _ = play(side, script)
    windows.forget(minutes * MINUTE, dict.fromkeys(range(3), -1))
    before = windows.forgotten_before
    for word in late:
        if word.start < before:
            windows.put(word.source, [(word.start, word.slot, (word.order, *side.counts(word.numbers)))], -1)
            model.put(word)
    assert all(start >= before for start, _, _ in windows.take_due())
    for slot, stocks in windows.chain.standing.items():
        assert stocks == model.stocks((model.closed_before - MINUTE, slot))


@KINDS
@MANY
@given(deeds)
def test_windows_are_told_for_the_first_time_in_order_up_to_where_it_is_said_that_they_were(
    side: Side, script: list[Put | Close | Take]
) -> None:
    windows, model = Windows(MINUTE, side.kind), Model(side)
    told: set[Key] = set()
    for deed in script:
        if isinstance(deed, Put):
            windows.put(deed.source, [(deed.start, deed.slot, (deed.order, *side.counts(deed.numbers)))])
            model.put(deed)
        elif isinstance(deed, Close):
            windows.close(deed.before)
            model.close(deed.before)
        else:
            before = windows.told_before
            first = [(start, slot) for start, slot, row in windows.take_due(deed.portion) if not row.revision]
            told.update(first)
            assert windows.told_before >= before
            assert all(start <= windows.told_before for start, _ in first)
            assert all(start >= before or model.late[start, slot] for start, slot in first)
            due = {key for key in list(model.words) if key[0] < windows.told_before and model.row(key)}
            assert due <= told


@KINDS
@MANY
@given(deeds)
def test_what_closed_and_was_not_told_is_told_by_whoever_takes_over(
    side: Side, script: list[Put | Close | Take]
) -> None:
    """Rows, stocks and how far windows are closed are all that a checkpoint keeps."""
    windows, _, _ = play(side, [*script, Take(1)], to_the_end=False)
    heir = Windows(MINUTE, side.kind)
    heir.closed_before = windows.closed_before
    for start, rows in windows.rows.items():
        heir.restore(start, {slot: msgspec.structs.replace(row) for slot, row in rows.items()})
    heir.resume()
    assert heir.told_before >= windows.told_before
    assert drained(heir) == drained(windows)


def drained(windows: Windows[Any]) -> dict[Key, int]:
    """Return the revisions of all that is still to be told."""
    told: dict[Key, int] = {}
    while True:
        told |= {(start, slot): row.revision for start, slot, row in windows.take_due(1)}
        if not windows.has_more:
            return told
