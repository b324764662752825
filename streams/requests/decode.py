"""One Kafka record of ub.requests as events, with those that cannot be used set apart.

Accepted: a RequestFrame, a JSON array of CitizenRequest, or one CitizenRequest. An event that is not one costs
its neighbours nothing: only then is the record taken apart.
"""

from dataclasses import dataclass

import msgspec

from schemas import codec
from schemas.limits import EARLIEST_MS, END_MS
from schemas.rejected import Reason
from schemas.requests import CitizenRequest
from streams.fold.frames import BadFrame
from streams.requests.rules import broken_rule

UNKNOWN_OWNER = "unknown"
"""Owner of an event that an outside producer put on Kafka without one."""


_SHOWN_BYTES = 16_384
"""Of a refused event: more than a refusal keeps (streams/fold/refusals.py)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the event at an index of the record is refused, and its JSON."""

    index: int
    reason: Reason
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class Events:
    """`count` events in the order of the log: those that are sound, each with its index and its owner, and faults."""

    count: int
    sound: list[tuple[int, str, CitizenRequest]]
    faults: list[Fault]
    received_at: int


class _Loose(msgspec.Struct, frozen=True):
    """A frame whose events are still JSON; a single event has neither field, and an id."""

    events: list[msgspec.Raw] | None = None
    received_at: int | None = None
    service_request_id: msgspec.Raw = msgspec.Raw()


_loose = msgspec.json.Decoder(_Loose)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def decode(value: bytes, timestamp: int) -> Events | BadFrame:
    """Decode one record. `timestamp` stands in for `received_at` where the record has none."""
    try:
        if value.lstrip()[:1] == b"[":
            return _in_parts(list(_raws.decode(value)), timestamp)
        try:
            frame = codec.request_frame.decode(value)
        except msgspec.ValidationError as error:
            loose = _loose.decode(value)
            if loose.events is None and loose.received_at is None and loose.service_request_id:
                return _in_parts([msgspec.Raw(value)], timestamp)
            if loose.events is None or loose.received_at is None:
                return BadFrame(str(error), 1)
            return _framed(_in_parts(loose.events, loose.received_at))
        return _framed(_judged(len(frame.events), list(enumerate(frame.events)), [], frame.received_at))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return BadFrame(str(error), 1)


def text_of(event: CitizenRequest) -> str:
    """Return an event as JSON, for a refusal."""
    return codec.encode(event).decode()


def _framed(events: Events) -> Events | BadFrame:
    if EARLIEST_MS <= events.received_at < END_MS:
        return events
    return BadFrame(
        f"received_at {events.received_at}: milliseconds since the epoch expected", max(1, events.count)
    )


def _in_parts(parts: list[msgspec.Raw], received_at: int) -> Events:
    typed: list[tuple[int, CitizenRequest]] = []
    faults: list[Fault] = []
    for index, part in enumerate(parts):
        try:
            typed.append((index, codec.request.decode(part)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            text = bytes(part)[:_SHOWN_BYTES].decode(errors="backslashreplace")
            faults.append(Fault(index, _reason(str(error)), str(error), text))
    return _judged(len(parts), typed, faults, received_at)


def _judged(
    count: int, typed: list[tuple[int, CitizenRequest]], faults: list[Fault], received_at: int
) -> Events:
    sound: list[tuple[int, str, CitizenRequest]] = []
    for index, event in typed:
        owner = UNKNOWN_OWNER if event.owner is None else event.owner
        broken = broken_rule(event, owner)
        if broken is None:
            sound.append((index, owner, event))
        else:
            faults.append(Fault(index, *broken, text_of(event)))
    return Events(count, sound, faults, received_at)


def _reason(message: str) -> Reason:
    """Return the reason for what msgspec said; its wording is pinned by a test."""
    if message.startswith("Object missing required field"):
        return "missing_field"
    if message.startswith("Object contains unknown field"):
        return "unknown_field"
    if message.startswith(("Number out of range", "Integer value out of range")):
        return "number_out_of_range"
    return "wrong_type"
