"""One fleet fold for the examples of this folder: feed it, checkpoint it, end it, read what it tells."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas import codec
from schemas.partials import FleetPartial
from schemas.rejected import Rejected
from schemas.vehicle_events import VehicleEvent
from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.grid.locate import Locator
from tests.pipeline import FAR_FUTURE, T0, Database, restored

HERE, NEAR, NEXT, FAR = (31.2335, 121.4765), (31.2336, 121.4766), (31.2372, 121.4810), (39.9042, 116.4074)
"""HERE and NEAR share a cell, NEXT is in another cell of the same region, FAR in another region."""

CONFIG = FleetConfig(
    window_ms=60_000,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=120_000,
    stale_after_ms=600_000,
    sources=1,
)
LOCATOR = Locator(9, 2)
CELLS = Cells(LOCATOR)


def cell(place: tuple[float, float]) -> str:
    """Return the hex string of the cell at a place."""
    [number] = LOCATOR.cells([place[0]], [place[1]])
    return f"{number:x}"


def at(
    seconds: float,
    place: tuple[float, float] = HERE,
    state: str = "available",
    *,
    bike: str = "bike-1",
    operator: str = "north",
) -> dict[str, Any]:
    """Return a reading `seconds` after the first window's start."""
    return {
        "vehicle_id": bike,
        "operator": operator,
        "ts": T0 + round(seconds * 1000),
        "lat": place[0],
        "lon": place[1],
        "vehicle_state": state,
    }


class Fleet:
    """A fleet fold over a log that may be folded again."""

    def __init__(self, config: FleetConfig = CONFIG, *, generation: int = 0) -> None:
        self.config, self.generation = config, generation
        self.database = Database()
        self.log: list[bytes] = []
        self.fold = FleetState(config, CELLS, restored(generation=generation))
        self.partials: list[FleetPartial] = []
        self.refused: list[Rejected] = []
        self.events: list[VehicleEvent] = []

    def feed(self, *readings: dict[str, Any], received_at: int = FAR_FUTURE) -> None:
        """Fold one frame."""
        columns = {name: [reading[name] for reading in readings] for name in readings[0]}
        self.feed_bytes(msgspec.json.encode({**columns, "received_at": received_at}))

    def feed_bytes(self, value: bytes) -> None:
        """Fold one record."""
        self.log.append(value)
        self._fold(len(self.log) - 1)

    def _fold(self, offset: int) -> None:
        self.fold.apply(Record(topics.VEHICLES, 0, offset, self.log[offset], T0))

    def tell(self, *, at_checkpoint: bool = False) -> list[FleetPartial]:
        """Return the partials of one publication."""
        told = []
        for output in self.fold.take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.PARTIALS:
                told.append(codec.fleet_partial.decode(output.value))
            elif output.topic == topics.REJECTED:
                self.refused.append(codec.rejected.decode(output.value))
            else:
                self.events.append(msgspec.json.decode(output.value, type=VehicleEvent))
        self.partials += told
        return told

    def checkpoint(self) -> list[FleetPartial]:
        """Publish and store; returns the partials told."""
        told = self.tell(at_checkpoint=True)
        self.database.commit("fleet", len(self.log) - 1, self.fold.take_changes())
        return told

    def crash(self, *, fold_again: bool = True) -> None:
        """Start again from the checkpoint, and fold the rest of the log."""
        start = self.database.restored("fleet", 0)
        self.fold = FleetState(self.config, CELLS, start, self.database.vehicles(0))
        if fold_again:
            self.fold_again()

    def fold_again(self) -> None:
        """Fold what of the log came after the checkpoint."""
        for offset in range(self.database.restored("fleet", 0).offset + 1, len(self.log)):
            self._fold(offset)

    def refold(self, offset: int) -> None:
        """Fold one record of the log again."""
        self._fold(offset)

    def windows(self) -> dict[tuple[int, str], tuple[int, int, int]]:
        """Return {(minute, cell): (readings, arrivals, departures)} as told last."""
        found: dict[tuple[int, str], tuple[int, int, int]] = {}
        for partial in self.partials:
            w = partial.windows
            keys = [
                ((start - T0) // 60_000, cell_) for start, cell_ in zip(w.window_start, w.cell, strict=True)
            ]
            found |= dict(zip(keys, zip(w.readings, w.arrivals, w.departures, strict=True), strict=True))
        return {key: counts for key, counts in found.items() if any(counts)}

    def live(self) -> dict[tuple[str, str], dict[str, int]]:
        """Return {(cell, operator): {state: vehicles}} as told last, without zeros."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        states = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
        for partial in self.partials:
            now = partial.now
            for i, key in enumerate(zip(now.cell, now.operator, strict=True)):
                found[key] = {state: getattr(now, state)[i] for state in states if getattr(now, state)[i]}
        return {key: counts for key, counts in found.items() if counts}

    def vehicle(self, bike: str = "bike-1") -> dict[str, Any] | None:
        """Return the row of ub.vehicle_state."""
        return self.database.tables["vehicle_state"].get((bike,))


def minutes(partials: Sequence[FleetPartial]) -> list[int]:
    """Return the windows that partials tell of, as minutes from the first."""
    return sorted({(start - T0) // 60_000 for partial in partials for start in partial.windows.window_start})
