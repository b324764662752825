"""A scenario as a source: the fleet is stepped as far as it is asked for."""

from collections.abc import Iterator

from sensors_sim.batch import Positions
from sensors_sim.scenario import Scenario
from sensors_sim.sources.contract import Report

STEP_MS = 5_000
"""Event time of one batch: some 2,000 readings of 20,000 bikes."""


class SimulatedFleet:
    """The readings of a scenario, from its start until its end."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.report = Report()

    @property
    def start_ms(self) -> int:
        """Start of the scenario."""
        return self._scenario.start_ms

    @property
    def end_ms(self) -> int:
        """End of the scenario."""
        return self._scenario.end_ms

    def batches(self) -> Iterator[Positions]:
        """Yield batches of STEP_MS of event time each."""
        fleet = self._scenario.fleet()
        while fleet.now < self.end_ms:
            yield fleet.step(min(fleet.now + STEP_MS, self.end_ms))
