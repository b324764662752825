"""What the command line asks, and what is forgotten."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from streams.errors import ServiceUnavailable
from streams.fold.contract import Ledger, Rows
from streams.settings import Settings
from streams.store import queries, retention, standing
from streams.store.retention import delete_old_requests, drop_old_chunks
from streams.store.session import Session
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import query, write
from tests.waiting import eventually

pytestmark = pytest.mark.integration

DAY = 86_400_000
OTHER = 0x8930996526BFFFF
NOTHING = dict.fromkeys(
    ("cell_window", "sensor_window", "request_window", "alert_event", "vehicle_event", "rejected"), 0
)
"""What retention drops where there is nothing old."""


def test_a_database_that_is_away_is_named() -> None:
    with (
        pytest.raises(ServiceUnavailable, match=r"PostgreSQL at 127\.0\.0\.1:1/urbanbrain"),
        queries.connect("postgresql://ub_writer:sesame@127.0.0.1:1/urbanbrain"),
    ):
        pass


def test_questions_cannot_write(migrated: Database) -> None:
    with (
        queries.connect(migrated.writer_url) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("DELETE FROM ub.ledger")


def test_questions_leave_nothing_set_for_who_gets_their_session_from_a_pooler(migrated: Database) -> None:
    """A worker that got it could not store anything."""
    with queries.connect(migrated.writer_url) as connection:
        queries.ledger_totals(connection, "fleet")
        connection.rollback()  # it is handed on between two transactions
        changed = connection.execute("SELECT name FROM pg_settings WHERE source = 'session'").fetchall()
    assert {name for (name,) in changed} <= {"transaction_read_only"}


def test_an_empty_database_has_answers_too(migrated: Database) -> None:
    with queries.connect(migrated.writer_url) as connection:
        assert queries.ledger_totals(connection, "fleet") == Ledger()
        assert queries.rejected_by_reason(connection) == []
        assert set(queries.windows_written(connection).values()) == {0}
        assert queries.windows_complete(connection)
        assert queries.rejected_at_gateway(connection) == {}
        assert queries.alert_counts(connection) == queries.AlertCounts(0, 0)
        assert queries.newest_oversaturated(connection) == []


def test_totals_are_over_all_partitions(migrated: Database) -> None:
    write(migrated, ledger=Ledger(10, 7, 2, 1))
    write(migrated, ledger=Ledger(5, 5), partition=1)
    counts = [
        {"count": 1},
        {"count": 2, "topic": "ub.vehicles"},
        {"reason": "empty", "count": 2, "partition": 1},
        {"count": 2, "partition": 1},
        {"count": 4, "topic": "ub/v1/city/sensors/#"},
        {"count": 8, "topic": "ub/v1/hotline/requests"},
    ]
    write(migrated, rows.rejected_count(*counts), rows.windows({}, {"window_start": T0 + 60_000}))
    write(
        migrated, rows.sensor_windows({}), rows.request_windows({}, {"service_code": "heating"}, {"cell": 1})
    )
    with queries.connect(migrated.writer_url) as connection:
        assert queries.ledger_totals(connection, "fleet") == Ledger(15, 12, 2, 1)
        assert queries.ledger_totals(connection, "grid") == Ledger()
        assert [(r.reason, r.count) for r in queries.rejected_by_reason(connection)] == [
            ("not_json", 17),
            ("empty", 2),
        ]
        assert queries.windows_written(connection) == {
            "cell_window": 2,
            "sensor_window": 1,
            "request_window": 3,
        }
        assert queries.rejected_at_gateway(connection) == {"vehicles": 5, "sensors": 4, "requests": 8}


@pytest.mark.parametrize("stage", ["fleet", "sensing", "requests"])
def test_windows_are_complete_once_they_count_all_that_was_applied(migrated: Database, stage: str) -> None:
    def complete() -> bool:
        with queries.connect(migrated.writer_url) as connection:
            return queries.windows_complete(connection)

    opened = rows.requests(*({"service_request_id": f"q{number}"} for number in range(3)))
    first, last = {
        "fleet": (rows.windows({"readings": 2}), rows.windows({"window_start": T0 + DAY, "readings": 1})),
        "sensing": (rows.sensor_windows({"readings": 2}), rows.sensor_windows({"cell": 1, "readings": 1})),
        "requests": (rows.request_windows({"opened": 2}), rows.request_windows({"cell": 1, "opened": 1})),
    }[stage]
    write(migrated, *([opened] if stage == "requests" else []), ledger=Ledger(3, 3), stage=stage)
    assert not complete()
    write(migrated, first)
    assert not complete()
    write(migrated, last)
    assert complete()


def test_alerts_are_filtered_and_the_newest_come_first(migrated: Database) -> None:
    for alert in (
        rows.alert("raised", 0, T0),
        rows.alert("raised", 0, T0, alert_id="a2", starts_at=T0 + 1, severity="critical", cell=OTHER),
        rows.alert("cleared", 1, T0 + 5, alert_id="a3", starts_at=T0 + 2),
    ):
        write(migrated, *alert)

    def ids(**filters: Any) -> list[str]:
        with queries.connect(migrated.writer_url) as connection:
            return [alert.alert_id for alert in queries.alerts(connection, queries.Filters(**filters))]

    assert ids() == ["a3", "a2", "a1"]
    assert ids(status="active") == ["a2", "a1"]
    assert ids(severities=["critical"]) == ["a2"]
    with queries.connect(migrated.writer_url) as connection:
        worst = list(queries.alerts(connection, queries.Filters(), worst_first=True))
    assert [alert.alert_id for alert in worst] == ["a2", "a3", "a1"]
    assert ids(cell=f"{CELL:x}") == ["a3", "a1"]
    with queries.connect(migrated.writer_url) as connection:
        newest = queries.newest_oversaturated(connection, limit=1)
        assert queries.alert_counts(connection) == queries.AlertCounts(raised=2, cleared=1)
    assert [(a.alert_id, a.hex, a.occupancy, a.capacity, a.by_operator) for a in newest] == [
        ("a2", f"{OTHER:x}", 80, 60, {"hello": 80})
    ]


def test_the_span_of_windows_is_found_without_reading_them_all(migrated: Database) -> None:
    starts = [T0 + 60_000 * number for number in range(3000)]
    write(migrated, rows.windows(*({"window_start": start} for start in starts)))
    write(migrated, rows.sensor_windows(*({"window_start": start} for start in starts), {"metric": "no2"}))
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE ub.cell_window, ub.sensor_window")
    first, last = (datetime.fromtimestamp(at / 1000, UTC) for at in (starts[0], starts[-1]))
    minute = timedelta(minutes=1)
    with psycopg.connect(migrated.writer_url) as connection:
        assert standing.windows_span(connection) == (first + minute, last + minute, minute)
        assert standing.metrics_span(connection, ["pm25", "no2"]) == (first, last + minute)
        ((rows_read,),) = connection.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables "
            "WHERE relname LIKE '%hyper%chunk'"
        ).fetchall()
        assert rows_read < 50
        assert standing.metrics_span(connection, ["co"]) is None


def drop(migrated: Database, **changes: int) -> dict[str, int | None]:
    async def run() -> dict[str, int | None]:
        async with Session(migrated.writer_url, application_name="test") as session:
            return await drop_old_chunks(session, Settings(**changes))  # type: ignore[arg-type]

    return asyncio.run(asyncio.wait_for(run(), 60))


def test_windows_are_forgotten_by_their_distance_from_the_newest(migrated: Database) -> None:
    write(migrated, rows.windows(*({"window_start": T0 - days * DAY} for days in (0, 9, 11, 12))))
    assert drop(migrated, retain_windows_days=10) == NOTHING | {"cell_window": 2}
    assert query(migrated.owner_url, "SELECT count(*) FROM ub.cell_window") == [(2,)]


@pytest.mark.parametrize(
    ("table", "setting", "chunk_days", "make"),
    [
        ("sensor_window", "retain_sensor_windows_days", 7, rows.sensor_windows),
        ("request_window", "retain_request_windows_days", 30, rows.request_windows),
    ],
)
def test_windows_of_sensors_and_requests_are_forgotten_each_by_its_own_setting(
    migrated: Database, table: str, setting: str, chunk_days: int, make: Callable[..., Rows]
) -> None:
    ages = (0, 10 - 1, 10 + chunk_days, 10 + 3 * chunk_days)  # a chunk is dropped once all of it is too old
    write(migrated, make(*({"window_start": T0 - days * DAY} for days in ages)))
    assert drop(migrated, **{setting: 10}) == NOTHING | {table: 2}
    assert query(migrated.owner_url, f"SELECT count(*) FROM ub.{table}") == [(2,)]


def test_requests_are_deleted_once_nothing_was_heard_of_them_for_long_but_never_while_they_are_open(
    migrated: Database,
) -> None:
    ages = {"new": 0, "young": 99, "old": 101, "old but open": 1000, "never opened": 200}
    status = {"old but open": "open", "never opened": "unknown"}
    write(
        migrated,
        rows.requests(
            *(
                {
                    "service_request_id": name,
                    "status": status.get(name, "closed"),
                    "updated_at": T0 - days * DAY,
                }
                for name, days in ages.items()
            )
        ),
    )

    async def run() -> int:
        async with Session(migrated.writer_url, application_name="test") as session:
            return await delete_old_requests(session, Settings(retain_requests_days=100))

    assert asyncio.run(run()) == 2
    kept = query(migrated.owner_url, "SELECT service_request_id FROM ub.request ORDER BY 1")
    assert [name for (name,) in kept] == ["new", "old but open", "young"]


def test_a_replay_of_old_data_is_kept(migrated: Database) -> None:
    in_2016 = 1_470_000_000_000
    write(migrated, rows.windows({"window_start": in_2016}, {"window_start": in_2016 + DAY}))
    write(migrated, *rows.alert("raised", 0, in_2016), rows.rejected({"received_at": in_2016}))
    assert drop(migrated, retain_windows_days=10) == NOTHING
    assert query(migrated.owner_url, "SELECT count(*) FROM ub.cell_window") == [(2,)]


def test_one_row_of_the_far_future_does_not_empty_the_table(migrated: Database) -> None:
    ((now,),) = query(migrated.owner_url, "SELECT (extract(epoch FROM now()) * 1000)::bigint")
    write(migrated, rows.windows({"window_start": now - DAY}, {"window_start": now + 1000 * DAY}))
    assert drop(migrated, retain_windows_days=10)["cell_window"] == 0


def test_one_request_of_the_far_future_deletes_no_other(migrated: Database) -> None:
    ((now,),) = query(migrated.owner_url, "SELECT (extract(epoch FROM now()) * 1000)::bigint")
    times = {"ahead": now + 1000 * DAY, "young": now - DAY, "old": now - 101 * DAY}
    write(
        migrated,
        rows.requests(
            *(
                {"service_request_id": name, "status": "closed", "updated_at": at}
                for name, at in times.items()
            )
        ),
    )

    async def run() -> int:
        async with Session(migrated.writer_url, application_name="test") as session:
            return await delete_old_requests(session, Settings(retain_requests_days=100))

    assert asyncio.run(run()) == 1
    kept = query(migrated.owner_url, "SELECT service_request_id FROM ub.request ORDER BY 1")
    assert [name for (name,) in kept] == ["ahead", "young"]


def test_many_chunks_are_dropped_a_hundred_in_one_transaction(migrated: Database) -> None:
    """Locks of thousands do not fit into PostgreSQL's lock table."""
    write(migrated, rows.windows(*({"window_start": T0 - days * DAY} for days in range(231))))
    assert query(migrated.writer_url, "SELECT ub.drop_old_chunks('cell_window', '10 days')") == [(100,)]
    assert drop(migrated, retain_windows_days=10) == NOTHING | {"cell_window": 120}
    assert query(migrated.owner_url, "SELECT count(*), min(window_start) FROM ub.cell_window") == [
        (11, datetime.fromtimestamp((T0 - 10 * DAY) / 1000, UTC))
    ]


