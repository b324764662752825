"""Views of sensors with real rows, read as ub_reader, next to what Python computes from the readings themselves."""

import json
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from streams.fold import sketch
from tests.conftest import Database
from tests.figures import of_values
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write

pytestmark = pytest.mark.integration

HEX = h3.int_to_str(CELL)
MINUTE = datetime.fromtimestamp(T0 / 1000, UTC)
HOUR = MINUTE.replace(minute=0)
HOUR_MS = int(HOUR.timestamp() * 1000)
OTHER = sorted(h3.grid_ring(CELL, 1))[0]


def read(database: Database, statement: str, *parameters: object) -> list[dict[str, Any]]:
    with psycopg.connect(database.reader_url, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def window(values: Sequence[float], **changes: Any) -> dict[str, Any]:
    """One row of sensor_window, as the grid makes it of these readings."""
    bins, counts = np.unique(sketch.bins_of(np.array(values, float)), return_counts=True)
    median, p95 = np.clip(
        sketch.quantiles(bins.tolist(), counts.tolist(), (0.5, 0.95)), min(values), max(values)
    ).tolist()
    return {
        "readings": len(values),
        "total": math.fsum(values),
        "mean": statistics.mean(values),
        "least": min(values),
        "most": max(values),
        "stddev": statistics.stdev(values) if len(values) > 1 else None,
        "median": median,
        "p95": p95,
        "bins": bins.tolist(),
        "bin_counts": counts.tolist(),
        **changes,
    }


def only(row: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def test_sensor_latest_has_one_row_per_sensor_and_metric(migrated: Database) -> None:
    write(
        migrated, rows.sensors({}, {"metric": "no2", "value": -0.25}, {"sensor_id": "s2", "status": "fault"})
    )
    found = read(migrated, "SELECT * FROM api.sensor_latest ORDER BY sensor_id, metric")
    assert [(r["sensor_id"], r["metric"], r["value"], r["status"]) for r in found] == [
        ("s1", "no2", -0.25, "ok"),
        ("s1", "pm25", 12.5, "ok"),
        ("s2", "pm25", 12.5, "fault"),
    ]
    assert {(r["hex"], r["cell"], r["ts"], r["unit"], r["kind"], r["owner"]) for r in found} == {
        (HEX, CELL, MINUTE, "ug/m3", "air", "city")
    }


def test_a_newer_reading_replaces_the_one_on_file(migrated: Database) -> None:
    write(migrated, rows.sensors({}))
    write(migrated, rows.sensors({"value": 13.0, "ts": T0 + 1}))
    (row,) = read(migrated, "SELECT value, ts FROM api.sensor_latest")
    assert row == {"value": 13.0, "ts": MINUTE + timedelta(milliseconds=1)}


def test_a_minute_of_one_window_is_that_window(migrated: Database) -> None:
    values = [0.0, -3.5, 12.25, 12.25, 40.0]
    write(migrated, rows.geometry(), rows.sensor_windows(window(values, revision=2)))
    (row,) = read(migrated, "SELECT * FROM api.cell_metric_minute")
    assert only(row, of_values(values)) == of_values(values)
    lat, lon = h3.cell_to_latlng(CELL)
    expected = {"minute": MINUTE, "hex": HEX, "metric": "pm25", "unit": "ug/m3", "revision": 2}
    expected |= {"lat": lat, "lon": lon}
    assert only(row, expected) == expected
    assert row["boundary"]["type"] == "Polygon"


@pytest.mark.parametrize("value", [0.1, 0.7, 1.1])
@pytest.mark.parametrize("window_s", [60, 30])
def test_a_mean_is_shown_as_it_was_computed_and_lies_within_its_readings(
    migrated: Database, value: float, window_s: int
) -> None:
    """Three times 0.1 is 0.30000000000000004, a third of which is more than each of them."""
    later = {"window_start": T0 + 3_600_000, "window_s": window_s}
    again = {"window_start": T0 + 3_600_000 + window_s * 1000, "window_s": window_s}
    windows = [
        window([value] * 3, window_s=window_s),
        window([value] * 3, **later),
        window([value] * 7, **again),
    ]
    write(migrated, rows.sensor_windows(*windows))
    for view in ("cell_metric_minute", "cell_metric_hour"):
        found = read(migrated, f"SELECT readings, mean FROM api.{view} ORDER BY 1")
        assert [row["mean"] for row in found] == [value] * len(found), view
        assert sum(row["readings"] for row in found) == 13


def test_one_reading_has_no_standard_deviation_and_a_cell_without_geometry_is_shown(
    migrated: Database,
) -> None:
    write(migrated, rows.sensor_windows(window([7.0])))
    (row,) = read(migrated, "SELECT * FROM api.cell_metric_minute")
    assert (row["readings"], row["mean"], row["stddev"], row["boundary"]) == (1, 7.0, None, None)
    (row,) = read(migrated, "SELECT * FROM api.cell_metric_hour")
    assert (row["readings"], row["mean"], row["stddev"], row["boundary"]) == (1, 7.0, None, None)


@pytest.mark.parametrize("seed", range(3))
def test_windows_of_an_hour_merge_to_what_all_its_readings_give(migrated: Database, seed: int) -> None:
    """Mixed signs and zeros; air pressure, whose variance is a millionth of its square; metrics and cells apart."""
    rng = random.Random(seed)
    kinds = {
        ("temperature", "Cel"): lambda: rng.choice([0.0, rng.gauss(0, 8)]),
        ("pressure", "hPa"): lambda: rng.gauss(1013.25, 0.05),
        ("pm25", "ug/m3"): lambda: rng.lognormvariate(3, 1.5),
    }
    readings: dict[tuple[int, str, str], list[tuple[int, float]]] = {
        (cell, metric, unit): [
            (HOUR_MS + rng.randrange(2 * 3_600_000), round(draw(), 6)) for _ in range(rng.randint(2, 400))
        ]
        for (metric, unit), draw in kinds.items()
        for cell in (CELL, OTHER)
    }
    write(migrated, rows.sensor_windows(*windows_of(readings, length_s=60)))
    for view, name, length_ms in (("minute", "minute", 60_000), ("hour", "hour", 3_600_000)):
        found = {
            (row["cell"], row["metric"], row["unit"], int(row[name].timestamp() * 1000)): row
            for row in read(migrated, f"SELECT * FROM api.cell_metric_{view}")
        }
        expected = {
            (*key, start): of_values(values)
            for key, points in readings.items()
            for start, values in by_start(points, length_ms)
        }
        assert {key: only(row, expected[key]) for key, row in found.items()} == expected


def test_windows_shorter_than_a_minute_are_merged_and_longer_ones_stand_where_they_start(
    migrated: Database,
) -> None:
    shorter = [([1.0, 2.0], 0), ([30.0], 20_000), ([4.0, 500.0, 6.0], 40_000)]
    write(
        migrated,
        rows.sensor_windows(
            *(window(v, window_s=20, window_start=T0 + at, revision=at // 20_000) for v, at in shorter),
            window([9.0, 9.5], window_s=7200, metric="no2"),
        ),
    )
    minutes = read(migrated, "SELECT * FROM api.cell_metric_minute ORDER BY metric")
    assert [(row["metric"], row["minute"], row["revision"]) for row in minutes] == [
        ("no2", MINUTE, 0),
        ("pm25", MINUTE, 2),
    ]
    every = [value for values, _ in shorter for value in values]
    assert only(minutes[1], of_values(every)) == of_values(every)
    (hour,) = read(migrated, "SELECT * FROM api.cell_metric_hour WHERE metric = 'no2'")
    assert (hour["hour"], hour["readings"]) == (HOUR, 2)


def test_an_amended_window_counts_once(migrated: Database) -> None:
    write(migrated, rows.sensor_windows(window([1.0, 2.0])))
    write(migrated, rows.sensor_windows(window([1.0, 2.0, 3.0], revision=1)))
    for view in ("minute", "hour"):
        (row,) = read(migrated, f"SELECT * FROM api.cell_metric_{view}")
        assert only(row, of_values([1.0, 2.0, 3.0])) == of_values([1.0, 2.0, 3.0])


def test_buckets_and_quantiles_of_the_database_are_those_of_the_program(migrated: Database) -> None:
    every = [*range(-sketch.HIGHEST_BIN, sketch.HIGHEST_BIN + 1, 13), -1, 0, 1, sketch.HIGHEST_BIN]
    (found,) = query(
        migrated.owner_url,
        "SELECT array_agg(ub.sketch_value(b) ORDER BY n) FROM unnest(%s::integer[]) WITH ORDINALITY AS t (b, n)",
        every,
    )
    assert found[0] == pytest.approx([sketch.value_of(bin_) for bin_ in every], rel=1e-11)
    rng = random.Random(5)
    quantiles = [0.0, 0.05, 0.5, 0.95, 0.999, 1.0]
    for size in (1, 2, 3, 20, 200):
        bins = sorted(rng.sample(every, size))
        counts = [rng.choice([1, 2, 50, 10_000]) for _ in bins]
        (found,) = query(
            migrated.owner_url,
            "SELECT ub.sketch_quantiles(ARRAY[(%s::integer[], %s::integer[])::ub.sketch], %s::float8[])",
            *(bins, counts, quantiles),
        )
        assert found[0] == pytest.approx(sketch.quantiles(bins, counts, quantiles), rel=1e-11)


def windows_of(
    readings: Mapping[tuple[int, str, str], Sequence[tuple[int, float]]], length_s: int
) -> list[dict[str, Any]]:
    return [
        window(values, window_start=start, window_s=length_s, cell=cell, metric=metric, unit=unit)
        for (cell, metric, unit), points in readings.items()
        for start, values in by_start(points, length_s * 1000)
    ]


def by_start(points: Sequence[tuple[int, float]], length_ms: int) -> list[tuple[int, list[float]]]:
    """Return the values of each window of `length_ms`, with its start."""
    groups = groupby(sorted(points), key=lambda point: point[0] // length_ms * length_ms)
    return [(start, [value for _, value in group]) for start, group in groups]


def test_an_anomaly_says_what_was_seen_and_what_was_expected(migrated: Database) -> None:
    found = {
        "metric": "flow",
        "unit": "/h",
        "window_start": T0,
        "window_ms": 60_000,
        "value": 12.5,
        "aspect": "season",
        "observed": 12.5,
        "low": 300.0,
        "high": 450.5,
        "score": 0.75,
        "detector": "records",
        "detector_version": 1,
    }
    evidence = {"occupancy": None, "capacity": None, "by_operator": {}, "anomaly": found}
    anomaly = {"kind": "anomaly", "severity": "minor", "evidence": json.dumps(evidence)}
    write(migrated, *rows.alert("raised", 0, T0, **anomaly), *rows.alert("raised", 0, T0, alert_id="a2"))
    [row] = read(migrated, "SELECT * FROM api.anomaly")
    told = {name: value for name, value in found.items() if not name.startswith("window")}
    assert only(row, told) == told
    assert (row["alert_id"], row["hex"], row["severity"], row["status"]) == ("a1", HEX, "minor", "active")
    [opened] = read(migrated, "SELECT occupancy FROM api.alerts_open WHERE kind = 'anomaly'")
    assert opened["occupancy"] is None
