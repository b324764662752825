"""The tables and the offsets that they reflect, read in one transaction: one moment of the database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg.conninfo import conninfo_to_dict

from streams.errors import CannotAudit, MigrationError, ServiceUnavailable

_I, _F, _S = pl.Int64(), pl.Float64(), pl.String()
_MS: LiteralString = "(extract(epoch FROM {0}) * 1000)::bigint AS {0}"


@dataclass(frozen=True, slots=True)
class Table:
    """What of a table is compared; `times` are read as milliseconds since the epoch."""

    name: LiteralString
    key: tuple[LiteralString, ...]
    values: Mapping[LiteralString, pl.DataType]
    key_types: tuple[pl.DataType, ...]
    times: tuple[LiteralString, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """All columns with their types."""
        return {**dict(zip(self.key, self.key_types, strict=True)), **self.values}

    @property
    def query(self) -> LiteralString:
        """Return the COPY statement."""
        names: list[LiteralString] = [*self.key, *self.values]
        columns: list[LiteralString] = [_MS.format(n) if n in self.times else n for n in names]
        selected = ", ".join(columns)
        return "COPY (SELECT " + selected + " FROM ub." + self.name + ") TO STDOUT (FORMAT csv)"  # noqa: S608 - literals


_COUNTS = ("available", "non_operational", "reserved", "on_trip", "non_contactable", "occupancy")
_LEDGER = ("received", "applied", "superseded", "rejected")
_FLOWS = ("readings", "arrivals", "departures", "occupancy")
TABLES = {
    table.name: table
    for table in (
        Table("ledger", ("stage", "topic", "partition"), dict.fromkeys(_LEDGER, _I), (_S, _S, _I)),
        Table(
            "vehicle_state",
            ("vehicle_id",),
            {
                "operator": _S,
                "partition": _I,
                "ts": _I,
                "lat": _F,
                "lon": _F,
                "cell": _I,
                "settled_cell": _I,
                "vehicle_state": _S,
                "vehicle_type": _S,
                "battery_percent": _I,
                "received_at": _I,
            },
            (_S,),
            ("ts", "received_at"),
        ),
        Table(
            "vehicle_event",
            ("vehicle_id", "event_type", "at"),
            {"operator": _S, "vehicle_state": _S, "last_ts": _I, "lat": _F, "lon": _F, "cell": _I},
            (_S, _S, _I),
            ("at", "last_ts"),
        ),
        Table("cell_now", ("cell", "operator"), {"region": _S, **dict.fromkeys(_COUNTS, _I)}, (_I, _S)),
        Table(
            "cell_window",
            ("window_start", "window_s", "cell", "operator"),
            {"region": _S, **dict.fromkeys(_FLOWS, _I)},
            (_I, _I, _I, _S),
            ("window_start",),
        ),
        Table("rejected_count", ("partition", "topic", "reason"), {"count": _I}, (_I, _S, _S)),
    )
}
"""The tables that an audit compares. Left out of a row: as_of, revision, newest_at and updated_at tell of
processing, not of the log."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the tables reflect one partition; `touched` changes with every commit."""

    cluster_id: str
    topic_id: str
    generation: int
    offset: int
    touched: str


Checkpoints = dict[tuple[str, int], Checkpoint]
"""By (topic, partition): each topic has one stage that stores it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the database."""

    checkpoints: Checkpoints
    tables: dict[str, pl.DataFrame]


class Database:
    """Reads with the rights of ub_writer; writes nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    def checkpoints(self) -> Checkpoints:
        """Return all checkpoints as of now."""
        with self._moment() as connection:
            return _checkpoints(connection)

    def snapshot(self, names: tuple[str, ...]) -> Snapshot:
        """Return the named tables with the checkpoints of the same moment."""
        with self._moment() as connection:
            return Snapshot(
                _checkpoints(connection), {name: _table(connection, TABLES[name]) for name in names}
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
        except psycopg.OperationalError as error:
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


def _table(connection: psycopg.Connection[Any], table: Table) -> pl.DataFrame:
    with connection.cursor().copy(table.query) as copy:
        data = b"".join(copy)
    if not data:
        return pl.DataFrame(schema=table.schema)
    return pl.read_csv(BytesIO(data), has_header=False, new_columns=list(table.schema), schema=table.schema)


def _line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