def test_what_is_being_read_is_dropped_afterwards_and_holds_up_nobody(
    migrated: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As by a dump, for hours: what was waited for was the end of it, with all commits of the worker behind."""
    write(migrated, rows.windows(*({"window_start": T0 - days * DAY} for days in (0, 12))))
    write(migrated, rows.rejected(*({"received_at": T0 - days * DAY} for days in (0, 400))))
    kept = (
        "SELECT (SELECT count(*) FROM show_chunks('ub.cell_window')), "
        "(SELECT count(*) FROM show_chunks('ub.rejected'))"
    )
    with psycopg.connect(migrated.owner_url) as reader:
        reader.execute("SELECT count(*) FROM ub.cell_window")
        began = time.monotonic()
        assert drop(migrated, retain_windows_days=10) == NOTHING | {"cell_window": None, "rejected": 1}
        assert time.monotonic() - began < 30
        assert query(migrated.owner_url, kept) == [(2, 1)]
        monkeypatch.setattr(retention, "_INTERVAL_S", 0.0)
        monkeypatch.setattr(retention, "_AGAIN_S", 0.1)
        caplog.set_level("INFO", logger=retention.__name__)

        async def forget() -> None:
            settings = Settings(database_url=SecretStr(migrated.writer_url), retain_windows_days=10)
            forgetting = asyncio.create_task(retention.forget_old_rows(settings))
            await asyncio.to_thread(
                eventually, lambda: caplog.text, until=lambda said: "'cell_window': None" in said
            )
            reader.rollback()
            await asyncio.to_thread(
                eventually, lambda: query(migrated.owner_url, kept), until=lambda now: now == [(1, 1)]
            )
            forgetting.cancel()

        asyncio.run(forget())


def test_tables_that_are_kept_for_ever_are_not_dropped_from(migrated: Database) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match='table "alert" is kept for ever'):
        query(migrated.writer_url, "SELECT ub.drop_old_chunks('alert', interval '1 day')")
