"""Small feeds of every format, made from a seed, with what must come out of them."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import numpy as np

T0 = 1_725_235_200
"""2024-09-02 00:00 UTC, in seconds."""
OSLO = (59.91, 10.75)
ERROR_PAGE = "404 Not Found"


@dataclass
class Expected:
    """What a source must say of a sample: rows read, rows skipped by reason, rows published otherwise, readings."""

    rows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str, count: int = 1) -> None:
        self.rows += count
        self.skipped[reason] += count


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def envelope(version: str, at: int, data: dict[str, Any], ttl: int = 60) -> dict[str, Any]:
    """One GBFS document."""
    updated = rfc3339(at) if version.startswith("3") else at
    return {"last_updated": updated, "ttl": ttl, "version": version, "data": data}


# ------------------------------------------------------------------ GBFS vehicles


def vehicle(version: str, number: int, place: Sequence[float], reported: int, **more: Any) -> dict[str, Any]:
    """One row, as its version writes it."""
    new = version.startswith("3")
    row: dict[str, Any] = {
        "vehicle_id" if new else "bike_id": f"bike {number}",
        "lat": place[0],
        "lon": place[1],
    }
    if version.startswith("1"):
        return row | {"is_reserved": 0, "is_disabled": 0} | more
    row |= {"is_reserved": False, "is_disabled": False, "vehicle_type_id": "s", "current_fuel_percent": 0.5}
    return row | {"last_reported": rfc3339(reported) if new else reported} | more


def vehicles_feed(version: str, rows: list[dict[str, Any]], at: int) -> dict[str, Any]:
    return envelope(version, at, {"vehicles" if version.startswith("3") else "bikes": rows})


def write_gbfs(folder: Path, rng: np.random.Generator, version: str, form: str) -> tuple[Path, Expected]:
    """Write six polls of 30 vehicles, one of which is an error page; five bad rows in each of the others."""
    expected, polls = Expected(), []
    places = OSLO + rng.normal(0, 0.01, (30, 2))
    reported = T0 - rng.integers(1, 500, 30)
    for poll in range(6):
        at = T0 + 60 * poll
        if poll == 3:
            polls.append(ERROR_PAGE)
            expected.skip("not_json")
            continue
        heard = rng.random(30) < (1.0 if poll == 0 else 0.3)
        if poll:
            reported[heard] = at - rng.integers(0, 50, int(heard.sum()))
            places[heard] += rng.normal(0, 0.002, (int(heard.sum()), 2))
        told = 30 if version.startswith("1") else int(heard.sum())
        expected.told["vehicles"] += told
        expected.rows += told
        expected.skip("repeat", 30 - told)
        rows = [vehicle(version, i, places[i].tolist(), int(reported[i])) for i in range(30)]
        rows += [
            rows[0],
            vehicle(version, 90, (None, None), at),  # type: ignore[arg-type]
            vehicle(version, 91, (0.0, 0.0), at),
            vehicle(version, 92, (-33.9, 151.2), at),
            {key: value for key, value in rows[1].items() if not key.endswith("e_id")},
        ]
        for reason in (
            "id_twice_in_a_poll", "coordinates_missing", "coordinates_out_of_range", "far_from_the_others",
            "id_missing",
        ):  # fmt: skip
            expected.skip(reason)
        polls.append(json.dumps(vehicles_feed(version, rows, at)))
    types = {"vehicle_types": [{"vehicle_type_id": "s", "form_factor": "scooter_standing"}]}
    if not version.startswith("1"):
        (folder / "vehicle_types.json").write_text(json.dumps(envelope(version, T0 - 99, types)))
    return _write_polls(folder, "free_bike_status", polls, form), expected


def _write_polls(folder: Path, name: str, polls: list[str], form: str) -> Path:
    if form == "lines":
        path = folder / f"{name}.jsonl.gz"
        path.write_bytes(gzip.compress("\n".join(polls).encode()))
        return path
    for number, poll in enumerate(polls):
        (folder / f"{name}-{number:03d}.json").write_text(poll)
    return folder


# ------------------------------------------------------------------ GBFS stations


def write_stations(folder: Path, rng: np.random.Generator, version: str, form: str) -> tuple[Path, Expected]:
    """Write five polls of 20 stations, one without a place, half of them from clocks that run ahead."""
    new = version.startswith("3")
    name: Any = [{"text": "Torg", "language": "nb"}] if new else "Torg"
    information = [
        {"station_id": str(i), "name": name, "lat": OSLO[0] + i / 500, "lon": OSLO[1], "capacity": 20}
        for i in range(19)
    ]
    about = envelope(version, T0 - 600, {"stations": information})
    (folder / "station_information.json").write_text(json.dumps(about))
    expected, polls = Expected(), []
    for poll in range(5):
        at = T0 + 60 * poll
        ahead = rng.random(19) < 0.5
        rows = []
        for i in range(20):
            own = at + 3 if i < 19 and ahead[i] else at - 2
            counts = {"available": int(rng.integers(0, 9)), "disabled": int(rng.integers(0, 3))}
            what = "vehicles" if new else "bikes"
            rows.append(
                {
                    "station_id": str(i), **{f"num_{what}_{key}": count for key, count in counts.items()},
                    "num_docks_available": int(rng.integers(0, 20)), "is_installed": True, "is_renting": True,
                    "is_returning": i != 4, "last_reported": rfc3339(own) if new else own,
                }
            )  # fmt: skip
        expected.noted["ahead_of_its_poll"] += int(ahead.sum())
        expected.told["sensors"] += 2 * 19
        expected.rows += 19
        expected.skip("station_unknown")
        polls.append(json.dumps(envelope(version, at, {"stations": rows})))
    return _write_polls(folder, "station_status", polls, form), expected


# ------------------------------------------------------------------ MDS


def device(number: int) -> str:
    return str(UUID(int=number + 1))


def mds_event(number: int, at_ms: int, state: str = "available", **more: Any) -> dict[str, Any]:
    return {
        "device_id": device(number), "provider_id": device(999), "event_id": device(10_000 + at_ms % 1_000),
        "vehicle_state": state, "event_types": ["trip_end"], "timestamp": at_ms,
        "location": {"lat": OSLO[0] + number / 1_000, "lng": OSLO[1]}, "battery_percent": 80, **more,
    }  # fmt: skip


def mds_page(kind: str, rows: list[Any], at_ms: int, **more: Any) -> dict[str, Any]:
    return {"version": "2.0.0", "last_updated": at_ms, "ttl": 60_000, kind: rows, **more}


def write_mds_status(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    """Write three pages of one status, and a page of the vehicles."""
    expected = Expected()
    pages = []
    for page in range(3):
        rows = []
        for i in range(10 * page, 10 * page + 10):
            at = T0 * 1000 + int(rng.integers(0, 60_000))
            telemetry = {"timestamp": at + 5_000, "location": {"lat": OSLO[0], "lng": OSLO[1]}}
            rows.append(
                {"device_id": device(i), "provider_id": device(999), "last_event": mds_event(i, at),
                 "last_telemetry": telemetry}
            )  # fmt: skip
        expected.told["vehicles"] += 10
        expected.rows += 10
        rows.append({"device_id": device(70), "provider_id": device(999), "last_event": None})
        expected.skip("event_missing")
        pages.append(mds_page("vehicles_status", rows, T0 * 1000 + 60_000))
    pages.append(mds_page("vehicles", [{"device_id": device(0), "vehicle_type": "moped"}], T0 * 1000))
    for number, body in enumerate(pages):
        (folder / f"page-{number}.json").write_text(json.dumps(body))
    (folder / "page-9.json").write_text(ERROR_PAGE)
    expected.skip("not_json")
    return folder, expected


def write_mds_events(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    """Write 40 events, not in order of time, on two pages that overlap by five, and some bad ones."""
    states = ("available", "on_trip", "reserved", "removed", "stopped")
    events = [
        mds_event(i % 8, T0 * 1000 + int(rng.integers(0, 3_600_000)), states[i % len(states)])
        for i in range(40)
    ]
    bad = [
        mds_event(1, T0 * 1000, "flying"),
        mds_event(1, 5),
        mds_event(1, T0 * 1000, location=None),
        mds_event(1, T0 * 1000, device_id="a b"),
    ]
    expected = Expected(rows=40, told=Counter(vehicles=40))
    expected.skip("repeat", 5)
    for reason in ("state_unknown", "time_unreadable", "coordinates_missing", "bad_id"):
        expected.skip(reason)
    for name, rows in (("a", events[:20]), ("b", events[15:] + bad)):
        (folder / f"{name}.json").write_text(json.dumps(mds_page("events", rows, T0 * 1000 + 3_600_000)))
    return folder, expected


# ------------------------------------------------------------------ Open311 and tables


def open311_rows(rng: np.random.Generator) -> tuple[list[dict[str, Any]], Expected]:
    """Return 20 requests, ten of them closed, and four bad ones."""
    expected = Expected(rows=20, told=Counter(requests=30))
    rows: list[dict[str, Any]] = []
    for i in range(20):
        opened = T0 + int(rng.integers(0, 86_400))
        closed = i % 2 == 0
        rows.append(
            {
                "service_request_id": f"{i}", "status": "closed" if closed else "open",
                "service_name": "Pothole", "service_code": "P 1", "requested_datetime": rfc3339(opened),
                "updated_datetime": rfc3339(opened + 3_600) if closed else None,
                "expected_datetime": rfc3339(opened + 86_400), "lat": OSLO[0], "long": OSLO[1],
                "description": "deep, and\nwide", "agency_responsible": "Roads", "address": "Torg 1",
            }
        )  # fmt: skip
    for reason, change in (
        ("time_unreadable", {"requested_datetime": "soon"}),
        ("coordinates_missing", {"lat": None}),
        ("bad_id", {"service_request_id": "a/b"}),
        ("category_missing", {"service_code": None}),
    ):
        expected.skip(reason)
        rows.append(rows[0] | change)
    return rows, expected


def write_open311_json(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    rows, expected = open311_rows(rng)
    (folder / "1.json").write_text(json.dumps(rows[:9]))
    (folder / "2.json").write_text(json.dumps({"service_requests": rows[9:]}))
    (folder / "3.json").write_text(ERROR_PAGE)
    expected.skip("not_a_feed")
    return folder, expected


def open311_xml(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a page as GeoReport v2 writes it; None is an empty element."""
    page = ET.Element("service_requests")
    for row in rows:
        request = ET.SubElement(page, "request")
        for name, value in row.items():
            ET.SubElement(request, name).text = None if value is None else str(value)
    return ET.tostring(page, encoding="utf-8", xml_declaration=True)


