"""Writes the named parts of folds' states: a few one by one, many with a COPY into a temporary table.

A region in which windows close has a part for each cell: 600,000 of 300,000 cells, in one checkpoint. One by one they
took 80 microseconds each, as COPY 25, and this process a tenth of the time. Of 50 both take as long.
"""

from collections.abc import Iterable

from psycopg import AsyncConnection, AsyncCursor

Part = tuple[str, str, int, str, bytes | None]
"""Stage, topic, partition and name; None: it is deleted."""

_MANY = 100
"""From so many on the temporary table is worth its emptying."""

_WRITE = """
INSERT INTO ub.checkpoint_part (stage, topic, partition, name, value) VALUES (%s, %s, %s, %s, %b)
ON CONFLICT (stage, topic, partition, name) DO UPDATE SET value = excluded.value
"""
_DELETE = """
DELETE FROM ub.checkpoint_part WHERE stage = %s AND topic = %s AND partition = %s AND name = %s
"""

_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS stage_checkpoint_part
(stage text, topic text, partition integer, name text, value bytea) ON COMMIT DELETE ROWS
"""
_TYPES = ("text", "text", "integer", "text", "bytea")
_COPY = "COPY pg_temp.stage_checkpoint_part FROM STDIN (FORMAT BINARY)"
_WRITE_STAGED = """
INSERT INTO ub.checkpoint_part (stage, topic, partition, name, value)
SELECT stage, topic, partition, name, value FROM pg_temp.stage_checkpoint_part WHERE value IS NOT NULL
ON CONFLICT (stage, topic, partition, name) DO UPDATE SET value = excluded.value
"""
_DELETE_STAGED = """
DELETE FROM ub.checkpoint_part p USING pg_temp.stage_checkpoint_part s
WHERE (p.stage, p.topic, p.partition, p.name) = (s.stage, s.topic, s.partition, s.name) AND s.value IS NULL
"""


async def write(connection: AsyncConnection[tuple[object, ...]], parts: Iterable[Part]) -> None:
    """Write and delete parts within the caller's transaction; each is named once."""
    some = list(parts)
    async with connection.cursor() as cursor:
        await (_write_many if len(some) >= _MANY else _write_few)(cursor, some)


async def _write_few(cursor: AsyncCursor[tuple[object, ...]], parts: list[Part]) -> None:
    written = [part for part in parts if part[-1] is not None]
    deleted = [part[:-1] for part in parts if part[-1] is None]
    if written:
        await cursor.executemany(_WRITE, written)
    if deleted:
        await cursor.executemany(_DELETE, deleted)


async def _write_many(cursor: AsyncCursor[tuple[object, ...]], parts: list[Part]) -> None:
    await cursor.execute(_STAGE)
    async with cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for part in parts:
            await copy.write_row(part)
    # prepare=False: the plan is to fit the number of parts that are there
    await cursor.execute(_WRITE_STAGED, prepare=False)
    await cursor.execute(_DELETE_STAGED, prepare=False)
