"""How many vehicles each rule on trips counts in one region, by operator."""

import hashlib
from collections.abc import Mapping, Sequence

from schemas.vehicles import COUNTED_STATES
from streams.incidents.counts.rules import NONE, ByOperator, Counts
from streams.incidents.trips.rules import TripPolicy, TripRule

Key = tuple[str, str]
"""Rule and operator."""


class Counting:
    """Vehicles by rule and operator. Of a policy the first rule in the list takes a cell."""

    def __init__(self, policies: Sequence[TripPolicy], region: str, cells: Mapping[str, ByOperator]) -> None:
        """`cells` are all counts of the region, by cell and operator."""
        self.vehicles: dict[Key, int] = {}
        self.about: dict[str, str] = {}
        """By rule: a hash of the cells and the states that it counts in."""
        self._takers: list[tuple[TripPolicy, dict[str, TripRule]]] = []
        for policy in policies:
            takers: dict[str, TripRule] = {}
            for rule in policy.rules:
                if rule.region == region:
                    takers.update({cell: rule for cell in rule.cells if cell not in takers})
            if takers:
                self._takers.append((policy, takers))
            self.about |= _about(policy, takers)
        for cell, by_operator in cells.items():
            for operator, counts in by_operator.items():
                self.move(cell, operator, NONE, counts)

    def takers(self, cell: str, operator: str) -> list[TripRule]:
        """Return the rules that count an operator's vehicles and trips in a cell: of each policy one at most."""
        found = (takers.get(cell) for policy, takers in self._takers if policy.counts(operator))
        return [rule for rule in found if rule is not None]

    def move(self, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""
        for rule in self.takers(cell, operator):
            more = sum(
                new - old
                for state, old, new in zip(COUNTED_STATES, before, after, strict=True)
                if state in rule.states
            )
            key = rule.rule_id, operator
            self.vehicles[key] = self.vehicles.get(key, 0) + more


def _about(policy: TripPolicy, takers: Mapping[str, TripRule]) -> dict[str, str]:
    cells: dict[str, list[str]] = {rule.rule_id: [] for rule in policy.rules}
    for cell, rule in takers.items():
        cells[rule.rule_id].append(cell)
    return {
        rule.rule_id: hashlib.sha256(f"{sorted(cells[rule.rule_id])}{rule.states}".encode()).hexdigest()[:12]
        for rule in policy.rules
    }
