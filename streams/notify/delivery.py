"""The queue of one receiver, delivered in order and at its own pace."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import aiohttp
import msgspec

from schemas import codec
from schemas.alerts import Alert
from streams.alerts.labels import labels_of
from streams.alerts.matchers import Labels
from streams.fold.outlines import District
from streams.notify import signing, transport
from streams.notify.formats import RENDER
from streams.notify.inhibitors import Inhibitors
from streams.notify.judge import Drop, Hold, Send, Verdict, judge
from streams.notify.message import Message, Payload, Told
from streams.notify.receivers import Receiver
from streams.notify.silences_now import SilencesNow, Silent
from streams.retry import Waiting, retrying, set_within
from streams.store import deliveries
from streams.store.due import Due
from streams.store.notifications import Connection
from streams.store.session import Session

log = logging.getLogger(__name__)

_POLL_S = 1.0
_STANDS_STILL = timedelta(seconds=30)
"""How long a delivery may hang beyond the time that its receiver has to answer, before other processes take over."""

_AWAY_S = 60.0
"""Whoever did not look after its receiver for so long, as its machine or the database stood still, was away."""

_TRIPS = 5
"""After so many failures of a receiver at one message, messages of other alerts are tried before it."""

_LOOK_AGAIN_S = 5.0
_LOOKED_AT_ONCE = 100


@dataclass(slots=True)
class Look:
    """A walk through the notifications that are kept back: numbers `left` to look at, and those `free` to be sent."""

    left: list[int]
    free: list[int] = field(default_factory=list)

    def next(self, most: int) -> list[int]:
        """Take the next out of what is left."""
        taken, self.left = self.left[:most], self.left[most:]
        return taken


class Delivery:
    """Sends what is due to one receiver until it is told to stop.

    `after`: who escalates to it, and how long after it was told.
    """

    def __init__(
        self,
        receiver: Receiver,
        session: Session,
        client: aiohttp.ClientSession,
        district: District,
        stop: asyncio.Event,
        inhibitors: Inhibitors,
        silences: SilencesNow,
        after: Mapping[str, timedelta],
        waiting: Waiting,
    ) -> None:
        self._receiver = receiver
        self._session = session
        self._client = client
        self._district = district
        self._stop = stop
        self._inhibitors = inhibitors
        self._silences = silences
        self._after = after
        self._waiting = waiting
        self._aside: dict[str, float] = {}
        """Alerts at which the receiver fails again and again, each with the time until which other alerts go first."""
        self._look: Look | None = None
        self._look_again_at = time.monotonic()
        self._failures = 0
        self._back_at = self._looks_at = time.monotonic()
        """Since when this process looks after the receiver without a break, and when it next looks."""
        self._begun = (0, 0)
        """The notification that was just marked as begun (see `_step`), and the number of its failures until then."""
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Say that something may be due."""
        self._nudged.set()

    async def run(self) -> None:
        """Deliver, and wait while there is nothing to deliver, or while the receiver or the database is away."""
        while not self._stop.is_set():
            self._nudged.clear()
            pause = await retrying(self._step, self._stop, self._waiting)
            self._looks_at = time.monotonic() + (_POLL_S if pause is None else pause)
            if pause is None:
                await set_within(self._nudged, _POLL_S)
            elif pause:
                await set_within(self._stop, pause)
        if self._begun[0]:  # its receiver counts as told of it
            await retrying(self._step, self._stop, self._waiting)

    async def _step(self) -> float | None:
        """Deal with one notification; return the seconds to wait before the next, or None where nothing is due.

        In one transaction, so that a notification is sent by one process only:
        1. lock the receiver, look at some of what is kept back, and take the first that is due
        2. send it, keep it back or drop it
        3. write down how it ended. Between 2 and 3 a crash lets it be sent again, with the same id

        An alert that is new to its receiver takes two turns. The first only marks it as begun: the receiver may hear of
        it. The second sends it, whatever else is due by then. So if we crash while sending, and a silence begins, the
        receiver still gets its end.
        """
        async with self._session.transaction() as connection:
            # 1.
            at_work = self._at_work()
            within = self._receiver.timeout + _STANDS_STILL
            if not await deliveries.may_send(connection, self._receiver.name, within):
                return None
            looked = await self._look_at_what_is_held(connection, at_work)
            if looked == "reminds":
                return 0.0  # what is queued for others is theirs now, not when this receiver has answered
            now = time.monotonic()
            self._aside = {alert_id: until for alert_id, until in self._aside.items() if until > now}
            aside = list(self._aside)
            due = await deliveries.next_due(
                connection, self._receiver.name, self._after, at_work, aside, self._begun
            )
            if due is None:
                return 0.0 if looked == "some" else None
            # 2. and 3.
            return await self._deal_with(connection, due)

    def _at_work(self) -> timedelta:
        """Return for how long this process has looked after the receiver without a break."""
        now = time.monotonic()
        if now - self._looks_at > _AWAY_S:
            self._back_at = now
        self._looks_at = now
        return timedelta(seconds=now - self._back_at)

    async def _look_at_what_is_held(
        self, connection: Connection, at_work: timedelta
    ) -> Literal["nothing", "some", "reminds"]:
        """Look at the next of what is kept back, every few seconds at all of it; return whether there was any.

        "reminds": and others were queued a reminder.

        What nothing keeps back any more is let go when all was looked at, so that the most severe of all is told first.
        """
        if self._look is None:
            if time.monotonic() < self._look_again_at:
                return "nothing"
            self._look = Look(await deliveries.held(connection, self._receiver.name))
        found = await deliveries.due(connection, self._look.next(_LOOKED_AT_ONCE), self._after, at_work)
        silent = await self._silences.read(connection)
        kept, reminds = dict[Hold, list[int]](), False
        for due in found:
            if due.state != "silenced":  # another process was faster
                continue
            alert = self._alert_of(due)
            verdict = alert if isinstance(alert, Drop) else await self._judged(connection, due, alert, silent)
            if isinstance(verdict, Drop):
                await deliveries.drop(connection, due.number, verdict.why)
            elif isinstance(verdict, Hold):
                kept.setdefault(verdict, []).append(due.number)
            else:
                self._look.free.append(due.number)
        for hold, numbers in kept.items():
            reminds |= await self._hold(connection, numbers, hold)
        if not self._look.left:
            await deliveries.release(connection, self._look.free, self._after)
            self._look, self._look_again_at = None, time.monotonic() + _LOOK_AGAIN_S
        return "reminds" if reminds else "some" if found else "nothing"

    async def _hold(self, connection: Connection, numbers: list[int], hold: Hold) -> bool:
        """Keep notifications back; return whether those who escalate them were queued reminders for afterwards."""
        held = await deliveries.hold(connection, numbers, hold.why, anew=hold.anew)
        return hold.anew and await deliveries.remind(connection, held, list(self._after), hold.why)

    def _alert_of(self, due: Due) -> Alert | Drop:
        try:
            return codec.alert.decode(due.body)
        except msgspec.DecodeError as error:  # queued by a program of another version
            log.error(
                "receiver %s: notification %d is dropped, as its alert cannot be decoded: %s",
                self._receiver.name,
                due.number,
                error,
            )
            return Drop(f"no alert: {error}")

    async def _judged(self, connection: Connection, due: Due, alert: Alert, silent: Silent) -> Verdict:
        labels = labels_of(alert, self._district)
        why = await self._kept_back(connection, due, labels, silent)
        receiver = self._receiver
        wanted, repeated = receiver.asks_for(labels), receiver.repeat_interval is not None
        return judge(due, alert, why, receiver.format, wanted=wanted, repeated=repeated)

    async def _deal_with(self, connection: Connection, due: Due) -> float:
        """Send, keep back or drop what is due; return the seconds to wait before the next."""
        alert = self._alert_of(due)
        if isinstance(alert, Drop):
            await deliveries.drop(connection, due.number, alert.why)
            return 0.0
        verdict = await self._judged(connection, due, alert, await self._silences.read(connection))
        if not isinstance(verdict, Send) and self._has_begun(due):
            # marked as begun, but not sent: what keeps it back came in between
            await deliveries.not_taken(connection, due.number)
            self._begun = (0, 0)
        if isinstance(verdict, Drop):
            await deliveries.drop(connection, due.number, verdict.why)
            return 0.0
        if isinstance(verdict, Hold):
            await self._hold(connection, [due.number], verdict)
            return 0.0
        if not (due.told or due.begun):
            await deliveries.begin(connection, due)
            self._begun = (due.number, due.attempts)
            return 0.0
        message = Message(
            alert=alert,
            sequence=due.sequence,
            reason=due.reason,
            due_at=due.due_at,
            receiver=self._receiver,
            now=datetime.now(UTC),
            district=self._district(alert.lat, alert.lon),
            boundary=due.boundary,
            told=[Told(*item) for item in due.told],
            assignee=due.assignee,
        )
        return await self._send(connection, due, message)

    async def _kept_back(
        self, connection: Connection, due: Due, labels: Labels, silent: Silent
    ) -> str | None:
        """Return what keeps an alert silent now: a silence, or another alert."""
        silence = silent.by(labels)
        if silence is not None:
            return f"silence {silence.silence_id}: {silence.comment}"
        sources = await self._inhibitors.sources(connection, due.due_at, silent.now)
        source = sources.first_against(due.alert_id, labels)
        return None if source is None else f"inhibited by alert {source.alert_id}: {source.summary}"

    async def _send(self, connection: Connection, due: Due, message: Message) -> float:
        """Send a message and write down how that ended; return the seconds to wait before the next."""
        payload = self._written(message)
        if isinstance(payload, Drop):
            await deliveries.drop(connection, due.number, payload.why, tried=True)
            return 0.0
        receiver = self._receiver
        headers = signing.headers(message.id_, payload.body, receiver.secrets, int(message.now.timestamp()))
        outcome = await transport.post(self._client, receiver, payload, headers)
        begun, self._begun = self._has_begun(due), (0, 0)
        if begun and transport.has_it_not(outcome):
            await deliveries.not_taken(connection, due.number)
        if isinstance(outcome, transport.Failed):
            return await self._put_off(connection, due, outcome)
        if self._failures:
            log.warning("receiver %s answers again after %d failed attempts", receiver.name, self._failures)
            self._failures = 0
        if isinstance(outcome, transport.Refused):
            log.error(
                "receiver %s refuses %s, which is dropped: %s", receiver.name, message.id_, outcome.note
            )
            await deliveries.drop(connection, due.number, f"refused: {outcome.note}", tried=True)
            told_again = due.reason == "repeat"  # without repeats Alertmanager takes what lasts for resolved
        else:
            await deliveries.deliver(connection, due, outcome.note)
            told_again = message.alert.status == "active"
        if told_again and receiver.repeat_interval is not None:
            await deliveries.repeat(connection, due.number, receiver.repeat_interval)
        return 0.0

    def _written(self, message: Message) -> Payload | Drop:
        """Return a message in the receiver's format. An error there is our own, and holds up no other message."""
        receiver = self._receiver
        try:
            return RENDER[receiver.format](message)
        except Exception as error:
            log.exception(
                "receiver %s: %s is dropped, as it cannot be encoded as %s",
                receiver.name,
                message.id_,
                receiver.format,
            )
            return Drop(f"not written as {receiver.format}: {error!r}")

    def _has_begun(self, due: Due) -> bool:
        """Return whether this is the try for which `_deal_with` has just marked the notification as begun."""
        return self._begun == (due.number, due.attempts)

    async def _put_off(self, connection: Connection, due: Due, outcome: transport.Failed) -> float:
        """Write down a failure; return the seconds until the next try.

        A message at which the receiver fails again and again lets those of other alerts go before it.
        """
        receiver = self._receiver
        pause = transport.pause(self._failures, receiver.max_backoff, outcome.retry_after, random.random())
        if outcome.trips and due.attempts + 1 >= _TRIPS:
            self._aside[due.alert_id] = time.monotonic() + pause + receiver.max_backoff.total_seconds()
        await deliveries.failed(connection, due, receiver.name, outcome.note, timedelta(seconds=pause))
        if self._failures == 0:
            log.warning(
                "receiver %s: %s; retrying until it accepts the notification", receiver.name, outcome.note
            )
        self._failures += 1
        return pause
