"""Short ways for the tests of the store to write rows as a worker does, and to ask the database."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import psycopg

from streams.fold.contract import Changes, Ledger, Rows
from streams.store.checkpoint import PartitionCommit, Store
from tests.conftest import Database
from tests.waiting import eventually


def query(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of one statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def write(
    database: Database,
    *rows: Rows,
    ledger: Ledger | None = None,
    parts: Mapping[str, bytes | None] | None = None,
    partition: int = 0,
    stage: str = "fleet",
) -> None:
    """Commit rows as a stage does that folded another record, and as ub_writer."""

    async def run() -> None:
        async with Store(database.writer_url, application_name="test") as store:
            names = {"cluster_id": "c1", "topic_id": "t1", "owner": "worker-0"}
            mine = await store.claim(stage, "ub.vehicles", partition, **names)
            offset = mine.restored.offset + 1
            await store.commit(
                [PartitionCommit(mine, offset, Changes(list(rows), dict(parts or {}), ledger))]
            )

    asyncio.run(run())


_HOUR_AHEAD = """
CREATE SCHEMA ahead;
GRANT USAGE ON SCHEMA ahead TO ub_writer;
CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql
AS $$SELECT pg_catalog.clock_timestamp() + INTERVAL '1 hour'$$;
"""


def an_hour_ahead(database: Database) -> str:
    """Return a URL for sessions to which the database's clock is an hour ahead of this machine's."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(_HOUR_AHEAD)
    return f"{database.writer_url}?options=-csearch_path%3Dahead,pg_catalog"


def rows_read(connection: psycopg.Connection[Any], work: Callable[[], object], table: str) -> int:
    """Return how many rows of a table the database looked at for some work, on this connection or on others.

    Those it waits for: they say what they read as they end, and that is after their clients have gone. What is asked
    here ends its transaction: within one, neither the connections nor the numbers of rows ever change.
    """
    others: LiteralString = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

    def asked(statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        found = connection.execute(statement, parameters).fetchall()
        connection.commit()
        return found

    def looked_at() -> int:
        connection.commit()
        eventually(lambda: asked(others), until=lambda found: found == [(0,)])
        asked("SELECT pg_stat_force_next_flush()")
        [(rows,)] = asked(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = %s::regclass", table
        )
        return int(rows)

    before = looked_at()
    work()
    return looked_at() - before
