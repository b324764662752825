"""What one rule counts at a look: of all operators together, or in per cent of each by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.incidents.counts.rules import CountRule
from streams.incidents.counts.shares import Fleets, Share, shares
from streams.incidents.counts.tally import Tally


@dataclass(frozen=True, slots=True)
class Counted:
    """What rule `number` of a tally counts; `share` is of the one operator that it is about, None where it is of all.

    `limits` is the rule with its bounds in vehicles.
    """

    tally: Tally
    number: int
    limits: CountRule
    by_operator: Mapping[str, int]
    share: Share | None

    @property
    def count(self) -> int:
        """Vehicles that the rule counts."""
        return sum(self.by_operator.values())

    @property
    def operator(self) -> str:
        """The operator that it is about; nothing where it is of all."""
        return "" if self.share is None else self.share.operator

    @property
    def in_effect(self) -> bool:
        """Whether the rule is in effect at this look."""
        return self.tally.active[self.number]


def counted(tally: Tally, number: int, fleets: Fleets) -> list[Counted]:
    """Return what a rule counts now."""
    rule = tally.rules[number]
    if rule.units == "devices":
        return [Counted(tally, number, rule, tally.counts[number], None)]
    return [
        Counted(tally, number, share.bounds, {share.operator: share.count}, share)
        for share in shares(tally, number, fleets)
    ]
