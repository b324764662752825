"""How many vehicles each rule of one policy counts in one region.

A vehicle counts for the first rule in effect whose geography holds it and whose states hold its state. A geography
holds what is inside of it by position; where that is not known, the vehicles of the cells whose centre it holds.
"""

from collections.abc import Mapping

from streams.incidents.counts.crowd import Crowd
from streams.incidents.counts.rules import COUNTED, NONE, CountPolicy, CountRule, Counts, Place

ByOperator = Mapping[str, Counts]
_NOBODY = -1


class Tally:
    """Counts by rule and operator. `rules` are those of the policy in this region, in its order."""

    def __init__(self, policy: CountPolicy, region: str) -> None:
        self.policy = policy
        self.region = region
        self.rules: tuple[CountRule, ...] = tuple(rule for rule in policy.rules if rule.region == region)
        self.active: tuple[bool, ...] = (False,) * len(self.rules)
        self.counts: list[dict[str, int]] = [{} for _ in self.rules]
        self.riding: list[dict[str, int]] = [{} for _ in self.rules]
        """Of those counted, the vehicles on a trip."""
        self._centres: dict[str, tuple[int, ...]] = {}
        for number, rule in enumerate(self.rules):
            for cell in rule.cells:
                self._centres[cell] = (*self._centres.get(cell, ()), number)
        self._takers: dict[tuple[int, ...], tuple[int, ...]] = {}

    def set_active(self, active: tuple[bool, ...], crowd: Crowd) -> None:
        """Let other rules be in effect; `crowd` are all counts of the region."""
        if active == self.active:
            return
        self.active = active
        self._takers.clear()
        self.counts = [{} for _ in self.rules]
        self.riding = [{} for _ in self.rules]
        for place, operator, counts in crowd.all(self._centres.keys()):
            self.move(place, operator, NONE, counts)

    def move(self, place: Place, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a place changed."""
        holders = self._holders(place)
        if not holders or not self.policy.counts(operator):
            return
        for state, taker, old, new in zip(COUNTED, self._takers_of(holders), before, after, strict=True):
            if taker != _NOBODY and old != new:
                for kept in (self.counts, self.riding)[: 1 + (state == "on_trip")]:
                    kept[taker][operator] = kept[taker].get(operator, 0) + new - old

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

    def _takers_of(self, holders: tuple[int, ...]) -> tuple[int, ...]:
        """Return the rule that takes the vehicles of each state in cells that these rules hold."""
        takers = self._takers.get(holders)
        if takers is None:
            takers = self._takers[holders] = tuple(
                next((n for n in holders if self.active[n] and state in self.rules[n].states), _NOBODY)
                for state in COUNTED
            )
        return takers
