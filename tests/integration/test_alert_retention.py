"""Alerts, actions, incidents and silences that are over for long are deleted; what lasts stays."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from streams.fold.contract import Rows
from streams.settings import Settings
from streams.store import alert_desk, queries
from streams.store.retention import delete_old_alerts
from streams.store.session import Session
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import T0
from tests.integration.store_support import query, write
from tests.integration.test_incidents import incident, part

pytestmark = pytest.mark.integration

DAY = 86_400_000


def forget(database: Database) -> int:
    """Delete alerts that were over 100 days ago; returns how many."""

    async def run() -> int:
        async with Session(database.writer_url, application_name="test") as session:
            keep = Settings(retain_alerts_days=100, retain_silences_days=365, retain_request_windows_days=100)
            return await delete_old_alerts(session, keep)

    return asyncio.run(run())


def silent(subject: str, begin: int, end: int, **health: object) -> list[Rows]:
    """Return an alert that says that a sensor, or with `heard` a feed, was silent from and to some days after T0."""
    kind = "feed_silent" if "heard" in health else "sensor_silent"
    return rows.alert(
        "cleared",
        1,
        T0 + end * DAY,
        alert_id=f"{kind}/{subject}/{begin}",
        kind=kind,
        subject=subject,
        starts_at=T0 + begin * DAY,
        evidence=json.dumps({"health": {"feed": "sensors", "patience_ms": 600_000, **health}}),
    )


def test_cleared_alerts_go_with_what_was_done_about_them_and_their_incidents(migrated: Database) -> None:
    old, ended = T0 - 200 * DAY, {"status": "ended", "ended_at": T0 - 200 * DAY, "updated_at": T0 - 200 * DAY}
    write(
        migrated,
        *rows.alert("cleared", 1, old, alert_id="old"),
        *rows.alert("raised", 0, old, alert_id="old but open"),
        *rows.alert("cleared", 1, T0 - 50 * DAY, alert_id="young"),
        *rows.alert("raised", 0, T0, alert_id="new"),
        *(incident("old", **ended), incident("old but active", updated_at=old)),
        *(part("old", "old"), part("old but active", "old but open")),
        stage="incidents",
    )
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        for alert_id in ("old", "young", "old but open"):
            alert_desk.act(connection, alert_id, "acknowledged", by="anna")
        for name, began, ended_ago in (("over", 400, 400), ("short ago", 400, 100), ("still holds", 400, -1)):
            starts, ends = (datetime.now(UTC) - timedelta(days=days) for days in (began, ended_ago))
            alert_desk.add_silence(
                connection,
                matchers='[{"name": "kind", "value": "x"}]',
                starts_at=starts,
                ends_at=ends,
                created_by="anna",
                comment=name,
            )

    assert forget(migrated) == 1

    def left(column: str, table: str) -> list[str]:
        return [
            str(name) for (name,) in query(migrated.owner_url, f"SELECT {column} FROM {table} ORDER BY 1")
        ]

    assert left("alert_id", "ub.alert") == ["new", "old but open", "young"]
    assert left("alert_id", "ub.alert_action") == ["old but open", "young"]
    assert left("alert_id", "ub.incident_alert") == ["old but open"]
    assert left("incident_id", "ub.incident") == ["old but active"]
    assert left("comment", "ub.silence") == ["short ago", "still holds"]
    assert forget(migrated) == 0


def test_one_alert_of_the_far_future_deletes_no_other(migrated: Database) -> None:
    now = round(datetime.now(UTC).timestamp() * 1000)
    times = {"ahead": now + 1000 * DAY, "young": now - DAY, "old": now - 101 * DAY}
    for name, at in times.items():
        write(migrated, *rows.alert("cleared", 1, at, alert_id=name, starts_at=at - DAY), stage="incidents")
    assert forget(migrated) == 1
    assert query(migrated.owner_url, "SELECT alert_id FROM ub.alert ORDER BY 1") == [("ahead",), ("young",)]


def test_a_sensor_that_was_taken_as_removed_stays_unheard_though_alerts_of_then_are_deleted(
    migrated: Database,
) -> None:
    """Of two that went a year ago, one by itself and one with its feed, something must go on to say so."""
    alone = {"sensor_id": "alone", "ts": T0 - 400 * DAY}
    with_feed = {"sensor_id": "with feed", "owner": "port", "ts": T0 - 400 * DAY}
    alive = {"sensor_id": "alive", "owner": "port"}
    write(
        migrated,
        rows.sensors({}, alone, with_feed, alive),
        rows.sensor_windows({}),
        *silent("s1", 0, 1),
        *silent("alone", -400, -370),
        part("over with it", "sensor_silent/alone/-400"),
        *silent("port", -400, -370, heard=["alive"]),
        # what says nothing of who is gone: its sensor spoke since, or it is told already
        *silent("alive", -400, -399),
        *silent("port", -405, -403, heard=[]),
        *silent("port", -300, -299, heard=[]),
    )
    completeness = "SELECT completeness FROM api.cell_metric_minute"
    before = query(migrated.reader_url, completeness)
    assert before == [(0.5,)]  # of one that is silent, and one that is heard
    assert forget(migrated) == 3
    assert query(migrated.reader_url, completeness) == before
    assert query(migrated.reader_url, "SELECT * FROM api.incident_alerts") == []
    assert forget(migrated) == 0
