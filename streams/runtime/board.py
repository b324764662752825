"""What stands retained on MQTT, what ought to stand there, and what is wrong for long enough to be put right. Pure.

The board stands for the broker. On each topic it has one notice, the retained message. A notice may be out of date: a
worker was frozen while it sent it, or judged by another policy and ended before it stored anything. The broker may also
lose notices. So the owner of a partition checks its part of the board again and again (docs/adr/0028).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from streams import topics

PATIENCE = 2
"""Looks in a row at which a notice is wrong until it is put right: by then what was under way has come."""
PATIENCE_AHEAD = 20
"""The same where the notice is of a record that the fold has not come to: it may well be right."""
LONGEST_PATIENCE = 200
"""What was put right in vain waits twice as long each time, up to this: a broker may show us nothing of what stands."""
_SETTLES_S = 3.0


@dataclass(frozen=True, slots=True)
class Told:
    """The event that a notice tells: of an alert or an incident, in a partition of ub.cells.

    `offset` is that of the record which made it, -1 where it does not say.
    """

    id_: str
    sequence: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A retained message. `mark` is the hash of its payload; `told` is None where nobody of us wrote it."""

    mark: int
    told: Told | None

    def __str__(self) -> str:
        if self.told is None:
            return "something that is none of ours"
        return f"event {self.told.sequence} of {self.told.id_}"


_Name = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,200}\Z")]
"""Anybody may have written it: no text that a database or a log would stumble over."""


class _Evidence(msgspec.Struct):
    topic: str
    partition: int
    offset: int


class _Alert(msgspec.Struct):
    alert_id: _Name
    sequence: int
    evidence: _Evidence


class _Incident(msgspec.Struct):
    incident_id: _Name
    sequence: int
    region: _Name


class _Id(msgspec.Struct):
    alert_id: str = ""
    incident_id: str = ""


_id = msgspec.json.Decoder(_Id)
_alert = msgspec.json.Decoder(_Alert)
_incident = msgspec.json.Decoder(_Incident)


class Board:
    """What the broker says is retained. `partition_of` returns the partition of records whose key is a region."""

    def __init__(self, partition_of: Callable[[str], int]) -> None:
        self.notices: dict[str, Notice] = {}
        self._partition_of = partition_of
        self._subscribed_at: float | None = None

    def lost(self) -> None:
        """The broker is away, or begins anew to say what stands: nothing is known."""
        self.notices.clear()
        self._subscribed_at = None

    def subscribed(self, now: float) -> None:
        """The broker has confirmed, at `now` of a monotonic clock in seconds, that it says what stands."""
        self._subscribed_at = now

    def known(self, now: float) -> bool:
        """Return whether all that stands has been heard: what was retained before comes along with the confirmation."""
        return self._subscribed_at is not None and now - self._subscribed_at >= _SETTLES_S

    def heard(self, topic: str, payload: bytes, retain: bool) -> None:
        """Take in a message, with the retain flag as it was published: one without changes nothing that stands."""
        if not retain:
            return
        if payload:
            self.notices[topic] = Notice(hash(payload), self._told(topic, payload))
        else:
            self.notices.pop(topic, None)

    def _told(self, topic: str, payload: bytes) -> Told | None:
        try:
            if topic.startswith(f"{topics.MQTT_INCIDENTS}/"):
                incident = _incident.decode(payload)
                partition = self._partition_of(incident.region)
                return Told(incident.incident_id, incident.sequence, partition, -1)
            alert = _alert.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        evidence = alert.evidence
        if evidence.topic != topics.CELLS:
            return None
        return Told(alert.alert_id, alert.sequence, evidence.partition, evidence.offset)


def _id_of(payload: bytes) -> str:
    found = _id.decode(payload)
    return found.alert_id or found.incident_id


@dataclass(frozen=True, slots=True)
class Correction:
    """A payload to retain, empty to take back what stands, and what stood there until now."""

    topic: str
    payload: bytes
    stood: Notice | None


@dataclass(slots=True)
class _Doubt:
    """How many looks in a row a topic was wrong, and how many it takes."""

    looks: int = 0
    patience: int = PATIENCE


@dataclass(slots=True)
class Watch:
    """One partition's part of the board, looked at again and again.

    `unwanted`: ids of what stood there at the last look and nobody wants.
    """

    partition: int
    unwanted: list[str] = field(default_factory=list)
    _doubts: dict[str, _Doubt] = field(default_factory=dict)

    def look(
        self,
        notices: Mapping[str, Notice],
        wanted: Mapping[str, Sequence[bytes]],
        *,
        applied: int,
        under_way: Collection[str] = (),
        over: Collection[str] = (),
    ) -> list[Correction]:
        """Return what is to be put right now.

        wanted      by topic, the payloads that may be retained there; if none of them is, the first is published
        applied     the offset of the newest record that `wanted` is a function of
        under_way   topics on which we published since the last look
        over        ids that are not open in the tables. An unwanted notice is removed only if its id is one of these,
                    or is wanted on another topic, as that of an alert whose severity has changed

        Notices of other partitions, and those that cannot be read, are left alone; the latter are overwritten where
        something is wanted on their topic.
        """
        wrong = {
            topic: payloads[0]
            for topic, payloads in wanted.items()
            if not self._is_right(notices.get(topic), payloads)
        }
        unwanted = {
            topic: notice.told.id_
            for topic, notice in notices.items()
            if topic not in wanted and notice.told is not None and notice.told.partition == self.partition
        }
        self.unwanted = list(unwanted.values())
        moved = (
            {_id_of(payload) for payloads in wanted.values() for payload in payloads} if unwanted else set()
        )
        wrong |= {topic: b"" for topic, id_ in unwanted.items() if id_ in over or id_ in moved}
        self._doubts = {topic: doubt for topic, doubt in self._doubts.items() if topic in wrong}
        return [
            Correction(topic, payload, notices.get(topic))
            for topic, payload in wrong.items()
            if self._is_due(topic, notices.get(topic), applied, topic in under_way)
        ]

    def _is_right(self, stands: Notice | None, payloads: Sequence[bytes]) -> bool:
        if stands is None:
            return False
        if stands.told is not None and stands.told.partition != self.partition:
            return True  # its owner judges it
        return any(stands.mark == hash(payload) for payload in payloads)

    def _is_due(self, topic: str, stands: Notice | None, applied: int, under_way: bool) -> bool:
        doubt = self._doubts.setdefault(topic, _Doubt())
        doubt.looks = 0 if under_way else doubt.looks + 1
        ahead = stands is not None and stands.told is not None and stands.told.offset > applied
        if doubt.looks < max(doubt.patience, PATIENCE_AHEAD if ahead else 0):
            return False
        doubt.looks, doubt.patience = 0, min(2 * doubt.patience, LONGEST_PATIENCE)
        return True
