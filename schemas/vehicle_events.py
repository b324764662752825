"""What the system itself notices of a vehicle, after MDS 2.0 event types."""

from typing import Literal

import msgspec


class VehicleEvent(msgspec.Struct, frozen=True):
    """A vehicle that was not heard of for `stale_after` and counts as missing from `ts` on.

    `lat`, `lon` and `last_ts` are its last position. The event type is MDS's `comms_lost`.
    """

    vehicle_id: str
    operator: str
    event_type: Literal["comms_lost"]
    vehicle_state: Literal["missing"]
    ts: int
    last_ts: int
    lat: float
    lon: float
    cell: str
