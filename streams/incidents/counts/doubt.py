"""Rules that ask for types, where nobody has told the types of some vehicles.

This is so after a start or a change of policy, until the sources have told the types, and for a moment while the counts
by cell are ahead of those by type. The count of such a rule lies between two ends: without these vehicles, and with all
of them. If only one end is within the bounds, nothing can be decided: open alerts stay, none is raised, and a condition
that waits for its minimum duration goes on waiting. Where many vehicles come and go, some are always in doubt.
"""

from collections.abc import Sequence

from streams.incidents.counts.rules import CountRule
from streams.incidents.counts.shares import Fleets, Share, shares
from streams.incidents.counts.tally import Tally
from streams.incidents.counts.watch import Bound, excess


def ends(
    tally: Tally, number: int, rule: CountRule, count: int, share: Share | None
) -> Sequence[tuple[int, CountRule]]:
    """Return the least and the greatest that a rule may count, each with its bounds in vehicles; none: it is known."""
    if share is not None:
        return share.ends
    doubtful = how_many(tally, number, share)
    return ((count, rule), (count + doubtful, rule)) if doubtful else ()


def how_many(tally: Tally, number: int, share: Share | None) -> int:
    """Return how many vehicles a rule may count whose type nobody has told, or its share may be of."""
    return sum(tally.doubtful[number].values()) if share is None else share.doubtful


def how_many_of(tally: Tally, number: int, operator: str, fleets: Fleets) -> int:
    """Return the same where an alert names an operator (a rule in per cent), or none."""
    if not operator:
        return how_many(tally, number, None)
    found = (share for share in shares(tally, number, fleets) if share.operator == operator)
    return sum(how_many(tally, number, share) for share in found)


def in_doubt(bound: Bound, found: Sequence[tuple[int, CountRule]]) -> bool:
    """Return whether it cannot be said that a bound is broken, nor that it is not."""
    return len({excess(bound, count, rule) > 0 for count, rule in found}) > 1
