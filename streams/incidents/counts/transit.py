"""Counts of cells and by position come on two ways: what a vehicle between them makes of a rule's count.

| told so far                  | edge, by position | midst, by its cell | counted | there |
| ---                          | ---               | ---                | ---     | ---   |
| it stood on the edge         | 1                 | 0                  | 1       | 1     |
| it went to the midst         | 0                 | 0, not yet told    | 0       | 1     |
| the counts of cells say so   | 0                 | 1                  | 1       | 1     |

The other way round it is counted twice for that moment. So a look that would begin, change or end something, and
whose count may be off by so many, is passed over: one at which both ways agree decides, soon after.
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
