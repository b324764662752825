"""What an event must be by itself, whoever put it on Kafka. Whether its request can have it is decided in the fold.

The gateway asks the same and more; here stands what the tables rely on.
"""

import re
from operator import attrgetter

from schemas.limits import EARLIEST_MS, END_MS
from schemas.rejected import Reason
from schemas.requests import MAX_NAME, MAX_TEXT, CitizenRequest
from streams.fold.frames import is_id

Broken = tuple[Reason, str]
"""Reason and detail of a refusal."""

_has_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_SHOWN = 40

_NAMES = ("service_code", "agency_responsible", "district")
_TEXTS = ("description", "address", "status_notes")
_names_of, _texts_of = attrgetter(*_NAMES), attrgetter(*_TEXTS)


def broken_rule(event: CitizenRequest, owner: str) -> Broken | None:
    """Return the first rule that an event breaks, or None."""
    return _identity(event, owner) or _time(event) or _place(event) or _texts(event) or _kind(event)


def _identity(event: CitizenRequest, owner: str) -> Broken | None:
    if is_id(event.service_request_id) is None:
        return _bad_id("service_request_id", event.service_request_id)
    if is_id(owner) is None:
        return _bad_id("owner", owner)
    return None


def _bad_id(field: str, value: str) -> Broken:
    return "bad_id", f"{field} {value[:_SHOWN]!r}: 1 to 64 letters, digits or _ . : - expected"


def _time(event: CitizenRequest) -> Broken | None:
    due = event.expected_datetime
    if EARLIEST_MS <= event.ts < END_MS and (due is None or EARLIEST_MS <= due < END_MS):
        return None
    wrong = {"ts": event.ts, "expected_datetime": due}
    field = "expected_datetime" if EARLIEST_MS <= event.ts < END_MS else "ts"
    shown = str(wrong[field])[:_SHOWN]
    return (
        "time_out_of_range",
        f"{field} {shown}: milliseconds between 2001-09-09 and 2100-12-31 expected",
    )


def _place(event: CitizenRequest) -> Broken | None:
    lat, lon = event.lat, event.lon
    if lat is None and lon is None:
        return None
    if lat is None or lon is None:
        return (
            "missing_field",
            "lat and lon belong together: give both, or neither where the place is as it was",
        )
    if abs(lat) <= 90 and abs(lon) <= 180:
        return None
    return "coordinate_out_of_range", f"lat {lat}, lon {lon}: beyond 90 or 180 degrees"


def _texts(event: CitizenRequest) -> Broken | None:
    for name, value in zip(_NAMES, _names_of(event), strict=True):
        if value is not None and (not 0 < len(value) <= MAX_NAME or _has_control(value)):
            return (
                "bad_id",
                f"{name} {value[:_SHOWN]!r}: 1 to {MAX_NAME} characters, none of control, expected",
            )
    for name, value in zip(_TEXTS, _texts_of(event), strict=True):
        if value is None:
            continue
        if len(value) > MAX_TEXT:
            return "too_large", f"{name} has {len(value)} characters, {MAX_TEXT} are allowed"
        if "\0" in value:  # PostgreSQL's text holds every character but this one
            return "wrong_type", f"{name} holds the character U+0000 at {value.index(chr(0))}"
    return None


def _kind(event: CitizenRequest) -> Broken | None:
    if event.event == "opened" and (event.lat is None or event.service_code is None):
        return "bad_event", "opened without lat, lon and service_code: a request needs a place and a category"
    rating = event.resolved is not None or event.satisfaction is not None
    if rating is not (event.event == "rated"):
        has = "with" if rating else "without"
        return "bad_event", f"{event.event} {has} resolved or satisfaction: they are what rated is for"
    if event.satisfaction is not None and not 1 <= event.satisfaction <= 5:
        shown = str(event.satisfaction)[:_SHOWN]
        return "number_out_of_range", f"satisfaction {shown} lies outside 1..5"
    return None
