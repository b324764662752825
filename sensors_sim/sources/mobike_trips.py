"""Mobike trips of Shanghai (CSV, also gzipped) as positions: a bike leaves where it stood and arrives.

Two forms, told apart by their header: trips without start coordinates (id, bike_id, user_id,
start_time, end_time, duration_min, end_lon, end_lat, track_dist_m) and full origin-destination rows
with start_lon and start_lat. Times are local (UTC+8); columns that are not needed are ignored.
The whole file is held in memory, some 300 bytes a trip, because it need not be sorted by time.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from schemas.vehicles import ID_PATTERN
from sensors_sim.batch import AVAILABLE, NO_BATTERY, ON_TRIP, Positions, ids
from sensors_sim.errors import SourceError
from sensors_sim.rhythm import SHANGHAI
from sensors_sim.sources.contract import BadRow, Report
from sensors_sim.sources.files import UNREADABLE, open_text
from sensors_sim.sources.places import Place, place

OPERATOR = "mobike"
REQUIRED = ("bike_id", "start_time", "end_time", "end_lon", "end_lat")
ORIGIN = ("start_lon", "start_lat")
BATCH = 5_000

_ID = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Trip:
    """One trip; times in milliseconds since the epoch, places as (lat, lon)."""

    vehicle_id: str
    start: int
    end: int
    origin: Place | None
    destination: Place


class MobikeTrips:
    """A trips file as a source. Raises SourceError at once when the file is of another form."""

    def __init__(self, path: Path) -> None:
        self.report = Report()
        self._positions = positions(read(path, self.report))

    @property
    def start_ms(self) -> int | None:
        """Time of the first position."""
        return int(self._positions.ts[0]) if len(self._positions) else None

    @property
    def end_ms(self) -> int | None:
        """Time of the last position."""
        return int(self._positions.ts[-1]) if len(self._positions) else None

    def batches(self) -> Iterator[Positions]:
        """Yield the positions, BATCH at a time."""
        for first in range(0, len(self._positions), BATCH):
            yield self._positions.take(slice(first, first + BATCH))


def positions(trips: list[Trip]) -> Positions:
    """Return an `on_trip` position at the start and an `available` one at the end of each trip, by time.

    At equal times ends come before starts, and then the order of `trips` counts. So a trip that
    ends in the minute in which it began leaves its bike available: the pipeline takes the first of two
    positions with the same time and supersedes the second. A trip without an origin starts
    where its bike stood, that is at the last end on file; a bike seen for the first time has none,
    and reports its end only.
    """
    events = sorted(
        [(trip.end, 0, row) for row, trip in enumerate(trips)]
        + [(trip.start, 1, row) for row, trip in enumerate(trips)]
    )
    stood: dict[str, tuple[int, Place]] = {}
    vehicle: list[str] = []
    times: list[int] = []
    places: list[Place] = []
    states: list[int] = []
    for ts, starts, row in events:
        trip = trips[row]
        last = stood.get(trip.vehicle_id)
        if starts:
            place = trip.origin or (last[1] if last else None)
            if place is None:
                continue
        else:
            place = trip.destination
            if last is None or ts > last[0]:
                stood[trip.vehicle_id] = (ts, place)
        vehicle.append(trip.vehicle_id)
        times.append(ts)
        places.append(place)
        states.append(ON_TRIP if starts else AVAILABLE)
    n = len(times)
    return Positions(
        operators=(OPERATOR,),
        operator=np.zeros(n, dtype=np.uint8),
        vehicle_id=ids(vehicle),
        ts=np.array(times, dtype=np.int64),
        lat=np.array([place[0] for place in places], dtype=np.float64),
        lon=np.array([place[1] for place in places], dtype=np.float64),
        state=np.array(states, dtype=np.uint8),
        battery=np.full(n, NO_BATTERY, dtype=np.int64),
    )


def read(path: Path, report: Report) -> list[Trip]:
    """Return the trips of a file in its order; rows that are no trip are counted in `report`.

    Raises SourceError when the file cannot be read, or its header is of another form.
    """
    trips: list[Trip] = []
    try:
        with open_text(path) as file:
            rows = csv.reader(file)
            columns = _columns(next(rows, []), path)
            while True:
                try:
                    row = next(rows)
                except StopIteration:
                    return trips
                except csv.Error as error:
                    report.rows += 1
                    report.skip("not_csv", f"line {rows.line_num}: {error}")
                    continue
                if not row:
                    continue
                report.rows += 1
                try:
                    trips.append(_trip(row, columns))
                except BadRow as bad:
                    report.skip(bad.reason, f"line {rows.line_num}: {bad.value[:80]!r}")
    except (*UNREADABLE, csv.Error) as error:
        raise SourceError(f"cannot read {path} ({error}); it must be a CSV file, plain or gzipped") from None


def _columns(header: list[str], path: Path) -> dict[str, int]:
    """Return the index of each column that is needed; the origin's only where the file has both."""
    found = {name.strip().lower(): index for index, name in enumerate(header)}
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise SourceError(
            f"{path} is not a mobike-trips file: it lacks the columns {', '.join(missing)}; "
            f"found: {', '.join(found) or 'none'}; expected: {', '.join(REQUIRED)}, "
            f"and optionally {', '.join(ORIGIN)}"
        )
    wanted = [*REQUIRED, *(ORIGIN if all(name in found for name in ORIGIN) else ())]
    return {name: found[name] for name in wanted}


def _trip(row: list[str], columns: dict[str, int]) -> Trip:
    if len(row) <= max(columns.values()):
        raise BadRow("too_few_columns", ",".join(row))
    text = {name: row[index].strip() for name, index in columns.items()}
    vehicle_id = f"{OPERATOR}-{text['bike_id']}"
    if not text["bike_id"] or not _ID.match(vehicle_id):
        raise BadRow("bad_bike_id", text["bike_id"])
    start, end = _time(text["start_time"]), _time(text["end_time"])
    if end < start:
        raise BadRow("end_before_start", f"{text['start_time']} to {text['end_time']}")
    destination = _place(text["end_lat"], text["end_lon"])
    if destination is None:
        raise BadRow("coordinates_missing", ",".join(row))
    origin = _place(text["start_lat"], text["start_lon"]) if "start_lat" in text else None
    return Trip(vehicle_id, start, end, origin, destination)


def _time(text: str) -> int:
    """Return milliseconds since the epoch of a local time such as 2016-08-01 00:23:00."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow("time_unreadable", text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return round(moment.timestamp() * 1000)


def _place(lat: str, lon: str) -> Place | None:
    """Return a place, or None where both fields are empty."""
    return place(lat, lon) if lat or lon else None
