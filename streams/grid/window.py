"""Windows of one kind in one region: absolute counts per source and row, closing, and amending what was closed."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from streams.grid.bygone import Bygone
from streams.grid.chain import Chain, minus, plus
from streams.grid.kind import Kind, Row, Stocks, Word
from streams.grid.slots import BLOCK_BITS

Block = tuple[int, int]
"""Window start and number of a block of slots: what is saved together."""
_ALL = 1 << 62
"""An event time after all others: no source has anything to add."""
_NONE_BEHIND: Mapping[int, int] = {}
PORTION, _PORTIONS = 1_000, 16
"""How many closed rows are handed out at once: 1,000, or a sixteenth of those that wait if that is more."""
PAUSE_MS = 150
"""Wall time between two portions of a window. So readers, the database and the broker have less to do at once, and
alerts come sooner in between. 25,000 rows take 3.5 s and more."""


class Windows[W: Word]:
    """All rows of one kind and region that may still change, and each slot's stocks at the last closed window."""

    def __init__(self, window_ms: int, kind: Kind[Any, W]) -> None:
        self.window_ms = window_ms
        self.closed_before = 0
        self.forgotten_before = 0
        self.rows: dict[int, dict[int, Row[W]]] = {}
        self.chain = Chain(kind.stocks)
        self.bygone: Bygone[W] = Bygone()
        self.edges_unsaved = False
        self.unsaved: set[Block] = set()
        self.forgotten: set[Block] = set()
        self._kind = kind
        self._starts: list[int] = []
        self._due: set[tuple[int, int]] = set()
        """Rows that were told, and changed: to be told at once. So are first rows of windows whose turn is over."""
        self._turns: list[int] = []
        """Windows with rows that closed and were never told, oldest first: told in portions."""
        self._waiting: dict[int, deque[int]] = {}
        """The slots of those rows, by window."""

    @property
    def told_before(self) -> int:
        """The event time before which all windows are closed and were told."""
        return self._turns[0] if self._turns else self.closed_before

    @property
    def has_more(self) -> bool:
        """Whether rows that closed wait for the next portion."""
        return bool(self._turns)

    @property
    def is_behind(self) -> bool:
        """Whether a window waits for another one to be told, as in a backlog."""
        return len(self._turns) > 1

    def put(self, source: int, words: Iterable[tuple[int, int, W]], settled_before: int = _ALL) -> int:
        """Take in what one source says of rows (start, slot); an older word than the one on file changes nothing.

        Nor does a word on a forgotten window that ends at or before `settled_before`: it repeats what the table has.
        Of another word on a forgotten window only the stocks are counted; returns how many such words there were.
        """
        too_late = 0
        at, window = -1, {}  # rows of one window mostly come together
        for start, slot, word in words:
            if start < self.forgotten_before:
                if start + self.window_ms > settled_before:
                    too_late += self._amend_bygone(start, slot, source, word)
                continue
            if start != at:
                at, window = start, self._window(start)
            row = window.get(slot)
            if row is None:
                row = self._new_row(start, slot)
            old = row.words.get(source)
            if old is not None and word[0] < old[0]:
                continue
            self.unsaved.add((start, slot >> BLOCK_BITS))
            if start >= self.closed_before:
                row.words[source] = word
            else:
                self._amend(start, slot, source, word)
        return too_late

    def close(self, before: int) -> None:
        """Close every window that ends at or before `before`."""
        first = bisect_left(self._starts, self.closed_before)
        for start in self._starts[first : bisect_left(self._starts, before - self.window_ms + 1)]:
            self._turns.append(start)
            self._waiting[start] = deque(sorted(self.rows[start]))
            for slot, row in self.rows[start].items():
                row.stocks = self.chain.move(slot, self._kind.net(row.words.values()))
                self.unsaved.add((start, slot >> BLOCK_BITS))
        edge = before // self.window_ms * self.window_ms
        if edge > self.closed_before:
            self.closed_before = edge
            self.edges_unsaved = True

    def take_due(self, portion: int = PORTION) -> list[tuple[int, int, Row[W]]]:
        """Return (start, slot, row) of what was amended, and a portion of what closed, revisions counted.

        A portion is a sixteenth of the rows that wait, but at least `portion` rows; with `portion` 0 no closed row is
        taken. So other news need not wait for all rows of a minute. Windows are taken in order, because a reader takes
        the first row of a later window as the end of the windows before.
        """
        if portion:
            portion = max(portion, sum(map(len, self._waiting.values())) // _PORTIONS)
        due, self._due = self._due, set()
        while self._turns:
            start = self._turns[0]
            slots = self._waiting[start]
            while slots:
                if self._is_untold(start, slots[0]):
                    if not portion:
                        break
                    due.add((start, slots[0]))
                    portion -= 1
                slots.popleft()
            if slots:
                break
            del self._turns[0], self._waiting[start]
        taken = []
        for start, slot in sorted(due):
            row = self.rows[start][slot]
            if row.revision < 0 and self._kind.is_nothing(row.words.values()):
                continue  # a provisional count that was withdrawn before anyone heard of it
            row.revision += 1
            self.unsaved.add((start, slot >> BLOCK_BITS))
            taken.append((start, slot, row))
        return taken

    def forget(self, before: int, settled_before: Mapping[int, int] = _NONE_BEHIND) -> None:
        """Drop closed windows that end at or before `before`; one with rows still to be told stays.

        `settled_before`: by source, the time up to which it cannot change windows any more. Its words on later windows
        are kept (bygone.py).
        """
        self.bygone.settle(self.window_ms, settled_before)
        last = min(before, self.closed_before) - self.window_ms
        if not self._starts or self._starts[0] > last:
            return
        due = {start for start, _ in self._due} | {self.told_before}
        while self._starts and self._starts[0] <= last and self._starts[0] not in due:
            start = self._starts.pop(0)
            slots = self.rows.pop(start)
            for slot in slots:
                self.chain.leave(slot, start)
            for source, settled in settled_before.items():
                if start + self.window_ms > settled:
                    said = {slot: row.words[source] for slot, row in slots.items() if source in row.words}
                    self.bygone.keep(source, start, said)
            self.forgotten_before = start + self.window_ms
            self.edges_unsaved = True
            self.forgotten |= {(start, slot >> BLOCK_BITS) for slot in slots}
        self.unsaved -= self.forgotten

    def slots(self) -> set[int]:
        """Return the slots of which anything is known: a row, a stock, or a word on a window that is gone."""
        return set(self.chain.standing).union(*self.rows.values(), *self.bygone.words.values())

    def newest_end(self) -> int:
        """Return the end of the newest window with a row, or 0."""
        return self._starts[-1] + self.window_ms if self._starts else 0

    def restore(self, start: int, rows: Mapping[int, Row[W]]) -> None:
        """Put rows of a window back, by slot."""
        for slot, row in rows.items():
            self._enter(start, slot, row)

    def resume(self) -> None:
        """Tell what had closed and was not told before the checkpoint. Call it after all `restore`."""
        for start in self._starts[: bisect_left(self._starts, self.closed_before)]:
            for slot in sorted(self.rows[start]):
                if self._is_untold(start, slot):
                    self._wait(start, slot)

    def _wait(self, start: int, slot: int) -> None:
        """Have a row of a closed window told when it is its turn."""
        if start not in self._waiting:  # it had no rows when it closed
            insort(self._turns, start)
            self._waiting[start] = deque()
        self._waiting[start].append(slot)

    def _is_untold(self, start: int, slot: int) -> bool:
        """Return whether a row has something to say, and never was told."""
        row = self.rows[start][slot]
        return row.revision < 0 and not self._kind.is_nothing(row.words.values())

    def _change(self, start: int, slot: int) -> None:
        """Have a row of a closed window told that changed: at once, but for one that waits for its turn anyway."""
        if self.rows[start][slot].revision >= 0 or not self._has_its_turn(start):
            self._due.add((start, slot))

    def _has_its_turn(self, start: int) -> bool:
        """Return whether first rows of a closed window are still to be told, or would be if there were any."""
        return start >= self.told_before

    def _new_row(self, start: int, slot: int) -> Row[W]:
        row: Row[W] = Row({}, self._stocks_before(start, slot) if start < self.closed_before else ())
        self._enter(start, slot, row)
        return row

    def _window(self, start: int) -> dict[int, Row[W]]:
        window = self.rows.get(start)
        if window is None:
            window = self.rows[start] = {}
            insort(self._starts, start)
        return window

    def _enter(self, start: int, slot: int, row: Row[W]) -> None:
        self._window(start)[slot] = row
        self.chain.enter(slot, start)

    def _amend(self, start: int, slot: int, source: int, word: W) -> None:
        """Put a word into a closed window; rows that it changes are due."""
        kind, words = self._kind, self.rows[start][slot].words
        before, old = kind.net(words.values()), words.get(source)
        is_new = self._has_its_turn(start) and not self._is_untold(start, slot)
        words[source] = word
        if kind.is_nothing((word,)) if old is None else word[1:] == old[1:]:
            return
        if is_new and self._is_untold(start, slot):
            self._wait(start, slot)
        self._change(start, slot)
        self._move(slot, start, minus(kind.net(words.values()), before))

    def _amend_bygone(self, start: int, slot: int, source: int, word: W) -> bool:
        """Let the stocks know of a word on a forgotten window; returns whether it says anything new."""
        kind, old = self._kind, self.bygone.said(source, start, slot)
        if old is None and kind.is_nothing((word,)):
            return False
        if old is not None and word[0] < old[0]:
            return False
        self.bygone.keep(source, start, {slot: word})
        if old is not None and word[1:] == old[1:]:
            return False
        net = kind.net((word,))
        self._move(slot, self.forgotten_before, net if old is None else minus(net, kind.net((old,))))
        return True

    def _move(self, slot: int, start: int, change: Stocks) -> None:
        """Change the slot's stocks from a closed window on; rows that this changes are due."""
        if not any(change):
            return
        for at in self.chain.between(slot, start, self.closed_before):
            row = self.rows[at][slot]
            row.stocks = plus(row.stocks, change)
            self._change(at, slot)
            self.unsaved.add((at, slot >> BLOCK_BITS))
        self.chain.move(slot, change)

    def _stocks_before(self, start: int, slot: int) -> Stocks:
        """Return the stocks that a window inserted among closed ones starts from."""
        later = self.chain.next_after(slot, start)
        if later is None or later >= self.closed_before:
            return self.chain.at_end(slot)
        row = self.rows[later][slot]
        return minus(row.stocks, self._kind.net(row.words.values()))
