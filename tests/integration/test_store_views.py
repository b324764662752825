"""Schema api with real rows, read as ub_reader."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import h3.api.basic_int as h3
import psycopg
import pytest

from sensors_sim.score.catching_up import Reached, Tables
from streams.fold.contract import Ledger, Rows
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write

pytestmark = pytest.mark.integration

HEX = h3.int_to_str(CELL)
MINUTE = datetime.fromtimestamp(T0 / 1000, UTC)
HOUR = MINUTE.replace(minute=0)


def read(database: Database, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    return query(database.reader_url, statement, *parameters)


def test_a_reader_may_read_all_of_api_and_nothing_of_ub(migrated: Database) -> None:
    for (view,) in read(
        migrated, "SELECT table_name FROM information_schema.views WHERE table_schema = 'api'"
    ):
        read(migrated, f"SELECT * FROM api.{view}")
    tables = query(migrated.owner_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'ub'")
    assert len(tables) >= 12
    for (table,) in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read(migrated, f"SELECT * FROM ub.{table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        read(migrated, "SELECT ub.drop_old_chunks('cell_window', interval '1 day')")


@pytest.mark.parametrize("statement", ["CREATE TEMPORARY TABLE mine ()", "SELECT lo_create(0)"])
def test_a_reader_makes_nothing_that_knows_no_limit(migrated: Database, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        read(migrated, statement)


def test_a_reader_s_queries_end_and_fill_no_disk(migrated: Database) -> None:
    assert read(migrated, "SHOW statement_timeout") == [("1min",)]
    assert read(migrated, "SHOW temp_file_limit") == [("1GB",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        read(migrated, "SET temp_file_limit = -1")


@pytest.mark.parametrize("unit", ["minute", "hour"])
@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("-infinity", "2026-03-01"),
        ("2026-03-01", "infinity"),
        ("-infinity", "infinity"),
        ("1900-01-01", "2026-03-01"),
    ],
)
def test_a_series_without_end_is_refused(migrated: Database, unit: str, since: str, until: str) -> None:
    since = "0001-01-01" if (since, unit) == ("1900-01-01", "hour") else since
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="1,000,000 rows; ask for a shorter span"):
        read(migrated, f"SELECT count(*) FROM api.cell_{unit}_filled(%s, %s, %s)", since, until, CELL)


def test_a_series_of_a_year_of_minutes_is_given(migrated: Database) -> None:
    year = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), CELL)
    assert read(migrated, "SELECT count(*) FROM api.cell_minute_filled(%s, %s, %s)", *year) == [(365 * 1440,)]


def test_the_writer_may_not_change_the_schema(migrated: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(migrated.writer_url, "CREATE TABLE ub.mine ()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(migrated.writer_url, "DELETE FROM ub.schema_migration RETURNING 1")


def test_vehicle_latest_has_one_row_per_vehicle(migrated: Database) -> None:
    write(
        migrated, rows.vehicles({}, {"vehicle_id": "b2", "vehicle_state": "on_trip", "battery_percent": 40})
    )
    assert read(
        migrated,
        "SELECT vehicle_id, ts, cell, hex, vehicle_state, battery_percent FROM api.vehicle_latest ORDER BY 1",
    ) == [
        ("b1", MINUTE, CELL, HEX, "available", None),
        ("b2", MINUTE, CELL, HEX, "on_trip", 40),
    ]


def test_cell_now_has_the_cells_centre_and_boundary(migrated: Database) -> None:
    write(migrated, rows.cells_now({}, {"operator": "mobike", "occupancy": 9}), rows.geometry())
    found = read(
        migrated,
        "SELECT hex, operator, occupancy, on_trip, lat, lon, boundary ->> 'type', "
        "jsonb_array_length(boundary #> '{coordinates,0}') FROM api.cell_now ORDER BY operator",
    )
    lat, lon = h3.cell_to_latlng(CELL)
    assert found == [
        (HEX, "hello", 4, 7, lat, lon, "Polygon", 7),
        (HEX, "mobike", 9, 7, lat, lon, "Polygon", 7),
    ]


def test_a_cell_whose_geometry_is_not_there_yet_is_shown_without_it(migrated: Database) -> None:
    write(migrated, rows.cells_now({}))
    assert read(migrated, "SELECT occupancy, boundary FROM api.cell_now") == [(4, None)]


def test_cell_minute_is_the_window_itself_where_windows_last_a_minute(migrated: Database) -> None:
    write(migrated, rows.windows({}, {"operator": "mobike", "revision": 2}, {"window_start": T0 + 60_000}))
    assert read(
        migrated,
        "SELECT minute, hex, operator, readings, arrivals, departures, occupancy, revision "
        "FROM api.cell_minute ORDER BY minute, operator",
    ) == [
        (MINUTE, HEX, "hello", 10, 2, 1, 5, 0),
        (MINUTE, HEX, "mobike", 10, 2, 1, 5, 2),
        (MINUTE + timedelta(minutes=1), HEX, "hello", 10, 2, 1, 5, 0),
    ]


def test_cell_minute_sums_the_flows_of_shorter_windows_and_takes_the_last_occupancy(
    migrated: Database,
) -> None:
    short = {"window_s": 20}
    write(
        migrated,
        rows.windows(
            {**short, "occupancy": 6},
            {**short, "window_start": T0 + 40_000, "occupancy": 8},
            {**short, "window_start": T0 + 20_000, "occupancy": 7},
        ),
    )
    assert read(
        migrated, "SELECT minute, readings, arrivals, departures, occupancy FROM api.cell_minute"
    ) == [(MINUTE, 30, 6, 3, 8)]


def test_cell_hour_sums_flows_and_shows_occupancy_at_the_hours_end(migrated: Database) -> None:
    write(
        migrated,
        rows.geometry(),
        rows.windows(
            {"occupancy": 5},
            {"window_start": T0 + 10 * 60_000, "occupancy": 3, "arrivals": 0},
            {"window_start": T0 + 60 * 60_000, "occupancy": 4},
        ),
    )
    lat, lon = h3.cell_to_latlng(CELL)
    assert read(
        migrated,
        "SELECT hour, hex, readings, arrivals, departures, occupancy, lat, lon, boundary ->> 'type' "
        "FROM api.cell_hour ORDER BY hour",
    ) == [
        (HOUR, HEX, 20, 2, 2, 3, lat, lon, "Polygon"),
        (HOUR + timedelta(hours=1), HEX, 10, 2, 1, 4, lat, lon, "Polygon"),
    ]


def test_operator_minute_sums_the_windows_of_all_cells_of_a_region(migrated: Database) -> None:
    short = {"window_s": 20, "window_start": T0 + 60_000}
    write(
        migrated,
        rows.windows(
            {"readings": 7, "revision": 2},
            {"cell": CELL + 1, "arrivals": 5},
            {"cell": CELL + 2, "region": "s"},
            {"operator": "mobike", "departures": 4},
            short,
            {**short, "window_start": T0 + 80_000, "cell": CELL + 1},
        ),
    )
    assert read(
        migrated,
        "SELECT minute, operator, region, readings, arrivals, departures, revision "
        "FROM api.operator_minute ORDER BY minute, operator, region",
    ) == [
        (MINUTE, "hello", "r", 17, 7, 2, 2),
        (MINUTE, "hello", "s", 10, 2, 1, 0),
        (MINUTE, "mobike", "r", 10, 2, 4, 0),
        (MINUTE + timedelta(minutes=1), "hello", "r", 20, 4, 2, 0),
    ]


@pytest.mark.parametrize("view", ["cell_minute", "cell_metric_minute", "operator_minute"])
def test_the_database_knows_how_many_windows_of_a_minute_lie_between_two(
    migrated: Database, view: str
) -> None:
    minutes = [{"window_start": T0 - number * 60_000} for number in range(400)]
    write(migrated, rows.windows(*minutes), rows.sensor_windows(*minutes))
    since = MINUTE - timedelta(minutes=200)
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE ub.cell_window, ub.sensor_window")
        ((plan,),) = connection.execute(
            f"EXPLAIN (FORMAT JSON) SELECT minute, readings FROM api.{view} "
            f"WHERE minute >= '{since}' AND minute < '{MINUTE}'".encode()
        ).fetchall()
    assert plan[0]["Plan"]["Plan Rows"] == pytest.approx(200, rel=0.2)


def test_minutes_without_a_report_are_filled(migrated: Database) -> None:
    write(
        migrated,
        rows.windows(
            {"window_start": T0 - 60 * 60_000, "operator": "mobike", "occupancy": 2},  # before the range
            {"window_start": T0 + 60_000, "occupancy": 5},
            {"window_start": T0 + 60_000, "operator": "mobike", "occupancy": 1},
            {"window_start": T0 + 3 * 60_000, "occupancy": 7},
            {"window_start": T0 + 5 * 60_000, "occupancy": 99},  # after it
        ),
    )
    since = MINUTE + timedelta(seconds=30)  # the minute that holds it is the first
    found = read(
        migrated,
        "SELECT minute, hex, readings, arrivals, departures, occupancy FROM api.cell_minute_filled(%s, %s, %s)",
        since,
        MINUTE + timedelta(minutes=5),
        CELL,
    )
    assert found == [
        (MINUTE, HEX, 0, 0, 0, 2),
        (MINUTE + timedelta(minutes=1), HEX, 20, 4, 2, 6),
        (MINUTE + timedelta(minutes=2), HEX, 0, 0, 0, 6),
        (MINUTE + timedelta(minutes=3), HEX, 10, 2, 1, 8),
        (MINUTE + timedelta(minutes=4), HEX, 0, 0, 0, 8),
    ]


@pytest.mark.parametrize("unit", ["minute", "hour"])
def test_what_stood_before_a_series_is_looked_up_without_reading_all_that_is_kept(
    migrated: Database, unit: str
) -> None:
    before = [
        {"window_start": T0 - 86_400_000 - 60_000 * minutes, "operator": operator, "occupancy": minutes}
        for operator, first in (("didi", 100), ("hello", 70), ("meituan", 1500))
        for minutes in range(first, 2000)
    ]
    write(migrated, rows.windows(*before))
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE ub.cell_window")
    with psycopg.connect(migrated.reader_url) as connection:
        found = connection.execute(
            f"SELECT occupancy FROM api.cell_{unit}_filled(%s, %s, %s)".encode(),
            (MINUTE, MINUTE + timedelta(minutes=1), CELL),
        ).fetchall()
        ((rows_read,),) = connection.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables "
            "WHERE relname LIKE '%hyper%chunk'"
        ).fetchall()
    assert found == [(100 + 70 + 1500,)]
    assert rows_read < 50


def test_hours_without_a_report_are_filled_and_unknown_before_the_first(migrated: Database) -> None:
    write(migrated, rows.windows({}, {"window_start": T0 + 3 * 3_600_000, "occupancy": 1}))
    found = read(
        migrated,
        "SELECT hour, arrivals, occupancy FROM api.cell_hour_filled(%s, %s, api.from_hex(%s))",
        HOUR - timedelta(hours=1),
        HOUR + timedelta(hours=5),
        HEX,
    )
    assert found == [
        (HOUR + timedelta(hours=hours), arrivals, occupancy)
        for hours, arrivals, occupancy in [
            (-1, 0, None),
            (0, 2, 5),
            (1, 0, 5),
            (2, 0, 5),
            (3, 2, 1),
            (4, 0, 1),
        ]
    ]


def test_hours_are_utc_whatever_the_session_s_time_zone_is(migrated: Database) -> None:
    write(migrated, rows.windows({}))
    with psycopg.connect(migrated.reader_url) as connection:
        connection.execute("SET timezone = 'Asia/Kolkata'")  # half an hour off
        found = connection.execute(
            "SELECT hour, occupancy FROM api.cell_hour_filled(%s, %s, %s)", (MINUTE, MINUTE, CELL)
        ).fetchall()
    assert found == [(HOUR, 5)]


def test_an_alert_is_open_until_it_is_cleared_and_its_events_stay(migrated: Database) -> None:
    write(migrated, *rows.alert("raised", 0, T0), rows.geometry())
    assert read(
        migrated,
        "SELECT alert_id, severity, hex, occupancy, capacity, boundary ->> 'type' FROM api.alerts_open",
    ) == [("a1", "major", HEX, 80, 60, "Polygon")]
    write(migrated, *rows.alert("cleared", 1, T0 + 60_000))
    assert read(migrated, "SELECT * FROM api.alerts_open") == []
    ended = MINUTE + timedelta(minutes=1)
    assert read(
        migrated,
        "SELECT at, sequence, action, status, hex, occupancy, starts_at, ends_at, summary "
        "FROM api.alert_history ORDER BY sequence",
    ) == [
        (MINUTE, 0, "raised", "active", HEX, 80, MINUTE, ended, f"raised at {T0}"),
        (ended, 1, "cleared", "cleared", HEX, 80, MINUTE, ended, f"cleared at {T0 + 60_000}"),
    ]


def test_refusals_are_summed_over_the_partitions_that_counted_them(migrated: Database) -> None:
    counts = rows.rejected_count({"count": 3}, {"partition": 1, "count": 4, "newest_at": T0 + 60_000})
    write(migrated, counts, rows.rejected({"count": 7}))
    assert read(migrated, "SELECT topic, reason, count, newest_at FROM api.rejected_summary") == [
        ("ub/v1/hello/vehicles", "not_json", 7, MINUTE + timedelta(minutes=1))
    ]
    assert read(migrated, "SELECT source, payload, count FROM api.rejected") == [("gateway-0", "{", 7)]


def test_the_ledger_shows_each_partition(migrated: Database) -> None:
    write(migrated, ledger=Ledger(10, 7, 2, 1), partition=3)
    assert read(
        migrated, "SELECT stage, topic, partition, received, applied, superseded, rejected FROM api.ledger"
    ) == [("fleet", "ub.vehicles", 3, 10, 7, 2, 1)]


STAGE = "SELECT stage, partitions, now() - seen_at < '45 s', now() - stored_at < '45 s' FROM api.stage ORDER BY stage"
"""Less than any row is made to look old, and more than a test takes on a busy machine."""


def test_a_stage_is_seen_when_the_partition_was_that_is_worst_off(migrated: Database) -> None:
    assert read(migrated, STAGE) == []
    for partition in (0, 1):
        write(migrated, stage="grid", partition=partition)
    write(migrated, stage="incidents")
    assert read(migrated, STAGE) == [("grid", 2, True, True), ("incidents", 1, True, True)]
    left_alone(migrated, 60)
    write(migrated, stage="grid", partition=1)
    assert read(migrated, STAGE) == [("grid", 2, False, True), ("incidents", 1, False, False)]
    write(migrated, stage="grid", partition=0)
    assert read(migrated, STAGE) == [("grid", 2, True, True), ("incidents", 1, False, False)]


def test_a_partition_of_a_worker_that_does_not_say_when_it_looks_after_it_is_not_judged(
    migrated: Database,
) -> None:
    """One of a program of before, where nothing comes: it wrote when it took the partition over, and never again."""
    for partition in (0, 1):
        write(migrated, stage="grid", partition=partition)
    left_alone(migrated, 60)
    old = "UPDATE ub.checkpoint SET updated_at = now() - interval '50 s' WHERE partition = 0 RETURNING 1"
    write(migrated, stage="grid", partition=1)
    query(migrated.owner_url, old)
    assert read(migrated, STAGE) == [("grid", 2, True, True)], "it took over from a newer one"
    query(migrated.owner_url, "UPDATE ub.checkpoint SET seen_at = NULL RETURNING 1")
    assert read(migrated, STAGE) == [("grid", 2, None, True)], "no newer one ever had it"
    write(migrated, stage="grid", partition=0)
    assert read(migrated, STAGE) == [("grid", 2, True, True)]


def left_alone(migrated: Database, seconds: int) -> None:
    """Have nobody have looked after anything for so long."""
    query(
        migrated.owner_url,
        "UPDATE ub.checkpoint SET seen_at = seen_at - %s * interval '1 s', "
        "updated_at = updated_at - %s * interval '1 s' RETURNING 1",
        *(seconds, seconds),
    )


def test_a_score_sees_which_stage_nobody_looks_after(migrated: Database) -> None:
    """A worker that is still starting, of a system that is new, has no row yet. Half of a stage is not enough."""
    tables = Tables(migrated.reader_url)
    assert tables.unattended(["grid", "fleet"]) == ["fleet", "grid"]
    write(migrated, ledger=Ledger(10, 7, 2, 1), partition=3)
    assert tables.unattended(["fleet", "grid"]) == ["grid"]
    write(migrated, stage="grid")
    assert tables.unattended(["fleet", "grid"]) == []
    left_alone(migrated, 31)
    assert tables.unattended(["fleet", "grid"]) == ["fleet", "grid"]
    assert tables.unattended(["fleet"]) == ["fleet"]
    write(migrated, stage="grid")
    write(migrated, ledger=Ledger(10, 7, 2, 1), partition=2)
    assert tables.unattended(["fleet", "grid"]) == ["fleet"]
    write(migrated, ledger=Ledger(10, 7, 2, 1), partition=3)
    assert tables.unattended(["fleet", "grid"]) == []
    assert tables.reached() == Reached(20, 0, not_taken=6)


def test_cell_functions_agree_with_h3(migrated: Database) -> None:
    rng = random.Random(7)
    cells = [
        h3.latlng_to_cell(rng.uniform(-90, 90), rng.uniform(-180, 180), resolution)
        for resolution in range(16)
        for _ in range(20)
    ]
    cells += [h3.cell_to_center_child(cell, 9) for cell in h3.get_pentagons(0)]
    with psycopg.connect(migrated.reader_url) as connection:
        for cell in cells:
            resolution = h3.get_resolution(cell)
            found = connection.execute(
                "SELECT api.to_hex(%(cell)s), api.from_hex(api.to_hex(%(cell)s)), api.cell_resolution(%(cell)s), "
                "array(SELECT api.cell_parent(%(cell)s, r) FROM generate_series(0, 15) AS r ORDER BY r)",
                {"cell": cell},
            ).fetchone()
            parents = [h3.cell_to_parent(cell, r) if r <= resolution else None for r in range(16)]
            assert found == (h3.int_to_str(cell), cell, resolution, parents)


def test_the_children_of_a_cell_are_those_from_its_first_to_its_last(migrated: Database) -> None:
    rng = random.Random(8)
    cells = [
        cell
        for resolution in range(16)
        for cell in [
            *(h3.latlng_to_cell(rng.uniform(-90, 90), rng.uniform(-180, 180), resolution) for _ in range(5)),
            *h3.get_pentagons(resolution)[:2],
        ]
    ]
    with psycopg.connect(migrated.reader_url) as connection:
        for cell in cells:
            resolution = h3.get_resolution(cell)
            found = connection.execute(
                "SELECT api.cell_first_child(%(cell)s, r), api.cell_last_child(%(cell)s, r) "
                "FROM generate_series(0, 16) AS r ORDER BY r",
                {"cell": cell},
            ).fetchall()
            assert [*found[:resolution], found[16]] == [(None, None)] * (resolution + 1)
            for finer in range(resolution, min(resolution + 4, 16)):
                children = h3.cell_to_children(cell, finer)
                assert found[finer] == (min(children), max(children))
            for ends in found[resolution:16]:
                assert {h3.cell_to_parent(child, resolution) for child in ends} == {cell}


@pytest.mark.parametrize("text", ["", "89309965207fff", "89309965207ffff0", "8930996520zffff"])
def test_what_is_no_cell_is_refused_by_name(migrated: Database, text: str) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=f'cell "{text}" is not an H3 index'):
        read(migrated, "SELECT api.from_hex(%s)", text)


def silent(
    kind: str, subject: str, feed: str, begin: int, end: int | None, heard: list[str] | None = None
) -> Rows:
    """Return an alert that says that a sensor or feed was silent, but for some, from and to seconds after T0."""
    alert, _ = rows.alert(
        "raised" if end is None else "cleared",
        0,
        T0,
        alert_id=f"{kind}/{feed}/{subject}/{begin}",
        kind=kind,
        subject=subject,
        starts_at=T0 + begin * 1000,
        ends_at=None if end is None else T0 + end * 1000,
        evidence=json.dumps({"health": {"feed": feed, "heard": heard}}),
    )
    return alert


def test_a_minute_is_as_complete_as_the_share_of_it_in_which_its_operator_was_heard(
    migrated: Database,
) -> None:
    write(migrated, rows.windows({}, {"window_start": T0 + 60_000}, {"operator": "other"}))
    write(migrated, rows.cells_now({}, {"operator": "other"}))
    write(migrated, silent("feed_silent", "hello", "vehicles", 45, 70))
    write(migrated, silent("feed_silent", "other", "sensors", 0, None))
    assert read(migrated, "SELECT operator, completeness FROM api.cell_minute ORDER BY operator, minute") == [
        ("hello", pytest.approx(45 / 60)),
        ("hello", pytest.approx(50 / 60)),
        ("other", 1.0),
    ]
    write(migrated, silent("feed_silent", "hello", "vehicles", 90, None))
    assert read(migrated, "SELECT operator, completeness FROM api.cell_now ORDER BY operator") == [
        ("hello", 0.0),
        ("other", 1.0),
    ]


def test_metrics_of_a_cell_are_as_complete_as_its_sensors_were_heard(migrated: Database) -> None:
    write(migrated, rows.sensors({}, {"sensor_id": "s2"}, {"sensor_id": "s3", "owner": "port"}))
    write(migrated, rows.sensor_windows({}, {"metric": "no2"}))
    write(migrated, silent("sensor_silent", "s1", "sensors", 0, 30))
    write(migrated, silent("feed_silent", "port", "sensors", -600, None))
    assert read(migrated, "SELECT metric, completeness FROM api.cell_metric_minute ORDER BY metric") == [
        ("no2", None),
        ("pm25", pytest.approx((0.5 + 1 + 0) / 3)),
    ]


@pytest.mark.parametrize("view", ["cell_metric_minute", "cell_metric_hour"])
def test_a_sensor_that_is_heard_though_its_feed_is_silent_is_complete(migrated: Database, view: str) -> None:
    write(migrated, rows.sensors({"owner": "port"}, {"sensor_id": "s2", "owner": "port"}))
    write(migrated, rows.sensor_windows({}))
    write(migrated, silent("feed_silent", "port", "sensors", -7_200, 7_200, heard=["s2"]))
    assert read(migrated, f"SELECT completeness FROM api.{view}") == [(pytest.approx(1 / 2),)]


@pytest.mark.parametrize(("view", "seconds"), [("cell_metric_minute", 30), ("cell_metric_hour", 1_800)])
def test_a_sensor_that_was_taken_as_removed_is_not_heard_in_windows_after_that(
    migrated: Database, view: str, seconds: int
) -> None:
    """One that is silent in this window half of the time, and one that has been gone for a month, but is on file."""
    long_ago, month = -40 * 86_400, 30 * 86_400
    gone = {"sensor_id": "s2", "ts": T0 + long_ago * 1000}
    begin = -840 if view == "cell_metric_hour" else 0
    write(migrated, rows.sensors({}, gone), rows.sensor_windows({}, {"window_start": gone["ts"]}))
    write(migrated, silent("sensor_silent", "s2", "sensors", long_ago + 86_400, long_ago + month))
    write(migrated, silent("sensor_silent", "s1", "sensors", begin, begin + seconds))
    found = [(pytest.approx(1.0),), (pytest.approx(0.5),)]
    assert read(migrated, f"SELECT completeness FROM api.{view} ORDER BY 1 DESC") == found


@pytest.mark.parametrize(("view", "seconds"), [("cell_metric_minute", 30), ("cell_metric_hour", 1_800)])
def test_a_sensor_that_spoke_before_the_end_of_an_alert_is_heard(
    migrated: Database, view: str, seconds: int
) -> None:
    """Half of a feed must speak until it is back, so its alert ends after they did; they speak once an hour."""
    back = {"sensor_id": "s2", "ts": T0 - 3_660_000}
    begin = -840 if view == "cell_metric_hour" else 0
    write(migrated, rows.sensors({}, back), rows.sensor_windows({}))
    write(migrated, silent("feed_silent", "city", "sensors", -20_000, -3_640, heard=["s1"]))
    write(migrated, silent("sensor_silent", "s1", "sensors", begin, begin + seconds))
    assert read(migrated, f"SELECT completeness FROM api.{view}") == [(pytest.approx(0.75),)]


@pytest.mark.parametrize("view", ["cell_metric_minute", "cell_metric_hour"])
def test_a_sensor_whose_alert_gave_way_to_that_of_its_feed_is_silent_still(
    migrated: Database, view: str
) -> None:
    write(migrated, rows.sensors({}, {"sensor_id": "s2", "ts": T0 - 7_200_000}), rows.sensor_windows({}))
    write(migrated, silent("sensor_silent", "s2", "sensors", -7_200, -3_600))
    write(migrated, silent("feed_silent", "city", "sensors", -5_000, None, heard=["s1"]))
    assert read(migrated, f"SELECT completeness FROM api.{view}") == [(pytest.approx(0.5),)]


TWO_SILENCES = [(-840, 360), (960, 2160)]
"""22:00 to 22:20 and 22:30 to 22:50, in seconds after T0, which is 22:14."""
OVERLAPPING = [(-840, 360), (0, 960), (60, 120), (360, 1560)]
"""22:00 to 22:20, 22:14 to 22:30, another in it, and 22:20 to 22:40: 40 minutes in all."""


@pytest.mark.parametrize("silences", [TWO_SILENCES, OVERLAPPING])
def test_an_hour_lacks_all_the_time_in_which_its_operator_was_silent_and_none_twice(
    migrated: Database, silences: list[tuple[int, int]]
) -> None:
    write(migrated, rows.windows({}))
    write(migrated, rows.sensors({}, {"sensor_id": "s2"}), rows.sensor_windows({}))
    for begin, end in silences:
        write(migrated, silent("feed_silent", "hello", "vehicles", begin, end))
        write(migrated, silent("sensor_silent", "s1", "sensors", begin, end))
    assert read(migrated, "SELECT completeness FROM api.cell_hour") == [(pytest.approx(1 / 3),)]
    metrics = read(migrated, "SELECT completeness FROM api.cell_metric_hour")
    assert metrics == [(pytest.approx((1 / 3 + 1) / 2),)]


def test_a_minute_lacks_all_the_time_in_which_its_operator_was_silent_and_none_twice(
    migrated: Database,
) -> None:
    write(migrated, rows.windows({}))
    write(migrated, rows.sensors({}), rows.sensor_windows({}))
    for begin, end in ((0, 10), (5, 20), (40, None)):
        write(migrated, silent("feed_silent", "hello", "vehicles", begin, end))
        write(migrated, silent("feed_silent", "city", "sensors", begin, end))
    for view in ("cell_minute", "cell_metric_minute"):
        assert read(migrated, f"SELECT completeness FROM api.{view}") == [(pytest.approx(20 / 60),)]


@pytest.mark.parametrize(
    ("view", "window_s", "begin"),
    [
        *(("cell_minute", 900, 0), ("cell_metric_minute", 900, 0)),
        *(("cell_minute", 92, 30), ("cell_metric_minute", 92, 30)),  # it begins within a minute
        *(("cell_hour", 7_200, 0), ("cell_metric_hour", 7_200, 0), ("cell_hour", 5_400, 1_800)),
    ],
)
def test_a_window_that_is_longer_than_a_row_s_time_is_complete_as_a_whole(
    migrated: Database, view: str, window_s: int, begin: int
) -> None:
    """Heard in its first quarter alone, and not before: what was then says nothing about it."""
    window = {"window_start": T0 + begin * 1000, "window_s": window_s}
    write(migrated, rows.windows(window), rows.sensors({}), rows.sensor_windows(window))
    for subject, feed in (("hello", "vehicles"), ("city", "sensors")):
        write(migrated, silent("feed_silent", subject, feed, begin + window_s // 4, begin + 2 * window_s))
        write(migrated, silent("feed_silent", subject, feed, begin - 1_800, begin))
    assert read(migrated, f"SELECT completeness FROM api.{view}") == [(pytest.approx(0.25),)]
