"""How many vehicles each rule of one policy counts in one region.

A vehicle counts for the first rule in effect whose geography, states and types it matches. It is in a geography by its
position, or, where its position is not known here, by the centre of its cell. If the first rule that matches otherwise
asks for types, and the vehicle's type is not known, it counts for no rule. It is then in doubt for that rule, and for
each later rule that it would count for otherwise.
"""

from dataclasses import dataclass

from schemas.vehicles import COUNTED_STATES
from streams.incidents.counts.crowd import Crowd
from streams.incidents.counts.rules import NONE, CountPolicy, CountRule, Counts, Place

ByRule = list[dict[str, int]]
"""Vehicles by operator, for each rule."""
Unsettled = tuple[int, int]
"""How many fewer it may be, and how many more."""
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class _Takers:
    """Who has the vehicles of one state in a place: the rule that takes them, or those for which they are in doubt."""

    taker: int = _NOBODY
    doubtful: tuple[int, ...] = ()


class Tally:
    """Counts by rule and operator. `rules` are those of the policy in this region, in its order."""

    def __init__(self, policy: CountPolicy, region: str) -> None:
        self.policy = policy
        self.region = region
        self.rules: tuple[CountRule, ...] = tuple(rule for rule in policy.rules if rule.region == region)
        self.active: tuple[bool, ...] = (False,) * len(self.rules)
        self._begin()
        self._centres: dict[str, tuple[int, ...]] = {}
        for number, rule in enumerate(self.rules):
            for cell in rule.cells:
                self._centres[cell] = (*self._centres.get(cell, ()), number)
        self._takers: dict[tuple[tuple[int, ...], str], tuple[_Takers, ...]] = {}

    def _begin(self) -> None:
        self.counts: ByRule = [{} for _ in self.rules]
        self.riding: ByRule = [{} for _ in self.rules]
        """Of those counted, the vehicles on a trip."""
        self.doubtful: ByRule = [{} for _ in self.rules]
        """Vehicles that may be of the rule's types, or not."""
        self.doubtful_riding: ByRule = [{} for _ in self.rules]
        """Of these, the vehicles on a trip."""

    def set_active(self, active: tuple[bool, ...], crowd: Crowd) -> None:
        """Let other rules be in effect; `crowd` are all counts of the region."""
        if active == self.active:
            return
        self.active = active
        self._takers.clear()
        self._begin()
        for place, operator, counts in crowd.all(self._centres.keys()):
            self.move(place, operator, NONE, counts)

    def before(self, number: int) -> tuple[str, ...]:
        """Return the names of the rules in effect that take vehicles from this one."""
        rule, earlier = self.rules[number], zip(self.rules[:number], self.active, strict=False)
        return tuple(one.name for one, active in earlier if active and one.takes_from(rule))

    def move(self, place: Place, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a place changed."""
        holders = self._holders(place)
        if not holders or not self.policy.counts(operator):
            return
        takers = self._takers_of(holders, place.vehicle_type)
        for state, found, old, new in zip(COUNTED_STATES, takers, before, after, strict=True):
            if old == new:
                continue
            lists = 1 + (state == "on_trip")
            if found.taker != _NOBODY:
                for kept in (self.counts, self.riding)[:lists]:
                    kept[found.taker][operator] = kept[found.taker].get(operator, 0) + new - old
            for number in found.doubtful:
                for kept in (self.doubtful, self.doubtful_riding)[:lists]:
                    kept[number][operator] = kept[number].get(operator, 0) + new - old

    def unsettled(self, number: int, operator: str, crowd: Crowd) -> tuple[Unsettled, Unsettled]:
        """Return by how many a rule's count of an operator (empty: of all) may be wrong, and of these on a trip.

        Counts by cell may lag behind those by position, or positions may not be known yet. So a vehicle that has left
        a cell on the edge may be counted nowhere, and one that has entered it may be counted twice.
        """
        fewer, more = [0, 0], [0, 0]
        rule = self.rules[number]
        for (cell, name), counts in crowd.unsettled.items() if self.active[number] else ():
            by_centre = self._centres.get(cell, ())
            if number not in by_centre and cell not in rule.edge:
                continue
            if (operator and name != operator) or not self.policy.counts(name):
                continue
            on_edge = any(cell in one.edge for one in self.rules[: number + 1])
            here = any(number in self._holders(place) for place in crowd.places(cell, name))
            takers = self._takers_of(by_centre, "")
            for state, found, n in zip(COUNTED_STATES, takers, counts, strict=True):
                if state not in rule.states or not (on_edge if n > 0 else here):
                    continue
                if n > 0 and number in found.doubtful:  # by its type already
                    continue
                wrong = fewer if n < 0 or found.taker == number else more
                wrong[0] += abs(n)
                wrong[1] += abs(n) * (state == "on_trip")
        return (fewer[0], more[0]), (fewer[1], more[1])

    def _holders(self, place: Place) -> tuple[int, ...]:
        """Return the rules whose geographies hold a place, in their order."""
        by_centre = self._centres.get(place.cell, ())
        if not place.inside and not place.outside:
            return by_centre
        return tuple(
            number
            for number, rule in enumerate(self.rules)
            if rule.area.area_id in place.inside
            or (number in by_centre and rule.area.area_id not in place.outside)
        )

    def _takers_of(self, holders: tuple[int, ...], vehicle_type: str) -> tuple[_Takers, ...]:
        """Return who has the vehicles of each state in places that these rules hold; an empty type is not known."""
        takers = self._takers.get((holders, vehicle_type))
        if takers is None:
            takers = tuple(self._takers_in(holders, state, vehicle_type) for state in COUNTED_STATES)
            self._takers[holders, vehicle_type] = takers
        return takers

    def _takers_in(self, holders: tuple[int, ...], state: str, vehicle_type: str) -> _Takers:
        doubtful: list[int] = []
        for number in holders:
            rule = self.rules[number]
            if not self.active[number] or state not in rule.states:
                continue
            if not vehicle_type and rule.vehicle_types:
                doubtful.append(number)
            elif not rule.vehicle_types or vehicle_type in rule.vehicle_types:
                return _Takers(doubtful=(*doubtful, number)) if doubtful else _Takers(number)
        return _Takers(doubtful=tuple(doubtful))
