"""Takes events of alerts from Kafka and queues each for every receiver that wants it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.alerts.labels import labels_of
from streams.brokers.hearing import Hearing, answered_at
from streams.brokers.kafka_login import KafkaLogin, kafka_login_of, kafka_unavailable
from streams.brokers.membership import Membership
from streams.brokers.silent_leader import SilentLeader
from streams.fold.outlines import District
from streams.notify.receivers import Receiver
from streams.retry import Waiting, before, retrying
from streams.said_once import SaidSeldom
from streams.settings import Settings
from streams.store import changed_receivers, notifications
from streams.store.notifications import Connection
from streams.store.session import Session

log = logging.getLogger(__name__)

GROUP = "urbanbrain-notify"
_MARGIN = timedelta(minutes=1)
"""An event may be on Kafka a little before it is in the tables, which a new receiver looks at."""

_MOST_RECORDS = 500
_LONGEST_ID = 256
_POLL_MS = 250
_TANSU_SESSION_MS = 6_000
_RETRY_S = 1.0
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """One record of ub.alerts: when it was written (wall clock), the alert, and its JSON."""

    at: datetime
    alert: Alert
    body: bytes


class Intake:
    """Reads ub.alerts as a consumer group of its own; what is queued is confirmed to Kafka afterwards.

    A record that is read again, by this or another process, finds its rows there. `queued` is called
    when there is more to deliver.
    """

    def __init__(
        self,
        settings: Settings,
        receivers: Sequence[Receiver],
        session: Session,
        district: District,
        stop: asyncio.Event,
        queued: Callable[[], None],
        waiting: Waiting,
    ) -> None:
        self._settings = settings
        self._receivers = receivers
        self._session = session
        self._district = district
        self._stop = stop
        self._queued = queued
        self._waiting = waiting
        self._said = SaidSeldom(time.monotonic)
        self._reading: Any = None
        self._hearing = Hearing(settings.kafka_bootstrap, lambda tp: answered_at(self._reading, tp))

    async def meet_receivers(self) -> None:
        """Queue open alerts for receivers that are new, or back in the file, or now ask for other alerts."""

        async def meet() -> None:
            async with self._session.transaction() as connection:
                await self._meet(connection, at_start=True)
                await self._meet_changes(connection)
                await notifications.forgive(connection, [r.name for r in self._receivers])

        await retrying(meet, self._stop, self._waiting)

    async def _meet(self, connection: Connection, *, at_start: bool = False) -> None:
        """Queue open alerts for receivers that are new or back, and at the start for those that now ask for others."""
        by_name = {receiver.name: receiver for receiver in self._receivers}
        new, others = await notifications.register(connection, list(by_name)), []
        if at_start:
            asks = {receiver.name: receiver.asks for receiver in self._receivers}
            others = [n for n in await changed_receivers.changed(connection, asks) if n not in new]
        if not new and not others:
            return
        await changed_receivers.forget_unheard(connection, [*new, *others])
        for body, who in await notifications.missed(connection, new, others):
            if (alert := decoded(body)) is not None:
                await self._queue(connection, [by_name[name] for name in who], alert, body)
        for name in new:
            log.info(
                "receiver %s is new, or back in the file: it is notified of open alerts, then of new events",
                name,
            )
        for name in others:
            log.info("receiver %s now asks for other alerts: it is notified of those that are open", name)

    async def _meet_changes(self, connection: Connection) -> None:
        """Repeat and escalate what is open as the file says now."""
        for receiver in self._receivers:
            if receiver.repeat_interval is not None:
                await changed_receivers.repeat(connection, receiver.name, receiver.repeat_interval)
            for to, after in escalations(receiver, self._receivers):
                await changed_receivers.escalate(connection, receiver=receiver.name, to=to, after=after)

    async def run(self) -> None:
        """Read until told to stop."""
        while not self._stop.is_set():
            self._reading = consumer = await retrying(self._started, self._stop, self._waiting)
            try:
                # Where Kafka is away aiokafka waits in each of its methods for it, or for the group, for good.
                await before(self._stop, self._read(consumer))
            except KafkaError as error:  # this consumer does not go on
                self._say(f"cannot read alerts from Kafka ({error}); connecting anew")
                await asyncio.sleep(_RETRY_S)
            finally:
                with suppress(TimeoutError):
                    await asyncio.wait_for(consumer.stop(), _STOP_S)

    async def listen(self) -> None:
        """Say whether Kafka answers; to be called every ten seconds."""
        for tp in () if self._reading is None else self._reading.assignment():
            self._hearing.hears(tp)

    async def _read(self, consumer: Any) -> None:
        membership = Membership(GROUP, "notify")
        while not self._stop.is_set():
            membership.look(consumer)
            try:
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            except KafkaError as error:
                self._say(f"cannot read alerts from Kafka ({error}); trying again")
                await asyncio.sleep(_RETRY_S)
                continue
            events = [event for records in batches.values() for event in map(read, records) if event]
            if events:
                await retrying(lambda found=events: self._take(found), self._stop, self._waiting)  # type: ignore[misc]
                self._queued()
            if batches:
                await self._confirm(consumer)

    async def _take(self, events: Sequence[Event]) -> None:
        async with self._session.transaction() as connection:
            await self._meet(connection)  # a database that was made anew knows none
            known = await notifications.known_since(connection)
            for event in events:
                receivers = [r for r in self._receivers if event.at >= known[r.name] - _MARGIN]
                await self._queue(connection, receivers, event.alert, event.body)

    async def _queue(
        self, connection: Connection, receivers: Sequence[Receiver], alert: Alert, body: bytes
    ) -> None:
        labels, active = labels_of(alert, self._district), alert.status == "active"
        first = await notifications.enqueue(
            connection,
            receivers={receiver.name: active and receiver.asks_for(labels) for receiver in receivers},
            alert_id=alert.alert_id,
            sequence=alert.sequence,
            body=body,
            over=alert.status == "cleared",
        )
        for receiver in receivers:
            for to, after in escalations(receiver, self._receivers) if receiver.name in first else ():
                await notifications.escalate(
                    connection,
                    receiver=to,
                    alert_id=alert.alert_id,
                    sequence=alert.sequence,
                    body=body,
                    after=after,
                )

    async def _confirm(self, consumer: Any) -> None:
        try:
            await consumer.commit()
        except KafkaError as error:
            # partitions moved, or Kafka is away: they are read again, and found queued
            self._say(f"cannot commit the offsets of group {GROUP} to Kafka ({error})")

    def _say(self, trouble: str) -> None:
        if self._said.is_due(trouble):
            log.warning("%s", trouble)

    async def _started(self) -> Any:
        login = kafka_login_of(self._settings)
        consumer = self._consumer(login)
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise await asyncio.to_thread(
                kafka_unavailable, self._settings.kafka_bootstrap, login, error
            ) from None
        if self._settings.kafka_flavor == "tansu":
            SilentLeader(consumer._coordinator)
        consumer.subscribe([topics.ALERTS])
        return consumer

    def _consumer(self, login: KafkaLogin) -> Any:
        options = login.options
        if self._settings.kafka_flavor == "tansu":  # its JoinGroup waits half the session timeout
            options |= {
                "session_timeout_ms": _TANSU_SESSION_MS,
                "heartbeat_interval_ms": _TANSU_SESSION_MS // 6,
            }
        return AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._settings.kafka_fetch_wait_ms,
            **options,
        )


def escalations(receiver: Receiver, receivers: Sequence[Receiver]) -> Iterator[tuple[str, timedelta]]:
    """Yield, along the chain, whom to notify if nobody acknowledges what `receiver` got, and how long after it."""
    by_name, after, seen = {one.name: one for one in receivers}, timedelta(), {receiver.name}
    while receiver.escalate is not None and receiver.escalate.to not in seen:
        after += receiver.escalate.after
        receiver = by_name[receiver.escalate.to]
        seen.add(receiver.name)
        yield receiver.name, after


def escalated_from(receiver: Receiver, receivers: Sequence[Receiver]) -> dict[str, timedelta]:
    """Return who escalates to `receiver`, itself or through others, and how long after it was told."""
    return {
        one.name: after
        for one in receivers
        for to, after in escalations(one, receivers)
        if to == receiver.name
    }


def read(record: Any) -> Event | None:
    """Return the event of a record of ub.alerts, or None where it is none that can be queued: the log says why."""
    try:
        alert = codec.alert.decode(record.value)
        # No more than what was checked: PostgreSQL takes less for JSON than msgspec skips.
        body = codec.encode(alert)
        if b"\\u0000" in body.replace(rb"\\", b""):  # behind a backslash that is one itself it is text
            raise ValueError("the character U+0000, which PostgreSQL cannot hold")
        if not 0 < len(alert.alert_id) <= _LONGEST_ID:
            raise ValueError(
                f"an alert_id of {len(alert.alert_id)} characters; 1 to {_LONGEST_ID} are expected"
            )
        if not alert.alert_id.isprintable():
            raise ValueError(f"alert_id {alert.alert_id!r}; it is part of a header of HTTP")
        if not 0 <= alert.sequence < 2**31:
            raise ValueError(f"sequence {alert.sequence}; 0 to {2**31 - 1} is expected")
        for ms in (alert.starts_at, alert.updated_at, alert.ends_at or 0):
            datetime.fromtimestamp(ms / 1000, UTC)  # every format writes them
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (msgspec.DecodeError, TypeError, ValueError, OverflowError, OSError, RecursionError) as error:
        where = f"{record.topic}[{record.partition}] offset {record.offset}"
        log.error("%s is not a valid alert (%s); nobody is notified of it", where, error)
        return None
    return Event(at, alert, body)


def decoded(body: bytes) -> Alert | None:
    """Return an alert of the tables, or None where this program does not know it: another version may have written it.

    The log names it then.
    """
    try:
        return codec.alert.decode(body)
    except msgspec.DecodeError as error:
        log.error("an open alert cannot be decoded (%s); nobody is notified of it: %.200r", error, body)
        return None
