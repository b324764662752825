"""All sensors of a city together: every minute each kind lives through it, and those whose turn it is report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from sensors_sim.city import City
from sensors_sim.rhythm import USUAL, Calendar
from sensors_sim.sensors.air import Air
from sensors_sim.sensors.contract import Kind, Measured, Readings
from sensors_sim.sensors.crowd import Crowd
from sensors_sim.sensors.gatherings import Gathering, Gatherings
from sensors_sim.sensors.heating import Heating
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.noise import Noise
from sensors_sim.sensors.parking import Parking
from sensors_sim.sensors.reporting import Reporting
from sensors_sim.sensors.street_light import StreetLights
from sensors_sim.sensors.traffic import Traffic
from sensors_sim.sensors.waste import Waste
from sensors_sim.sensors.water import Water
from sensors_sim.sensors.weather import Sky, Weather

SHARES = {
    "weather": 0.01,
    "traffic": 0.20,
    "air": 0.04,
    "noise": 0.08,
    "crowd": 0.11,
    "waste": 0.17,
    "parking": 0.08,
    "street_light": 0.16,
    "water": 0.03,
    "heating": 0.12,
}
"""Share of a city's sensors, by kind."""

FEWEST_SENSORS, MOST_SENSORS = len(SHARES), 100_000


class WorldHappening(Protocol):
    """Something that a scenario adds to the ordinary day; told about every minute, before anybody lives through it."""

    def act(self, world: "World", now: int) -> None:
        """Change what the city is like in the minute that ends at `now`, milliseconds since the epoch."""
        ...


def counts(sensors: int | Mapping[str, int]) -> dict[str, int]:
    """Return the number of sensors by kind: of `sensors` in all, or of those named and the others by their share."""
    total = 600 if isinstance(sensors, Mapping) else sensors
    named = sensors if isinstance(sensors, Mapping) else {}
    return {kind: named.get(kind, max(1, round(share * total))) for kind, share in SHARES.items()}


class World:
    """The city as its sensors see it. `kinds` is in the order in which they depend on each other.

    Each kind has a stream of random numbers of its own: changing one leaves those that do not look at it as they are.
    """

    def __init__(
        self,
        city: City,
        sensors: int | Mapping[str, int],
        start: int,
        seed: int,
        gatherings: Sequence[Gathering] = (),
        happenings: Sequence[WorldHappening] = (),
        calendar: Calendar = USUAL,
    ) -> None:
        """Make a world that begins at `start`; the times of `gatherings` count from there."""
        count = counts(sensors)
        rng = {kind: np.random.default_rng([seed, *kind.encode()]) for kind in SHARES}
        sky = Sky(rng["weather"], city.climate)
        self.city = city
        self.now = start
        self.calendar = calendar
        self._happenings = tuple(happenings)
        self.gatherings = Gatherings(gatherings, city, start)
        self.weather = Weather(city, count["weather"], sky, rng["weather"])
        self.traffic = Traffic(city, count["traffic"], sky, rng["traffic"])
        road = self.traffic.road
        self.air = Air(city, count["air"], road, sky, rng["air"])
        self.noise = Noise(city, count["noise"], road, sky, self.gatherings, rng["noise"])
        self.crowd = Crowd(city, count["crowd"], sky, self.gatherings, rng["crowd"])
        self.waste = Waste(city, count["waste"], rng["waste"])
        self.parking = Parking(city, count["parking"], rng["parking"])
        self.lights = StreetLights(city, count["street_light"], start, rng["street_light"])
        self.water = Water(city, count["water"], sky, rng["water"])
        self.heating = Heating(city, count["heating"], start, sky, rng["heating"])
        self.kinds: tuple[Kind, ...] = (
            self.weather, self.traffic, self.air, self.noise, self.crowd,
            self.waste, self.parking, self.lights, self.water, self.heating,
        )  # fmt: skip
        self._reporting = [Reporting(kind.sensors, rng[kind.sensors.kind]) for kind in self.kinds]

    def settle(self, minutes: int, given_up: Callable[[], bool] = lambda: False) -> None:
        """Live through minutes that nobody hears of, until `start` or `given_up`: roads fill, air and water follow."""
        for minute in range(minutes, 0, -1):
            if given_up():
                return
            self._live(Moment.at(self.now - minute * MINUTE_MS, self.calendar))

    def step(self) -> list[Readings]:
        """Return what is reported in the minute from `now` on, a kind each, and go on to the next minute."""
        measured = self._live(Moment.at(self.now, self.calendar))
        readings = [r.report(m, self.now) for r, m in zip(self._reporting, measured, strict=True)]
        self.now += MINUTE_MS
        return readings

    def _live(self, now: Moment) -> list[Measured]:
        sky = self.weather.sky
        sky.more_rain = sky.warmer_by = 0.0
        for happening in self._happenings:
            happening.act(self, now.ts)
        self.gatherings.step(now.ts)
        return [kind.step(now) for kind in self.kinds]
