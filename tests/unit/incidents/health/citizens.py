"""Citizens' requests of one region as a book of health hears of them, and who is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsRequests, ClosedRequests
from streams import topics
from streams.fold.contract import Record
from streams.incidents.health.book import HealthBook
from streams.incidents.health.config import HealthConfig
from streams.incidents.lifecycle import Place
from streams.incidents.messages import decoder
from tests.pipeline import T0

MINUTE, DAY = 60_000, 86_400_000
REGION, CELL, OTHER = "82309ffffffffff", "89309959d07ffff", "89309959d0fffff"
CONFIG = HealthConfig()


def place(_: str) -> Place:
    return Place(31.2, 121.5, "default")


@dataclass
class Hotline:
    """A book, the events of alerts that it told, and what a checkpoint after each record would keep of it."""

    crashing: bool = False
    config: HealthConfig = CONFIG
    book: HealthBook = field(init=False)
    parts: dict[str, bytes] = field(default_factory=dict)
    told: list[Alert] = field(default_factory=list)
    offset: int = 0

    def __post_init__(self) -> None:
        self.book = HealthBook(self.config, place)

    def hear(self, *minutes: int, cell: str = CELL, column: str = "opened", count: int = 1) -> list[Alert]:
        """Let windows of these minutes close, in which something happened to so many requests."""
        n = len(minutes)
        columns = {name: [0] * n for name in ClosedRequests.__struct_fields__} | {
            "window_start": [T0 + minute * MINUTE for minute in minutes],
            "cell": [cell] * n,
            "service_code": ["noise"] * n,
            column: [count] * n,
        }
        return self._fold(CellsRequests(REGION, T0, MINUTE, ClosedRequests(**columns)))  # type: ignore[arg-type]

    def clock(self, minute: float) -> list[Alert]:
        """Let the others' time go on."""
        at = T0 + round(minute * MINUTE)
        return self._fold(CellsHealth(REGION, at, at, -1, 0, -1, None, requests_as_of=at))

    def live(self, first: int, end: int, heard: Iterable[int] | None = None) -> list[Alert]:
        """Live from one minute to another; in these of them (none said: in all) there are requests."""
        some = set(range(first, end) if heard is None else heard)
        events: list[Alert] = []
        for minute in range(first, end):
            if minute in some:
                events += self.hear(minute)
            events += self.clock(minute + 1)
        return events

    def _fold(self, message: msgspec.Struct) -> list[Alert]:
        record = Record(topics.CELLS, 0, self.offset, b"", 0)
        self.offset += 1
        decoded = decoder.decode(codec.encode(message))
        assert self.book.problem(decoded) == ""
        events = list(self.book.apply(decoded, record))
        self.told += events
        if self.crashing:
            self.crash()
        return events

    def crash(self) -> None:
        """Begin again from a checkpoint."""
        self.checkpoint()
        self.book = HealthBook(self.config, place)
        for name in sorted(self.parts, reverse=True):
            self.book.restore(name, self.parts[name])

    def checkpoint(self) -> None:
        """Keep what changed."""
        for name, data in self.book.take_parts().items():
            if data is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = data


def said(events: Sequence[Alert]) -> list[tuple[str, str, str | None]]:
    """Return action, kind and subject."""
    return [(event.action, event.kind, event.subject) for event in events]
