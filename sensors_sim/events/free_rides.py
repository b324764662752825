"""Rides that an operator gives away: more people than usual take its bikes, again and again."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from sensors_sim.bikes import Fleet
from sensors_sim.events.contract import Event, Name, Scene, Trips, Watch, since
from sensors_sim.truth.usage import Usage


@dataclass(frozen=True, slots=True)
class FreeRides(Event):
    """While it lasts, `riders` times as many people as usual want a bike of `operator`; those of others as ever.

    maximum   trips a bike and day that a policy allows each operator in the whole city
    rule      the `rule_id` of its rule
    """

    key: ClassVar[str] = "free-rides"
    expects: ClassVar[str] = "too_many_trips, where a policy allows `maximum` trips a bike and day"

    operator: Name
    begins_s: float
    lasts_s: float
    maximum: Trips
    rule: Name
    riders: Annotated[float, msgspec.Meta(gt=1, le=10)] = 2.5

    @property
    def where(self) -> str:
        """The operator."""
        return self.operator

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} rides on bikes of {self.operator} are free for {self.lasts_s / 3600:g} h: "
            f"{self.riders:g} times as many people want one"
        )

    def check(self, scene: Scene) -> None:
        """The operator must exist."""
        scene.operator(self.operator)

    def on_fleet(self, scene: Scene) -> "Crowd":
        """Return those who want to ride."""
        return Crowd(self, scene)

    def watch(self, scene: Scene) -> Watch:
        """Rides are seen on the way: not everybody finds a bike, and those of other operators may be many, too."""
        return Usage(self.rule, "too_many_trips", self.maximum)


class Crowd:
    """Wants the bikes of one operator."""

    def __init__(self, free: FreeRides, scene: Scene) -> None:
        self._begins, self._ends = scene.at(free.begins_s), scene.at(free.ends_s)
        self._operator, self._riders = scene.operator(free.operator), free.riders

    def act(self, fleet: Fleet, now: int) -> None:
        """More people ride."""
        if self._begins <= now < self._ends:
            fleet.appetite[self._operator] *= self._riders
