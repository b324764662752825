"""What a field means and which values it may have, beyond its type: read by schemas/generate.py.

It stands here and not in the structs as msgspec.Meta, because msgspec would then refuse values itself, with one
error for all: the gateway (streams/gateway/rules.py) refuses them with the reason that the publisher needs.
A test holds the two together.
"""

from collections.abc import Mapping
from typing import Any

from schemas.vehicles import ID_PATTERN, VEHICLE_STATES, VEHICLE_TYPES

EARLIEST_MS = 1_000_000_000_000
END_MS = 4_133_980_800_000
NULL_ISLAND_DEG = 0.001

Keywords = dict[str, Any]
"""JSON Schema keywords. `description` goes to the field, the others to its values (a column's items)."""


def _field(description: str, **values: Any) -> Keywords:
    return {"description": description, **values}


_ID = {"pattern": ID_PATTERN}
_CELL = {"pattern": "^[0-9a-f]{15}$"}
_LAT = {"minimum": -90, "maximum": 90}
_LON = {"minimum": -180, "maximum": 180}
_TS = {"minimum": EARLIEST_MS, "exclusiveMaximum": END_MS}
_PERCENT = {"minimum": 0, "maximum": 100}
_COUNT = {"minimum": 0}

FIELDS: Mapping[str, Mapping[str, Keywords]] = {
    "VehiclePosition": {
        "vehicle_id": _field(
            "Id of the vehicle. It must agree with the topic where the topic names one.", **_ID
        ),
        "ts": _field(
            "When the vehicle was there, by its own clock: milliseconds since the epoch, UTC.", **_TS
        ),
        "lat": _field("Latitude, WGS-84 degrees.", **_LAT),
        "lon": _field("Longitude, WGS-84 degrees.", **_LON),
        "operator": _field("Operator of the vehicle; null or left out: the one in the topic.", **_ID),
        "vehicle_state": _field("Vehicle state of MDS 2.0."),
        "vehicle_type": _field("Vehicle type of MDS 2.0."),
        "battery_percent": _field("Charge, percent; null or left out: not known.", **_PERCENT),
    },
    "VehicleFrame": {
        "vehicle_id": _field("Column: id of the vehicle.", **_ID),
        "ts": _field("Column: when the vehicle was there, milliseconds since the epoch, UTC.", **_TS),
        "lat": _field("Column: latitude, WGS-84 degrees.", **_LAT),
        "lon": _field("Column: longitude, WGS-84 degrees.", **_LON),
        "operator": _field("Operator, one for all or a column.", **_ID),
        "received_at": _field(
            "When the gateway had the newest of the readings in hand, milliseconds since the epoch, UTC."
        ),
        "vehicle_state": _field(
            "Vehicle state of MDS 2.0, one for all or a column.", enum=list(VEHICLE_STATES)
        ),
        "vehicle_type": _field("Vehicle type of MDS 2.0, one for all or a column.", enum=list(VEHICLE_TYPES)),
        "battery_percent": _field("Charge, percent, one for all or a column; null: not known.", **_PERCENT),
    },
    "VehicleEvent": {
        "vehicle_id": _field("Id of the vehicle.", **_ID),
        "operator": _field("Operator of the vehicle.", **_ID),
        "event_type": _field("Event type of MDS 2.0."),
        "vehicle_state": _field("Vehicle state of MDS 2.0 from `ts` on."),
        "ts": _field(
            "Event time since which the vehicle counts as missing, milliseconds since the epoch, UTC."
        ),
        "last_ts": _field("When it was heard of last, milliseconds since the epoch, UTC."),
        "lat": _field("Latitude of its last position, WGS-84 degrees.", **_LAT),
        "lon": _field("Longitude of its last position, WGS-84 degrees.", **_LON),
        "cell": _field("H3 cell of its last position.", **_CELL),
    },
    "FleetPartial": {
        "region": _field(
            "H3 cell, a coarse parent: the region that all cells of this record lie in.", **_CELL
        ),
        "source": _field("Partition of ub.vehicles that speaks.", **_COUNT),
        "sources": _field("Number of partitions of ub.vehicles.", minimum=1),
        "generation": _field("Grows when ub.vehicles was rebuilt and its offsets began anew.", **_COUNT),
        "offset": _field(
            "Offset of ub.vehicles up to which the counts hold; -1 before the first.", minimum=-1
        ),
        "newest_ts": _field(
            "Newest event time of the source, milliseconds since the epoch; 0 before the first."
        ),
        "watermark": _field("Event time up to which the source has told its windows; 0 before the first."),
        "window_ms": _field("Length of a window, milliseconds.", minimum=1),
        "now": _field("Live counts that changed."),
        "windows": _field("Window counts that changed."),
    },
    "SlotCounts": {
        "cell": _field("Column: H3 cell.", **_CELL),
        "operator": _field("Column: operator.", **_ID),
        "available": _field("Column: vehicles that are available.", **_COUNT),
        "non_operational": _field("Column: vehicles that are non_operational.", **_COUNT),
        "reserved": _field("Column: vehicles that are reserved.", **_COUNT),
        "on_trip": _field("Column: vehicles that are on_trip; they do not stand in the cell.", **_COUNT),
        "non_contactable": _field("Column: vehicles that are non_contactable.", **_COUNT),
    },
    "WindowCounts": {
        "window_start": _field("Column: start of the window, milliseconds since the epoch, UTC."),
        "cell": _field("Column: H3 cell.", **_CELL),
        "operator": _field("Column: operator.", **_ID),
        "readings": _field("Column: positions with ts in the window, each (vehicle, ts) once.", **_COUNT),
        "arrivals": _field("Column: vehicles that came to stand in the cell.", **_COUNT),
        "departures": _field("Column: vehicles that stopped standing in the cell.", **_COUNT),
    },
    "CellsNow": {
        "type": _field("Tells this message from CellsWindow on the same topic."),
        "region": _field(
            "H3 cell, a coarse parent: the region that all cells of this record lie in.", **_CELL
        ),
        "as_of": _field(
            "Event time to which all active sources have reported, milliseconds since the epoch, UTC."
        ),
        "watermark": _field("Event time up to which windows of the region may close; 0 before the first."),
        "counts": _field("Live counts that changed, absolute; those not named are as they were."),
    },
    "CellsWindow": {
        "type": _field("Tells this message from CellsNow on the same topic."),
        "region": _field(
            "H3 cell, a coarse parent: the region that all cells of this record lie in.", **_CELL
        ),
        "watermark": _field("Event time before which windows of the region are closed."),
        "window_ms": _field("Length of a window, milliseconds.", minimum=1),
        "rows": _field("Rows of windows that closed or were amended."),
    },
    "ClosedWindows": {
        "window_start": _field("Column: start of the window, milliseconds since the epoch, UTC."),
        "cell": _field("Column: H3 cell.", **_CELL),
        "operator": _field("Column: operator.", **_ID),
        "readings": _field("Column: positions with ts in the window, each (vehicle, ts) once.", **_COUNT),
        "arrivals": _field("Column: vehicles that came to stand in the cell.", **_COUNT),
        "departures": _field("Column: vehicles that stopped standing in the cell.", **_COUNT),
        "occupancy": _field("Column: vehicles that stood in the cell at the window's end."),
        "revision": _field(
            "Column: 0 when the window closed; the row with the highest one counts.", **_COUNT
        ),
    },
    "Alert": {
        "alert_id": _field("UUID, the same for the alert's whole life and when ub.cells is folded again."),
        "sequence": _field("Number of the event within its alert, from 0.", **_COUNT),
        "action": _field("What happened. `updated`: the severity rose."),
        "kind": _field("What is watched."),
        "severity": _field("How bad it is; it may rise while the alert is open, and does not fall."),
        "status": _field("Whether the condition holds."),
        "acknowledged": _field("Whether a person has taken note."),
        "cell": _field("H3 cell.", **_CELL),
        "region": _field("H3 cell, a coarse parent: the region of the cell.", **_CELL),
        "zone": _field("Zone of the policy that the cell belongs to; `default` outside all zones."),
        "lat": _field("Latitude of the cell's centre, WGS-84 degrees.", **_LAT),
        "lon": _field("Longitude of the cell's centre, WGS-84 degrees.", **_LON),
        "starts_at": _field("Event time since which the condition holds, milliseconds since the epoch, UTC."),
        "updated_at": _field("Event time of this event, milliseconds since the epoch, UTC."),
        "ends_at": _field("Event time at which it was cleared; null while it is active."),
        "summary": _field("One sentence for people."),
        "policy": _field("Name of the policy file, or `default`."),
        "policy_version": _field("Hash of all that the policy decides by."),
        "evidence": _field("The values that the decision rests on."),
    },
    "Evidence": {
        "occupancy": _field("Vehicles standing in the cell, of all operators.", **_COUNT),
        "capacity": _field("Vehicles that the policy allows in the cell.", minimum=1),
        "raise_at": _field("From this many vehicles on the cell is oversaturated."),
        "clear_below": _field("Below this many vehicles it is no longer."),
        "by_operator": _field("Vehicles by operator; those with none are left out."),
        "topic": _field("Kafka topic of the record that decided."),
        "partition": _field("Its partition.", **_COUNT),
        "offset": _field("Its offset.", **_COUNT),
    },
    "Rejected": {
        "source": _field("Who refused it: a gateway's id, or stage/topic/partition@generation."),
        "sequence": _field("Grows with each refusal of the source: a repeat is known by it.", **_COUNT),
        "reason": _field("Why: one of a closed list, explained in docs/mqtt-and-kafka.md."),
        "detail": _field("The value, the rule and where it was broken, for people."),
        "topic": _field("MQTT or Kafka topic that it came on."),
        "payload": _field("The text as received, cut.", maxLength=4096),
        "received_at": _field("When it was received, milliseconds since the epoch, UTC."),
        "count": _field("Readings that it stood for.", minimum=1),
    },
}

RULES: Mapping[str, Keywords] = {
    "VehiclePosition": {
        "not": {
            "$comment": "A device without a fix reports 0,0, or close to it.",
            "properties": {
                name: {"exclusiveMinimum": -NULL_ISLAND_DEG, "exclusiveMaximum": NULL_ISLAND_DEG}
                for name in ("lat", "lon")
            },
            "required": ["lat", "lon"],
        },
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
"""Keywords of a whole struct."""
