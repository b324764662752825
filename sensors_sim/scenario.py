"""Scenarios: a city, bikes, sensors, a start in event time and what happens. Frozen; the same seed, the same bytes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import numpy as np

from sensors_sim.bikes import Fleet
from sensors_sim.city import pudong_city
from sensors_sim.errors import ScenarioError
from sensors_sim.events import Flood
from sensors_sim.rhythm import SHANGHAI
from sensors_sim.sensors.gatherings import Concert
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS, World

MOST_BIKES = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `start` is local time (UTC+8), in the past, so that event time never runs ahead of the clock.

    Fleet and sensors live through `settle` and `warm_up` before the start without reporting, so that bikes are
    under way and roads are full from the first second on.
    """

    name: str
    summary: str
    start: datetime
    duration: timedelta
    bikes: int = 20_000
    seed: int = 1
    settle: timedelta = timedelta(minutes=15)
    events: tuple[Flood, ...] = ()
    sensors: int = 600
    warm_up: timedelta = timedelta(hours=1)
    concerts: tuple[Concert, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.bikes <= MOST_BIKES:
            raise ScenarioError(f"{self.bikes} bikes: a scenario takes 1 to {MOST_BIKES:,}")
        if not FEWEST_SENSORS <= self.sensors <= MOST_SENSORS:
            raise ScenarioError(
                f"{self.sensors} sensors: a scenario takes {FEWEST_SENSORS} to {MOST_SENSORS:,}"
            )
        if self.duration < timedelta(seconds=1) or self.duration.microseconds:
            raise ScenarioError(f"duration {self.duration}: a scenario lasts whole seconds, 1 at least")
        if self.seed < 0:
            raise ScenarioError(f"seed {self.seed}: a seed is a whole number from 0 on")

    @property
    def start_ms(self) -> int:
        """Start in milliseconds since the epoch."""
        return int(self.start.replace(tzinfo=SHANGHAI).timestamp()) * 1000

    @property
    def end_ms(self) -> int:
        """End in milliseconds since the epoch."""
        return self.start_ms + int(self.duration.total_seconds()) * 1000

    def with_(
        self,
        *,
        bikes: int | None = None,
        sensors: int | None = None,
        seed: int | None = None,
        duration: timedelta | None = None,
    ) -> Self:
        """Return a copy with the given values changed."""
        return replace(
            self,
            bikes=self.bikes if bikes is None else bikes,
            sensors=self.sensors if sensors is None else sensors,
            seed=self.seed if seed is None else seed,
            duration=self.duration if duration is None else duration,
        )

    def fleet(self) -> Fleet:
        """Return the settled fleet, at the start of the scenario."""
        settle_ms = int(self.settle.total_seconds()) * 1000
        fleet = Fleet(
            pudong_city(),
            self.bikes,
            self.start_ms - settle_ms,
            np.random.default_rng(self.seed),
            [event.started(self.start_ms) for event in self.events],
        )
        while fleet.now < self.start_ms:  # in small steps: nobody keeps these readings
            fleet.step(min(fleet.now + 5_000, self.start_ms))
        return fleet

    def world(self) -> World:
        """Return the sensors' world, warmed up, at the start of the scenario."""
        world = World(pudong_city(), self.sensors, self.start_ms, self.seed, self.concerts)
        world.settle(int(self.warm_up.total_seconds()) // 60)
        return world


SHIPPED: tuple[Scenario, ...] = (
    Scenario(
        name="commuter",
        summary="A quiet Monday in Pudong: to the metro and the offices in the morning, home in the evening",
        start=datetime(2026, 3, 2, 7, 0),
        duration=timedelta(hours=24),
        concerts=(Concert("Expo Cultural Park", begins_s=12.5 * 3600, lasts_s=2 * 3600, people=9_000),),
    ),
    Scenario(
        name="metro-flood",
        summary="The same Monday; riders flood Century Avenue station with bikes, and drain it again",
        start=datetime(2026, 3, 2, 7, 30),
        duration=timedelta(hours=3),
        events=(Flood("Century Avenue", begins_s=60, fill_s=150, hold_s=600, drain_s=420, bikes=450),),
    ),
)


def shipped(name: str) -> Scenario:
    """Return the shipped scenario of that name; ScenarioError lists the names there are."""
    for scenario in SHIPPED:
        if scenario.name == name:
            return scenario
    known = ", ".join(scenario.name for scenario in SHIPPED)
    raise ScenarioError(f"there is no scenario {name!r}; there are: {known}")
