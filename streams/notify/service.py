"""`urbanbrain notify`: intake, a delivery for each receiver, and the telling of what people did about alerts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import aiohttp

from streams.alerts.inhibition import Inhibition
from streams.alerts.matchers import district_faults
from streams.alerts.tell import tell
from streams.errors import SettingsError, UrbanBrainError
from streams.files.districts import load_districts
from streams.fold.outlines import District
from streams.notify.delivery import Delivery
from streams.notify.inhibitors import Inhibitors
from streams.notify.intake import Intake, escalated_from
from streams.notify.receivers import Receiver, parse, parse_inhibitions
from streams.notify.silences_now import SilencesNow
from streams.retry import Waiting, before, retrying, set_within
from streams.settings import Settings
from streams.store import notifications, queries
from streams.store.receivers_now import NOTIFY
from streams.store.session import Session

log = logging.getLogger(__name__)

_LISTEN_S = 10.0
_TELL_S = 5.0
_FORGET_S = 3600.0
_OVERDUE_S = 2.0


def load_receivers(settings: Settings, environment: Mapping[str, str]) -> tuple[Receiver, ...]:
    """Read the file of receivers; SettingsError where it is faulty, or a receiver could never be told of anything."""
    path = settings.notify_file
    if path is None:
        raise SettingsError(
            "UB_NOTIFY_FILE is not set; name a TOML file of receivers (docs/notifications.md)"
        )
    receivers = parse(_text(path), environment, f"UB_NOTIFY_FILE={path}")
    load_inhibitions(settings)
    asking = [receiver for receiver in receivers if any(one.name == "district" for one in receiver.match)]
    names = load_districts(settings).names if asking else ()
    for receiver in asking:
        for fault in district_faults(receiver.match, settings.districts_file, names):
            raise SettingsError(f"UB_NOTIFY_FILE={path}, receiver {receiver.name}: {fault}")
    return receivers


def load_inhibitions(settings: Settings) -> tuple[Inhibition, ...]:
    """Read which alerts keep others back, from the file of receivers; SettingsError where it is faulty."""
    path = settings.notify_file
    if path is None:
        return ()
    rules = parse_inhibitions(_text(path), f"UB_NOTIFY_FILE={path}")
    for number, rule in enumerate(rules):
        matchers = (*rule.source, *rule.target)
        asked = (*rule.equal, *(matcher.name for matcher in matchers))
        if settings.districts_file is None and "district" in asked:
            raise SettingsError(
                f"UB_NOTIFY_FILE={path}, inhibit {number}: it asks for districts, and no alert has one while "
                "UB_DISTRICTS_FILE is not set; set it for this process too, or take another label"
            )
        if any(matcher.name == "district" for matcher in matchers):
            for fault in district_faults(matchers, settings.districts_file, load_districts(settings).names):
                raise SettingsError(f"UB_NOTIFY_FILE={path}, inhibit {number}: {fault}")
    return rules


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"UB_NOTIFY_FILE={path}: {error.strerror}; give a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"UB_NOTIFY_FILE={path}: {error}; UTF-8 is expected") from None


async def run(
    settings: Settings,
    receivers: tuple[Receiver, ...],
    district: District,
    stop: asyncio.Event,
    inhibitions: tuple[Inhibition, ...] = (),
) -> None:
    """Notify until `stop`. Whatever one receiver does, the others do not wait for it."""
    failed: BaseExceptionGroup[UrbanBrainError] | None = None
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            # no cookies: nothing of one message, or of one receiver, belongs to another
            aiohttp.ClientSession(headers={"User-Agent": "urbanbrain"}, cookie_jar=aiohttp.DummyCookieJar())
        )

        async def session(name: str) -> Session:
            # a connection each: a delivery keeps its transaction open while it waits for its receiver
            url = settings.database_url.get_secret_value()
            return await stack.enter_async_context(Session(url, application_name=f"{NOTIFY} {name}"))

        inhibitors, waiting = Inhibitors(inhibitions, district), Waiting()
        silences = SilencesNow(districts=settings.districts_file is not None)
        deliveries = [
            Delivery(
                receiver,
                await session(receiver.name),
                client,
                district,
                stop,
                inhibitors,
                silences,
                escalated_from(receiver, receivers),
                waiting,
            )
            for receiver in receivers
        ]

        def nudge() -> None:
            for delivery in deliveries:
                delivery.nudge()

        housekeeping, overdue = await session("housekeeping"), await session("overdue")
        intake = Intake(settings, receivers, await session("intake"), district, stop, nudge, waiting)
        if not await before(stop, intake.meet_receivers()):
            return
        jobs: list[Awaitable[None]] = [
            intake.run(),
            _every(_LISTEN_S, stop, intake.listen),
            _part_with_others(housekeeping, receivers, stop, waiting),
            _every(_TELL_S, stop, Teller(settings).tell),
            _every(_FORGET_S, stop, lambda: _forget(housekeeping, settings, stop, waiting)),
            _every(_OVERDUE_S, stop, lambda: _look_for_overdue(overdue, receivers, nudge, stop, waiting)),
            *(delivery.run() for delivery in deliveries),
        ]
        log.info("notify is running; receivers: %s", ", ".join(receiver.name for receiver in receivers))
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(_until(job, stop))
        except* UrbanBrainError as errors:
            failed = errors
    if failed is not None:
        raise failed.exceptions[0] from None  # the command says it in one line


async def _until(job: Awaitable[None], stop: asyncio.Event) -> None:
    """Run a job to its end. One that waits for a service when the end is asked for just ends."""
    try:
        await job
    except UrbanBrainError:
        if not stop.is_set():
            raise


async def _every(seconds: float, stop: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    while not stop.is_set():
        await work()
        await set_within(stop, seconds)


class Teller:
    """Tells what a command stored but could not tell; says once that it cannot either, and once that it can again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._said = False

    async def tell(self) -> None:
        """Tell what is not told yet, or leave it to the next time."""
        try:
            await asyncio.to_thread(self._work)
            if self._said:
                log.warning("actions on alerts are published again")
            self._said = False
        except UrbanBrainError as error:
            if not self._said:
                log.warning("actions on alerts are not published yet: %s", error)
            self._said = True

    def _work(self) -> None:
        with queries.connect(self._settings.database_url.get_secret_value(), read_only=False) as connection:
            tell(self._settings, connection, "urbanbrain/notify")


