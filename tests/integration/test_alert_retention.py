"""Alerts, actions, incidents and silences that are over for long are deleted; what lasts stays."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

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
        for name, days in (("over", 400), ("short ago", 100)):
            ends = datetime.now(UTC) - timedelta(days=days)
            alert_desk.add_silence(
                connection,
                matchers='[{"name": "kind", "value": "x"}]',
                starts_at=ends,
                ends_at=ends,
                created_by="anna",
                comment=name,
            )

    async def run() -> int:
        async with Session(migrated.writer_url, application_name="test") as session:
            keep = Settings(retain_alerts_days=100, retain_silences_days=365, retain_request_windows_days=100)
            return await delete_old_alerts(session, keep)

    assert asyncio.run(run()) == 1

    def left(column: str, table: str) -> list[str]:
        return [
            str(name) for (name,) in query(migrated.owner_url, f"SELECT {column} FROM {table} ORDER BY 1")
        ]

    assert left("alert_id", "ub.alert") == ["new", "old but open", "young"]
    assert left("alert_id", "ub.alert_action") == ["old but open", "young"]
    assert left("alert_id", "ub.incident_alert") == ["old but open"]
    assert left("incident_id", "ub.incident") == ["old but active"]
    assert left("comment", "ub.silence") == ["short ago"]
    assert asyncio.run(run()) == 0
