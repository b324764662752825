"""Alerts as incidents see them: where, how bad, from when to when; and which of them belong together."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter

import msgspec

from schemas.alerts import Alert, AlertKind, Severity

Near = Callable[[str], Collection[str]]
"""Return a cell (hex string) and the cells that touch it."""
MOST_LOOKED_AROUND = 20
"""Where more go at once, all are divided anew: each may have thousands beside it."""


class Member(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """An alert in an incident. `ends_at` None: it is open; else it is remembered for a while."""

    alert_id: str
    cell: str
    kind: AlertKind
    severity: Severity
    zone: str
    starts_at: int
    ends_at: int | None


def member_of(alert: Alert) -> Member:
    """Return an alert as it is after one of its events."""
    return Member(
        *(alert.alert_id, alert.cell, alert.kind, alert.severity, alert.zone, alert.starts_at, alert.ends_at)
    )


def overlap(one: Member, other: Member) -> bool:
    """Return whether two alerts were open at the same event time."""
    return (other.ends_at is None or one.starts_at <= other.ends_at) and (
        one.ends_at is None or other.starts_at <= one.ends_at
    )


by_age = attrgetter("starts_at", "alert_id")
"""Earlier members are less."""


def _end(member: Member) -> float:
    return math.inf if member.ends_at is None else member.ends_at


class Places:
    """Members by cell."""

    def __init__(self, near: Near) -> None:
        self.near = near
        self._at: dict[str, dict[str, Member]] = defaultdict(dict)
        self._newest: dict[str, int] = {}

    def put(self, member: Member) -> None:
        """Add a member, or its newest state."""
        self._at[member.cell][member.alert_id] = member
        if self._newest.get(member.cell, member.starts_at) < member.starts_at:
            self._newest[member.cell] = member.starts_at

    def drop(self, member: Member) -> None:
        """Forget a member."""
        there = self._at[member.cell]
        there.pop(member.alert_id, None)
        self._newest.pop(member.cell, None)
        if not there:
            del self._at[member.cell]

    def beside(self, member: Member) -> Iterator[Member]:
        """Yield the others that belong together with a member: in its cell or one that touches it, at the same time."""
        for cell in self.near(member.cell):
            for other in self._at.get(cell, {}).values():
                if other.alert_id != member.alert_id and overlap(member, other):
                    yield other

    def parts(self, before: Member, after: Member) -> bool:
        """Return whether a member that is here hangs together with fewer others as it becomes `after`.

        An alert stays in the cell, and began when it did.
        """
        ends = _end(after)
        if _end(before) <= ends or all(self._newest_of(cell) <= ends for cell in self.near(after.cell)):
            return False
        left = {other.alert_id for other in self.beside(after)}
        return any(other.alert_id not in left for other in self.beside(before))

    def _newest_of(self, cell: str) -> int:
        """Return an event time up to which all members of a cell began."""
        if cell not in self._newest and cell in self._at:
            self._newest[cell] = max(member.starts_at for member in self._at[cell].values())
        return self._newest.get(cell, 0)


def firsts(members: Iterable[Member]) -> Iterator[Member]:
    """Yield of those that are in one cell, and open or cleared at the same time, the one that began first.

    They hang together, and it hangs together with all that any of them does. So thousands in a cell are one to look at.
    """
    found: dict[tuple[str, int | None], Member] = {}
    for member in members:
        place = member.cell, member.ends_at
        if place not in found or by_age(member) < by_age(found[place]):
            found[place] = member
    yield from found.values()


def united(
    groups: Mapping[str, Mapping[str, Member]],
    changed: Mapping[str, Member],
    group_of: Mapping[str, str],
    places: Places,
) -> list[dict[str, Member]]:
    """Return what `components` returns of the members of groups and changed ones, where no two were parted.

    Each group hangs together still, so only what lies beside the changed ones is asked for.
    """
    parts: dict[str, dict[str, Member]] = {name: dict(members) for name, members in groups.items() if members}
    into: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := into.get(name, name)) != name:
            into[name] = name = into.get(above, above)
        return name

    for alert_id, member in changed.items():
        parts.setdefault(group_of.get(alert_id, alert_id), {})[alert_id] = member
    for member in firsts(changed.values()):
        for other in places.beside(member):
            one = root(group_of.get(member.alert_id, member.alert_id))
            two = root(group_of.get(other.alert_id, other.alert_id))
            if one != two:
                if len(parts[one]) < len(parts[two]):
                    one, two = two, one
                into[two] = one
                parts[one] |= parts.pop(two)
    return sorted(parts.values(), key=lambda part: by_age(min(part.values(), key=by_age)))


def may_part(gone: Collection[Member], places: Places) -> bool:
    """Return whether an incident may fall apart, as the alerts `gone` are not in `places` any more.

    It cannot if, for each connected part of those that are gone, the alerts beside that part are still connected with
    each other. So it is enough to look around the part, however large the incident is.
    """
    first = list(firsts(gone))
    if len(first) > MOST_LOOKED_AROUND:
        return True
    for part in components(first, places.near):
        around = {other.alert_id: other for one in part.values() for other in places.beside(one)}
        if len(components(around.values(), places.near)) > 1:
            return True
    return False


@dataclass(slots=True)
class _Run:
    """Members of one cell each of which overlaps with one before: some of them was open at any time in between."""

    cell: str
    begins: int
    ends: float
    members: list[Member] = field(default_factory=list)
    found: bool = False


def components(members: Iterable[Member], near: Near) -> list[dict[str, Member]]:
    """Divide members into those that hang together, directly or through others, oldest first.

    `members` must hold all that hang together with any of them. Two hang together where their runs do, and thousands in
    a cell are a few runs.
    """
    runs: list[_Run] = []
    at: dict[str, list[_Run]] = defaultdict(list)
    for member in sorted(members, key=by_age):
        there, ends = at[member.cell], _end(member)
        if not there or there[-1].ends < member.starts_at:
            there.append(_Run(member.cell, member.starts_at, ends))
            runs.append(there[-1])
        there[-1].ends = max(there[-1].ends, ends)
        there[-1].members.append(member)
    found = []
    for run in runs:  # the oldest first
        if run.found:
            continue
        component: dict[str, Member] = {}
        for one in _together(run, at, near):
            component |= {member.alert_id: member for member in one.members}
        found.append(component)
    return found


def _together(run: _Run, at: Mapping[str, Sequence[_Run]], near: Near) -> Iterator[_Run]:
    """Yield a run and all that hang together with it."""
    run.found, pending = True, [run]
    while pending:
        one = pending.pop()
        yield one
        for cell in near(one.cell):
            there = at.get(cell, ())
            first = bisect_left(there, float(one.begins), key=lambda run: run.ends)
            for other in islice(there, first, None):
                if other.begins > one.ends:
                    break
                if not other.found:
                    other.found = True
                    pending.append(other)
