"""Sensor readings and frames of them."""

from collections.abc import Mapping

from schemas.fields.keywords import ID, LAT, LON, NO_NULL_ISLAND, TS, Keywords, Structs, field
from schemas.sensors import MAX_CODE, SENSOR_STATUSES

_CODE = {"maxLength": MAX_CODE, "not": {"pattern": "\\u0000"}}

FIELDS: Structs = {
    "SensorReading": {
        "sensor_id": field("Id of the sensor. It must agree with the topic where the topic names one.", **ID),
        "kind": field("What the sensor is for: traffic, air, noise … (schemas/metrics.py).", **_CODE),
        "metric": field("What was measured; it must be one of its kind (schemas/metrics.py).", **_CODE),
        "value": field("The value, in `unit`."),
        "ts": field("When it was measured, by the sensor's clock: milliseconds since the epoch, UTC.", **TS),
        "lat": field("Latitude of the sensor, WGS-84 degrees.", **LAT),
        "lon": field("Longitude of the sensor, WGS-84 degrees.", **LON),
        "unit": field("UCUM code of the unit; null or left out: the metric's canonical unit.", **_CODE),
        "status": field("How the sensor judges itself."),
        "capacity": field(
            "The most that a count of places or people can be there; null or left out: not known."
        ),
        "owner": field("Owner of the sensor; null or left out: the one in the topic.", **ID),
    },
    "SensorFrame": {
        "sensor_id": field("Column: id of the sensor.", **ID),
        "metric": field("What was measured, one for all or a column.", **_CODE),
        "value": field("Column: the value, in `unit`."),
        "ts": field("Column: when it was measured, milliseconds since the epoch, UTC.", **TS),
        "lat": field("Latitude, WGS-84 degrees, one for all or a column.", **LAT),
        "lon": field("Longitude, WGS-84 degrees, one for all or a column.", **LON),
        "kind": field("What the sensor is for, one for all or a column.", **_CODE),
        "owner": field("Owner, one for all or a column.", **ID),
        "received_at": field(
            "When the gateway had the newest of the readings in hand, milliseconds since the epoch, UTC."
        ),
        "unit": field("UCUM code, one for all or a column; null: the metric's canonical unit.", **_CODE),
        "status": field("How the sensor judges itself, one for all or a column.", enum=list(SENSOR_STATUSES)),
        "capacity": field("The most that a count can be, one for all or a column; null: not known."),
    },
}

RULES: Mapping[str, Keywords] = {
    "SensorReading": {
        "not": NO_NULL_ISLAND,
        "examples": [
            {
                "sensor_id": "air-1",
                "kind": "air",
                "metric": "pm25",
                "value": 12.5,
                "ts": 1772406000668,
                "lat": 31.2304,
                "lon": 121.4737,
                "unit": "ug/m3",
            },
            {
                "sensor_id": "p-7",
                "kind": "parking",
                "metric": "free_spaces",
                "value": 31,
                "ts": 1772406015100,
                "lat": 31.2310,
                "lon": 121.4740,
                "capacity": 220,
                "owner": "city",
            },
        ],
    },
}
