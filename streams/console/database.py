"""The database as the console asks it: views only, in read-only transactions that never take long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg

from streams.console.params import AlertsQuery, WindowsQuery
from streams.console.silenced import Silenced
from streams.console.view import View, view
from streams.errors import Busy, ServiceUnavailable
from streams.fold.outlines import District
from streams.store import views
from streams.store.session import Session
from streams.store.view_rows import CellMinute, ClearedAlert

ANSWER_S = 4.0
"""How long an answer may take; then the connection is given up, for nothing may ever come."""
MOST_WAITING = 500
"""Questions of clients that wait for one another: about as many short ones as are answered within TURN_S."""
TURN_S = 3.0
"""How long one waits for those before it; where the database is silent each of them takes all its time."""


class Database:
    """Two connections: one that polls, one for questions of single clients, so that these delay no poll."""

    def __init__(self, url: str, district: District | None) -> None:
        self._live = Session(url, application_name="urbanbrain console")
        self._questions = Session(url, application_name="urbanbrain console queries")
        self._silenced = Silenced(district)
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def view(self) -> View:
        """Return the view of now; raises ServiceUnavailable or MigrationError."""
        async with _asking(self._live) as connection:
            cells = await views.cells_now(connection)
            alerts = await views.open_alerts(connection)
            silences = await views.silences_now(connection)
            stored = await views.stored(connection)
            stages = await views.stages(connection)
            ledger = await views.ledger(connection)
        # In a thread: hundreds of regular expressions for thousands of new alerts take seconds.
        told = await asyncio.to_thread(self._silenced, alerts, silences)
        return view(cells, told, stored, stages, ledger)

    async def minutes(self, cell: str, query: WindowsQuery) -> Sequence[CellMinute]:
        """Return the minutes of a cell, and one more than the limit if there are more; may raise Busy."""
        async with self._question() as connection:
            return await views.cell_minutes(
                connection,
                cell,
                operator=query.operator,
                begin=query.begin,
                end=query.end,
                after=query.after,
                limit=query.limit + 1,
            )

    async def cleared(self, query: AlertsQuery) -> Sequence[ClearedAlert]:
        """Return alerts that are over, and one more than the limit if there are more; may raise Busy."""
        async with self._question() as connection:
            return await views.cleared_alerts(
                connection,
                severity=query.severity,
                kind=query.kind,
                after=query.after,
                limit=query.limit + 1,
            )

    @asynccontextmanager
    async def _question(self) -> AsyncIterator[views.Connection]:
        if self._waiting >= MOST_WAITING:
            raise Busy(f"{self._waiting} questions wait already")
        self._waiting += 1
        try:
            async with self._in_turn(), _asking(self._questions) as connection:
                yield connection
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            raise Busy(f"the questions before this one took more than {TURN_S:g} s") from None
        try:
            yield
        finally:
            self._turn.release()

    def abort(self) -> None:
        """Break both connections: who waits on them waits no longer."""
        self._live.abort()
        self._questions.abort()

    async def close(self) -> None:
        """Close what is open."""
        for session in (self._live, self._questions):
            await session.__aexit__(None, None, None)


@asynccontextmanager
async def _asking(session: Session) -> AsyncIterator[views.Connection]:
    # Not asyncio.timeout: psycopg answers a cancellation by asking the server to cancel, and waits for that.
    async with session.transaction(within_s=ANSWER_S) as connection:
        try:
            await views.begin(connection)
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:  # it may be given back: a console goes on
            reason = str(error).splitlines()[0]
            raise ServiceUnavailable("PostgreSQL", session.address, reason, refuses=True) from error
