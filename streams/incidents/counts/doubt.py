"""Rules that ask for types, where nobody has told the types of some vehicles.

As after a start, or a change of policy, until the sources have told; and for a moment where the counts of cells are
ahead of those by type. The count of such a rule lies between two ends: without those vehicles, and with all of them.
Where one of these is within bounds and the other is not, nothing can be said: what was told stays, and nothing new is.
"""

from collections.abc import Sequence

from streams.incidents.counts.rules import CountRule
from streams.incidents.counts.shares import Share
from streams.incidents.counts.tally import Tally
from streams.incidents.counts.watch import Bound, excess


def ends(
    tally: Tally, number: int, rule: CountRule, count: int, share: Share | None
) -> Sequence[tuple[int, CountRule]]:
    """Return the least and the greatest that a rule may count, each with its bounds in vehicles; none: it is known."""
    if share is not None:
        return share.ends
    doubtful = sum(tally.doubtful[number].values())
    return ((count, rule), (count + doubtful, rule)) if doubtful else ()


def in_doubt(bound: Bound, found: Sequence[tuple[int, CountRule]]) -> bool:
    """Return whether it cannot be said that a bound is broken, nor that it is not."""
    return len({excess(bound, count, rule) > 0 for count, rule in found}) > 1
