"""Passes over looks at which a rule's count may be wrong, as counts by cell and by position arrive separately.

A vehicle that moves from a cell on the edge of a geography, counted by position, to a cell in its midst, counted by
cell, is missing for a moment:

| messages that have arrived        | edge | midst | counted | really there |
| ---                               | ---  | ---   | ---     | ---          |
| it stands on the edge             | 1    | 0     | 1       | 1            |
| it left the edge (by position)    | 0    | 0     | 0       | 1            |
| it is in the midst (by cell)      | 0    | 1     | 1       | 1            |

On its way back it is counted twice for a moment. If that many vehicles decide whether something begins, changes or
ends, the look is passed over. A look soon after, when both kinds of counts agree, decides.
"""

from collections.abc import Sequence

from streams.incidents.counts.crowd import Crowd
from streams.incidents.counts.rules import CountRule
from streams.incidents.counts.shares import Share, in_vehicles
from streams.incidents.counts.tally import Tally
from streams.incidents.counts.watch import Bound, severity

End = tuple[int, CountRule]
"""A count, and the rule with its bounds in vehicles then."""


def in_transit(
    bound: Bound, tally: Tally, number: int, share: Share | None, crowd: Crowd, found: Sequence[End]
) -> bool:
    """Return whether vehicles between two places decide how bad a count is; `found` are its ends as types leave it."""
    if not crowd.unsettled:
        return False
    operator, rule = ("" if share is None else share.operator), tally.rules[number]
    (fewer, more), riding = tally.unsettled(number, operator, crowd)
    if not fewer and not more:
        return False
    if share is not None and rule.units == "utilization":
        sizes = max(0, share.of - fewer), share.of + more
        found = [(count, in_vehicles(rule, of)) for count, _ in found for of in sizes]
        fewer, more = riding
    around = [(n, limits) for count, limits in found for n in (max(0, count - fewer), count + more)]
    return len({severity(bound, count, limits) for count, limits in around}) > 1
