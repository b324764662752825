"""Records of ub.requests: a frame ({"events": [...], "received_at": ...}), an array of events, or one event.

An event that is none is refused by itself: `fault` says why, null where it is sound. `body` is the event's content
without id and owner, in one spelling, so that equal bodies are equal events.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import polars as pl

from streams.audit.admission import ID
from streams.audit.records import TIMES, Intake, LogRecord, Unfit

_MOST_OF_A_NAME, _MOST_OF_A_TEXT = 128, 4_000
_NO_OWNER = "unknown"
_is_id = re.compile(ID.removesuffix("$") + r"\Z").match
_has_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search


class Body(msgspec.Struct, omit_defaults=True):
    """What an event says of its request; the order of the fields is that of `body`."""

    ts: int
    event: Literal["opened", "updated", "closed", "rated"]
    service_code: str | None = None
    lat: float | None = None
    lon: float | None = None
    description: str | None = None
    agency_responsible: str | None = None
    address: str | None = None
    district: str | None = None
    expected_datetime: int | None = None
    status_notes: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    service_request_id: str
    event: Literal["opened", "updated", "closed", "rated"]
    ts: int
    service_code: str | None = None
    lat: float | None = None
    lon: float | None = None
    description: str | None = None
    agency_responsible: str | None = None
    address: str | None = None
    district: str | None = None
    expected_datetime: int | None = None
    status_notes: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None
    owner: str | None = None


class _Record(msgspec.Struct):
    events: list[msgspec.Raw] | None = None
    received_at: int | None = None
    service_request_id: msgspec.Raw = msgspec.Raw()


_event = msgspec.json.Decoder(_Event)
_record = msgspec.json.Decoder(_Record)
_parts = msgspec.json.Decoder(list[msgspec.Raw])
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Body).decode

_EVENTS: Mapping[str, pl.DataType] = {
    "service_request_id": pl.String(),
    "owner": pl.String(),
    "ts": pl.Int64(),
    "lat": pl.Float64(),
    "lon": pl.Float64(),
    "body": pl.Binary(),
    "fault": pl.String(),
    "received_at": pl.Int64(),
}


def intake() -> Intake:
    """Return an intake of ub.requests."""
    return Intake(_EVENTS, _columns)


def _columns(record: LogRecord) -> Sequence[Any]:
    if record.value.lstrip()[:1] == b"[":
        return _judged(_parts.decode(record.value), record.timestamp)
    whole = _record.decode(record.value)
    if whole.events is None and whole.received_at is None and whole.service_request_id:
        return _judged([msgspec.Raw(record.value)], record.timestamp)
    if whole.events is None or whole.received_at is None:
        raise Unfit(1)
    if whole.received_at not in TIMES:
        raise Unfit(max(1, len(whole.events)))
    return _judged(whole.events, whole.received_at)


def _judged(parts: Sequence[msgspec.Raw], received_at: int) -> Sequence[Any]:
    rows = [_row(part) for part in parts]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(len(_EVENTS) - 1)]
    return (*columns, received_at)


def _row(part: msgspec.Raw) -> tuple[Any, ...]:
    try:
        event = _event.decode(part)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, None, None, None, None, None, _why(str(error))
    owner = _NO_OWNER if event.owner is None else event.owner
    fault = _fault(event, owner)
    if fault is not None:
        return None, None, None, None, None, None, fault
    content = {name: getattr(event, name) for name in Body.__struct_fields__}
    return event.service_request_id, owner, event.ts, event.lat, event.lon, encode(Body(**content)), None


def _why(message: str) -> str:
    """Return the reason for what the decoder said."""
    said = {
        "Object missing required field": "missing_field",
        "Object contains unknown field": "unknown_field",
        "Number out of range": "number_out_of_range",
        "Integer value out of range": "number_out_of_range",
    }
    return next((reason for start, reason in said.items() if message.startswith(start)), "wrong_type")


def _fault(event: _Event, owner: str) -> str | None:
    """Return the reason of the first rule that an event breaks: who, when, where, texts, and what it is."""
    if not (_is_id(event.service_request_id) and _is_id(owner)):
        return "bad_id"
    due = event.expected_datetime
    if event.ts not in TIMES or (due is not None and due not in TIMES):
        return "time_out_of_range"
    if (event.lat is None) != (event.lon is None):
        return "missing_field"
    if event.lat is not None and event.lon is not None and (abs(event.lat) > 90 or abs(event.lon) > 180):
        return "coordinate_out_of_range"
    for name in (event.service_code, event.agency_responsible, event.district):
        if name is not None and (not 1 <= len(name) <= _MOST_OF_A_NAME or _has_control(name)):
            return "bad_id"
    for text in (event.description, event.address, event.status_notes):
        if text is not None and len(text) > _MOST_OF_A_TEXT:
            return "too_large"
        if text is not None and "\0" in text:
            return "wrong_type"
    if event.event == "opened" and (event.lat is None or event.service_code is None):
        return "bad_event"
    if (event.event == "rated") != (event.resolved is not None or event.satisfaction is not None):
        return "bad_event"
    if event.satisfaction is not None and event.satisfaction not in range(1, 6):
        return "number_out_of_range"
    return None
