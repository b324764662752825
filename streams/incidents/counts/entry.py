"""What is remembered of one bound of a rule, and the form in which a checkpoint keeps it."""

from dataclasses import dataclass, field

import msgspec

from schemas.alerts import Alert
from streams.incidents.counts.watch import Bound, bound_of
from streams.incidents.saturation import Watch

Key = tuple[str, Bound, str]
"""Id of a rule, which of its bounds, and the operator of a rule that judges each by itself (else nothing)."""


@dataclass(slots=True)
class Entry:
    """`version` is that of the rule's policy when what is under way began; no alert begins before `not_before`."""

    watch: Watch = field(default_factory=Watch)
    alert: Alert | None = None
    not_before: int = 0
    first_offset: int | None = None
    version: str = ""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    since: int | None
    alert: Alert | None
    not_before: int
    first_offset: int | None = None
    version: str = ""


_saved = msgspec.msgpack.Decoder(_Saved)


def encoded(entry: Entry | None) -> bytes | None:
    """Return what is saved of an entry; None: it is deleted."""
    if entry is None:
        return None
    return msgspec.msgpack.encode(
        _Saved(entry.watch.since, entry.alert, entry.not_before, entry.first_offset, entry.version)
    )


def decoded(data: bytes) -> Entry:
    """Return the entry that was saved."""
    saved = _saved.decode(data)
    watch = Watch(saved.since, saved.alert.severity if saved.alert else None)
    return Entry(watch, saved.alert, saved.not_before, saved.first_offset, saved.version)


def key_of(alert: Alert) -> Key:
    """Return where what is known of an alert's rule is kept."""
    rule_id, _, operator = (alert.subject or "").partition("/")
    return rule_id, bound_of(alert.kind), operator
