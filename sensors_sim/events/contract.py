"""The contract of all events: a frozen description that says where it acts, and what follows from it.

Each event is a frozen dataclass. Its fields are its keys in a scenario file (sensors_sim/tables.py): `begins_s` seconds
after the start of the scenario, and what else it needs. tests/unit/sensors_sim/events/test_contract.py checks them all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, ClassVar, Protocol

import msgspec
import numpy as np

from sensors_sim.batch import Ints, Positions
from sensors_sim.bikes import Fleet, Happening
from sensors_sim.cells import cells_around
from sensors_sim.city import KINDS, METRO, City
from sensors_sim.requests.events import Events
from sensors_sim.rhythm import local
from sensors_sim.sensors.contract import Readings, Sensors
from sensors_sim.sensors.gatherings import Gathering
from sensors_sim.sensors.world import World, WorldHappening
from sensors_sim.tables import Refused, choice
from sensors_sim.truth.entry import Entry

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
People = Annotated[int, msgspec.Meta(ge=1, le=500_000)]
Scatter = Annotated[float, msgspec.Meta(gt=0, le=5_000)]
Trips = Annotated[float, msgspec.Meta(gt=0, le=1_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Name = Annotated[str, msgspec.Meta(min_length=1)]

ChangesReadings = Callable[[Readings], Readings]
ChangesPositions = Callable[[Positions], Positions]
ChangesRequests = Callable[[Events], Events]


class Watch(Protocol):
    """Looks at the bikes after every step, and says in the end which alerts were due by what really happened."""

    def look(self, fleet: Fleet) -> None:
        """Take note of what is new."""
        ...

    def entries(self, end: int) -> Iterable[Entry]:
        """Return what was seen, of a run that ended at `end` (milliseconds since the epoch)."""
        ...


@dataclass(frozen=True)
class Scene:
    """What there is in a scenario, for events that name a part of it.

    start_ms  start of the scenario, milliseconds since the epoch
    bikes     how many, by operator
    counts    how many sensors there are, by kind
    seed      of the scenario: sensors stand where it says
    requests  how many people call, as a share of the usual number
    """

    city: City
    start_ms: int
    bikes: Mapping[str, int]
    counts: tuple[tuple[str, int], ...]
    seed: int
    requests: float = 1.0

    @property
    def sensors(self) -> tuple[Sensors, ...]:
        """All sensors, a table a kind."""
        return _tables(self.city, self.counts, self.start_ms, self.seed)

    def at(self, seconds: float) -> int:
        """Return milliseconds since the epoch of a time after the start."""
        return self.start_ms + round(seconds * 1000)

    def local(self, seconds: float) -> datetime:
        """Return the local time of a time after the start."""
        return local(self.at(seconds), self.city.zone)

    def cells(self, place: int, rings: int = 0) -> tuple[str, ...]:
        """Return the cell of a place, and those around it."""
        x, y = self.city.x[place : place + 1], self.city.y[place : place + 1]
        lat, lon = self.city.plane.latlon(x, y)
        return cells_around(float(lat[0]), float(lon[0]), rings)

    def operator(self, name: str) -> int:
        """Return the number of an operator; Refused if it has no bikes here."""
        if not self.bikes.get(name):
            there_are = [one for one, bikes in self.bikes.items() if bikes]
            raise Refused("operator", name, f"no operator of that name has bikes; {choice(name, there_are)}")
        return list(self.bikes).index(name)

    def table(self, kind: str) -> Sensors:
        """Return the sensors of a kind."""
        return next(table for table in self.sensors if table.kind == kind)

    def sensor(self, sensor_id: str) -> tuple[Sensors, int]:
        """Return the table that a sensor is in, and its row; Refused if there is none of that id."""
        for table in self.sensors:
            prefix = table.kind.replace("_", "-") + "-"
            if sensor_id.lower().startswith(prefix):
                rows: Ints = np.flatnonzero(table.sensor_id == sensor_id)
                if len(rows):
                    return table, int(rows[0])
                last = table.sensor_id[-1]
                there_are = f"there are {table.sensor_id[0]} to {last}"
                raise Refused("sensors", sensor_id, f"there is no such sensor; {there_are}")
        firsts = [str(table.sensor_id[0]) for table in self.sensors]
        raise Refused(
            "sensors", sensor_id, f"there is no such sensor; {choice(sensor_id, firsts)}, and so on"
        )


@lru_cache(maxsize=8)
def _tables(city: City, counts: tuple[tuple[str, int], ...], start: int, seed: int) -> tuple[Sensors, ...]:
    """Return the tables of a world that nobody lives in."""
    return tuple(kind.sensors for kind in World(city, dict(counts), start, seed).kinds)


class Event:
    """The base of all events: it does nothing. Seconds count from the start of the scenario.

    key      its name in a scenario file
    expects  what alert follows from it, "" if none
    lasts_s  for how long, of all but those that have an `ends_s` of their own
    """

    __slots__ = ()

    key: ClassVar[str]
    expects: ClassVar[str] = ""
    begins_s: float
    lasts_s: float

    @property
    def ends_s(self) -> float:
        """When it is over."""
        return self.begins_s + self.lasts_s

    @property
    def where(self) -> str:
        """The place, road, sensor or bike that it happens to."""
        raise NotImplementedError

    def explain(self) -> str:
        """Say in one sentence what happens."""
        raise NotImplementedError

    def check(self, scene: Scene) -> None:
        """Raise Refused, or a group of them (`tables.each`), if it names what does not exist in the scene."""

    def on_fleet(self, scene: Scene) -> Happening | None:
        """Return what it does to the bikes."""
        return None

    def on_world(self, scene: Scene) -> WorldHappening | None:
        """Return what it does to the city that sensors look at."""
        return None

    def gatherings(self) -> tuple[Gathering, ...]:
        """Return the crowds that it draws together."""
        return ()

    def on_readings(self, scene: Scene) -> ChangesReadings | None:
        """Return what it does to readings after the sensors made them."""
        return None

    def on_positions(self, scene: Scene) -> ChangesPositions | None:
        """Return what it does to positions after the bikes made them."""
        return None

    def on_requests(self, scene: Scene) -> ChangesRequests | None:
        """Return what it does to the events of requests after citizens and agencies made them."""
        return None

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Return what alerts follow from it, but for oversaturation: that is seen in where bikes stand."""
        return ()

    def watch(self, scene: Scene) -> Watch | None:
        """Return who sees what follows from it, where that cannot be said before."""
        return None


def place_of(city: City, key: str, name: str, kinds: Sequence[int] = (METRO,)) -> int:
    """Return the place of that name and one of those kinds; Refused says which is nearest, and all there are."""
    known: dict[str, int] = {}
    for kind in kinds:
        for index in np.flatnonzero(city.kind == kind).tolist():
            known.setdefault(city.names[index], index)
    if name not in known:
        what = " or ".join(KINDS[kind] for kind in kinds)
        raise Refused(key, name, f"{city.name} has no {what} place of that name; {choice(name, known)}")
    return known[name]


def swelling(event: Event, at_s: float, most: float, grows_s: float) -> float:
    """Return how strong an event is at a time: it grows to `most` within `grows_s`, and ends as slowly."""
    grows = min(grows_s, (event.ends_s - event.begins_s) / 2)
    corners = (event.begins_s, event.begins_s + grows, event.ends_s - grows, event.ends_s)
    return float(np.interp(at_s, corners, (0.0, most, most, 0.0)))


def minutes(seconds: float) -> str:
    """Return a time as minutes, for a sentence."""
    return f"{seconds / 60:g} min"


def since(seconds: float) -> str:
    """Return a time after the start, for a sentence."""
    return f"minute {seconds / 60:g}"
