"""How many vehicles each rule of one policy counts in one region.

A vehicle counts for the first rule in effect whose geography holds its cell and whose states hold its state.
"""

from collections.abc import Mapping

from streams.incidents.counts.rules import COUNTED, NONE, CountPolicy, CountRule, Counts

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
        self._holders: dict[str, tuple[int, ...]] = {}
        for number, rule in enumerate(self.rules):
            for cell in rule.cells:
                self._holders[cell] = (*self._holders.get(cell, ()), number)
        self._takers: dict[tuple[int, ...], tuple[int, ...]] = {}

    def set_active(self, active: tuple[bool, ...], cells: Mapping[str, ByOperator]) -> None:
        """Let other rules be in effect; `cells` are all counts of the region, by cell and operator."""
        if active == self.active:
            return
        self.active = active
        self._takers.clear()
        self.counts = [{} for _ in self.rules]
        self.riding = [{} for _ in self.rules]
        known = self._holders.keys() & cells.keys()
        for cell in known:
            for operator, counts in cells[cell].items():
                self.move(cell, operator, NONE, counts)

    def move(self, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""
        holders = self._holders.get(cell)
        if holders is None or not self.policy.counts(operator):
            return
        for state, taker, old, new in zip(COUNTED, self._takers_of(holders), before, after, strict=True):
            if taker != _NOBODY and old != new:
                for kept in (self.counts, self.riding)[: 1 + (state == "on_trip")]:
                    kept[taker][operator] = kept[taker].get(operator, 0) + new - old

    def _takers_of(self, holders: tuple[int, ...]) -> tuple[int, ...]:
        """Return the rule that takes the vehicles of each state in cells that these rules hold."""
        takers = self._takers.get(holders)
        if takers is None:
            takers = self._takers[holders] = tuple(
                next((n for n in holders if self.active[n] and state in self.rules[n].states), _NOBODY)
                for state in COUNTED
            )
        return takers
