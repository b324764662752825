"""A scenario as a source: its bikes, sensors and citizens, stepped together as far as they are asked for."""

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

import numpy as np

from sensors_sim.batch import Positions
from sensors_sim.bikes import Fleet
from sensors_sim.columns import Columns, Mixed
from sensors_sim.events.contract import ChangesReadings, ChangesRequests
from sensors_sim.requests.causes import causes
from sensors_sim.requests.events import Events
from sensors_sim.requests.hotline import Hotline
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.world import SHARES, World
from sensors_sim.sources.contract import Report

BIKES, REQUESTS = "bikes", "requests"
POPULATIONS = (BIKES, *SHARES, REQUESTS)
"""What a scenario can publish: bikes, sensors by kind, citizens' requests."""

STEP_MS = 5_000
"""Event time of one batch, some 2,000 readings of 20,000 bikes. A minute is a whole number of them."""


class Observer(Protocol):
    """Somebody who looks at what really is, besides what is published of it."""

    def sees_bikes(self, fleet: Fleet, reported: Positions) -> None:
        """Look at the bikes after a step, and at what they reported in it; published or not, people call about them."""
        ...

    def sees_world(self, world: World) -> None:
        """Look at the city after a minute."""
        ...

    def sees_readings(self, readings: Readings) -> None:
        """Look at what is published of sensors of one kind in a minute."""
        ...


class SimulatedCity:
    """The readings of a scenario, from its start until its end; only those of the populations that are asked for.

    What is not published lives on where others look at it: each population says the same, whoever else does.
    Bikes and sensors settle before the first batch, which may take minutes; there is none if they are `given_up`.
    """

    def __init__(
        self,
        scenario: Scenario,
        only: Collection[str] = POPULATIONS,
        observer: Observer | None = None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._scenario = scenario
        self._only = frozenset(only)
        self._observer = observer
        self._given_up = given_up
        self._on_readings: list[ChangesReadings] = []
        self._on_requests: list[ChangesRequests] = []
        self.report = Report()

    @property
    def start_ms(self) -> int:
        """Start of the scenario."""
        return self._scenario.start_ms

    @property
    def end_ms(self) -> int:
        """End of the scenario."""
        return self._scenario.end_ms

    def batches(self) -> Iterator[Columns]:
        """Yield batches of STEP_MS of event time each."""
        scene = self._scenario.checked()
        events = self._scenario.events
        self._on_readings = [change for event in events if (change := event.on_readings(scene)) is not None]
        self._on_requests = [cut for event in events if (cut := event.on_requests(scene)) is not None]
        on_positions = [one for event in events if (one := event.on_positions(scene)) is not None]
        fleet = self._scenario.fleet(self._given_up) if self._only & {BIKES, REQUESTS} else None
        world = self._scenario.world(self._given_up) if self._only - {BIKES} else None
        if self._given_up():
            return
        hotline = Hotline(self._scenario.city, self.start_ms, self._scenario.seed, self._scenario.requests)
        minute: list[Columns] = []
        for now in range(self.start_ms, self.end_ms, STEP_MS):
            until = min(now + STEP_MS, self.end_ms)
            if world is not None and world.now == now:
                minute = self._minute(world, fleet, hotline)
            parts = [_between(columns, now, until) for columns in minute]
            if fleet is not None:
                positions = changed(fleet.step(until), on_positions)
                if BIKES in self._only:
                    parts.append(positions)
                if self._observer is not None:
                    self._observer.sees_bikes(fleet, positions)
            yield Mixed.of(parts)

    def _minute(self, world: World, fleet: Fleet | None, hotline: Hotline) -> list[Columns]:
        """Return what sensors and citizens say in the minute that begins now."""
        now = world.now
        said = [changed(part, self._on_readings) for part in world.step() if part.sensors.kind in self._only]
        columns: list[Columns] = [*said]
        if self._observer is not None:
            self._observer.sees_world(world)
            for readings in said:
                self._observer.sees_readings(readings)
        if fleet is not None and REQUESTS in self._only:
            told = hotline.step(now, causes(world, fleet, Moment.at(now, world.calendar)))
            columns.append(changed(told, self._on_requests))
        return columns


def changed[C: (Positions, Readings, Events)](columns: C, changes: Collection[Callable[[C], C]]) -> C:
    """Return what events make of columns, one event after the other."""
    for change in changes:
        columns = change(columns)
    return columns


def _between(columns: Columns, first: int, end: int) -> Columns:
    """Return the rows with first <= ts < end."""
    return columns.take(slice(*np.searchsorted(columns.ts, [first, end]).tolist()))
