"""All incidents of one partition: which alert is in which, and what becomes of them as alerts come and go.

An incident lies in one region, so that what is grouped does not depend on how regions share partitions. Its id is made
of its founder, the earliest of its alerts when it began. As it changes:

    grows      the id stays, even if a new alert started earlier than the founder
    merges     the incident that started first stays, the others are published as merged into it
    splits     the part with the founder (or else the earliest alert that is left) keeps the id, the others begin anew.
               While any part has open alerts, only such parts count: an incident does not end while some of it goes on
    ends       when its last open alert is cleared; an alert that joins while it is remembered opens it again
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.alerts import Alert
from schemas.incidents import Incident
from streams.incidents.grouping.incident import GroupConfig, begun, followed, incident_id, merged_into
from streams.incidents.grouping.members import (
    Member,
    Places,
    by_age,
    components,
    firsts,
    may_part,
    member_of,
    united,
)


@dataclass(slots=True)
class _Group:
    incident: Incident
    founder: str
    members: dict[str, Member] = field(default_factory=dict)


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """All that is remembered of an incident."""

    incident: Incident
    founder: str
    members: list[Member]


_saved = msgspec.msgpack.Decoder(_Saved)
Joined = tuple[str, str, int]
"""An incident, an alert that became part of it, and since when (event time)."""


class Groups:
    """The incidents of one partition."""

    def __init__(self, config: GroupConfig) -> None:
        self._config = config
        self._places: dict[str, Places] = {}
        self._groups: dict[str, _Group] = {}
        self._group_of: dict[str, str] = {}
        self._lingering: dict[str, dict[str, int]] = {}
        self._next: dict[str, int] = {}
        self._strange: dict[str, dict[str, Member]] = {}
        self._unsaved: set[str] = set()
        self._joined: list[Joined] = []

    def apply(
        self, events: Sequence[Alert], clock: tuple[str, int] | None, offset: int
    ) -> Iterator[Incident]:
        """Take in what a record changed; yields the events of incidents, each incident once.

        `clock` is the region of the record and its event time; it forgets what was cleared long ago.
        """
        at: dict[str, int] = {}
        touched: dict[str, dict[str, Member]] = {}
        for event in events:
            at[event.region] = max(event.updated_at, at.get(event.region, 0))
            here = touched.setdefault(event.region, {})
            strange = self._strange.get(event.region, {}).pop(event.alert_id, None)
            known = strange is not None or event.alert_id in self._group_of or event.alert_id in here
            if known or event.status == "active":
                here[event.alert_id] = member_of(event)
        if clock is not None:
            region, now = clock
            at.setdefault(region, now)
            touched.setdefault(region, {}).update(self._strange.pop(region, {}))
        for region, changed in sorted(touched.items()):
            forgotten = self._forgotten(*clock) - changed.keys() if clock and clock[0] == region else set()
            if changed or forgotten:
                yield from self._regroup(region, changed, forgotten, at[region], offset)

    def _forgotten(self, region: str, now: int) -> set[str]:
        """Return the alerts of a region that were cleared long enough ago."""
        if now < self._next.get(region, now + 1):
            return set()
        lingering = self._lingering[region]
        return {one for one, ends in lingering.items() if ends + self._config.linger_ms <= now}

    def _regroup(
        self, region: str, changed: dict[str, Member], forgotten: set[str], at: int, offset: int
    ) -> Iterator[Incident]:
        """Divide what is near anew, and give each part its incident."""
        places = self._places.setdefault(region, Places(self._config.near))
        old = {self._group_of[one] for one in {*changed, *forgotten} if one in self._group_of}
        parted = False
        for member in changed.values():
            if member.alert_id in self._group_of:
                known = self._groups[self._group_of[member.alert_id]].members[member.alert_id]
                parted = parted or places.parts(known, member)
            places.put(member)
            ends = member.ends_at
            if ends is not None:
                self._lingering.setdefault(region, {})[member.alert_id] = ends
        for member in firsts(changed.values()):
            beside = (other.alert_id for other in places.beside(member))
            old |= {self._group_of[one] for one in beside if one in self._group_of}
        gone = [self._groups[self._group_of.pop(one)].members[one] for one in forgotten]
        for member in gone:
            places.drop(member)
            del self._lingering[region][member.alert_id]
        groups = {id_: self._groups[id_].members for id_ in sorted(old)}
        if gone:
            groups = {id_: _without(forgotten, members) for id_, members in groups.items()}
        if parted or may_part(gone, places):
            left = {one: member for group in groups.values() for one, member in group.items()} | changed
            parts = components(left.values(), self._config.near)
        else:
            parts = united(groups, changed, self._group_of, places)
        heirs = self._heirs(old, parts)
        for id_ in old:
            del self._groups[id_]
        self._unsaved |= old
        yield from self._settle(region, parts, heirs, at, offset)
        self._set_next(region)

    def _heirs(self, ids: Iterable[str], parts: Sequence[dict[str, Member]]) -> dict[int, list[_Group]]:
        """Return by part which incidents live on in it, the oldest first; one of which nothing is left is in none."""
        number_of = {one: number for number, part in enumerate(parts) for one in part}
        was_open = {one for id_ in ids for one, m in self._groups[id_].members.items() if m.ends_at is None}
        lives = [_lives(part, was_open) for part in parts]
        heirs = defaultdict[int, list[_Group]](list)
        for id_ in ids:
            group = self._groups[id_]
            left = {one for one in group.members if one in number_of}
            if left:
                most = max(lives[number_of[one]] for one in left)
                left = {one for one in left if lives[number_of[one]] == most}
                founder = {group.founder} & left
                first = min(founder or left, key=lambda one: by_age(parts[number_of[one]][one]))
                heirs[number_of[first]].append(group)
        for same in heirs.values():
            same.sort(key=lambda group: (group.incident.started_at, group.incident.incident_id))
        return heirs

    def _settle(
        self,
        region: str,
        parts: Sequence[dict[str, Member]],
        heirs: Mapping[int, Sequence[_Group]],
        at: int,
        offset: int,
    ) -> Iterator[Incident]:
        for number, part in enumerate(parts):
            same = heirs.get(number, ())
            if same:
                kept, *others = same
                merged = [group.incident for group in others]
                incident = followed(kept.incident, part.values(), merged, at, self._config)
                founder = kept.founder
            elif any(member.ends_at is None for member in part.values()):
                merged = []
                founder = min(part.values(), key=by_age).alert_id
                id_ = incident_id(founder, offset)
                incident = begun(id_, region, part.values(), self._group_of.get(founder), at, self._config)
            else:
                self._drop(region, part)
                continue
            for other in merged:
                yield merged_into(other, incident.incident_id, at)
            if not same or incident is not same[0].incident:
                yield incident
            self._keep(_Group(incident, founder, part), at)

    def _keep(self, group: _Group, at: int) -> None:
        id_ = group.incident.incident_id
        self._groups[id_] = group
        self._unsaved.add(id_)
        for one in group.members:
            if self._group_of.get(one) != id_:
                self._group_of[one] = id_
                self._joined.append((id_, one, at))

    def _drop(self, region: str, part: dict[str, Member]) -> None:
        """Forget alerts that are over, and hang together with nothing any more."""
        for one, member in part.items():
            self._places[region].drop(member)
            self._group_of.pop(one, None)
            self._lingering.get(region, {}).pop(one, None)

    def _set_next(self, region: str) -> None:
        lingering = self._lingering.get(region)
        if lingering:
            self._next[region] = min(lingering.values()) + self._config.linger_ms
        else:
            self._next.pop(region, None)

    def active(self) -> Iterator[Incident]:
        """Yield the incidents that are not over."""
        for group in self._groups.values():
            if group.incident.status == "active":
                yield group.incident

    def take_joined(self) -> list[Joined]:
        """Return which alerts became part of which incident since the last call."""
        joined, self._joined = self._joined, []
        return joined

    def take_parts(self) -> dict[str, bytes | None]:
        """Return the incidents that changed since the last call, by id; None: it is over and forgotten."""
        parts: dict[str, bytes | None] = {}
        for id_ in self._unsaved:
            group = self._groups.get(id_)
            parts[id_] = (
                None
                if group is None
                else msgspec.msgpack.encode(
                    _Saved(group.incident, group.founder, list(group.members.values()))
                )
            )
        self._unsaved.clear()
        return parts

    def restore(self, data: bytes) -> Incident:
        """Take an incident back, and return it."""
        saved = _saved.decode(data)
        region = saved.incident.region
        members = {member.alert_id: member for member in saved.members}
        places = self._places.setdefault(region, Places(self._config.near))
        for one, member in members.items():
            places.put(member)
            self._group_of[one] = saved.incident.incident_id
            if member.ends_at is not None:
                self._lingering.setdefault(region, {})[one] = member.ends_at
        self._groups[saved.incident.incident_id] = _Group(saved.incident, saved.founder, members)
        self._set_next(region)
        return saved.incident

    def adopt(self, alert: Alert) -> None:
        """Hear of an open alert that was restored; one that is in no incident is grouped with the next record.

        So alerts find an incident that were raised before there were any. Call it after all `restore`.
        """
        if alert.alert_id not in self._group_of:
            self._strange.setdefault(alert.region, {})[alert.alert_id] = member_of(alert)


def _lives(part: Mapping[str, Member], was_open: Collection[str]) -> int:
    """Return 2 if any of these alerts is open, 1 if any was until now, else 0."""
    if any(member.ends_at is None for member in part.values()):
        return 2
    return int(not part.keys().isdisjoint(was_open))


def _without(forgotten: Collection[str], members: Mapping[str, Member]) -> dict[str, Member]:
    return {one: member for one, member in members.items() if one not in forgotten}
