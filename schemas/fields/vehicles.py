"""Positions, frames of them, and vehicles that fell silent."""

from collections.abc import Mapping

from schemas.fields.keywords import CELL, ID, LAT, LON, NO_NULL_ISLAND, PERCENT, TS, Keywords, Structs, field
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES

FIELDS: Structs = {
    "VehiclePosition": {
        "vehicle_id": field(
            "Id of the vehicle. It must agree with the topic where the topic names one.", **ID
        ),
        "ts": field("When the vehicle was there, by its own clock: milliseconds since the epoch, UTC.", **TS),
        "lat": field("Latitude, WGS-84 degrees.", **LAT),
        "lon": field("Longitude, WGS-84 degrees.", **LON),
        "operator": field("Operator of the vehicle; null or left out: the one in the topic.", **ID),
        "vehicle_state": field("Vehicle state of MDS 2.0."),
        "vehicle_type": field("Vehicle type of MDS 2.0."),
        "battery_percent": field("Charge, percent; null or left out: not known.", **PERCENT),
    },
    "VehicleFrame": {
        "vehicle_id": field("Column: id of the vehicle.", **ID),
        "ts": field("Column: when the vehicle was there, milliseconds since the epoch, UTC.", **TS),
        "lat": field("Column: latitude, WGS-84 degrees.", **LAT),
        "lon": field("Column: longitude, WGS-84 degrees.", **LON),
        "operator": field("Operator, one for all or a column.", **ID),
        "received_at": field(
            "When the gateway had the newest of the readings in hand, milliseconds since the epoch, UTC."
        ),
        "vehicle_state": field(
            "Vehicle state of MDS 2.0, one for all or a column.", enum=list(VEHICLE_STATES)
        ),
        "vehicle_type": field("Vehicle type of MDS 2.0, one for all or a column.", enum=list(VEHICLE_TYPES)),
        "battery_percent": field("Charge, percent, one for all or a column; null: not known.", **PERCENT),
    },
    "VehicleEvent": {
        "vehicle_id": field("Id of the vehicle.", **ID),
        "operator": field("Operator of the vehicle.", **ID),
        "event_type": field("Event type of MDS 2.0."),
        "vehicle_state": field("Vehicle state of MDS 2.0 from `ts` on."),
        "ts": field(
            "Event time since which the vehicle counts as missing, milliseconds since the epoch, UTC."
        ),
        "last_ts": field("When it was heard of last, milliseconds since the epoch, UTC."),
        "lat": field("Latitude of its last position, WGS-84 degrees.", **LAT),
        "lon": field("Longitude of its last position, WGS-84 degrees.", **LON),
        "cell": field("H3 cell of its last position.", **CELL),
    },
}

RULES: Mapping[str, Keywords] = {
    "VehiclePosition": {
        "not": NO_NULL_ISLAND,
        "examples": [
            {"vehicle_id": "bike-1", "ts": 1772406000668, "lat": 31.2304, "lon": 121.4737},
            {
                "vehicle_id": "bike-1",
                "ts": 1772406015100,
                "lat": 31.2310,
                "lon": 121.4740,
                "operator": "hello",
                "vehicle_state": "on_trip",
                "vehicle_type": "bicycle",
                "battery_percent": 81,
            },
        ],
    },
}
