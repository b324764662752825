"""The contract of everything that watches the city: messages of ub.cells in, events of alerts out."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from schemas.alerts import Alert
from schemas.cells import CellsEdges, CellsHealth, CellsNow, CellsVehicles
from streams.fold.contract import Record
from streams.incidents.messages import Metrics, Requests, Windows

Message = CellsNow | Metrics | Windows | Requests | CellsVehicles | CellsEdges | CellsHealth
"""What comes on ub.cells, by its tag; of each type what is needed here (streams/incidents/messages.py)."""
SilentIn = Callable[[str], AbstractSet[str]]
"""Return the operators of which nothing is heard in a region."""


class Book(Protocol):
    """One family of conditions in the regions of one partition, and what it remembers of them.

    A book is a function of the log: it asks no clock. Its events begin with `raised`, go on with `updated` and end with
    `cleared`; the ids of alerts are made of their subject and beginning (lifecycle.alert_id). Their evidence has the
    offsets of the record with which the condition began and of the one that decided. A book that can say what it knows
    of an alert's subject is also a `Showing` (showing.py).

    How books are built, so that a reader of one finds his way in the others:
    - Event time comes with messages that every region gets: CellsNow for what vehicles do, CellsHealth for what closed
      windows say. A look at such a message raises what has lasted and clears what is over or silent.
    - Judgement does not go back in time, though what a region knows may: `Clocks` (clocks.py) knows how far it was.
    - News of single vehicles come again after a crash of their source; `Heard` (sources_heard.py) knows which are old.
    - `_unsaved` has the keys of what changed, and `take_parts` empties it. A part is named by its key, with slashes;
      where there are several kinds of parts, the kind stands first.
    - A book that goes by a policy has `take`. Alerts of rules that are gone are cleared at the next look, not at once.
    - What an alert says is made in `alert.py` beside the book, with `first_event`, `next_event` and `ended`.
    """

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing; asked of all books before any of them applies it."""

    def apply(self, message: Message, record: Record) -> Iterable[Alert]:
        """Take a message in; returns the events of alerts, in order."""

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed of the state since the last call, by name; None: it is deleted."""

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a part; returns the alert in it that is open."""
