"""Views of citizens' requests with real rows, read as ub_reader, next to what Python computes from the same rows."""

import json
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import h3.api.basic_int as h3
import psycopg
import pytest
from psycopg.rows import dict_row

from streams.fold.contract import Rows
from tests import figures
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import write

pytestmark = pytest.mark.integration

HEX = h3.int_to_str(CELL)
MINUTE = datetime.fromtimestamp(T0 / 1000, UTC)  # 2023-11-14 22:14
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

Request = dict[str, Any]


def read(database: Database, statement: str, zone: str = "UTC") -> list[dict[str, Any]]:
    with psycopg.connect(database.reader_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('timezone', %s, false)", (zone,))
        return connection.execute(statement.encode()).fetchall()


def closed(opened_at: int | None, hours: float, **changes: Any) -> Request:
    at = (T0 if opened_at is None else opened_at) + int(hours * HOUR_MS)
    opened = {"opened_at": opened_at, "first_opened_at": opened_at}
    return {"status": "closed", **opened, "closed_at": at, "updated_at": at, **changes}


def named(*requests: Request) -> list[Request]:
    return [{"service_request_id": f"q{number}", **request} for number, request in enumerate(requests)]


# ------------------------------------------------------------------ request_open


def test_open_requests_are_overdue_by_the_newest_event_and_not_by_the_wall_clock(migrated: Database) -> None:
    newest = T0 + 2 * HOUR_MS
    write(
        migrated,
        rows.requests(
            *named(
                {"expected_datetime": newest - 1, "district": "浦东新区"},
                {"expected_datetime": newest, "opened_at": T0 + HOUR_MS},
                {"expected_datetime": newest + 1},
                {},
                closed(T0, 2, expected_datetime=T0),
            )
        ),
    )
    found = read(
        migrated,
        "SELECT service_request_id AS id, overdue, age, as_of, hex, district FROM api.request_open ORDER BY 1",
    )
    as_of = MINUTE + timedelta(hours=2)
    assert [(r["id"], r["overdue"], r["age"], r["district"]) for r in found] == [
        ("q0", True, timedelta(hours=2), "浦东新区"),
        ("q1", False, timedelta(hours=1), None),
        ("q2", False, timedelta(hours=2), None),
        ("q3", False, timedelta(hours=2), None),
    ]
    assert {(row["as_of"], row["hex"]) for row in found} == {(as_of, HEX)}


def test_a_request_is_open_until_it_is_closed(migrated: Database) -> None:
    write(migrated, rows.requests({}))
    assert len(read(migrated, "SELECT * FROM api.request_open")) == 1
    write(migrated, rows.requests(closed(T0, 1)))
    assert read(migrated, "SELECT * FROM api.request_open") == []


# ------------------------------------------------------------------ request_kpi


def test_the_figures_of_one_day_add_up(migrated: Database) -> None:
    write(
        migrated,
        rows.requests(
            *named(
                closed(
                    T0, 1, expected_datetime=T0 + HOUR_MS, satisfaction=5, resolved=True, rated_at=T0 + DAY_MS
                ),
                closed(
                    T0,
                    4,
                    expected_datetime=T0 + HOUR_MS,
                    satisfaction=2,
                    resolved=False,
                    rated_at=T0 + DAY_MS,
                ),
                closed(T0, 100, reopened=2, rated_at=T0 + DAY_MS),
                {"expected_datetime": T0 + HOUR_MS},
                {"expected_datetime": T0 + 1000 * HOUR_MS},
            )
        ),
    )
    (row,) = read(migrated, "SELECT * FROM api.request_kpi")
    assert row == {
        "day": date(2023, 11, 14),
        "district": None,
        "service_code": "noise",
        "agency_responsible": None,
        "opened": 5,
        "closed": 3,
        "reopened": 2,
        "open_now": 2,
        "overdue": 1,
        "resolution_rate": pytest.approx(3 / 5),
        "on_time_rate": pytest.approx(1 / 3),
        "median_hours_to_close": pytest.approx(4),
        "rated": 3,
        "satisfaction": pytest.approx(3.5),
        "resolved_rate": pytest.approx(0.5),
    }


def test_rates_of_nothing_are_null(migrated: Database) -> None:
    write(migrated, rows.requests({}))
    (row,) = read(migrated, "SELECT * FROM api.request_kpi")
    nothing = ("on_time_rate", "median_hours_to_close", "satisfaction", "resolved_rate")
    assert [row[name] for name in nothing] == [None] * 4
    assert (row["opened"], row["resolution_rate"], row["rated"]) == (1, 0, 0)


def test_a_request_whose_opening_is_not_known_counts_as_closed_only(migrated: Database) -> None:
    write(migrated, rows.requests(*named(closed(None, 10), closed(T0 + 10 * HOUR_MS, 6))))
    (row,) = read(migrated, "SELECT * FROM api.request_kpi")
    assert (row["day"], row["opened"], row["closed"]) == (date(2023, 11, 15), 1, 2)
    assert (row["resolution_rate"], row["median_hours_to_close"]) == (1, 6)


def test_a_request_that_is_reopened_stays_with_the_day_of_its_first_opening(migrated: Database) -> None:
    again = closed(T0 + 3 * DAY_MS, 5, reopened=1)
    write(migrated, rows.requests({**again, "first_opened_at": T0}))
    (row,) = read(migrated, "SELECT * FROM api.request_kpi")
    assert (row["day"], row["opened"], row["median_hours_to_close"]) == (date(2023, 11, 14), 1, 5)


def test_a_request_of_which_neither_opening_nor_closing_is_known_is_not_a_share_of_anything(
    migrated: Database,
) -> None:
    unknown = {**closed(None, 0), "status": "unknown", "closed_at": None, "rated_at": T0, "satisfaction": 4}
    write(migrated, rows.requests(unknown | {"expected_datetime": T0 - 1}))
    (row,) = read(migrated, "SELECT * FROM api.request_kpi")
    assert (row["opened"], row["closed"], row["open_now"], row["resolution_rate"]) == (0, 0, 0, None)
    assert (row["overdue"], row["on_time_rate"]) == (0, None)
    assert (row["rated"], row["satisfaction"]) == (1, 4)
    assert read(migrated, "SELECT * FROM api.request_open") == []


def test_days_are_utc_whatever_the_session_s_time_zone_is(migrated: Database) -> None:
    write(migrated, rows.requests({}))  # 22:14 UTC: already the next day in Shanghai
    for zone in ("UTC", "Asia/Shanghai", "America/New_York"):
        assert read(migrated, "SELECT day FROM api.request_kpi", zone) == [{"day": date(2023, 11, 14)}]


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_those_of_a_plain_computation(migrated: Database, seed: int) -> None:
    requests = some_requests(random.Random(seed), 400)
    write(migrated, rows.requests(*requests))
    found = {
        (row["day"], row["district"], row["service_code"], row["agency_responsible"]): row
        for row in read(migrated, "SELECT * FROM api.request_kpi")
    }
    newest = max(request["updated_at"] for request in requests)
    groups = defaultdict(list)
    for request in requests:
        day = datetime.fromtimestamp(request["opened_at"] / 1000, UTC).date()
        groups[day, request["district"], request["service_code"], request["agency_responsible"]].append(
            request
        )
    assert len(groups) > 20
    expected = {key: figures.of_requests(group, newest) for key, group in groups.items()}
    assert {key: {name: row[name] for name in expected[key]} for key, row in found.items()} == expected


def some_requests(rng: random.Random, count: int) -> list[Request]:
    def one() -> Request:
        opened_at = T0 + rng.randrange(3 * DAY_MS)
        request: Request = {
            "status": "open",
            "opened_at": opened_at,
            "first_opened_at": opened_at,
            "updated_at": opened_at,
            **dict.fromkeys(("satisfaction", "resolved", "rated_at")),
            "district": rng.choice([None, "黄浦区", "浦东新区"]),
            "service_code": rng.choice(["noise", "heating"]),
            "agency_responsible": rng.choice([None, "roads", "heat"]),
            "expected_datetime": rng.choice([None, opened_at + rng.randrange(2 * DAY_MS)]),
            "reopened": rng.choice([0, 0, 1, 2]),
        }
        if rng.random() < 0.7:
            request |= closed(opened_at, rng.uniform(0, 60))
            if rng.random() < 0.6:
                request |= {
                    "rated_at": request["closed_at"] + HOUR_MS,
                    "satisfaction": rng.choice([None, 1, 2, 3, 4, 5]),
                    "resolved": rng.choice([None, True, False]),
                }
        return request

    return named(*(one() for _ in range(count)))


# ------------------------------------------------------------------ cell_request_window


def test_windows_of_requests_are_shown_with_their_cell(migrated: Database) -> None:
    write(migrated, rows.geometry(), rows.request_windows({}, {"service_code": "heating", "revision": 3}))
    found = read(migrated, "SELECT * FROM api.cell_request_window ORDER BY service_code")
    assert [(r["service_code"], r["revision"], r["opened"], r["open_now"]) for r in found] == [
        ("heating", 3, 3, 2),
        ("noise", 0, 3, 2),
    ]
    lat, lon = h3.cell_to_latlng(CELL)
    assert {(r["hex"], r["lat"], r["lon"], r["boundary"]["type"]) for r in found} == {
        (HEX, lat, lon, "Polygon")
    }
    assert {(r["window_start"], r["resolution_rate"], r["satisfaction"]) for r in found} == {
        (MINUTE, 1 / 3, None)
    }


def deaf(*times: tuple[int, int | None], feed: str = "requests", subject: str = "requests") -> list[Rows]:
    """Return alerts that say that a feed was silent from and to seconds after T0."""
    return [
        rows.alert(
            "raised" if end is None else "cleared",
            0,
            T0,
            alert_id=f"{feed}/{subject}/{begin}",
            kind="feed_silent",
            subject=subject,
            starts_at=T0 + begin * 1000,
            ends_at=None if end is None else T0 + end * 1000,
            evidence=json.dumps({"health": {"feed": feed}}),
        )[0]
        for begin, end in times
    ]


def test_a_window_is_as_complete_as_the_share_of_it_in_which_requests_of_its_region_were_heard(
    migrated: Database,
) -> None:
    ahead = {"window_start": T0 + 60_000}
    write(migrated, rows.request_windows({}, ahead, {"cell": 1, "region": "elsewhere"}))
    for silence in (
        *deaf((45, 70)),
        *deaf((0, None), feed="vehicles"),
        *deaf((0, None), subject="hotline"),
    ):
        write(migrated, silence)
    query = "SELECT region, completeness FROM api.cell_request_window ORDER BY region, window_start"
    found = [(row["region"], row["completeness"]) for row in read(migrated, query)]
    of_region = [completeness for region, completeness in found if region != "elsewhere"]
    assert of_region == [pytest.approx(45 / 60), pytest.approx(50 / 60)]
    assert ("elsewhere", 1.0) in found


@pytest.mark.parametrize(
    "silences", [[(0, 1200), (1800, 3000)], [(0, 1200), (600, 1800), (660, 720), (1800, 2400)]]
)
def test_a_window_lacks_all_the_time_in_which_no_request_was_heard_and_none_twice(
    migrated: Database, silences: list[tuple[int, int]]
) -> None:
    write(migrated, rows.request_windows({"window_s": 3600}))
    for silence in deaf(*silences):
        write(migrated, silence)
    found = [
        row["completeness"] for row in read(migrated, "SELECT completeness FROM api.cell_request_window")
    ]
    assert found == [pytest.approx(1 / 3)]
