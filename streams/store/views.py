"""Questions of the console, on views of schema api only, so that ub_reader may ask them. They take a connection."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row

from streams.store.alert_desk import SilenceRow
from streams.store.attendance import Seen
from streams.store.view_rows import Booked, CellMinute, CellNow, ClearedAlert, OpenAlert, Stored

Connection = AsyncConnection[Any]

_BEGIN = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL statement_timeout = '3s';
SET LOCAL timezone = 'UTC';
SET LOCAL jit = off -- it costs more than it saves in questions that take milliseconds
"""

_CELLS = """
SELECT hex AS cell, operator, region, available, non_operational, reserved, on_trip, non_contactable, occupancy,
       as_of, completeness
FROM api.cell_now WHERE occupancy + on_trip > 0 ORDER BY api.cell_now.cell, operator
"""

_OPEN = """
SELECT alert_id, sequence, severity, kind, subject, hex AS cell, lat, lon, region, zone, starts_at, updated_at, summary,
       occupancy, capacity, policy, acknowledged, acknowledged_by, assignee, due_at, comment,
       ARRAY(SELECT jsonb_object_keys(coalesce(evidence -> 'by_operator', '{}')) ORDER BY 1) AS operators,
       coalesce(evidence #> '{rule,outline,coordinates}', evidence #> '{trips,outline,coordinates}') AS area,
       evidence #> '{hot_spot,cells}' AS cells
FROM api.alerts_open ORDER BY starts_at DESC, alert_id
"""

_SILENCES = """
SELECT silence_id, matchers, starts_at, ends_at, created_by, comment, state
FROM api.silences WHERE starts_at <= now() AND ends_at > now() ORDER BY silence_id
"""

STORED = """
SELECT max(updated_at) AS at, extract(epoch FROM now() - max(updated_at))::double precision AS ago_s
FROM api.ledger HAVING count(*) > 0
"""

_LEDGER = """
SELECT stage, sum(applied)::bigint AS applied, sum(superseded)::bigint AS superseded, sum(rejected)::bigint AS rejected
FROM api.ledger GROUP BY stage ORDER BY stage
"""

STAGES = """
SELECT stage, seen_at AS at, extract(epoch FROM now() - seen_at)::double precision AS ago_s
FROM api.stage WHERE seen_at IS NOT NULL ORDER BY stage
"""

_CLEARED = """
SELECT alert_id, sequence, severity, kind, subject, hex AS cell, lat, lon, region, zone, starts_at, at AS ends_at,
       summary
FROM api.alert_history
WHERE action = 'cleared' AND kind IS NOT NULL
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(after_at)s::timestamptz IS NULL
       OR (at <= %(after_at)s AND (at < %(after_at)s OR alert_id > %(after_id)s))) -- the first one for the index
ORDER BY at DESC, alert_id LIMIT %(limit)s
"""

_MINUTES = """
SELECT minute, operator, readings::bigint, arrivals::bigint, departures::bigint, occupancy, revision, completeness
FROM api.cell_minute
WHERE cell = api.from_hex(%(cell)s)
  AND (%(operator)s::text IS NULL OR operator = %(operator)s)
  AND (%(begin)s::timestamptz IS NULL OR minute >= %(begin)s)
  AND (%(end)s::timestamptz IS NULL OR minute < %(end)s)
  AND (%(after_at)s::timestamptz IS NULL
       OR (minute <= %(after_at)s AND (minute < %(after_at)s OR operator > %(after_operator)s)))
ORDER BY minute DESC, operator LIMIT %(limit)s
"""

_NEWEST = "SELECT max(as_of) FROM api.cell_now"

_LOOK_BACK = (timedelta(days=1), timedelta(days=8))
"""How far back the newest minutes are looked for, before all are read. Minutes are grouped by the query, and a cell of
three operators has 390,000 rows in 90 days."""
_BEFORE_ALL = datetime(1971, 1, 1, tzinfo=UTC)


async def begin(connection: Connection) -> None:
    """Make a transaction that has asked nothing yet see one moment, write nothing, and never ask for long."""
    await connection.execute(_BEGIN)


async def cells_now(connection: Connection) -> list[CellNow]:
    """Return the rows of api.cell_now that hold a vehicle, by cell and operator; the others are never deleted."""
    return await _rows(connection, CellNow, _CELLS)


async def open_alerts(connection: Connection) -> list[OpenAlert]:
    """Return all rows of api.alerts_open, newest start first."""
    return await _rows(connection, OpenAlert, _OPEN)


async def silences_now(connection: Connection) -> list[SilenceRow]:
    """Return the silences that hold, by the database's clock."""
    return await _rows(connection, SilenceRow, _SILENCES)


async def stored(connection: Connection) -> Stored | None:
    """Return when a worker stored something last, by api.ledger; None before the first time."""
    return next(iter(await _rows(connection, Stored, STORED)), None)


async def ledger(connection: Connection) -> list[Booked]:
    """Return what became of the readings of each stage."""
    return await _rows(connection, Booked, _LEDGER)


async def stages(connection: Connection) -> list[Seen]:
    """Return when each stage was last looked after, as far as it is known."""
    return await _rows(connection, Seen, STAGES)


async def cleared_alerts(
    connection: Connection,
    *,
    severity: str | None,
    kind: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[ClearedAlert]:
    """Return alerts that are over, newest end first; `after` is the end and the id of the last one that is known."""
    at, alert_id = after or (None, None)
    names = {"severity": severity, "kind": kind, "after_at": at, "after_id": alert_id, "limit": limit}
    return await _rows(connection, ClearedAlert, _CLEARED, names)


async def cell_minutes(
    connection: Connection,
    cell: str,
    *,
    operator: str | None,
    begin: datetime | None,
    end: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[CellMinute]:
    """Return the minutes of a cell (hex) that start within [begin, end), newest first, operators in order.

    `after` is the minute and the operator of the last row that is known.
    """
    at, of_operator = after or (None, None)
    names = {
        "cell": cell,
        "operator": operator,
        "begin": begin,
        "end": end,
        "after_at": at,
        "after_operator": of_operator,
        "limit": limit,
    }
    newest = min((moment for moment in (at, end) if moment is not None), default=None)
    if newest is None:
        ((newest,),) = await (await connection.execute(_NEWEST)).fetchall()
    for span in _LOOK_BACK:
        if newest is None or newest < _BEFORE_ALL or (begin is not None and newest - span <= begin):
            break
        found = await _rows(connection, CellMinute, _MINUTES, {**names, "begin": newest - span})
        if len(found) >= limit:  # what lies before these is older than all of them
            return found
    return await _rows(connection, CellMinute, _MINUTES, names)


async def _rows[T](
    connection: Connection, kind: type[T], statement: LiteralString, names: dict[str, Any] | None = None
) -> list[T]:
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, names)
        return await cursor.fetchall()
