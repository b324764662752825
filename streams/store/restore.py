"""What a fold starts from: the parts of its state, its ledger, and the vehicles of its partition."""

from typing import Any

from psycopg import AsyncConnection, AsyncServerCursor

from streams.fold import Ledger

_PARTS = "SELECT name, value FROM ub.checkpoint_part WHERE stage = %s AND topic = %s AND partition = %s"

_LEDGER = """
SELECT received, applied, superseded, rejected FROM ub.ledger
WHERE stage = %s AND topic = %s AND partition = %s
"""

_VEHICLES = """
SELECT vehicle_id, operator, (extract(epoch FROM ts) * 1000)::bigint AS ts, lat, lon, cell, settled_cell,
       vehicle_state, vehicle_type, battery_percent,
       (extract(epoch FROM received_at) * 1000)::bigint AS received_at
FROM ub.vehicle_state WHERE partition = %s
"""

_BATCH = 20_000
_REPEATED = ("operator", "vehicle_state", "vehicle_type")
"""Columns of few values: each is kept once, which saves some 150 MB for a million vehicles."""


async def parts(connection: AsyncConnection[Any], key: tuple[str, str, int]) -> dict[str, bytes]:
    """Return the named parts of a fold's state."""
    cursor = await connection.execute(_PARTS, key, binary=True)
    return dict(await cursor.fetchall())


async def ledger(connection: AsyncConnection[Any], key: tuple[str, str, int]) -> Ledger:
    """Return the ledger of a partition, zeros where it has none yet."""
    row = await (await connection.execute(_LEDGER, key)).fetchone()
    return Ledger(*row) if row else Ledger()


async def vehicles(connection: AsyncConnection[Any], partition: int) -> dict[str, list[Any]]:
    """Return the columns of vehicle_state of one partition, in no particular order.

    `ts` and `received_at` are milliseconds since the epoch, `cell` an int. A million rows take
    about 3 s, and the server hands them over in batches.
    """
    async with AsyncServerCursor(connection, "vehicles") as cursor:
        await cursor.execute(_VEHICLES, (partition,), binary=True)
        names = [column.name for column in cursor.description or ()]
        columns: dict[str, list[Any]] = {name: [] for name in names}
        seen: dict[str, str] = {}
        while batch := await cursor.fetchmany(_BATCH):
            for name, values in zip(names, zip(*batch, strict=True), strict=True):
                if name in _REPEATED:
                    columns[name].extend(seen.setdefault(value, value) for value in values)
                else:
                    columns[name].extend(values)
    return columns
