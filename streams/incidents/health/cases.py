"""The open alerts on health, one for each kind and subject, and what a checkpoint keeps of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from schemas.alerts import Alert, AlertKind, Evidence, Health, Severity
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, alert_id, ended, first_event, resting_on

Key = tuple[AlertKind, str, str]
"""Kind, region and subject; of a feed with what it is of: sensors:city-air, vehicles:metrobike."""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """`not_before`: the next alert of this subject does not begin earlier, as ids are made of beginnings."""

    alert: Alert | None
    not_before: int


_saved = msgspec.msgpack.Decoder(_Saved)


@dataclass(frozen=True, slots=True)
class Finding:
    """What an alert says: since when, where, how bad, in one sentence and in figures."""

    since: int
    cell: str
    severity: Severity
    summary: str
    health: Health


class Cases:
    """Alerts by key."""

    def __init__(self, place: Callable[[str], Place], version: str) -> None:
        self._place = place
        self._version = version
        self._open: dict[Key, Alert] = {}
        self._not_before: dict[Key, int] = {}
        self._unsaved: set[Key] = set()

    def find(self, key: Key) -> Alert | None:
        """Return the open alert of a key."""
        return self._open.get(key)

    def raise_(self, key: Key, finding: Finding, at: int, record: Record) -> Iterator[Alert]:
        """Open an alert; yields nothing where one is open."""
        if key in self._open:
            return
        kind, region, subject = key
        starts_at = max(finding.since, self._not_before.get(key, 0))
        alert = first_event(
            alert_id(kind, f"{region}/{subject}", starts_at),
            kind,
            finding.severity,
            cell=finding.cell,
            region=region,
            place=self._place(finding.cell),
            starts_at=starts_at,
            at=at,
            summary=finding.summary,
            policy="health",
            policy_version=self._version,
            evidence=_evidence(subject, finding.health, record),
            subject=subject.partition(":")[2] if kind == "feed_silent" else subject,
        )
        self._open[key] = alert
        self._not_before[key] = starts_at + 1
        self._unsaved.add(key)
        yield alert

    def clear(self, key: Key, why: str, at: int, record: Record) -> Iterator[Alert]:
        """Clear an alert, which keeps its figures; yields nothing where none is open."""
        alert = self._open.pop(key, None)
        if alert is None:
            return
        self._unsaved.add(key)
        yield ended(alert, at, why, record)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a key without an open alert."""
        if self._not_before.pop(key, None) is not None:
            self._unsaved.add(key)

    def take_parts(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield what changed since the last call; None: it is deleted."""
        for key in sorted(self._unsaved):
            alert, not_before = self._open.get(key), self._not_before.get(key)
            known = not_before is not None
            yield "/".join(key), msgspec.msgpack.encode(_Saved(alert, not_before or 0)) if known else None
        self._unsaved.clear()

    def restore(self, key: Key, data: bytes) -> Alert | None:
        """Take back what was saved; returns the open alert."""
        saved = _saved.decode(data)
        self._not_before[key] = saved.not_before
        if saved.alert is not None:
            self._open[key] = saved.alert
        return saved.alert


def _evidence(subject: str, health: Health, record: Record) -> Evidence:
    operator = {subject.partition(":")[2]: 0} if health.feed == "vehicles" else {}
    return resting_on(record, record.offset, operator, health=health)
