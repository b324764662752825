"""Events of citizens' requests and frames of them."""

from collections.abc import Mapping

from schemas.fields.keywords import ID, LAT, LON, NO_NULL_ISLAND, TS, Keywords, Structs, field
from schemas.requests import MAX_NAME, MAX_TEXT

_NAME = {"minLength": 1, "maxLength": MAX_NAME, "not": {"pattern": "[\\u0000-\\u001f\\u007f-\\u009f]"}}
_TEXT = {"maxLength": MAX_TEXT, "not": {"pattern": "\\u0000"}}

FIELDS: Structs = {
    "CitizenRequest": {
        "service_request_id": field("Id of the request, unique across owners.", **ID),
        "event": field("What happened to it. `opened` of a closed request reopens it."),
        "ts": field("When it happened: milliseconds since the epoch, UTC.", **TS),
        "service_code": field("Category; left out: as it was.", **_NAME),
        "lat": field("Latitude of the place, WGS-84 degrees; left out: as it was.", **LAT),
        "lon": field("Longitude of the place, WGS-84 degrees; left out: as it was.", **LON),
        "description": field("What the citizen says.", **_TEXT),
        "agency_responsible": field("Agency that is to deal with it.", **_NAME),
        "address": field("Address of the place, for people.", **_TEXT),
        "district": field(
            "District of the place; left out: as it was; never named: found by lat and lon.", **_NAME
        ),
        "expected_datetime": field("When it is due: milliseconds since the epoch, UTC.", **TS),
        "status_notes": field("What the agency says.", **_TEXT),
        "resolved": field("`rated` only: whether the citizen says that it was resolved."),
        "satisfaction": field(
            "`rated` only: from 1, very dissatisfied, to 5, very satisfied.", minimum=1, maximum=5
        ),
        "owner": field("Owner of the request; null or left out: the one in the topic.", **ID),
    },
    "RequestFrame": {
        "events": field("Events in the order of arrival; every one has its owner."),
        "received_at": field(
            "When the gateway had the newest of the events in hand, milliseconds since the epoch, UTC."
        ),
    },
}


def _null(*names: str) -> Keywords:
    return {"properties": {name: {"type": "null"} for name in names}}


def _given(**types: str) -> Keywords:
    return {"properties": {name: {"type": type_} for name, type_ in types.items()}, "required": list(types)}


def _event(name: str) -> Keywords:
    return {"properties": {"event": {"const": name}}, "required": ["event"]}


RULES: Mapping[str, Keywords] = {
    "CitizenRequest": {
        "not": NO_NULL_ISLAND,
        "allOf": [
            {
                "$comment": "lat and lon belong together.",
                "anyOf": [_given(lat="number", lon="number"), _null("lat", "lon")],
            },
            {
                "$comment": "A request is opened somewhere, for something.",
                "if": _event("opened"),
                "then": _given(lat="number", lon="number", service_code="string"),
            },
            {
                "$comment": "rated has a rating, and nothing else has one.",
                "if": _event("rated"),
                "then": {"anyOf": [_given(resolved="boolean"), _given(satisfaction="integer")]},
                "else": _null("resolved", "satisfaction"),
            },
        ],
        "examples": [
            {
                "service_request_id": "r-1",
                "event": "opened",
                "ts": 1772406000668,
                "service_code": "heating",
                "lat": 31.2304,
                "lon": 121.4737,
                "description": "No heating since last night",
                "expected_datetime": 1772492400000,
            },
            {
                "service_request_id": "r-1",
                "event": "closed",
                "ts": 1772438400000,
                "status_notes": "Pump replaced",
            },
            {
                "service_request_id": "r-1",
                "event": "rated",
                "ts": 1772442000000,
                "resolved": True,
                "satisfaction": 4,
            },
        ],
    },
}
