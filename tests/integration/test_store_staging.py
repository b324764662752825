"""Batches are staged in temporary tables that a connection keeps, and a connection does not live for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from streams.fold.contract import Changes
from streams.store.checkpoint import PartitionCommit, Store
from streams.store.session import Session
from tests.conftest import Database
from tests.integration.store_rows import vehicles
from tests.integration.store_support import query
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MANY = 1_000
STAGED = """
SELECT count(*), min(oid::bigint), max(oid::bigint) FROM pg_class
WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'
"""
READY_FOR_ROWS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'test' AND query LIKE 'COPY batch%' AND wait_event = 'ClientRead'
"""


def on_one_connection(migrated: Database, body: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Store(migrated.writer_url, application_name="test") as store:
            return await body(store)

    return asyncio.run(run())


async def staged(store: Store) -> tuple[Any, ...]:
    async with store.session.transaction() as connection:
        [found] = await (await connection.execute(STAGED)).fetchall()
    return found


async def commit(store: Store, offset: int, **changes: object) -> None:
    claim = await store.claim("fleet", "ub.vehicles", 0, cluster_id="c1", topic_id="t1", owner="worker-0")
    parts = {f"part/{number}": b"x" for number in range(MANY)}
    await store.commit([PartitionCommit(claim, offset, Changes(parts=parts, rows=[vehicles(changes)]))])


def test_a_connection_makes_each_temporary_table_once_however_often_it_stores(migrated: Database) -> None:
    async def body(store: Store) -> list[tuple[Any, ...]]:
        found = []
        for offset in range(8):  # psycopg prepares what it has sent five times
            await commit(store, offset, lat=float(offset))
            found.append(await staged(store))
        return found

    first, *others = on_one_connection(migrated, body)
    assert first[0] == 2, "one of vehicle_state, one of parts"
    assert others == [first] * 7
    assert query(migrated.owner_url, "SELECT lat FROM ub.vehicle_state") == [(7.0,)]


@pytest.mark.parametrize("before", [0, 1, 7])
def test_what_was_staged_and_refused_is_not_written_later(migrated: Database, before: int) -> None:
    async def body(store: Store) -> None:
        for offset in range(before):
            await commit(store, offset, lat=1.0)
        with pytest.raises(psycopg.errors.NumericValueOutOfRange):
            await commit(store, 10, vehicle_id="b2", battery_percent=40_000)
        for offset in range(11, 19):
            await commit(store, offset, vehicle_id="b3")

    on_one_connection(migrated, body)
    found = query(migrated.owner_url, "SELECT vehicle_id FROM ub.vehicle_state ORDER BY 1")
    assert found == [("b1",)] * (before > 0) + [("b3",)]


@pytest.mark.parametrize(("lifetime_s", "connections"), [(0.0, 3), (3600.0, 1)])
def test_a_connection_that_is_old_is_made_anew(
    migrated: Database, lifetime_s: float, connections: int
) -> None:
    async def run() -> set[int]:
        found = set()
        async with Session(migrated.writer_url, application_name="test", lifetime_s=lifetime_s) as session:
            for _ in range(3):
                async with session.transaction() as connection:
                    found.add(connection.info.backend_pid)
        return found

    assert len(asyncio.run(run())) == connections


def test_who_is_cancelled_as_the_database_agrees_to_a_batch_leaves_the_session_fit_for_others(
    migrated: Database,
) -> None:
    async def body(store: Store) -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(given_up(store.session))
        await commit(store, 1)

    async def given_up(session: Session) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def once_the_answer_is_there() -> None:  # the loop has not seen it yet
            wait_until(lambda: query(migrated.owner_url, READY_FOR_ROWS), "the database to expect rows")
            task.cancel()

        async with session.transaction() as connection, connection.cursor() as cursor:
            await cursor.execute("CREATE TEMPORARY TABLE batch (n integer) ON COMMIT DROP")
            loop.call_soon(once_the_answer_is_there)
            async with cursor.copy("COPY batch FROM STDIN"):
                pass

    on_one_connection(migrated, body)
    assert query(migrated.owner_url, 'SELECT "offset" FROM ub.checkpoint') == [(1,)]
