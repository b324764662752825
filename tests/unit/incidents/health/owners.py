"""Sensors of four owners in one region: who is heard when, as records of ub.cells, and which alerts are open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from schemas.partials import SensorHealth
from streams import topics
from streams.fold.contract import Record
from streams.incidents.health.book import HealthBook
from streams.incidents.health.config import HealthConfig
from streams.incidents.lifecycle import Place
from tests.pipeline import T0

MINUTE = 60_000
REGION, CELL = "82309ffffffffff", "89309959d07ffff"
CONFIG = HealthConfig(forget_ms=100 * 86_400_000)
SENSORS: Mapping[str, tuple[str, int]] = {
    **{f"n-{number}": ("north", (10, 10, 10, 30, 120)[number % 5]) for number in range(10)},
    **{f"e-{number}": ("east", 10) for number in range(5)},
    **{f"s-{number}": ("south", 10) for number in range(3)},
    **{f"w-{number}": ("west", 10) for number in range(2)},
}
"""Owner, and patience in minutes."""
OWNERS = sorted({owner for owner, _ in SENSORS.values()})


def _place(_: str) -> Place:
    return Place(31.2, 121.5, "default")


@dataclass
class Region:
    """A book, its open alerts, and what a checkpoint after each record would keep of it."""

    crashing: bool = False
    book: HealthBook = field(default_factory=lambda: HealthBook(CONFIG, _place))
    parts: dict[str, bytes] = field(default_factory=dict)
    open: dict[tuple[str, str], Alert] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    told: list[Alert] = field(default_factory=list)
    offset: int = 0

    def hear(self, clock: int, heard: Iterable[str]) -> list[Alert]:
        """Fold a record at minute `clock` with a row of each sensor heard then; returns the events of alerts."""
        names = sorted(heard)
        n, zero = len(names), [0] * len(names)
        self.heard.update(dict.fromkeys(names, clock))
        rows = SensorHealth(
            names, ["laeq"] * n, [SENSORS[name][0] for name in names], [CELL] * n, [T0 + clock * MINUTE] * n,
            [MINUTE] * n, [SENSORS[name][1] * MINUTE for name in names], [1.0] * n, zero, zero, zero, zero, zero,
            zero, [0.0] * n,
        )  # fmt: skip
        at = T0 + clock * MINUTE
        message = CellsHealth(REGION, at, at, 0, 0, self.offset, rows if names else None)
        record = Record(topics.CELLS, 0, self.offset, b"", 0)
        self.offset += 1
        events = list(self.book.apply(message, record))
        for event in events:
            self._tell(event)
        if self.crashing:
            self._crash()
        return events

    def _tell(self, event: Alert) -> None:
        self.told.append(event)
        key = event.kind, event.subject or ""
        if event.action == "raised":
            assert key not in self.open
            self.open[key] = event
        else:
            assert self.open.pop(key).alert_id == event.alert_id
        for owner, alone in ((owner, self.alone(owner)) for owner in OWNERS):
            assert not (alone and ("feed_silent", owner) in self.open), (owner, alone)

    def _crash(self) -> None:
        for name, data in self.book.take_parts().items():
            if data is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = data
        self.book = HealthBook(CONFIG, _place)
        for name, data in self.parts.items():
            self.book.restore(name, data)

    def alone(self, owner: str) -> set[str]:
        """Return the sensors of an owner with an alert of their own."""
        return {name for kind, name in self.open if kind == "sensor_silent" and SENSORS[name][0] == owner}
