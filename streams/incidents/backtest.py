"""The alerts that a policy would have raised: the live fold, fed with the stored counts at the end of each window.

Stored windows say how many vehicles stood in a cell, but not in which state or of which type. So a rule can be judged
only if it counts exactly the standing vehicles, of all types. If one rule of a policy cannot be judged, the others
cannot either, as each vehicle counts for the first rule that matches.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from schemas.vehicles import STANDING_STATES
from streams import topics
from streams.fold.contract import Ledger, Record, Restored
from streams.incidents.cells import Centre
from streams.incidents.counts.rules import CountPolicy
from streams.incidents.policy import Policy
from streams.incidents.showing import About, Waiting
from streams.incidents.state import IncidentsState


@dataclass(frozen=True, slots=True)
class Standing:
    """Vehicles of an operator that stood in a cell (hex string) at the end of a window, `at` in milliseconds."""

    at: int
    region: str
    cell: str
    operator: str
    occupancy: int


@dataclass(frozen=True, slots=True)
class Silence:
    """No positions of an operator were heard in a region: after `begin`, up to `end` (milliseconds; None: no end).

    A look at `end` comes before the windows by which the operator is heard again, as live.
    """

    region: str
    operator: str
    begin: int
    end: int | None

    def lasts(self, region: str, at: int) -> bool:
        """Return whether it is so in a region at an event time."""
        return region == self.region and self.begin < at and (self.end is None or at <= self.end)


def drafted(policy: Policy) -> tuple[Policy, tuple[CountPolicy, ...]]:
    """Return the policy as it is once all of it has begun, in force at any time; and what of it cannot be judged."""
    newest = _newest(policy)
    then = [replace(counts, begin=0, end=None) for counts in policy.counts if counts.in_force(newest)]
    judged = tuple(counts for counts in then if not why_not(counts))
    return replace(policy, counts=judged), tuple(counts for counts in then if why_not(counts))


def over(policy: Policy) -> tuple[CountPolicy, ...]:
    """Return what of a policy is over by then, so that it is in no draft."""
    return tuple(counts for counts in policy.counts if counts.rules and not counts.in_force(_newest(policy)))


def _newest(policy: Policy) -> int:
    """Return when the last of its policies on numbers of vehicles begins."""
    return max((counts.begin for counts in policy.counts), default=0)


def why_not(counts: CountPolicy) -> str:
    """Return why stored windows cannot judge a policy on numbers of vehicles, or nothing."""
    if any(rule.vehicle_types for rule in counts.rules):
        return "it counts vehicles of some types, and windows do not store counts by type"
    standing = all(set(rule.states) == set(STANDING_STATES) for rule in counts.rules)
    if not standing or any(rule.units == "utilization" for rule in counts.rules):
        return "it counts other states than all standing vehicles, and windows do not store counts by state"
    if any(rule.edge and not rule.cells for rule in counts.rules):
        return "it has a rule whose geographies hold the centre of no cell, and windows store no positions"
    return ""


def finding_gaps(
    rows: Iterable[Standing], begin: int, end: int, least_ms: int, gaps: list[tuple[int, int]]
) -> Iterator[Standing]:
    """Yield the rows, which come by `at`; times in [begin, end] without any, of over `least_ms`, go to `gaps`."""
    before = begin
    for row in rows:
        if row.at - before > least_ms:
            gaps.append((before, row.at))
        before = row.at
        yield row
    if end - before > least_ms:
        gaps.append((before, end))


def backtest(
    policy: Policy,
    centre: Centre,
    rows: Iterable[Standing],
    window_ms: int,
    end: int,
    silences: Sequence[Silence] = (),
    nearly: list[Waiting] | None = None,
) -> Iterator[Alert]:
    """Yield the events of alerts. `rows` come by `at`; the first `at` of them stands for all that was before.

    Up to `end` every region is looked at once a window, whether anything changed or not. In `silences` of an operator
    rules on too few of its vehicles are held back, as live. To `nearly` goes what was the matter at some looks, and
    not at those before and after: it may have lasted for as long as an alert takes, by up to two windows more than is
    seen. Live looks in between, and may have raised it.

        looks             |     |     |     |
        seen              .     #######     .
        may have lasted    #################
    """
    looks = _Looks(policy, centre, silences, 2 * window_ms)
    regions: set[str] = set()
    clock = None
    for at, group in groupby(rows, key=attrgetter("at")):
        for quiet in range(at if clock is None else clock + window_ms, at, window_ms):
            for region in sorted(regions):
                yield from looks.look(region, quiet, [])
        by_region: dict[str, list[Standing]] = {region: [] for region in regions}
        for row in group:
            by_region.setdefault(row.region, []).append(row)
        for region, some in sorted(by_region.items()):
            yield from looks.look(region, at, some)
        regions |= by_region.keys()
        clock = at
    for quiet in range(end if clock is None else clock + window_ms, end + 1, window_ms):
        for region in sorted(regions):
            yield from looks.look(region, quiet, [])
    if nearly is not None:
        nearly += looks.nearly()


class _Looks:
    """The fold that runs live, and the looks that it had."""

    def __init__(self, policy: Policy, centre: Centre, silences: Sequence[Silence], unseen_ms: int) -> None:
        """What was the matter at some looks may have lasted for less than `unseen_ms` more."""
        self._fold = IncidentsState(
            policy, centre, Restored(0, 0, -1, {}, Ledger()), silent=self._silent_operators
        )
        self._silences = silences
        self._unseen_ms = unseen_ms
        self._waiting: dict[str, dict[About, tuple[Waiting, int]]] = {}
        """By region, and what it is about: what is no alert yet, and the last look at which it was so."""
        self._nearly: list[Waiting] = []
        self._at = 0
        self._offset = 0

    def _silent_operators(self, region: str) -> set[str]:
        return {one.operator for one in self._silences if one.lasts(region, self._at)}

    def look(self, region: str, at: int, rows: list[Standing]) -> Iterator[Alert]:
        """Look at a region, in which these rows changed; yield the events of alerts."""
        self._at = at
        none = [0] * len(rows)
        counts = SlotCounts(
            cell=[row.cell for row in rows],
            operator=[row.operator for row in rows],
            available=[row.occupancy for row in rows],
            non_operational=none,
            reserved=none,
            on_trip=none,
            non_contactable=none,
        )
        message = codec.encode(CellsNow(region, at, at, counts))
        self._fold.apply(Record(topics.CELLS, 0, self._offset, message, at))
        self._offset += 1
        outputs = self._fold.take_outputs(at_checkpoint=False)
        events = [codec.alert.decode(output.value) for output in outputs if output.topic == topics.ALERTS]
        self._follow(region, {(event.kind, event.cell, event.subject) for event in events})
        yield from events

    def _follow(self, region: str, told: set[About]) -> None:
        """Note what waits in a region, and what did and was not `told`."""
        before = self._waiting.get(region, {})
        now = {one.about: (one, self._at) for one in self._fold.waiting(region)}
        self._waiting[region] = now
        for about, (one, last) in before.items():
            goes_on = about in now and now[about][0].since == one.since
            if not goes_on and about not in told and self._may_have_been(one, last):
                self._nearly.append(one)

    def _may_have_been(self, one: Waiting, last: int) -> bool:
        return last - one.since + self._unseen_ms > one.min_duration_ms

    def nearly(self) -> list[Waiting]:
        """Return what may have been the matter for long enough, at the last look too."""
        waiting = (found for region in self._waiting.values() for found in region.values())
        return self._nearly + [one for one, last in waiting if self._may_have_been(one, last)]
