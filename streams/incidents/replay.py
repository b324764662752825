"""Replays an alert: folds the log again up to the record that decided, and shows what came out, step by step."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from schemas import codec
from schemas.alerts import Alert, Evidence
from schemas.cells import CellsVehicles
from streams import topics
from streams.fold.contract import Record
from streams.incidents.damping import about, flapping
from streams.incidents.lifecycle import RULE_GONE
from streams.incidents.messages import decoder, time_of
from streams.incidents.showing import Seen
from streams.incidents.state import IncidentsState

_LET_GO = 10_000
"""After this many records the changes that the fold would store are discarded, to save memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a record changed: `at` is event time in milliseconds; `event` is the alert's, if it had one.

    A record that told several events of the alert is as many steps.
    """

    offset: int
    at: int
    seen: Seen
    event: Alert | None


def steps(
    fold: IncidentsState,
    records: Iterable[Record],
    wanted: Alert,
    first: int,
    others: dict[str, Alert] | None = None,
) -> Iterator[Step]:
    """Fold the records; yield those that change something about the wanted alert, from its beginning on.

    That is the record at offset `first`, or the first one whose event time has reached the alert's beginning: that a
    sensor is silent, or that requests gather, is known only some time after it began. Other alerts about the same go to
    `others`, by id, as they are after their last event.
    """
    before: Seen | None = None
    subject = about(wanted)
    for number, record in enumerate(records):
        fold.apply(record)
        events: list[Alert] = []
        for output in fold.take_outputs(at_checkpoint=False):
            if output.topic == topics.ALERTS:
                alert = codec.alert.decode(output.value)
                if alert.alert_id == wanted.alert_id:
                    events.append(alert)
                elif others is not None and about(alert) == subject:
                    others[alert.alert_id] = alert
        if number % _LET_GO == _LET_GO - 1:
            fold.take_changes()
        seen, last = fold.seen(wanted), events[-1] if events else None
        if last is not None:
            seen = seen or _of_event(last)
        if seen is not None and (last is not None or seen != before):
            at = _time_of(record, last)
            if record.offset >= first or at >= wanted.starts_at:
                # Windows that become whole together are decided by one record, one after the other.
                for event in events[:-1]:
                    yield Step(record.offset, event.updated_at, _of_event(event), event)
                yield Step(record.offset, at, seen, last)
        before = seen


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a log: the partition's name, its first offset, and how often it was begun anew."""

    name: str
    begins: int
    generation: int = 0

    def lacks(self, first: int) -> str:
        """Return why a condition that began at offset `first` cannot be seen again, or nothing."""
        if self.begins <= first:
            return ""
        return (
            f"the log of {self.name} begins at offset {self.begins}, but the condition began at {first}: retention "
            "deleted those records; replay sooner, or have Kafka keep the topic for longer"
        )

    def excuses(self, problems: Sequence[str]) -> str:
        """Return why differences say nothing: what was before the rest counts too. Nothing: they are real."""
        if not problems or (self.begins == 0 and self.generation == 0):
            return ""
        often = "once" if self.generation == 1 else f"{self.generation} times"
        why = f"begins at offset {self.begins}" if self.begins else f"was recreated {often}"
        return f"the log of {self.name} {why}, and the records before that matter too; {problems[0]}"


def differences(stored: Sequence[Alert], told: Sequence[Alert]) -> list[str]:
    """Return in what the events that came out differ from those on file, a line each; none: they are the same."""
    found = []
    again = {alert.sequence: alert for alert in told}
    for alert in stored:
        other = again.get(alert.sequence)
        if other is None:
            found.append(f"event {alert.sequence} ({alert.action} {alert.severity}) is not in the replay")
            continue
        for name in Alert.__struct_fields__:
            one, two = getattr(alert, name), getattr(other, name)
            if one != two and not (name == "evidence" and _undrawn(one) == _undrawn(two)):
                found.append(
                    f"event {alert.sequence}: {name} is {_text(two)} in the replay, {_text(one)} stored"
                )
    last = max((alert.sequence for alert in stored), default=-1)
    found += [
        f"event {alert.sequence} ({alert.action} {alert.severity}) is in the replay, but not stored"
        for alert in told
        if alert.sequence > last
    ]
    return found


def _undrawn(evidence: Evidence) -> Evidence:
    """Return evidence without an outline, which decides nothing: versions cover the geographies that it is made of."""
    rule, trips = (
        found and msgspec.structs.replace(found, outline=None) for found in (evidence.rule, evidence.trips)
    )
    return msgspec.structs.replace(evidence, rule=rule, trips=trips)


def other_damping(stored: Sequence[Alert], told: Sequence[Alert]) -> str:
    """Return how flaps were damped then and are now, where that differs, as far as both alerts say; else nothing."""
    if not stored or not told or stored[0].sequence or told[0].sequence:
        return ""
    then, now = (flapping(events[0]) or "not at all" for events in (stored, told))
    return "" if then == now else f"then {then}, here {now}"


def exchanged(stored: Sequence[Alert]) -> str:
    """Return why no single policy file gives all events of an alert: it was replaced in between. Nothing: one may."""
    versions = list(dict.fromkeys(alert.policy_version for alert in stored))
    if len(versions) > 1:
        return f"its events were decided by versions {' and '.join(versions)}"
    gone = any(f"{RULE_GONE};" in alert.summary for alert in stored)
    return "its rule was removed from the file before it ended" if gone else ""


def other_zones(stored: Sequence[Alert], told: Sequence[Alert]) -> str:
    """Return how the zone of an alert is called then and now, where nothing else of it differs; else nothing."""
    names = {alert.sequence: alert.zone for alert in stored}
    named = [msgspec.structs.replace(alert, zone=names.get(alert.sequence, alert.zone)) for alert in told]
    found = [(names[alert.sequence], alert.zone) for alert in told if alert.sequence in names]
    then, now = next(((one, two) for one, two in found if one != two), ("", ""))
    return f"then {then!r}, here {now!r}" if then != now and not differences(stored, named) else ""


def elder(wanted: Alert, others: Iterable[Alert]) -> Alert | None:
    """Return the alert that the replay has instead of the wanted one, because the condition began earlier there."""
    earlier = (one for one in others if one.starts_at < wanted.starts_at)
    return next((one for one in earlier if one.ends_at is None or one.ends_at > wanted.starts_at), None)


def _of_event(event: Alert) -> Seen:
    anomaly = event.evidence.anomaly
    state = f"{event.status} {event.severity}"
    if anomaly is None:
        return Seen(event.summary, "", state)
    expected = f"{anomaly.low:.4g} to {anomaly.high:.4g}"
    return Seen(f"{anomaly.aspect} {anomaly.observed:.4g} {anomaly.unit}", expected, state)


def _time_of(record: Record, event: Alert | None) -> int:
    if event is not None:
        return event.updated_at
    message = decoder.decode(record.value)  # it changed something, so it was read before
    if isinstance(message, CellsVehicles):
        return max([0, *message.moves.ts, *message.news.ts])
    reached = time_of(message)
    return 0 if reached is None else reached[1]


def _text(value: object) -> str:
    return codec.encode(value).decode() if isinstance(value, msgspec.Struct) else repr(value)
