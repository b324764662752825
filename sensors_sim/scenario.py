"""Scenarios: a city, bikes, sensors, a start in event time and what happens. Frozen; the same seed, the same bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Self

import numpy as np

from sensors_sim.bikes import OPERATORS, Fleet, bikes_of
from sensors_sim.city import City, load_city, pudong_city
from sensors_sim.errors import ScenarioError
from sensors_sim.events.contract import Event, Scene
from sensors_sim.faults import NO_FAULTS, Faults
from sensors_sim.rhythm import USUAL, Calendar, local
from sensors_sim.scenario_file import MOST_BIKES, MOST_SECONDS, MOST_SEED, read
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS, World, counts
from sensors_sim.tables import Problems, choice, joined, listed, refusals
from sensors_sim.toml_file import wrong

__all__ = ["MOST_BIKES", "MOST_SECONDS", "MOST_SEED", "Scenario", "load", "names", "parse", "shipped"]

SUFFIX = ".toml"
_FOLDER = files("sensors_sim") / "scenarios"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `start` is local time of the city, in the past, so that event time never runs ahead of the clock.

    Fleet and sensors live through `settle` and `warm_up` before the start without reporting, so that bikes are
    under way and roads are full from the first second on.

    sensors    how many, in all or by kind
    operators  share of the bikes of each
    requests   how many people call, as a share of the usual number
    faults     what happens to messages on their way to the broker
    """

    name: str
    summary: str
    start: datetime
    duration: timedelta
    bikes: int = 20_000
    seed: int = 1
    settle: timedelta = timedelta(minutes=15)
    events: tuple[Event, ...] = ()
    sensors: int | Mapping[str, int] = 600
    warm_up: timedelta = timedelta(hours=1)
    operators: Mapping[str, float] = field(default_factory=lambda: OPERATORS)
    requests: float = 1.0
    calendar: Calendar = USUAL
    faults: Faults = NO_FAULTS
    city: City = field(default_factory=pudong_city)

    def __post_init__(self) -> None:
        if not 1 <= self.bikes <= MOST_BIKES:
            raise ScenarioError(f"{self.bikes} bikes: a scenario takes 1 to {MOST_BIKES:,}")
        sensors = self.sensors if isinstance(self.sensors, int) else sum(counts(self.sensors).values())
        if not FEWEST_SENSORS <= sensors <= MOST_SENSORS:
            raise ScenarioError(f"{sensors} sensors: a scenario takes {FEWEST_SENSORS} to {MOST_SENSORS:,}")
        if self.duration < timedelta(seconds=1) or self.duration.microseconds:
            raise ScenarioError(f"duration {self.duration}: a scenario lasts whole seconds, 1 at least")
        if not 0 <= self.seed <= MOST_SEED:
            raise ScenarioError(f"seed {self.seed}: a seed is a whole number from 0 to {MOST_SEED}")

    @property
    def start_ms(self) -> int:
        """Start in milliseconds since the epoch."""
        return int(self.start.replace(tzinfo=self.city.zone).timestamp()) * 1000

    @property
    def end_ms(self) -> int:
        """End in milliseconds since the epoch."""
        return self.start_ms + int(self.duration.total_seconds()) * 1000

    @property
    def days(self) -> Calendar:
        """The calendar, by the clock of the city."""
        return replace(self.calendar, zone=self.city.zone)

    def local(self, seconds: float = 0.0) -> datetime:
        """Return the local time so many seconds after the start."""
        return local(self.start_ms + round(seconds * 1000), self.city.zone)

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

    def scene(self) -> Scene:
        """Return what there is in the scenario."""
        return Scene(
            self.city,
            self.start_ms,
            bikes_of(self.operators, self.bikes),
            tuple(counts(self.sensors).items()),
            self.seed,
            self.requests,
        )

    def problems(self, at: Sequence[str] = ()) -> list[str]:
        """Return a line for each event that names something that does not exist; `at` says where events stand."""
        problems, scene = Problems(), self.scene()
        places = at or [f"events[{number}]" for number in range(len(self.events))]
        for place, event in zip(places, self.events, strict=True):
            for refused in refusals(partial(event.check, scene)):
                problems.add(joined(place, refused.key), refused.value, refused.rule)
        return problems.lines

    def checked(self) -> Scene:
        """Return the scene; ScenarioError if an event names what is not in it (any more: sizes can be changed)."""
        problems = self.problems()
        if problems:
            raise wrong(f"{self.name} with {self.bikes:,} bikes and {self.sensors} sensors", problems)
        return self.scene()

    def fleet(self, given_up: Callable[[], bool] = lambda: False) -> Fleet:
        """Return the settled fleet, at the start of the scenario; where it has come to if it is given up before."""
        scene = self.checked()
        settle_ms = int(self.settle.total_seconds()) * 1000
        fleet = Fleet(
            self.city,
            self.bikes,
            self.start_ms - settle_ms,
            np.random.default_rng(self.seed),
            [one for event in self.events if (one := event.on_fleet(scene)) is not None],
            self.operators,
            self.days,
        )
        while fleet.now < self.start_ms and not given_up():  # in small steps: nobody keeps these readings
            fleet.step(min(fleet.now + 5_000, self.start_ms))
        return fleet

    def world(self, given_up: Callable[[], bool] = lambda: False) -> World:
        """Return the sensors' world at the start of the scenario, warmed up, unless that is given up."""
        scene = self.checked()
        world = World(
            self.city,
            self.sensors,
            self.start_ms,
            self.seed,
            [crowd for event in self.events for crowd in event.gatherings()],
            [one for event in self.events if (one := event.on_world(scene)) is not None],
            self.days,
        )
        world.settle(int(self.warm_up.total_seconds()) // 60, given_up)
        return world


def names() -> list[str]:
    """Return the names of the scenarios that ship."""
    return sorted(
        entry.name.removesuffix(SUFFIX) for entry in _FOLDER.iterdir() if entry.name.endswith(SUFFIX)
    )


def shipped(name: str) -> Scenario:
    """Return the shipped scenario of that name; ScenarioError names the nearest, and all there are."""
    if name not in names():
        raise ScenarioError(
            f"there is no scenario {name!r}; {choice(name, names())}; or name a file that ends in {SUFFIX}"
        )
    return parse((_FOLDER / f"{name}{SUFFIX}").read_bytes(), f"{name}{SUFFIX}")


def load(name: str) -> Scenario:
    """Return a shipped scenario by its name, or that of a file by its path, which ends in .toml."""
    if not name.endswith(SUFFIX):
        return shipped(name)
    try:
        return parse(Path(name).read_bytes(), name)
    except OSError as error:
        raise ScenarioError(
            f"cannot read {name} ({error.strerror}); name a TOML file, or one of {listed(names())}"
        ) from None


def parse(text: bytes, source: str) -> Scenario:
    """Return the scenario of a file; ScenarioError lists every mistake in it. A city file is named from its folder."""
    folder = Path(source).parent
    file = read(text, source, lambda city: load_city(city, folder))
    bikes, sensors = file.populations.bikes, file.populations.sensors
    by_operator = bikes if isinstance(bikes, dict) else None
    lines = list(file.problems)
    try:
        scenario = Scenario(
            name=PurePath(source).name.removesuffix(SUFFIX),
            summary=file.summary,
            start=file.when.start,
            duration=timedelta(seconds=file.when.duration_s),
            bikes=(bikes or file.city.fleet) if isinstance(bikes, int) else sum(bikes.values()),
            seed=file.seed,
            settle=timedelta(seconds=file.when.settle_s),
            events=file.events,
            sensors=sensors,
            warm_up=timedelta(seconds=file.when.warm_up_s),
            operators=OPERATORS if by_operator is None else shares(by_operator),
            requests=file.populations.requests,
            calendar=Calendar(frozenset(file.when.holidays), frozenset(file.when.working_days)),
            faults=file.faults,
            city=file.city,
        )
    except ScenarioError as error:
        raise wrong(source, [*lines, f"populations: {error}"]) from None
    lines += [line for line in scenario.problems(file.at) if not any(map(_about(line).endswith, file.unsure))]
    if lines:
        raise wrong(source, lines)
    return scenario


def _about(line: str) -> str:
    """Return the key that a line of Problems is about."""
    return line.partition(" = ")[0]


def shares(by_operator: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each operator."""
    return {name: bikes / sum(by_operator.values()) for name, bikes in by_operator.items()}