def write_open311_xml(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    rows, expected = open311_rows(rng)
    (folder / "1.xml").write_bytes(open311_xml(rows[:9]))
    (folder / "2.xml.gz").write_bytes(gzip.compress(open311_xml(rows[9:])))
    (folder / "3.xml").write_text("<!DOCTYPE html><html><body><h1>Service Unavailable</h1><br></body></html>")
    expected.skip("not_a_feed")
    return folder, expected


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_open311_csv(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    rows, expected = open311_rows(rng)
    return write_csv(folder / "requests.csv", rows), expected


VEHICLES_TOML = """
kind = "vehicles"
owner = "north"
id_prefix = "n-"
delimiter = ";"
decimal = ","
columns = { vehicle_id = "bike", ts = ["day", "time"], lat = "y", lon = "x", vehicle_state = "state" }
constants = { vehicle_type = "cargo_bicycle" }
values.vehicle_state = { frei = "available", unterwegs = "on_trip" }
time = { format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }
"""

WIDE_TOML = """
kind = "sensors"
owner = "city-air"
missing = ["NA"]
columns = { sensor_id = "station", ts = ["year", "month", "day", "hour"] }
constants = { lat = 39.93, lon = 116.42 }
time = { format = "%Y %m %d %H", zone = "Asia/Shanghai" }
[[measures]]
column = "PM2.5"
metric = "pm25"
[[measures]]
column = "TEMP"
metric = "temperature"
unit = "[degF]"
"""

LONG_TOML = """
kind = "sensors"
owner = "city"
columns = { sensor_id = "id", ts = "t", lat = "lat", lon = "lon", metric = "what", value = "v", capacity = "most" }
values.metric = { free = "free_spaces" }
time = { format = "milliseconds" }
"""

REQUESTS_TOML = """
kind = "requests"
owner = "boston"
[columns]
service_request_id = "CASE"
opened = "OPEN_DT"
closed = "CLOSED_DT"
expected_datetime = "TARGET_DT"
service_code = "TYPE"
lat = "LATITUDE"
lon = "LONGITUDE"
[time]
format = "%m/%d/%Y %I:%M:%S %p"
zone = "America/New_York"
"""


def write_vehicles_table(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    good = [
        {"bike": i % 7, "day": "02.09.2024", "time": f"{int(rng.integers(0, 24)):02d}:{i:02d}",
         "y": "52,4", "x": "10,7", "state": ("frei", "unterwegs")[i % 2]}
        for i in range(30)
    ]  # fmt: skip
    bad = [
        good[0] | change for change in ({"state": "kaputt"}, {"time": "25:00"}, {"y": "nord"}, {"bike": "ä"})
    ]
    expected = Expected(rows=30, told=Counter(vehicles=30))
    for reason in ("vehicle_state_unknown", "time_unreadable", "coordinates_unreadable", "bad_id"):
        expected.skip(reason)
    return write_csv(folder / "t.csv", [*good, *bad], ";"), expected


def write_wide_table(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    rows = [
        {"station": f"s{i % 3}", "year": 2024, "month": 9, "day": 2, "hour": 23 - i // 3,
         "PM2.5": round(float(rng.uniform(1, 90)), 1), "TEMP": 60 + i % 5}
        for i in range(60)
    ]  # fmt: skip
    rows[4]["PM2.5"] = "NA"
    rows[5] |= {"PM2.5": "NA", "TEMP": "NA"}
    rows[6]["TEMP"] = "hot"
    expected = Expected(
        rows=59, told=Counter(sensors=116), noted=Counter(value_missing=3, value_unreadable=1)
    )
    expected.skip("value_missing")
    return write_csv(folder / "t.csv", rows), expected


def write_long_table(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    good = [
        {"id": f"p-{i % 4}", "t": T0 * 1000 + int(rng.integers(0, 9_000_000)), "lat": 59.9, "lon": 10.7, "what": "free",
         "v": int(rng.integers(0, 80)), "most": 80}
        for i in range(40)
    ]  # fmt: skip
    bad = [
        good[0] | change for change in ({"v": ""}, {"v": "many"}, {"what": "bliss"}, {"t": 5}, {"lat": 99})
    ]
    expected = Expected(rows=40, told=Counter(sensors=40))
    for reason in (
        "value_missing", "value_unreadable", "metric_unknown", "time_unreadable", "coordinates_out_of_range"
    ):  # fmt: skip
        expected.skip(reason)
    return write_csv(folder / "t.csv", [*good, *bad]), expected


def write_requests_table(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
    rows = []
    for i in range(20):
        row = {"CASE": 100 + i, "OPEN_DT": f"06/{1 + i:02d}/2015 12:28:00 AM", "TARGET_DT": "", "CLOSED_DT": "",
               "TYPE": "Pothole", "LATITUDE": 42.3, "LONGITUDE": -71.0}  # fmt: skip
        if i % 2:
            row["CLOSED_DT"] = f"06/{2 + i:02d}/2015 01:00:00 PM"
        rows.append(row)
    rows[1]["CLOSED_DT"] = "05/01/2015 01:00:00 PM"
    rows[2]["TARGET_DT"] = "later"
    rows.append(rows[0] | {"LATITUDE": ""})
    noted = Counter(closed_before_opened=1, time_left_out=1)
    expected = Expected(rows=20, told=Counter(requests=29), noted=noted)
    expected.skip("coordinates_missing")
    return write_csv(folder / "t.csv", rows), expected
