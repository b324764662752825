"""Upsert the rows of folds: one COPY a table into a temporary table of the session, then INSERT .. ON CONFLICT.

A connection makes such a table once, and it is emptied at each commit: to make and drop it each time leaves dead rows
in the catalogs, and a commit of one row took PostgreSQL more than twice as long (docs/adr/0037).

Binary COPY because it is the quickest of what was measured: 20,000 rows of vehicle_state take
psycopg 9 ms as binary, 26 ms as text, 38 ms as text joined in Python. The INSERT takes 100 ms. Where all columns of
a table are numpy's (streams/columnar/rows.py) the rows are made in compiled code (binary.py).

Of several rows with the same key the INSERT takes the last. Finding it here, key by key, took half of this process's
time. To PostgreSQL, which sorts by the key anyway, it costs nothing that can be measured.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from psycopg import AsyncConnection, AsyncCopy
from psycopg.sql import SQL, Composed, Identifier

from streams.columnar.rows import Numbers
from streams.fold.contract import Rows
from streams.store import binary
from streams.store.tables import TABLES, ColumnType, Table

Columns = dict[str, list[Any]]

_STAGED: Mapping[ColumnType, str] = {
    "time": "bigint",
    "json": "text",
    # psycopg writes the low bytes of an int that is too large; PostgreSQL's cast refuses it
    "smallint": "bigint",
    "integer": "bigint",
    # psycopg dumps a list element by element: 20,000 arrays of 20 take 80 ms, as text 50 ms, the cast included
    "integer[]": "text",
}
"""Types of the temporary table where they differ from the table's; the INSERT converts."""


_PLACE = "place"
"""Column of a temporary table: which row of its batch it is."""

_UNPACK_WHAT_IS_AMENDED = "SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
"""Lifts TimescaleDB's limit on unpacked rows. To amend a row of a compressed chunk it unpacks a batch of up to 1,000
rows, and it refuses more than 100,000 in one transaction. A checkpoint that amended 101 cells was refused for ever."""


def gather(rows: Iterable[Rows]) -> list[tuple[Table, Columns]]:
    """Join rows of the same table, in order, and order the tables as in tables.py.

    Raises ValueError where a table or a set of columns is not that of tables.py, or lengths differ.
    """
    grouped: dict[str, list[Rows]] = {}
    for item in rows:
        if item.table not in TABLES:
            raise ValueError(
                f"table {item.table!r} is not one of {', '.join(TABLES)}; see streams/store/tables.py"
            )
        grouped.setdefault(item.table, []).append(item)
    # One order for all workers: two that write the same rows cannot wait for each other in a circle.
    batches = [(table, _joined(table, grouped[name])) for name, table in TABLES.items() if name in grouped]
    return [(table, columns) for table, columns in batches if columns[table.key[0]]]


async def write(connection: AsyncConnection[Any], rows: Sequence[Rows]) -> None:
    """Delete and upsert `rows` within the caller's transaction, deletions first; the last row of a key wins."""
    for item in rows:
        if item.delete:
            await _delete(connection, item)
    upserts = [item for item in rows if not item.delete]
    if upserts:
        await connection.execute(_UNPACK_WHAT_IS_AMENDED)
    packed = {name: parts for name in TABLES if (parts := _packed(name, upserts))}
    singly = {table.name: columns for table, columns in gather(r for r in upserts if r.table not in packed)}
    for name, table in TABLES.items():
        if name in packed:
            await _upsert(connection, table, _put_packed, packed[name])
        elif name in singly:
            await _upsert(connection, table, _put_singly, singly[name])


def _packed(name: str, rows: Sequence[Rows]) -> list[list[binary.Column]] | None:
    """Return the columns of a table, part by part, None where not all of them are numpy's."""
    table, parts = TABLES[name], [item for item in rows if item.table == name]
    columns = [
        [column for name in table.columns if isinstance(column := part.columns.get(name), binary.Column)]
        for part in parts
    ]
    if not parts or any(len(part) < len(table.columns) for part in columns):
        return None
    for part in parts:
        _check(table, part)
    return columns


async def _delete(connection: AsyncConnection[Any], rows: Rows) -> None:
    table = TABLES[rows.table]
    if tuple(rows.columns) != table.key:
        raise ValueError(
            f"rows of {table.name} are deleted by its key {table.key}, not by {tuple(rows.columns)}"
        )
    query = SQL("DELETE FROM {} WHERE ({}) IN (SELECT * FROM unnest({}))").format(
        Identifier("ub", table.name),
        SQL(", ").join(map(Identifier, table.key)),
        SQL(", ").join(SQL("%s::{}[]").format(SQL(table.columns[name])) for name in table.key),
    )
    await connection.execute(query, [list(rows.columns[name]) for name in table.key])


