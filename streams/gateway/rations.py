"""How many refusals of a publisher are told one by one. Pure.

A refusal is a record on ub.rejected and a row of a table, and costs as much as a hundred sound readings. In two
kilobytes there is room for a thousand: four megabytes of one publisher kept the readings of all others waiting for
minutes. So a publisher has a ration; beyond it a message tells one refusal for each reason, with how many they are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from schemas.rejected import Reason
from streams.gateway.decode import Refusal

MOST = 20_000
"""Refusals that a publisher has told who had none for long: two to three seconds of a gateway's work."""
A_SECOND = 500
"""How many more there may be with each second: one of twenty readings of somebody who sends 10,000."""
_PUBLISHERS = 10_000
"""Where there are no accounts, names may be made up."""


class Rations:
    """What is left to each publisher, and since when; of those that are not here, all."""

    def __init__(self, most: int = MOST, a_second: int = A_SECOND) -> None:
        self._most, self._a_second = most, a_second
        self._left: dict[str, tuple[float, int]] = {}

    def told(self, publisher: str, refusals: Sequence[Refusal], now_ms: int) -> list[Refusal]:
        """Return what is told of the refusals of one message; the counts add up to the same."""
        left, since_ms = self._left.get(publisher, (float(self._most), now_ms))
        left = min(self._most, left + max(now_ms - since_ms, 0) / 1000 * self._a_second)
        single = refusals[: int(left)]
        if len(self._left) >= _PUBLISHERS:
            self._left.clear()
        self._left[publisher] = left - len(single), now_ms
        first: dict[Reason, Refusal] = {}
        counts: Counter[Reason] = Counter()
        for refusal in refusals[len(single) :]:
            first.setdefault(refusal.reason, refusal)
            counts[refusal.reason] += refusal.count
        return [*single, *(replace(one, count=counts[reason]) for reason, one in first.items())]
