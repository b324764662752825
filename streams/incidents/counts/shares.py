"""Rules in per cent, an extension of MDS that cities ask for: judged for each operator by itself.

`percent`      vehicles in the geography, of all vehicles of the operator in the region in the rule's states (and types)
`utilization`  vehicles on a trip, of those of the operator that the rule counts in the geography

Bounds in per cent are turned into bounds in vehicles, by the number that the operator has at the moment. If the rule
asks for types, and those of some vehicles are not known, the share is known as a range only: see doubt.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from schemas.vehicles import COUNTED_STATES
from streams.incidents.counts.crowd import Crowd
from streams.incidents.counts.rules import NONE, CountRule, Counts
from streams.incidents.counts.tally import Tally


@dataclass(frozen=True, slots=True)
class Share:
    """One operator's share: `count` of its `of` vehicles; `bounds` is the rule with bounds in vehicles.

    `ends` are the least and the greatest that it may be, each a count and the rule with its bounds then; none: it is
    known. `doubtful` vehicles of the operator are those that may be among the `count`, or those that it is of.
    """

    operator: str
    count: int
    of: int
    bounds: CountRule
    ends: tuple[tuple[int, CountRule], ...] = ()
    doubtful: int = 0


class Fleets:
    """All vehicles of each operator in one region, by state; and by type, as far as types were told."""

    def __init__(self, crowd: Crowd) -> None:
        self._counts: dict[str, list[int]] = {}
        self._by_type: dict[str, dict[str, list[int]]] = {}
        for by_operator in crowd.cells.values():
            for operator, counts in by_operator.items():
                self.move(operator, NONE, counts)
        for place, operator, counts in crowd.parts():
            self.part_moved(place.vehicle_type, operator, NONE, counts)

    def move(self, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""
        _move(self._counts.setdefault(operator, [0] * len(COUNTED_STATES)), before, after)

    def part_moved(self, vehicle_type: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator and a type (empty: not known) in a part of a cell changed."""
        if vehicle_type:
            by_type = self._by_type.setdefault(operator, {})
            _move(by_type.setdefault(vehicle_type, [0] * len(COUNTED_STATES)), before, after)

    def of(self, operator: str, rule: CountRule) -> int:
        """Return how many vehicles an operator has in the states of a rule, and of its types."""
        if not rule.vehicle_types:
            return _in_states(self._counts[operator], rule)
        by_type = self._by_type.get(operator, {})
        return sum(_in_states(by_type[name], rule) for name in by_type.keys() & rule.vehicle_types)

    def doubtful(self, operator: str, rule: CountRule) -> int:
        """Return how many vehicles an operator has in the states of a rule whose type nobody has told."""
        told = zip(*self._by_type.get(operator, {}).values(), strict=True)
        known = [sum(by_state) for by_state in told] or [0] * len(COUNTED_STATES)
        rest = [max(0, n - one) for n, one in zip(self._counts[operator], known, strict=True)]
        return _in_states(rest, rule)

    @property
    def operators(self) -> list[str]:
        """All operators, in the order of their names."""
        return sorted(self._counts)


def _move(known: list[int], before: Counts, after: Counts) -> None:
    for state, (old, new) in enumerate(zip(before, after, strict=True)):
        known[state] += new - old


def _in_states(counts: list[int], rule: CountRule) -> int:
    return sum(n for n, state in zip(counts, COUNTED_STATES, strict=True) if state in rule.states)


def shares(tally: Tally, number: int, fleets: Fleets) -> Iterator[Share]:
    """Yield the share of each operator that a rule in per cent is about; one without vehicles has none."""
    rule = tally.rules[number]
    for operator in fleets.operators:
        if not tally.policy.counts(operator):
            continue
        count = tally.counts[number].get(operator, 0)
        doubtful = tally.doubtful[number].get(operator, 0)
        if rule.units == "utilization":
            of, count = count, tally.riding[number].get(operator, 0)
            riding = tally.doubtful_riding[number].get(operator, 0)
            ends = _ends(rule, count, of, more=riding, others=doubtful - riding)
        elif rule.vehicle_types:
            of = fleets.of(operator, rule)
            # Those in doubt here may be of its types and yet not count for it, but for a rule before it.
            here, doubtful = doubtful, max(doubtful, fleets.doubtful(operator, rule))
            ends = _ends(rule, count, of, more=here, others=doubtful)
        else:
            of = fleets.of(operator, rule)
            ends = (
                ((count, in_vehicles(rule, of)), (count + doubtful, in_vehicles(rule, of)))
                if doubtful
                else ()
            )
        yield Share(operator, count, of, in_vehicles(rule, of), ends, doubtful)


def _ends(
    rule: CountRule, count: int, of: int, *, more: int, others: int
) -> tuple[tuple[int, CountRule], ...]:
    """Return between what a share lies where `more` may count, and `others` may be among those that it is of."""
    if not more and not others:
        return ()
    return (count, in_vehicles(rule, of + others)), (count + more, in_vehicles(rule, of + more))


def in_vehicles(rule: CountRule, of: int) -> CountRule:
    """Return a rule in per cent with the bounds that it has for an operator of so many vehicles.

    The least whole number that is at least so many per cent, and the greatest that is at most so many.
    """
    minimum = None if rule.minimum is None else -(-rule.minimum * of // 100)
    maximum = None if rule.maximum is None else rule.maximum * of // 100
    return replace(rule, minimum=minimum, maximum=maximum)