async def _upsert[T](
    connection: AsyncConnection[Any],
    table: Table,
    put: Callable[[AsyncCopy, Sequence[str], T], Awaitable[None]],
    rows: T,
) -> None:
    staged = ["bigint", *(_STAGED.get(type_, type_) for type_ in table.columns.values())]
    async with connection.cursor() as cursor:
        await cursor.execute(_create_stage(table, staged))
        copy_in = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(_stage(table))
        async with cursor.copy(copy_in) as copy:
            await put(copy, staged, rows)
        await cursor.execute(_insert(table))


async def _put_singly(copy: AsyncCopy, staged: Sequence[str], columns: Columns) -> None:
    copy.set_types(staged)
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        await copy.write_row((place, *row))


async def _put_packed(
    copy: AsyncCopy, _staged: Sequence[str], parts: Sequence[Sequence[binary.Column]]
) -> None:
    await copy.write(binary.HEADER)
    begin = 0
    for part in parts:
        places = Numbers(np.arange(begin, begin := begin + len(part[0])))
        for block in binary.blocks([places, *part]):
            await copy.write(block)
    await copy.write(binary.TRAILER)


def _joined(table: Table, parts: Sequence[Rows]) -> Columns:
    for part in parts:
        _check(table, part)
    columns: Columns = {name: [] for name in table.columns}
    for name, type_ in table.columns.items():
        for part in parts:
            columns[name].extend(part.columns[name])
        if type_ == "text":
            columns[name] = _storable(columns[name])
        elif type_ == "integer[]":
            columns[name] = [f"{{{str(value)[1:-1]}}}" for value in columns[name]]
    return columns


def _check(table: Table, rows: Rows) -> None:
    if set(rows.columns) != set(table.columns):
        missing = sorted(set(table.columns) - set(rows.columns))
        unknown = sorted(set(rows.columns) - set(table.columns))
        raise ValueError(
            f"rows of {table.name} lack the columns {missing} and have the unknown columns {unknown}; "
            "see streams/store/tables.py"
        )
    lengths = {name: len(column) for name, column in rows.columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"columns of {table.name} differ in length: {lengths}; each row needs a value in each"
        )


def _storable(column: list[str | None]) -> list[str | None]:
    """PostgreSQL's text holds every character but U+0000: write that one as a refused payload shows bytes."""
    if not any(value is not None and "\x00" in value for value in column):
        return column
    return [value and value.replace("\x00", "\\x00") for value in column]


def _stage(table: Table) -> Identifier:
    return Identifier("pg_temp", f"stage_{table.name}")


def _create_stage(table: Table, staged: Sequence[str]) -> Composed:
    columns = SQL(", ").join(
        SQL("{} {}").format(Identifier(name), SQL(type_))
        for name, type_ in zip([_PLACE, *table.columns], staged, strict=True)
    )
    return SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS").format(
        _stage(table), columns
    )


def _insert(table: Table) -> Composed:
    """Return the INSERT of what is staged, the last of each key."""
    names = [Identifier(name) for name in table.columns]
    key = SQL(", ").join(Identifier(name) for name in table.key)
    changed = SQL(", ").join(
        SQL("{0} = excluded.{0}").format(Identifier(name)) for name in table.columns if name not in table.key
    )
    action = SQL("DO NOTHING") if table.insert_only else SQL("DO UPDATE SET {}").format(changed)
    return SQL(
        "INSERT INTO {} ({}) SELECT DISTINCT ON ({}) {} FROM {} ORDER BY {}, {} DESC ON CONFLICT ({}) {}"
    ).format(
        Identifier("ub", table.name),
        SQL(", ").join(names),
        key,
        SQL(", ").join(_converted(name, type_) for name, type_ in table.columns.items()),
        _stage(table),
        key,
        Identifier(_PLACE),
        key,
        action,
    )


def _converted(name: str, type_: ColumnType) -> Composed:
    if type_ == "time":
        # exact to the millisecond, where to_timestamp() would divide as a float
        return SQL("timestamptz 'epoch' + {} * interval '1 millisecond'").format(Identifier(name))
    if type_ == "json":
        return SQL("{}::jsonb").format(Identifier(name))
    if type_ == "integer[]":
        return SQL("{}::integer[]").format(Identifier(name))
    return SQL("{}").format(Identifier(name))
