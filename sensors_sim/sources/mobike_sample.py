"""Writes small files in the Mobike trips form, for tests and for trying out a replay."""

import csv
import gzip
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np

HEADER = (
    "id",
    "bike_id",
    "user_id",
    "start_time",
    "end_time",
    "duration_min",
    "end_lon",
    "end_lat",
    "track_dist_m",
)
HEADER_WITH_ORIGIN = (
    "bike_id", "user_id", "start_time", "start_lon", "start_lat", "end_time", "end_lon", "end_lat", "duration_min",
)  # fmt: skip

BAD_ROWS = (
    {"start_time": "yesterday"},
    {"end_time": "2015-01-01 00:00:00"},
    {"end_lon": ""},
    {"end_lat": "north"},
    {"end_lon": "0", "end_lat": "0"},
    {"bike_id": ""},
)
"""What is wrong with the bad rows, in turn."""


def write_sample(path: Path, seed: int, trips: int, *, with_origin: bool = False, bad_rows: int = 0) -> None:
    """Write `trips` trips and `bad_rows` rows that are none, gzipped where `path` ends in .gz.

    About three trips a bike within four days of August 2016, by start time, to the minute and to
    0.001 degrees as in the published files; some begin in the minute in which the bike's last trip
    ended, some overlap it, some end in the minute in which they began.
    """
    rng = np.random.default_rng(seed)
    bikes = rng.choice(90_000, max(1, trips // 3), replace=False)
    free_at = dict.fromkeys(bikes.tolist(), 0)  # minutes since the first midnight
    where = {bike: _somewhere(rng) for bike in free_at}
    rows: list[tuple[int, dict[str, str]]] = []
    for _ in range(trips + bad_rows):
        bike = int(rng.choice(bikes))
        gap = int(rng.choice([0, -3, int(rng.integers(1, 1_500))], p=[0.15, 0.1, 0.75]))
        start = max(0, free_at[bike] + gap)
        minutes = int(rng.choice([0, int(rng.integers(1, 60))], p=[0.05, 0.95]))
        origin, end = where[bike], _somewhere(rng)
        rows.append((start, _row(bike, int(rng.integers(1, 20_000)), start, minutes, origin, end)))
        free_at[bike], where[bike] = start + minutes, end
    for i, index in enumerate(rng.choice(len(rows), bad_rows, replace=False).tolist()):
        rows[index][1].update(BAD_ROWS[i % len(BAD_ROWS)])
    rows.sort(key=lambda row: row[0])

    text = StringIO(newline="")
    writer = csv.DictWriter(
        text, HEADER_WITH_ORIGIN if with_origin else HEADER, extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({"id": str(number), **row} for number, (_, row) in enumerate(rows, start=1))
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _somewhere(rng: np.random.Generator) -> tuple[float, float]:
    return round(float(rng.normal(31.23, 0.05)), 3), round(float(rng.normal(121.47, 0.06)), 3)


def _row(
    bike: int, user: int, start: int, minutes: int, origin: tuple[float, float], end: tuple[float, float]
) -> dict[str, str]:
    midnight = datetime(2016, 8, 1)
    began = midnight + timedelta(minutes=start)
    return {
        "bike_id": str(bike),
        "user_id": str(user),
        "start_time": began.strftime("%Y-%m-%d %H:%M:%S"),
        "end_time": (began + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S"),
        "duration_min": str(minutes),
        "start_lat": str(origin[0]),
        "start_lon": str(origin[1]),
        "end_lat": str(end[0]),
        "end_lon": str(end[1]),
        "track_dist_m": f"{minutes * 200:.2f}",
    }
