"""What makes people call: cold pipes, music, full bins, dark lamps, full car parks, bikes in the way, bad roads."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors_sim.batch import REMOVED, Floats, Ints
from sensors_sim.bikes import Fleet
from sensors_sim.city import METRO
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.world import World

_AWAKE = np.array([
    .25, .12, .06, .05, .06, .15, .40, .70, .95, 1.0, 1.0, 1.0,
    .95, .95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, .95, .85, .70, .45,
])  # fmt: skip
"""Share of the people who would call, by the middle of each hour."""

COLD_PIPE, FULL_BIN, DARK_LAMP, FULL_CAR_PARK = 4.0, 0.6, 0.5, 0.4
"""Requests an hour for each of them."""

AROUND_A_MAIN_M = 200.0
"""How far from a burst main people call, one standard deviation: a block or two on each side."""

MUSIC = 30.0
"""Requests an hour about an audience of 10,000 while the music plays."""

LOUD_STREET = 0.02
"""Requests an hour near a meter that hears 70 dB; ten times as many at 80 dB."""

POTHOLES, WET_POTHOLES = 8.0, 8.0
"""Requests an hour about all main roads, and how many more in heavy rain."""

CROWDED_STATION = 10.0
"""Requests an hour at a station with twice as many bikes as it has room for, 20 at three times as many."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of trouble at n sites.

    x, y       float64[n], metres on the city's plane
    rate       float64[n], requests an hour
    spread_m   how far around a site people call from, one standard deviation
    solved_at  int64[n], when it will be over (milliseconds since the epoch), where that is known
    """

    service_code: str
    x: Floats
    y: Floats
    rate: Floats
    spread_m: float
    solved_at: Ints | None = None


def causes(world: World, fleet: Fleet, now: Moment) -> tuple[Cause, ...]:
    """Return what is wrong in the city at `now`."""
    awake = awake_at(now.hour)
    heating, lights, road = world.heating, world.lights, world.traffic.road
    stage = world.gatherings

    def at(
        places: _Places, code: str, rate: NDArray[Any], spread_m: float, solved_at: Ints | None = None
    ) -> Cause:
        return Cause(code, places.x, places.y, rate.astype(np.float64), spread_m, solved_at)

    mains = heating.mains
    main_mended = np.maximum(mains.mended_at, now.ts)
    mended_at = np.where(heating.failed(now.ts), heating.mended_at, now.ts)
    loudness = 10 ** ((world.noise.level - 70) / 10)
    potholes = (POTHOLES + WET_POTHOLES * world.weather.sky.wet) / len(road.roads)
    return (
        at(heating.sensors, "heating", COLD_PIPE * awake * heating.cold(), 120.0, mended_at),
        at(
            mains,
            "heating",
            mains.calls_h * awake * heating.cold_around(now.ts),
            AROUND_A_MAIN_M,
            main_mended,
        ),
        at(stage, "noise", MUSIC * stage.music * stage.people / 10_000, 450.0),
        at(world.noise.sensors, "traffic_noise", LOUD_STREET * awake * loudness, 120.0),
        at(world.waste.sensors, "overflowing_bin", FULL_BIN * awake * (world.waste.fill >= 100), 30.0),
        at(lights.sensors, "street_light", DARK_LAMP * awake * (lights.out & lights.dark), 30.0),
        at(road.roads, "pothole", np.full(len(road.roads), potholes * awake), 80.0),
        at(
            world.parking.sensors,
            "illegal_car_parking",
            FULL_CAR_PARK * awake * (world.parking.free < 1),
            100.0,
        ),
        at(world.city, "illegal_bike_parking", CROWDED_STATION * awake * crowding(fleet), 60.0),
    )


def awake_at(hour: float) -> float:
    """Return the share of the people who would call at an hour of the clock."""
    return float(np.interp(hour, np.arange(24) + 0.5, _AWAKE, period=24))


def crowding(fleet: Fleet) -> Floats:
    """Return by how much the bikes at each station exceed its room, 1 when they are twice as many; 0 elsewhere.

    Those that a lorry is yet to set down trouble nobody.
    """
    city = fleet.city
    room = np.maximum(city.room * len(fleet) / city.fleet, 1.0)
    on_lorries = np.bincount(fleet.place[fleet.state == REMOVED], minlength=len(fleet.stock))
    return np.where(city.kind == METRO, np.maximum((fleet.stock - on_lorries) / room - 1, 0.0), 0.0)


class _Places(Protocol):
    @property
    def x(self) -> Floats: ...
    @property
    def y(self) -> Floats: ...
