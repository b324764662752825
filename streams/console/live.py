"""One poll of the database for all clients: a hub that tells each of them what changed, and the loop that feeds it."""

import asyncio
import logging
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from streams.console import events
from streams.console.frames import Frame
from streams.console.freshness import Freshness, Status
from streams.console.view import View, diff
from streams.errors import UrbanBrainError
from streams.retry import LONGEST_WAIT_S, backoff, set_within
from streams.times import to_second

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""Events that wait for a client; a slower one gets a snapshot instead."""
LONGEST_PAUSE_S = 5.0
_LONGEST_REST_S = 2.0
_TELL_S = 0.5


class TooManyClients(Exception):
    """All places are taken."""


class Reader(Protocol):
    """Where views come from."""

    async def view(self) -> View:
        """Return the view of now; raises UrbanBrainError, and takes no longer than some seconds."""


class Subscriber:
    """What one client has yet to be sent. Its queue is bounded: who falls behind gets a snapshot in its place."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[Frame] = deque()
        self._some = asyncio.Event()
        self._ended = False
        self.behind = True
        """Whether the next thing it needs is a snapshot."""

    def offer(self, event: Frame) -> None:
        """Keep an event for it, or forget all of them if there are too many; never waits."""
        if len(self._waiting) >= self._most:
            self._waiting.clear()
            self.behind = True
        if not self.behind:
            self._waiting.append(event)
        self._some.set()

    def catch_up(self) -> None:
        """Note that it is given a snapshot now: all that waits is older."""
        self._waiting.clear()
        self.behind = False

    def end(self) -> None:
        """Let its stream come to an end."""
        self._ended = True
        self._some.set()

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._ended

    async def some(self, timeout_s: float) -> list[Frame]:
        """Wait until there is something to do, and return what waits; nothing after `timeout_s` without any."""
        await set_within(self._some, timeout_s)
        self._some.clear()
        waiting = [*self._waiting]
        self._waiting.clear()
        return waiting


class Hub:
    """Holds the newest view, and hands each change, encoded once, to all clients."""

    def __init__(self, freshness: Freshness, most_clients: int, most_waiting: int = MOST_WAITING) -> None:
        self.freshness = freshness
        self.view: View | None = None
        self.version = 0
        self._epoch = secrets.token_hex(4)  # another process counts anew
        self._most_clients = most_clients
        self._most_waiting = most_waiting
        self._subscribers: set[Subscriber] = set()
        self._snapshot: tuple[int, Frame] | None = None
        self._polled_at = datetime.now(UTC)
        self._told: Status | None = None

    @property
    def clients(self) -> int:
        """How many follow."""
        return len(self._subscribers)

    def status(self) -> Status:
        """Return how fresh the view is now."""
        return self.freshness.status(time.monotonic())

    def publish(self, view: View, polled_at: datetime) -> None:
        """Take a view and tell what changed. The first one is told as a snapshot."""
        before, self.view = self.view, view
        self._polled_at = polled_at
        change = None if before is None else diff(before, view)
        if before is not None and not change:
            return
        self.version += 1
        if not self._subscribers:
            return
        event = Frame()  # before the first view everybody is behind, and gets a snapshot
        if before is not None and change is not None:
            event = events.changes(change, before, polled_at, self._id)
        for subscriber in self._subscribers:
            subscriber.offer(event)

    def tell_status(self) -> None:
        """Tell how fresh the view is, if that is news."""
        now = self.status()
        if self._told is None or now.news != self._told.news:
            if not now.fresh:
                since = now.stale_since and to_second(now.stale_since)
                log.warning("stale since %s UTC: %s", since, now.reason)
            elif now.quiet_s is not None:
                stored_at = now.stored_at and to_second(now.stored_at)
                log.warning("no worker has stored anything since %s UTC", stored_at)
            elif now.unattended:
                log.warning("%s", now.reason)
            elif self._told is not None:
                log.info("fresh again")
            self._told = now
            for subscriber in self._subscribers:
                subscriber.offer(events.status(now))

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        """Follow while the context lasts; raises TooManyClients."""
        if len(self._subscribers) >= self._most_clients:
            raise TooManyClients
        subscriber = Subscriber(self._most_waiting)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def follow(self, subscriber: Subscriber, heartbeat_s: float) -> AsyncIterator[Frame]:
        """Yield frames as they come: a snapshot, then changes, and a status after each silence.

        Where the view is not fresh a status comes first, so that nobody takes it for fresh.
        """
        yield events.BEGIN if self.status().fresh else Frame(events.BEGIN + events.status(self.status()))
        while not subscriber.ended:
            if subscriber.behind and self.view is not None:
                subscriber.catch_up()
                yield self._whole(self.view)
                yield events.status(self.status())
            waiting = await subscriber.some(heartbeat_s)
            for frame in waiting:  # as they are: all clients are sent the same bytes, not a copy each
                yield frame
            if not waiting and (not subscriber.behind or self.view is None):
                yield events.status(self.status())

    def end(self) -> None:
        """End the streams of all clients."""
        for subscriber in self._subscribers:
            subscriber.end()

    @property
    def _id(self) -> str:
        return f"{self._epoch}-{self.version}"

    def _whole(self, view: View) -> Frame:
        if self._snapshot is None or self._snapshot[0] != self.version:
            self._snapshot = self.version, events.snapshot(view, self._polled_at, self._id)
        return self._snapshot[1]


async def poll(
    reader: Reader,
    hub: Hub,
    every_s: float,
    stop: asyncio.Event,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Feed the hub until `stop` is set. A database that is away is asked again, with back-off.

    One that answers slowly is asked less often: the pause is twice as long as the answer took, up to two seconds.
    """
    failures = 0
    while not stop.is_set():
        began, now = time.monotonic(), datetime.now(UTC)
        try:
            view = await reader.view()
        except Exception as error:
            if not isinstance(error, UrbanBrainError):
                log.exception("a poll failed unexpectedly")
            hub.freshness.failed(str(error), began)
            pause = min(LONGEST_PAUSE_S, backoff(failures, every_s, LONGEST_WAIT_S, jitter()))
            failures += 1
        else:
            hub.freshness.answered(now, began, view.stored, view.stages, time.monotonic() - began)
            hub.publish(view, now)
            took = time.monotonic() - began
            pause, failures = max(every_s - took, min(2 * took, _LONGEST_REST_S)), 0
        if not stop.is_set():
            hub.tell_status()
        await set_within(stop, pause)


async def watch(hub: Hub, stop: asyncio.Event, patience_s: float = 0.0) -> None:
    """Tell the clients when the view becomes stale, also while a poll waits for its answer; until `stop` is set.

    Nothing is said for `patience_s`: so long the first answer may take.
    """
    await set_within(stop, patience_s)
    while not await set_within(stop, _TELL_S):
        hub.tell_status()
