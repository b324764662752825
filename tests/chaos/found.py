"""The tables of sensors and requests in the form of expected_sensors.py and expected_requests.py."""

from datetime import datetime

from tests.chaos.city import City
from tests.chaos.expected_requests import COUNTS, RequestTables
from tests.chaos.expected_sensors import SensorTables

_REQUEST = ("status", "owner", "reopened", "service_code", "lat", "lon", "agency_responsible", "satisfaction")
_TIMES = ("opened_at", "closed_at", "updated_at", "expected_datetime")


def found_sensors(city: City) -> SensorTables:
    """Read ub.sensor_state and ub.sensor_window."""
    tables = SensorTables()
    for row in city.query("SELECT *, to_hex(cell) AS hex FROM ub.sensor_state"):
        tables.sensor_state[row["sensor_id"], row["metric"]] = {
            "ts": _ms(row["ts"]),
            "value": _micros(row["value"]),
            "unit": row["unit"],
            "cell": row["hex"],
            "owner": row["owner"],
        }
    for row in city.query("SELECT *, to_hex(cell) AS hex FROM ub.sensor_window"):
        tables.sensor_window[_start(row["window_start"]), row["hex"], row["metric"]] = {
            "unit": row["unit"],
            "readings": row["readings"],
            "total": _micros(row["total"]),
            "least": _micros(row["least"]),
            "most": _micros(row["most"]),
        }
    return tables


def found_requests(city: City) -> RequestTables:
    """Read ub.request and ub.request_window."""
    tables = RequestTables()
    for row in city.query("SELECT *, to_hex(cell) AS hex FROM ub.request"):
        tables.request[row["service_request_id"]] = {
            **{name: row[name] for name in _REQUEST},
            **{name: _ms(row[name]) for name in _TIMES},
            "cell": row["hex"],
        }
    for row in city.query("SELECT *, to_hex(cell) AS hex FROM ub.request_window"):
        key = _start(row["window_start"]), row["hex"], row["service_code"]
        tables.request_window[key] = {name: row[name] for name in (*COUNTS, "open_now")}
    return tables


def _ms(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)


def _start(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _micros(value: float) -> int:
    return round(value * 10**6)
