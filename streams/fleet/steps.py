"""Steps of vehicles: each applied reading beside what was on file of its vehicle, to watch single vehicles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.columnar.arrays import Records
from streams.fleet.batch import Batch


@dataclass(frozen=True, slots=True)
class Steps:
    """n applied readings in the order of the log; for each vehicle their ts ascend.

    take   (n) their indices in the batch
    rows   (n) rows of their vehicles
    slots  (n) where they are
    """

    batch: Batch
    take: NDArray[np.int32]
    rows: NDArray[np.int32]
    slots: NDArray[np.int32]
    on_file: Records

    def __len__(self) -> int:
        return len(self.take)

    def of(self, which: NDArray[np.integer]) -> "Steps":
        """Return some of the steps."""
        return Steps(self.batch, self.take[which], self.rows[which], self.slots[which], self.on_file[which])

    def offsets(self) -> list[int]:
        """Return the offset of the record of each."""
        records = self.batch.records
        numbers = np.searchsorted(self.batch.starts, self.take, side="right") - 1
        return [records[number].offset for number in numbers.tolist()]

    def now(self, name: str) -> NDArray[Any]:
        """Return a column of the readings: ts, received_at, lat, lon, state, type_ or battery."""
        column: NDArray[Any] = self.batch.readings[name][self.take]
        return column

    def before(self, name: str) -> NDArray[Any]:
        """Return a column of the readings before them; `ts` is 0 where there is none, and the others mean nothing."""
        column: NDArray[Any] = self.on_file[name]
        return column

    def slots_before(self) -> NDArray[np.int32]:
        """Return where the readings before them were; NOWHERE where there is none."""
        return self.before("slot")


Look = Callable[[Steps], None]
"""Look at steps, in the order of the log. They are on file already."""


class Watcher(Protocol):
    """Who looks at steps, if there is anything to look for."""

    @property
    def looks(self) -> bool:
        """Whether there is."""
        ...

    def look(self, steps: Steps) -> None:
        """Look at steps."""


def look_of(*watchers: Watcher) -> Look | None:
    """Return a look by all who have anything to look for; None where nobody has."""
    looks = [one.look for one in watchers if one.looks]

    def look(steps: Steps) -> None:
        for one in looks:
            one(steps)

    return look if looks else None
