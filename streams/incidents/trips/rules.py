"""Rules on trips per vehicle and day, an extension of MDS that cities ask for: `rule_units` is `trips`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TripRule:
    """So many trips a day may begin in this geography (its cells) for each vehicle of an operator that is there.

    states              those in which vehicles are counted
    minimum, maximum    the least and the most that are within bounds; None: no bound
    cell                the cell of the geography nearest to its middle, at (lat, lon): where its alerts are shown
    """

    rule_id: str
    name: str
    geographies: tuple[str, ...]
    zone: str
    cells: frozenset[str]
    region: str
    cell: str
    lat: float
    lon: float
    states: tuple[str, ...]
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class TripPolicy:
    """Rules, of which the first in the list takes a cell; the fields are those of counts.rules.CountPolicy."""

    policy_id: str
    name: str
    version: str
    operators: frozenset[str]
    begin: int
    end: int | None
    rules: tuple[TripRule, ...]

    def in_force(self, at_ms: int) -> bool:
        """Return whether the policy is in force at an event time."""
        return self.begin <= at_ms and (self.end is None or at_ms < self.end)

    def counts(self, operator: str) -> bool:
        """Return whether it is about vehicles of this operator."""
        return not self.operators or operator in self.operators
