"""Events of citizens' requests as columns. They are few, so each event is an object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from schemas.requests import CitizenRequest
from sensors_sim.batch import Ids, Ints


class Event(CitizenRequest, frozen=True, gc=False, omit_defaults=True):
    """A CitizenRequest that leaves out what it does not say."""


@dataclass(frozen=True, slots=True)
class Events:
    """n events in the order in which they are to be sent.

    ts     int64[n], milliseconds since the epoch, UTC, never decreasing
    event  object[n] of Event
    """

    owner: str
    ts: Ints
    event: Ids

    @classmethod
    def of(cls, owner: str, events: Sequence[Event]) -> Self:
        """Return `events`, which are in order of time, as columns."""
        column = np.empty(len(events), dtype=object)
        column[:] = events
        return cls(owner, np.array([event.ts for event in events], dtype=np.int64), column)

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: slice) -> Self:
        """Return the given rows."""
        return type(self)(self.owner, self.ts[rows], self.event[rows])
