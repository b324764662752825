"""Events of citizens' requests as a kind of the gateway's input.

What an event must be by itself is judged here; whether its request can have it, by the requests stage.
"""

from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter

import msgspec

from schemas import codec, envelope
from schemas.limits import END_MS
from schemas.requests import MAX_NAME, MAX_TEXT, CitizenRequest, RequestFrame
from streams import topics
from streams.gateway.kind import Allowed, Broken, Kind
from streams.gateway.rules import (
    broken_name,
    broken_number,
    broken_place,
    broken_text,
    broken_time,
    follow_rules,
)


def _time(event: CitizenRequest, allowed: Allowed) -> Broken | None:
    broken = broken_time("ts", event.ts, allowed.latest_ms)
    if broken is None and event.expected_datetime is not None:
        broken = broken_time("expected_datetime", event.expected_datetime, END_MS)  # mostly in the future
    return broken


def _place(event: CitizenRequest, allowed: Allowed) -> Broken | None:
    if event.lat is not None and event.lon is not None:
        return broken_place(event.lat, event.lon, allowed.bounds)
    if event.lat is None and event.lon is None:
        return None
    return "missing_field", "lat and lon belong together: give both, or neither where the place is as it was"


def _texts(event: CitizenRequest, _allowed: Allowed) -> Broken | None:
    return (
        broken_name("service_code", event.service_code, MAX_NAME)
        or broken_name("agency_responsible", event.agency_responsible, MAX_NAME)
        or broken_name("district", event.district, MAX_NAME)
        or broken_text("description", event.description, MAX_TEXT)
        or broken_text("address", event.address, MAX_TEXT)
        or broken_text("status_notes", event.status_notes, MAX_TEXT)
    )


def _event(event: CitizenRequest, _allowed: Allowed) -> Broken | None:
    if event.event == "opened" and (event.lat is None or event.service_code is None):
        return "bad_event", "opened without lat, lon and service_code: a request needs a place and a category"
    rating = event.resolved is not None or event.satisfaction is not None
    if rating is not (event.event == "rated"):
        has = "with" if rating else "without"
        return "bad_event", f"{event.event} {has} resolved or satisfaction: they are what rated is for"
    return broken_number("satisfaction", event.satisfaction, 1, 5)


def _frame(events: Sequence[CitizenRequest], owner: str | list[str], received_at: int) -> RequestFrame:
    owners = repeat(owner) if isinstance(owner, str) else owner
    named = [
        event if event.owner is not None else msgspec.structs.replace(event, owner=name)
        for event, name in zip(events, owners, strict=False)
    ]
    return RequestFrame(named, received_at)


REQUESTS = Kind(
    name="requests",
    tail=None,
    id_field="service_request_id",
    owner_field="owner",
    kafka_topic=topics.REQUESTS,
    envelope_type=envelope.REQUEST_FRAME,
    one=codec.request,
    many=codec.requests,
    id_of=attrgetter("service_request_id"),
    rules=(_time, _place, _texts, _event),
    all_sound=follow_rules,
    frame=_frame,
)
