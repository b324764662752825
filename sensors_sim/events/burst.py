"""A main of the district heating that bursts: pressure is gone, radiators go cold, and people around call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from sensors_sim.batch import Ints
from sensors_sim.cells import cells_at, disk
from sensors_sim.city import LEISURE, METRO, OFFICE
from sensors_sim.events.contract import Event, Name, Scene, minutes, place_of, since
from sensors_sim.requests.causes import awake_at
from sensors_sim.rhythm import local
from sensors_sim.sensors.contract import Sensors
from sensors_sim.sensors.heating import WARMS_UP_MS
from sensors_sim.sensors.moment import MINUTE_MS
from sensors_sim.sensors.world import World
from sensors_sim.truth.entry import Entry

PLACES = (METRO, OFFICE, LEISURE)
WARMS_UP_S = WARMS_UP_MS / 1000
SPOT_RINGS = 5
"""Around the place: people call from within two rings of cells, and the middle of what is found lies up to three
further out."""
ENOUGH_CALLS_H = 15.0
"""From so many calls an hour on they must be noticed, if they last for two hours."""
ENOUGH_S, COOLS_S = 7_200, 3_600
"""And flats take an hour to go cold."""
MOST_AWAKE = 0.5
"""At night few of those who would call do."""


@dataclass(frozen=True, slots=True)
class BurstPipe(Event):
    """The main at the place `near` and the `pipes` pipes nearest to it fail together and are mended after `lasts_s`.

    calls_h  calls an hour from all around the place, while it is cold there and people are awake
    """

    key: ClassVar[str] = "burst-pipe"
    expects: ClassVar[str] = "an anomaly of pressure and temperature, and a hot spot of calls"

    near: Name
    begins_s: float
    lasts_s: float
    pipes: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    calls_h: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 15.0

    @property
    def where(self) -> str:
        """The place."""
        return self.near

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} a main is burst at {self.near}: {self.pipes} sensors read no pressure "
            f"for {minutes(self.lasts_s)}, and when flats are cold {self.calls_h:g} people an hour call the hotline"
        )

    def check(self, scene: Scene) -> None:
        """The place must exist."""
        place_of(scene.city, "near", self.near, PLACES)

    def nearest(self, scene: Scene, pipes: Sensors) -> Ints:
        """Return the pipes that it happens to."""
        place = place_of(scene.city, "near", self.near, PLACES)
        away = np.hypot(pipes.x - scene.city.x[place], pipes.y - scene.city.y[place])
        nearest: Ints = np.sort(np.argsort(away, kind="stable")[: self.pipes])
        return nearest

    def on_world(self, scene: Scene) -> "Bursting":
        """Return the burst."""
        return Bursting(self, scene)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Each of the pipes is an anomaly until it is mended; while it warms up, it may be one.

        The subject of an anomaly's alert is the metric, here one of two: the entry is about the cell.
        """
        pipes = scene.table("heating")
        rows = self.nearest(scene, pipes)
        first, mended = scene.at(self.begins_s), scene.at(self.ends_s)
        last = scene.at(self.ends_s + WARMS_UP_S)
        cells = cells_at(pipes.lat[rows], pipes.lon[rows])
        for name, cell in zip(pipes.sensor_id[rows].tolist(), cells, strict=True):
            why = f"{name} is burst near {self.near}"
            yield Entry("due", "anomaly", "heating", (cell,), first, mended, why)
            yield Entry("may", "anomaly", "heating", (cell,), first, last, why)
        around = scene.cells(place_of(scene.city, "near", self.near, PLACES), SPOT_RINGS)
        why = f"people call about cold flats near {self.near}"
        if self.calls_h * scene.requests >= ENOUGH_CALLS_H and self._called_s(scene) >= ENOUGH_S:
            yield Entry("due", "hot_spot", "requests", around, first, mended, why, "heating")
        near = tuple(sorted({cell for one in cells for cell in disk(one, SPOT_RINGS)} | set(around)))
        yield Entry("may", "hot_spot", "requests", near, first, last, why, "heating")

    def _called_s(self, scene: Scene) -> int:
        """Return for how long flats are cold while most people are awake."""
        minutes_ms = range(scene.at(self.begins_s + COOLS_S), scene.at(self.ends_s), MINUTE_MS)
        clocks = (local(ts, scene.city.zone) for ts in minutes_ms)
        return 60 * sum(awake_at(now.hour + now.minute / 60) >= MOST_AWAKE for now in clocks)


class Bursting:
    """Breaks the pipes once."""

    def __init__(self, burst: BurstPipe, scene: Scene) -> None:
        self._burst, self._scene = burst, scene
        self._done = False

    def act(self, world: World, now: int) -> None:
        """Break them when it is time."""
        if self._done or now < self._scene.at(self._burst.begins_s):
            return
        self._done = True
        pipes = self._burst.nearest(self._scene, world.heating.sensors)
        place = place_of(self._scene.city, "near", self._burst.near, PLACES)
        x, y = float(self._scene.city.x[place]), float(self._scene.city.y[place])
        world.heating.burst(pipes, now, self._scene.at(self._burst.ends_s), x, y, self._burst.calls_h)
