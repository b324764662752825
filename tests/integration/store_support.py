"""Short ways for the tests of the store to write rows as a worker does, and to ask the database."""

import asyncio
from typing import Any

import psycopg

from streams.fold.contract import Changes, Ledger, Rows
from streams.store.checkpoint import PartitionCommit, Store
from tests.conftest import Database


def query(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of one statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


def write(
    database: Database, *rows: Rows, ledger: Ledger | None = None, partition: int = 0, stage: str = "fleet"
) -> None:
    """Commit rows as a stage does, and as ub_writer."""

    async def run() -> None:
        async with Store(database.writer_url, application_name="test") as store:
            names = {"cluster_id": "c1", "topic_id": "t1", "owner": "worker-0"}
            mine = await store.claim(stage, "ub.vehicles", partition, **names)
            await store.commit([PartitionCommit(mine, 0, Changes(rows=list(rows), ledger=ledger))])

    asyncio.run(run())
