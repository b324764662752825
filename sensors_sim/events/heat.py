"""A heat wave: days that are hotter than the season, with ozone in the sun and fewer rides at noon."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from sensors_sim.bikes import Fleet
from sensors_sim.events.contract import Event, Scene, minutes, since, swelling
from sensors_sim.rhythm import local
from sensors_sim.sensors.world import World
from sensors_sim.truth.entry import Entry

GROWS_S = 7_200.0
STAYS_COOL = 0.35
"""Share of the riders who do not ride at 15:00 when it is 10 degrees too hot."""


@dataclass(frozen=True, slots=True)
class Heat(Event):
    """`degrees` hotter than usual, at its height."""

    key: ClassVar[str] = "heat"

    begins_s: float
    lasts_s: float
    degrees: Annotated[float, msgspec.Meta(gt=0, le=20)] = 8.0

    @property
    def where(self) -> str:
        """Heat is everywhere."""
        return "the whole city"

    def warmer_by(self, at_s: float) -> float:
        """Return degrees above the usual."""
        return swelling(self, at_s, self.degrees, GROWS_S)

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} it is {self.degrees:g} degrees too hot for {minutes(self.lasts_s)}"
        )

    def on_fleet(self, scene: Scene) -> "Sultry":
        """Return what keeps riders in the shade."""
        return Sultry(self, scene.start_ms)

    def on_world(self, scene: Scene) -> "HotSky":
        """Return the sky."""
        return HotSky(self, scene.start_ms)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Temperature, air and heating may look unusual everywhere."""
        for kind in ("weather", "air", "heating"):
            yield Entry(
                "may", "anomaly", kind, (), scene.at(self.begins_s), scene.at(self.ends_s), "heat wave"
            )


class Sultry:
    """Heat as riders feel it: most in the afternoon."""

    def __init__(self, heat: Heat, start: int) -> None:
        self._heat, self._start = heat, start

    def act(self, fleet: Fleet, now: int) -> None:
        """Fewer people ride."""
        noon = float(np.interp(local(now, fleet.calendar.zone).hour, (8, 13, 16, 21), (0.0, 1.0, 1.0, 0.0)))
        hot = min(1.0, self._heat.warmer_by((now - self._start) / 1000) / 10)
        fleet.appetite *= 1.0 - STAYS_COOL * noon * hot


class HotSky:
    """Heat as the sky has it."""

    def __init__(self, heat: Heat, start: int) -> None:
        self._heat, self._start = heat, start

    def act(self, world: World, now: int) -> None:
        """Warm the air."""
        world.weather.sky.warmer_by += self._heat.warmer_by((now - self._start) / 1000)
