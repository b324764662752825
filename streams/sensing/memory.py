"""All blocks of windows that can still be amended, and what of them is saved.

Event time is cut into blocks of whole windows, about a sixteenth of the amend horizon long: what a checkpoint brings is
merged into few arrays of moderate size, and old readings are forgotten a block at a time.

A checkpoint saves the distinct readings that it brought as one part for each block; sums and sketches are
counted anew from them. When a block has many parts they are joined into one.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.sensing import saved
from streams.sensing.block import Block
from streams.sensing.series import Series
from streams.sensing.slots import Slots
from streams.sensing.tally import TallyRows, joined_rows

_BLOCKS_IN_HORIZON = 16
_MOST_WINDOWS, _LONGEST_MS = 1 << 18, (1 << 32) - 1
"""Of a block: its windows are counted in 19 bits (tally.py), times are saved in 32 (saved.py)."""
_MOST_PARTS = 32
"""Parts of a block before they are joined."""

Seen = tuple[NDArray[np.integer], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]
"""(series, ts, value, slot) of readings, sorted by (series, ts)."""


class Memory:
    """Distinct readings by block, and their tallies."""

    def __init__(self, window_ms: int, amend_horizon_ms: int, series: Series, slots: Slots) -> None:
        self._window_ms = window_ms
        windows = -(-amend_horizon_ms // (_BLOCKS_IN_HORIZON * window_ms))
        self.span_ms = window_ms * max(1, min(windows, _MOST_WINDOWS, _LONGEST_MS // window_ms))
        self._series = series
        self._slots = slots
        self._blocks: dict[int, Block] = {}
        self._unsaved: dict[int, list[Seen]] = {}
        self._parts: dict[tuple[int, int], list[str]] = {}  # names, by start and end of the block

    def add(self, seen: Seen, *, saved_before: bool = False) -> int:
        """Count readings; returns how many of them were not seen before."""
        number = seen[1] // self.span_ms
        if number.min() == number.max():
            return self._add(int(number[0]), seen, saved_before)
        order = np.argsort(number, kind="stable")
        ends = np.flatnonzero(np.diff(number[order], append=-1)) + 1
        pieces = zip(np.concatenate(([0], ends[:-1])).tolist(), ends.tolist(), strict=True)
        return sum(
            self._add(int(number[order[start]]), _select(seen, order[start:end]), saved_before)
            for start, end in pieces
        )

    def _add(self, number: int, seen: Seen, saved_before: bool) -> int:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = Block(number * self.span_ms, self.span_ms, self._window_ms)
        fresh = block.add(*seen)
        if len(fresh) and not saved_before:
            self._unsaved.setdefault(number, []).append(_select(seen, fresh))
        return len(fresh)

    def take_changed(self) -> TallyRows | None:
        """Return the values of windows that changed since the last call."""
        found = [block.tally.take_changed() for _, block in sorted(self._blocks.items())]
        changed = [rows for rows in found if rows is not None]
        return joined_rows(changed) if changed else None

    def forget(self, before: int) -> Iterator[str]:
        """Drop the blocks that end at or before `before`; yields the names of their parts."""
        for number in [number for number in self._blocks if (number + 1) * self.span_ms <= before]:
            del self._blocks[number]
            self._unsaved.pop(number, None)
        for block in [block for block in self._parts if block[1] <= before]:
            yield from self._parts.pop(block)

    def take_parts(self, checkpoint: str) -> Iterator[tuple[str, bytes | None]]:
        """Yield names and contents of the parts to be saved; None for those to be deleted.

        `checkpoint` tells the parts of one checkpoint from those of others.
        """
        for number, pieces in sorted(self._unsaved.items()):
            start, end = number * self.span_ms, (number + 1) * self.span_ms
            names = self._parts.setdefault((start, end), [])
            if len(names) >= _MOST_PARTS:
                yield from ((name, None) for name in names)
                names.clear()
                pieces = [self._blocks[number].readings()]  # noqa: PLW2901
            name = f"seen/{start}-{end}/{checkpoint}"
            names.append(name)
            yield name, saved.dump_seen(_joined(pieces), start, self._series, self._slots)
        self._unsaved = {}

    def restore(self, parts: dict[str, bytes]) -> None:
        """Put back what `take_parts` yielded; all of it is to be told again, for whoever listens may hold anything."""
        found = []
        for name, data in parts.items():
            start, _, end = name.split("/")[1].partition("-")
            self._parts.setdefault((int(start), int(end)), []).append(name)
            found.append(saved.load_seen(data, self._series, self._slots))
        if found:
            seen = _joined(found)
            order = np.lexsort((seen[1], seen[0]))
            self.add(_select(seen, order), saved_before=True)


def _select(seen: Seen, index: NDArray[np.intp]) -> Seen:
    series, ts, value, slot = seen
    return series[index], ts[index], value[index], slot[index]


def _joined(pieces: Sequence[Seen]) -> Seen:
    series, ts, value, slot = zip(*pieces, strict=True)
    return np.concatenate(series), np.concatenate(ts), np.concatenate(value), np.concatenate(slot)
