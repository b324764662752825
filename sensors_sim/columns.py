"""What can be published: columns by event time, of one kind or of several side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from sensors_sim.batch import Codes, Ints


class Columns(Protocol):
    """n rows, in the order in which they are to be sent; `ts` (milliseconds since the epoch) never decreases."""

    @property
    def ts(self) -> Ints:
        """int64[n]."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: slice) -> Self:
        """Return the given rows."""
        ...


@dataclass(frozen=True, slots=True)
class Mixed:
    """Columns of several kinds in one order of time; rows of one part keep their order.

    part  uint8[n], which of `parts` the row belongs to
    ts    int64[n], milliseconds since the epoch
    """

    parts: tuple[Columns, ...]
    part: Codes
    ts: Ints

    @classmethod
    def of(cls, parts: Sequence[Columns]) -> Self:
        """Merge by time; at equal times the order of `parts` counts."""
        ts = np.concatenate([np.empty(0, dtype=np.int64), *(part.ts for part in parts)])
        of_row = np.repeat(np.arange(len(parts), dtype=np.uint8), [len(part) for part in parts])
        order = np.argsort(ts, kind="stable")
        return cls(tuple(parts), of_row[order], ts[order])

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: slice) -> Self:
        """Return the rows from a slice without a step."""
        before = np.bincount(self.part[: rows.start or 0], minlength=len(self.parts))
        within = self.part[rows]
        until = before + np.bincount(within, minlength=len(self.parts))
        parts = tuple(
            part.take(slice(first, last))
            for part, first, last in zip(self.parts, before.tolist(), until.tolist(), strict=True)
        )
        return type(self)(parts, within, self.ts[rows])
