"""Alerts as incidents see them: where, how bad, from when to when; and which of them belong together."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec

from schemas.alerts import Alert, AlertKind, Severity

Near = Callable[[str], Collection[str]]
"""Return a cell (hex string) and the cells that touch it."""


class Member(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """An alert in an incident. `ends_at` None: it is open; else it is remembered for a while."""

    alert_id: str
    cell: str
    kind: AlertKind
    severity: Severity
    zone: str
    starts_at: int
    ends_at: int | None

    @property
    def age(self) -> tuple[int, str]:
        """Earlier ones are less."""
        return self.starts_at, self.alert_id


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


class Places:
    """Members by cell."""

    def __init__(self, near: Near) -> None:
        self._near = near
        self._at: dict[str, dict[str, Member]] = defaultdict(dict)

    def put(self, member: Member) -> None:
        """Add a member, or its newest state."""
        self._at[member.cell][member.alert_id] = member

    def drop(self, member: Member) -> None:
        """Forget a member."""
        there = self._at[member.cell]
        there.pop(member.alert_id, None)
        if not there:
            del self._at[member.cell]

    def beside(self, member: Member) -> Iterator[Member]:
        """Yield the others that belong together with a member: in its cell or one that touches it, at the same time."""
        for cell in self._near(member.cell):
            for other in self._at.get(cell, {}).values():
                if other.alert_id != member.alert_id and overlap(member, other):
                    yield other


def united(
    groups: Mapping[str, Mapping[str, Member]], changed: Mapping[str, Member], places: Places
) -> list[dict[str, Member]]:
    """Return what `components` returns of the members of groups and changed ones, where no two were parted.

    Each group hangs together still, so only what lies beside the changed ones is asked for.
    """
    owner = {alert_id: name for name, members in groups.items() for alert_id in members}
    parts: dict[str, dict[str, Member]] = {name: dict(members) for name, members in groups.items()}
    for alert_id, member in changed.items():
        name = owner.setdefault(alert_id, alert_id)
        parts.setdefault(name, {})[alert_id] = member
    into = {name: name for name in parts}

    def root(name: str) -> str:
        while into[name] != name:
            name = into[name]
        return name

    for member in changed.values():
        for other in places.beside(member):
            one, two = root(owner[member.alert_id]), root(owner[other.alert_id])
            if one != two:
                into[two] = one
                parts[one] |= parts.pop(two)
    return sorted(parts.values(), key=lambda part: min(member.age for member in part.values()))


def components(members: Mapping[str, Member], places: Places) -> list[dict[str, Member]]:
    """Divide members, by id, into those that hang together, directly or through others, oldest first.

    `members` must hold all that hang together with any of them.
    """
    left = dict(members)
    found = []
    while left:
        alert_id, member = min(left.items(), key=lambda item: item[1].age)
        component = {alert_id: left.pop(alert_id)}
        pending = [member]
        while pending:
            for other in places.beside(pending.pop()):
                if other.alert_id in left:
                    component[other.alert_id] = left.pop(other.alert_id)
                    pending.append(other)
        found.append(component)
    return found
