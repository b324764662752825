"""What a fold starts from: the parts of its state, its ledger, and the rows of its partition."""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection, AsyncServerCursor
from psycopg.sql import SQL, Composed, Identifier

from streams.fold.contract import Ledger
from streams.store.tables import TABLES, Table

_PARTS = "SELECT name, value FROM ub.checkpoint_part WHERE stage = %s AND topic = %s AND partition = %s"

_LEDGER = """
SELECT received, applied, superseded, rejected FROM ub.ledger
WHERE stage = %s AND topic = %s AND partition = %s
"""

_ALIVE = "(status = 'open' OR updated_at >= to_timestamp(%s) OR service_request_id = ANY(%s))"

_BATCH = 20_000
_REPEATED = frozenset(
    {
        *("operator", "vehicle_state", "vehicle_type"),
        *("owner", "kind", "metric", "unit", "status"),
        *("service_code", "agency_responsible", "district"),
    }
)
"""Columns of few values: each is kept once, which saves some 150 MB for a million vehicles."""


async def parts(connection: AsyncConnection[Any], key: tuple[str, str, int]) -> dict[str, bytes]:
    """Return the named parts of a fold's state."""
    cursor = await connection.execute(_PARTS, key, binary=True)
    return dict(await cursor.fetchall())


async def ledger(connection: AsyncConnection[Any], key: tuple[str, str, int]) -> Ledger:
    """Return the ledger of a partition, zeros where it has none yet."""
    row = await (await connection.execute(_LEDGER, key)).fetchone()
    return Ledger(*row) if row else Ledger()


async def rows(
    connection: AsyncConnection[Any],
    table: str,
    partition: int,
    only: LiteralString = "true",
    given: Sequence[object] = (),
) -> dict[str, list[Any]]:
    """Return the rows of ub.`table` that a partition owns, as columns, in no particular order.

    Without the column `partition`; times are milliseconds since the epoch, cells are ints. A million vehicles
    take about 3 s, and the server hands them over in batches. `only` is a condition on what is `given`.
    """
    query = _owned(TABLES[table]) + SQL(" AND ") + SQL(only)
    async with AsyncServerCursor(connection, table) as cursor:
        await cursor.execute(query, (partition, *given), binary=True)
        names = [column.name for column in cursor.description or ()]
        columns: dict[str, list[Any]] = {name: [] for name in names}
        seen: dict[str, str] = {}
        while batch := await cursor.fetchmany(_BATCH):
            for name, values in zip(names, zip(*batch, strict=True), strict=True):
                if name in _REPEATED:
                    columns[name].extend(value and seen.setdefault(value, value) for value in values)
                else:
                    columns[name].extend(values)
    return columns


async def requests(
    connection: AsyncConnection[Any], partition: int, since_ms: int, ids: list[str]
) -> dict[str, list[Any]]:
    """Return those rows of ub.request that are open, changed since then, or have one of these ids; as `rows` does."""
    return await rows(connection, "request", partition, _ALIVE, (since_ms / 1000, ids))


def _owned(table: Table) -> Composed:
    columns = SQL(", ").join(
        _milliseconds(name) if type_ == "time" else Identifier(name)
        for name, type_ in table.columns.items()
        if name != "partition"
    )
    return SQL("SELECT {} FROM {} WHERE partition = %s").format(columns, Identifier("ub", table.name))


def _milliseconds(name: str) -> Composed:
    return SQL("(extract(epoch FROM {0}) * 1000)::bigint AS {0}").format(Identifier(name))
