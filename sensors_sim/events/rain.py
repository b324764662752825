"""Rain, from a shower to a cloudburst: people ride less, roads are slower, water rises."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from sensors_sim.bikes import Fleet
from sensors_sim.events.contract import Event, Scene, minutes, since, swelling
from sensors_sim.sensors.weather import HEAVY_RAIN_MM_H
from sensors_sim.sensors.world import SHARES, World
from sensors_sim.truth.entry import Entry

STAYS_DRY = 0.65
"""Share of the riders who do not ride in heavy rain."""

GROWS_S = 600.0
"""It takes so long to become as heavy as it will be, and to end."""

RUNS_OFF_S = 6 * 3_600.0
"""Water and air notice for so long afterwards."""


@dataclass(frozen=True, slots=True)
class Rain(Event):
    """Rain over the whole city, `mm_h` millimetres an hour at its heaviest, besides that of the sky's own."""

    key: ClassVar[str] = "rain"

    begins_s: float
    lasts_s: float
    mm_h: Annotated[float, msgspec.Meta(gt=0, le=150)] = 6.0

    @property
    def where(self) -> str:
        """Rain is everywhere."""
        return "the whole city"

    def falls(self, at_s: float) -> float:
        """Return millimetres an hour."""
        return swelling(self, at_s, self.mm_h, GROWS_S)

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return f"from {since(self.begins_s)} it rains {self.mm_h:g} mm/h for {minutes(self.lasts_s)}; fewer people ride"

    def on_fleet(self, scene: Scene) -> "Falling":
        """Return what keeps riders at home."""
        return Falling(self, scene.start_ms)

    def on_world(self, scene: Scene) -> "OverTheCity":
        """Return the cloud."""
        return OverTheCity(self, scene.start_ms)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Everything outdoors may look unusual while it rains, and until the water has run off."""
        first, last = scene.at(self.begins_s), scene.at(self.ends_s + RUNS_OFF_S)
        for kind in SHARES:
            yield Entry("may", "anomaly", kind, (), first, last, f"rain of {self.mm_h:g} mm/h")


class Falling:
    """Rain as riders feel it."""

    def __init__(self, rain: Rain, start: int) -> None:
        self._rain, self._start = rain, start

    def act(self, fleet: Fleet, now: int) -> None:
        """Fewer people ride."""
        wet = min(1.0, self._rain.falls((now - self._start) / 1000) / HEAVY_RAIN_MM_H)
        fleet.appetite *= 1.0 - STAYS_DRY * wet


class OverTheCity:
    """Rain as the sky has it."""

    def __init__(self, rain: Rain, start: int) -> None:
        self._rain, self._start = rain, start

    def act(self, world: World, now: int) -> None:
        """Let it rain."""
        world.weather.sky.more_rain += self._rain.falls((now - self._start) / 1000)
