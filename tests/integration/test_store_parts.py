"""Parts of a fold's state: a region whose windows close has hundreds of thousands of them in one checkpoint."""

import asyncio

import psycopg
import pytest

from streams.fold.contract import Changes
from streams.store.checkpoint import Claim, PartitionCommit, Store
from tests.conftest import Database
from tests.integration.store_support import query

pytestmark = pytest.mark.integration

MANY = 3_000

_COUNT_STATEMENTS = """
CREATE TABLE ub.statements (op text);
GRANT INSERT ON ub.statements TO PUBLIC;
CREATE FUNCTION ub.count_statement() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO ub.statements VALUES (tg_op); RETURN NULL; END $$;
CREATE TRIGGER count_inserts AFTER INSERT ON ub.checkpoint_part
    FOR EACH STATEMENT EXECUTE FUNCTION ub.count_statement();
CREATE TRIGGER count_deletes AFTER DELETE ON ub.checkpoint_part
    FOR EACH STATEMENT EXECUTE FUNCTION ub.count_statement()
"""


async def _claim(store: Store, partition: int) -> Claim:
    return await store.claim(
        "incidents", "ub.cells", partition, cluster_id="c1", topic_id="t1", owner="worker-0"
    )


def test_many_parts_are_written_changed_and_deleted_in_one_commit(migrated: Database) -> None:
    names = [f"cell/{number}" for number in range(MANY)]
    kept, other = names[: MANY // 2], {"cell/1": b"of another partition"}

    async def body() -> list[dict[str, bytes]]:
        async with Store(migrated.writer_url, application_name="test") as store:
            mine, theirs = await _claim(store, 0), await _claim(store, 1)
            first = Changes(parts={name: b"\x00" + name.encode() for name in names})
            await store.commit(
                [PartitionCommit(mine, 1, first), PartitionCommit(theirs, 1, Changes(parts=dict(other)))]
            )
            begun = await _claim(store, 0)
            then = Changes(parts={name: b"new" if name in set(kept) else None for name in names})
            await store.commit([PartitionCommit(begun, 2, then)])
            found = [begun, await _claim(store, 0), await _claim(store, 1)]
            return [dict(claim.restored.parts) for claim in found]

    written, changed, beside = asyncio.run(body())
    assert written == {name: b"\x00" + name.encode() for name in names}
    assert changed == dict.fromkeys(kept, b"new")
    assert beside == other


def test_many_parts_do_not_take_a_statement_each(migrated: Database) -> None:
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute(_COUNT_STATEMENTS)

    async def body() -> None:
        async with Store(migrated.writer_url, application_name="test") as store:
            mine = await _claim(store, 0)
            for value in (b"1", None):
                parts = {f"cell/{number}": value for number in range(MANY)}
                await store.commit([PartitionCommit(mine, 1, Changes(parts=parts))])

    asyncio.run(body())
    counted = dict(query(migrated.owner_url, "SELECT op, count(*) FROM ub.statements GROUP BY op"))
    assert counted["INSERT"] <= 2
    assert counted["DELETE"] <= 2
