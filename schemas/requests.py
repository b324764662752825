"""Citizens' requests: events in the life of a service request, after Open311 GeoReport v2.

Field names are those of http://wiki.open311.org/GeoReport_v2/ with times in milliseconds since the epoch. `rated` is
what a city's hotline asks when it calls back: was it resolved, and how satisfied is the citizen.
"""

from typing import Literal

import msgspec

RequestEventType = Literal["opened", "updated", "closed", "rated"]
REQUEST_EVENT_TYPES: tuple[RequestEventType, ...] = ("opened", "updated", "closed", "rated")

MAX_NAME = 128
"""Characters of a service_code, an agency or a district: 1 to so many, none of them a control character."""
MAX_TEXT = 4_000
"""Characters of `description`, `address` and `status_notes`."""


class CitizenRequest(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One event of one request. An `opened` event of a request that is closed reopens it.

    Place and category are those of the request as known at `ts`; what is left out stays as it was (`opened` must have
    lat, lon and service_code). `owner` may be left out: the MQTT topic names it.
    """

    service_request_id: str
    event: RequestEventType
    ts: int
    service_code: str | None = None
    lat: float | None = None
    lon: float | None = None
    description: str | None = None
    agency_responsible: str | None = None
    address: str | None = None
    district: str | None = None
    expected_datetime: int | None = None
    """When it is due, milliseconds since the epoch, UTC."""
    status_notes: str | None = None
    resolved: bool | None = None
    """`rated` only: whether the citizen says that it was resolved."""
    satisfaction: int | None = None
    """`rated` only: 1 (very dissatisfied) to 5 (very satisfied)."""
    owner: str | None = None


class RequestFrame(msgspec.Struct, frozen=True):
    """Many events of one Kafka partition, in the order in which the gateway received them; every one has its owner."""

    events: list[CitizenRequest]
    received_at: int
