"""The open alerts that may keep others back, read from the database now and then, for all receivers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import get_args

import msgspec

from schemas.alerts import SEVERITIES, AlertKind
from streams.alerts.inhibition import Inhibition, Source, Sources
from streams.alerts.labels import labels
from streams.alerts.matchers import match_all
from streams.fold.outlines import District
from streams.store.notifications import Connection
from streams.store.open_now import Labelled, labelled

log = logging.getLogger(__name__)

_FRESH_S = 1.0
_PATIENCE_S = 1.0
"""How long a delivery waits for what another one is reading, before it reads on its own connection."""
_KINDS = frozenset(get_args(AlertKind))
_operators = msgspec.json.Decoder(dict[str, int])


class Inhibitors:
    """What matches the sources of some rules. Without rules nothing is asked."""

    def __init__(
        self,
        rules: tuple[Inhibition, ...],
        district: District,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._district = district
        self._clock = clock
        self._sources = Sources(rules, [])
        self._known: dict[Labelled, Source | None] = {}
        """What each open alert was as it was read last: most are as they were."""
        self._fresh_until = -1.0
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._asked = self._taken = 0
        """Numbers of the newest query, and of the newest one whose answer was taken."""
        self._reading = asyncio.Lock()

    async def sources(self, connection: Connection, due_at: datetime, now: datetime) -> Sources:
        """Return the sources as of now, or up to a second old, but never older than `due_at` of the notification.

        Both times are by the database's clock; `now` is a moment old. One delivery reads for all: if dozens read
        thousands of alerts each, the database would have time for nothing else.
        """
        if self._is_old(due_at):
            async with self._turn():
                if self._is_old(due_at):
                    await self._read(connection, now)
        return self._sources

    def _is_old(self, due_at: datetime) -> bool:
        return bool(self.rules) and (self._clock() >= self._fresh_until or due_at > self._read_at)

    async def _read(self, connection: Connection, now: datetime) -> None:
        self._asked += 1
        number = self._asked
        found = await labelled(connection)
        if number > self._taken:  # else another delivery has asked later, and was answered before
            self._take(found)
            self._taken, self._read_at, self._fresh_until = number, now, self._clock() + _FRESH_S

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._reading.acquire()
        except TimeoutError:  # the other's connection may be broken
            yield
            return
        try:
            yield
        finally:
            self._reading.release()

    def _take(self, found: Sequence[Labelled]) -> None:
        known = {one: self._known[one] if one in self._known else self._source(one) for one in found}
        if known.keys() != self._known.keys():
            self._sources = Sources(self.rules, filter(None, known.values()))
        self._known = known

    def _source(self, one: Labelled) -> Source | None:
        try:
            operators = list(_operators.decode(one.by_operator))
        except msgspec.DecodeError:
            operators = None
        if operators is None or one.kind not in _KINDS or one.severity not in SEVERITIES:
            log.error("an open alert of another version inhibits nothing: %s", one)
            return None
        its = labels(one, self._district, cell=one.hex, operators=operators)
        matches = any(match_all(rule.source, its) for rule in self.rules)
        return Source(one.alert_id, its, one.summary) if matches else None
