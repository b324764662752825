"""What people ask of alerts after a long time: few rows are read, however many alerts there were."""

import asyncio
import hashlib
from itertools import islice
from typing import Any

import pytest
from psycopg import sql

from deploy.endpoints import Endpoints
from streams.store import alert_desk, queries
from streams.store.migrate import migrate
from streams.store.queries import Filters
from tests.conftest import Database
from tests.integration.store_support import rows_read

pytestmark = pytest.mark.integration

MANY = 20_000
OPEN = 200
WANTED = hashlib.md5(b"7", usedforsecurity=False).hexdigest()

_ALERTS = """
INSERT INTO ub.alert
SELECT md5(n::text), 0, 'oversaturation', 'major', CASE WHEN ended THEN 'cleared' ELSE 'active' END, false,
       n %% 50, 'r', 'default', 31, 121, t, t, CASE WHEN ended THEN t END, '', 'p', '1', '{}'
FROM (SELECT n, now() - (%(many)s - n) * INTERVAL '1 minute' AS t, n <= %(many)s - %(open)s AS ended
      FROM generate_series(1, %(many)s) n) a
"""


def fill(database: Database) -> None:
    """Thousands of alerts that are over, and some that are open."""
    parameters = {"many": MANY, "open": OPEN}
    with queries.connect(database.owner_url, read_only=False) as connection:
        connection.execute(_ALERTS, parameters)
        connection.execute("VACUUM ANALYZE ub.alert")


@pytest.fixture
def many(migrated: Database) -> Database:
    """A database after a long time."""
    fill(migrated)
    return migrated


@pytest.mark.parametrize(
    "filters",
    [
        Filters(status="cleared"),
        Filters(),
        Filters(status="cleared", severities=["major"]),
    ],
)
def test_the_newest_alerts_of_a_year_are_found_without_a_look_at_all_of_them(
    many: Database, filters: Filters
) -> None:
    with queries.connect(many.owner_url) as connection:

        def newest() -> None:
            found = queries.alerts(connection, filters)
            starts = [row.starts_at for row in islice(found, 50)]
            found.close()
            assert len(starts) == 50
            assert starts == sorted(starts, reverse=True)

        assert rows_read(connection, newest, "ub.alert") < MANY / 10


@pytest.mark.parametrize("status", ["active", "closed"])
def test_open_alerts_are_found_by_their_status(many: Database, status: Any) -> None:
    with queries.connect(many.owner_url) as connection:
        found: list[Any] = []
        read = rows_read(
            connection, lambda: found.extend(queries.alerts(connection, Filters(status=status))), "ub.alert"
        )
        assert len(found) == (OPEN if status == "active" else 0)
        assert read <= 3 * OPEN


def test_the_beginning_of_an_id_is_found_by_an_index_whatever_the_locale(
    stack: Endpoints, database: Database
) -> None:
    """In locale C, as in the native stack, the primary key would do."""
    name = sql.Identifier(database.name)
    with queries.connect(stack.database_url, read_only=False) as server:
        server.execute(sql.SQL("DROP DATABASE {}").format(name))
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'").format(
                name
            )
        )
    asyncio.run(migrate(database.owner_url, lambda _line: None))
    fill(database)
    with queries.connect(database.owner_url) as connection:
        read = rows_read(connection, lambda: alert_desk.resolve(connection, WANTED[:8]), "ub.alert")
    assert read <= 3
