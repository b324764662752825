"""An operator's app that is down: nobody can unlock one of its bikes."""

from dataclasses import dataclass
from typing import ClassVar

from sensors_sim.bikes import Fleet
from sensors_sim.events.contract import Event, Name, Scene, Trips, Watch, since
from sensors_sim.truth.usage import Usage


@dataclass(frozen=True, slots=True)
class AppOutage(Event):
    """Nobody takes a bike of `operator` while it lasts. Who has one, or has booked one, rides to the end.

    minimum   trips a bike and day that a policy asks of each operator in the whole city
    rule      the `rule_id` of its rule
    """

    key: ClassVar[str] = "app-outage"
    expects: ClassVar[str] = "too_few_trips, where a policy asks for `minimum` trips a bike and day"

    operator: Name
    begins_s: float
    lasts_s: float
    minimum: Trips
    rule: Name

    @property
    def where(self) -> str:
        """The operator."""
        return self.operator

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} the app of {self.operator} is down for {self.lasts_s / 3600:g} h: "
            "nobody takes one of its bikes"
        )

    def check(self, scene: Scene) -> None:
        """The operator must exist."""
        scene.operator(self.operator)

    def on_fleet(self, scene: Scene) -> "Outage":
        """Return the lock on its bikes."""
        return Outage(self, scene)

    def watch(self, scene: Scene) -> Watch:
        """Rides are seen on the way: those of other operators may be few, too."""
        return Usage(self.rule, "too_few_trips", self.minimum)


class Outage:
    """Locks the bikes of an operator, and unlocks them when it is over; another outage of it may last longer."""

    def __init__(self, outage: AppOutage, scene: Scene) -> None:
        self._begins, self._ends = scene.at(outage.begins_s), scene.at(outage.ends_s)
        self._operator = scene.operator(outage.operator)
        self._down = False

    def act(self, fleet: Fleet, now: int) -> None:
        """Lock or unlock."""
        down = self._begins <= now < self._ends
        if down != self._down:
            fleet.locked[fleet.operator == self._operator] += 1 if down else -1
            self._down = down
