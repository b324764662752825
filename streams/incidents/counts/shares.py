"""Rules in per cent, an extension of MDS that cities ask for: judged for each operator by itself.

`percent`      vehicles in the geography, of all vehicles of the operator in the region that are in the rule's states
`utilization`  vehicles on a trip, of those of the operator that the rule counts in the geography

Bounds in per cent are bounds in vehicles, of as many as the operator has at the moment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from streams.incidents.counts.rules import COUNTED, CountRule
from streams.incidents.counts.tally import ByOperator, Tally


@dataclass(frozen=True, slots=True)
class Share:
    """One operator's share: `count` of its `of` vehicles; `bounds` is the rule with bounds in vehicles."""

    operator: str
    count: int
    of: int
    bounds: CountRule


class Fleets:
    """All vehicles of each operator in one region, by state."""

    def __init__(self, cells: Mapping[str, ByOperator]) -> None:
        self._counts: dict[str, list[int]] = {}
        for by_operator in cells.values():
            for operator, counts in by_operator.items():
                self.move(operator, (0,) * len(COUNTED), counts)

    def move(self, operator: str, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """The counts of an operator in a cell changed."""
        known = self._counts.setdefault(operator, [0] * len(COUNTED))
        for state, (old, new) in enumerate(zip(before, after, strict=True)):
            known[state] += new - old

    def of(self, operator: str, states: tuple[str, ...]) -> int:
        """Return how many vehicles an operator has in these states."""
        return sum(n for n, state in zip(self._counts[operator], COUNTED, strict=True) if state in states)

    @property
    def operators(self) -> list[str]:
        """All operators, in the order of their names."""
        return sorted(self._counts)


def shares(tally: Tally, number: int, fleets: Fleets) -> Iterator[Share]:
    """Yield the share of each operator that a rule in per cent is about; one without vehicles has none."""
    rule = tally.rules[number]
    for operator in fleets.operators:
        if not tally.policy.counts(operator):
            continue
        count, of = tally.counts[number].get(operator, 0), fleets.of(operator, rule.states)
        if rule.units == "utilization":
            count, of = tally.riding[number].get(operator, 0), count
        yield Share(operator, count, of, in_vehicles(rule, of))


def in_vehicles(rule: CountRule, of: int) -> CountRule:
    """Return a rule in per cent with the bounds that it has for an operator of so many vehicles.

    The least whole number that is at least so many per cent, and the greatest that is at most so many.
    """
    minimum = None if rule.minimum is None else -(-rule.minimum * of // 100)
    maximum = None if rule.maximum is None else rule.maximum * of // 100
    return replace(rule, minimum=minimum, maximum=maximum)
