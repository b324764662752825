"""Rows into the database: through our store with a checkpoint, and as plain COPY + INSERT .. ON CONFLICT.

The plain way is what the database can take: text for COPY was made before the clock ran, the types of the temporary
table are those of the table, and nothing is checked or checkpointed. Both write the same batches in as many
transactions.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from streams import settings
from streams.fold.contract import Changes, Ledger, Rows
from streams.store.checkpoint import PartitionCommit, Store
from streams.store.tables import TABLES
from tests.bench import marks
from tests.bench.marks import Mark
from tests.bench.store_rows import batches

Batch = tuple[Rows, Rows]


async def through_the_store(url: str, ready: Sequence[Batch]) -> tuple[Mark, Mark]:
    """Commit the batches as the changes of one fold."""
    async with Store(url) as store:
        claim = await store.claim("bench", "bench", 0, cluster_id="bench", topic_id="bench", owner="bench")
        begin = marks.now()
        for number, batch in enumerate(ready):
            changes = Changes(rows=list(batch), parts={"clock": b"bench"}, ledger=Ledger(number, number))
            await store.commit([PartitionCommit(claim, number, changes)])
        return begin, marks.now(_count(ready))


def plainly(url: str, ready: Sequence[Batch]) -> tuple[Mark, Mark]:
    """Write the batches by COPY and INSERT."""
    texts = [[(rows.table, _text(rows)) for rows in batch] for batch in ready]
    with psycopg.connect(url, autocommit=True) as connection:
        begin = marks.now()
        for batch in texts:
            with connection.transaction(), connection.cursor() as cursor:
                for name, text in batch:
                    cursor.execute(
                        SQL(
                            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
                        ).format(_stage(name), _names(name), Identifier("ub", name))
                    )
                    with cursor.copy(SQL("COPY {} FROM STDIN").format(_stage(name))) as copy:
                        copy.write(text)
                    cursor.execute(_upsert(name), prepare=False)
        return begin, marks.now(_count(ready))


def _text(rows: Rows) -> bytes:
    types = TABLES[rows.table].columns
    columns = [
        [_moment(value) for value in rows.columns[name]] if type_ == "time" else rows.columns[name]
        for name, type_ in types.items()
    ]
    return "".join("\t".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)).encode()


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _stage(name: str) -> Identifier:
    return Identifier("pg_temp", f"plain_{name}")


def _names(name: str) -> Composed:
    return SQL(", ").join(map(Identifier, TABLES[name].columns))


def _upsert(name: str) -> Composed:
    table = TABLES[name]
    changed = SQL(", ").join(
        SQL("{0} = excluded.{0}").format(Identifier(column))
        for column in table.columns
        if column not in table.key
    )
    return SQL("INSERT INTO {} ({}) SELECT * FROM {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        Identifier("ub", name),
        _names(name),
        _stage(name),
        SQL(", ").join(map(Identifier, table.key)),
        changed,
    )


def _count(ready: Sequence[Batch]) -> int:
    return sum(len(rows) for batch in ready for rows in batch)


def main() -> None:
    """Measure one of the two."""
    asked: dict[str, Any] = marks.spec()
    url = settings.load().database_url.get_secret_value()
    ready = list(batches(asked["rows"], asked["size"]))
    marks.settled()
    if asked["plain"]:
        begin, end = plainly(url, ready)
    else:
        begin, end = asyncio.run(through_the_store(url, ready))
    marks.report(begin=begin, end=end)


if __name__ == "__main__":
    main()