async def _look_for_overdue(
    session: Session,
    receivers: tuple[Receiver, ...],
    queued: Callable[[], None],
    stop: asyncio.Event,
    waiting: Waiting,
) -> None:
    """Escalate what is not over by the time until which somebody was to see to it."""
    escalating = [(one.name, one.escalate.to) for one in receivers if one.escalate is not None]
    if not escalating:
        return

    async def work() -> int:
        async with session.transaction() as connection:
            late, found = await notifications.overdue(connection), 0
            for name, to in escalating if late else ():
                found += await notifications.queue_overdue(connection, receiver=name, to=to, among=late)
            return found

    if await retrying(work, stop, waiting):
        queued()


async def _part_with_others(
    session: Session, receivers: tuple[Receiver, ...], stop: asyncio.Event, waiting: Waiting
) -> None:
    """Note which receivers are no longer in the file; waits for an older process that is still sending to one."""

    async def work() -> list[str]:
        async with session.transaction() as connection:
            return await notifications.part_with_others(connection, [r.name for r in receivers])

    for name in await retrying(work, stop, waiting):
        log.info(
            "receiver %s is no longer in the file: its pending notifications are kept until it is back", name
        )


async def _forget(session: Session, settings: Settings, stop: asyncio.Event, waiting: Waiting) -> None:
    async def work() -> int:
        async with session.transaction() as connection:
            return await notifications.forget(connection, timedelta(days=settings.retain_notifications_days))

    deleted = await retrying(work, stop, waiting)
    if deleted:
        log.info("retention deleted notifications: %d", deleted)
