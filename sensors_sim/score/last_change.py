"""When a run last changed what stands in a cell: live cells say nothing new afterwards, however long bikes report."""

from sensors_sim.batch import Positions
from sensors_sim.bikes import Fleet
from sensors_sim.cells import cells_at
from sensors_sim.sensors.contract import Readings
from sensors_sim.sensors.world import World
from sensors_sim.sources.simulated import Observer


class LastChange:
    """Looks at what bikes report, and hands on all that it sees to another observer.

    at_ms   event time at which a bike last reported another cell or state than before; None if none ever reported
    """

    def __init__(self, other: Observer) -> None:
        self.at_ms: int | None = None
        self._other = other
        self._last: dict[str, tuple[int, str]] = {}

    def sees_bikes(self, fleet: Fleet, reported: Positions) -> None:
        """Look at what the bikes reported."""
        self.look(reported)
        self._other.sees_bikes(fleet, reported)

    def sees_world(self, world: World) -> None:
        """Hand it on."""
        self._other.sees_world(world)

    def sees_readings(self, readings: Readings) -> None:
        """Hand it on."""
        self._other.sees_readings(readings)

    def look(self, reported: Positions) -> None:
        """Compare with what the same bikes reported before."""
        cells = cells_at(reported.lat, reported.lon)
        columns = (reported.vehicle_id, reported.ts, reported.state)
        for name, ts, state, cell in zip(*(column.tolist() for column in columns), cells, strict=True):
            if self._last.get(name) != (state, cell):
                self._last[name] = state, cell
                self.at_ms = ts
