"""The tables and the offsets that they reflect, read in one transaction: one moment of the database."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
from psycopg.conninfo import conninfo_to_dict

from streams.audit.schema import TABLES, WINDOWS, Table
from streams.audit.shelf import Shelf, by_day
from streams.audit.stage import Say
from streams.errors import CannotAudit, MigrationError, ServiceUnavailable

_PART = 16_000_000
"""Bytes of CSV to read at a time."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the tables reflect one partition; `touched` changes with every commit of records or rows."""

    cluster_id: str
    topic_id: str
    generation: int
    offset: int
    touched: str


Checkpoints = dict[tuple[str, int], Checkpoint]
"""By (topic, partition): each topic has one stage that stores it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the database; tables of windows are on a shelf, by day."""

    checkpoints: Checkpoints
    tables: dict[str, pl.DataFrame | Shelf]


class Database:
    """Reads with the rights of ub_writer; writes nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    def checkpoints(self) -> Checkpoints:
        """Return all checkpoints as of now."""
        with self._moment() as connection:
            return _checkpoints(connection)

    def filled_with(self) -> dict[str, int]:
        """Return the settings of which all cells and windows are, by their names in the environment."""
        with self._moment() as connection:
            return dict(connection.execute("SELECT setting, value FROM ub.filled_with ORDER BY 1").fetchall())

    def snapshot(self, names: tuple[str, ...], say: Say) -> Snapshot:
        """Return the named tables with the checkpoints of the same moment."""
        with self._moment() as connection:
            return Snapshot(
                _checkpoints(connection), {name: _table(connection, TABLES[name], say) for name in names}
            )

    @contextmanager
    def _moment(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(
                self._url, application_name="urbanbrain-audit", connect_timeout=5
            ) as connection:
                connection.read_only = True
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                yield connection
        except psycopg.errors.UndefinedTable as error:
            raise MigrationError(f"{_line(error)}; run `urbanbrain migrate`") from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise CannotAudit(
                f"{_line(error)}; give UB_DATABASE_URL the login of ub_writer or of the database's owner"
            ) from None
        except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
            raise ServiceUnavailable("PostgreSQL", self._address(), _line(error)) from error

    def _address(self) -> str:
        parts = conninfo_to_dict(self._url)
        return (
            f"{parts.get('host') or 'local socket'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
        )


def _checkpoints(connection: psycopg.Connection[Any]) -> Checkpoints:
    rows = connection.execute(
        'SELECT topic, partition, cluster_id, topic_id, generation, "offset", updated_at::text FROM ub.checkpoint'
    )
    return {(topic, partition): Checkpoint(*rest) for topic, partition, *rest in rows}


def _table(connection: psycopg.Connection[Any], table: Table, say: Say) -> pl.DataFrame | Shelf:
    shelf = Shelf(table.schema)
    key = by_day("window_start") if table.name in WINDOWS else pl.lit(0)
    for part in _parts(connection, table):
        shelf.put(part, key)
        say(f"reading the tables: {table.name}, {shelf.count:,} rows")
    return shelf if table.name in WINDOWS else shelf.all()


def _parts(connection: psycopg.Connection[Any], table: Table) -> Iterator[pl.DataFrame]:
    with connection.cursor().copy(table.query) as copy:
        for text in whole_rows(map(bytes, copy), _PART):
            yield pl.read_csv(text, has_header=False, new_columns=list(table.schema), schema=table.schema)


def whole_rows(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield CSV in parts of at least `size` bytes, the last one apart: cut where a line ends outside of quotes."""
    part: list[bytes] = []
    filled, quoted = 0, False
    for block in blocks:
        part.append(block)
        filled += len(block)
        quoted ^= block.count(b'"') % 2 == 1
        if filled >= size and not quoted and block.endswith(b"\n"):
            yield b"".join(part)
            part, filled = [], 0
    if part:
        yield b"".join(part)


def _line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
