"""The hub and the poll: one poll for all clients, bounded queues, an outage that is told and got over."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from itertools import pairwise
from typing import Any

import pytest

from streams.console import live
from streams.console.freshness import Freshness
from streams.console.live import Hub, Subscriber, TooManyClients, poll, watch
from streams.console.view import View
from streams.errors import ServiceUnavailable
from tests.chaos.onlooker import Seen
from tests.unit.console.rows import CELLS, T0, a_view, cell

HEARTBEAT_S = 0.05


def a_hub(*, stale_after_s: float = 60.0, clients: int = 10, waiting: int = 4) -> Hub:
    return Hub(Freshness(stale_after_s, T0), clients, waiting)


def standing(count: int) -> View:
    return a_view(cell(CELLS[0], standing=count))


def events_of(frame: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in frame.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines())
        if "event" in lines:
            yield lines["event"], json.loads(lines["data"])


async def take(stream: AsyncIterator[bytes], seen: Seen, until: Callable[[], bool]) -> list[str]:
    names = []
    async with asyncio.timeout(30):
        while not until():
            for name, data in events_of(await anext(stream)):
                names.append(name)
                seen.take(name, data)
    return names


def counted(seen: Seen) -> int | None:
    row = seen.cells.get((CELLS[0], "hello"))
    return None if row is None else int(row["occupancy"])


def test_a_client_gets_a_snapshot_first_and_then_what_changes() -> None:
    async def run() -> None:
        hub, seen = a_hub(), Seen()
        hub.freshness.answered(T0, time.monotonic())
        hub.publish(standing(1), T0)
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, HEARTBEAT_S)
            names = await take(stream, seen, lambda: counted(seen) == 1)
            assert names[0] == "snapshot"
            hub.publish(standing(2), T0)
            hub.publish(standing(2), T0)
            hub.publish(standing(3), T0)
            await take(stream, seen, lambda: counted(seen) == 3)
            assert (seen.snapshots, seen.changes) == (1, 2)

    asyncio.run(run())


def test_a_client_that_comes_before_the_first_view_is_told_so_and_gets_its_snapshot_later() -> None:
    async def run() -> None:
        hub, seen = a_hub(), Seen()
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, HEARTBEAT_S)
            assert await take(stream, seen, lambda: bool(seen.status)) == ["status"]
            assert not seen.status["fresh"]
            hub.publish(standing(1), T0)
            await take(stream, seen, lambda: counted(seen) == 1)
            assert (seen.snapshots, seen.changes) == (1, 0)

    asyncio.run(run())


def test_a_client_is_told_that_a_view_is_stale_before_it_gets_it() -> None:
    async def run() -> None:
        hub, seen = a_hub(stale_after_s=0.0), Seen()
        hub.freshness.answered(T0, time.monotonic() - 1)
        hub.publish(standing(1), T0)
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, HEARTBEAT_S)
            names = await take(stream, seen, lambda: counted(seen) == 1)
            assert names == ["status", "snapshot"]
            assert not seen.status["fresh"]

    asyncio.run(run())


def test_all_clients_are_sent_the_same_snapshot_and_no_copies() -> None:
    async def run() -> None:
        hub, found = a_hub(), []
        hub.publish(standing(1), T0)
        for _ in range(2):
            with hub.subscribe() as subscriber:
                stream = hub.follow(subscriber, HEARTBEAT_S)
                await anext(stream)
                found.append(await anext(stream))
        assert b"snapshot" in found[0]
        assert found[0] is found[1], "200 slow clients would hold 200 snapshots"

    asyncio.run(run())


def test_silence_is_filled_with_a_heartbeat() -> None:
    async def run() -> None:
        hub, seen = a_hub(), Seen()
        hub.publish(standing(1), T0)
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, HEARTBEAT_S)
            await take(stream, seen, lambda: counted(seen) == 1)
            for _ in range(2):
                seen.status = {}
                assert await take(stream, seen, lambda: bool(seen.status)) == ["status"]

    asyncio.run(run())


def test_a_slow_client_is_given_a_snapshot_and_holds_neither_memory_nor_anybody_up() -> None:
    async def run() -> None:
        hub, quick, slow = a_hub(waiting=4), Seen(), Seen()
        hub.publish(standing(0), T0)
        with hub.subscribe() as first, hub.subscribe() as second:
            streams = hub.follow(first, HEARTBEAT_S), hub.follow(second, HEARTBEAT_S)
            for stream, seen in zip(streams, (quick, slow), strict=True):
                await take(stream, seen, lambda seen=seen: counted(seen) == 0)  # type: ignore[misc]
            for count in range(1, 40):
                hub.publish(standing(count), T0)
                await take(streams[0], quick, lambda count=count: counted(quick) == count)  # type: ignore[misc]
                assert len(second._waiting) <= 4
            assert (quick.snapshots, quick.changes) == (1, 39)
            await take(streams[1], slow, lambda: counted(slow) == 39)
            assert slow.snapshots == 2
            assert slow.changes <= 4

    asyncio.run(run())


def test_nothing_older_than_its_snapshot_reaches_a_client_that_had_fallen_behind() -> None:
    subscriber = Subscriber(most=2)
    subscriber.catch_up()
    for event in (b"1", b"2", b"3", b"4"):
        subscriber.offer(event)
    assert subscriber.behind
    subscriber.catch_up()
    subscriber.offer(b"5")
    assert asyncio.run(subscriber.some(1)) == [b"5"]


def test_more_clients_than_allowed_are_refused_and_a_place_is_free_when_one_leaves() -> None:
    hub = a_hub(clients=1)
    with hub.subscribe():
        with pytest.raises(TooManyClients), hub.subscribe():
            pass
        assert hub.clients == 1
    with hub.subscribe():
        pass


def test_ids_tell_the_versions_of_one_process_from_those_of_another() -> None:
    hub, other = a_hub(), a_hub()
    for each in (hub, other):
        each.publish(standing(1), T0)
    first, second = (each._whole(standing(1)) for each in (hub, other))
    assert first.split(b"\n")[1] != second.split(b"\n")[1]
    assert b"id: " in first


def test_streams_end_when_the_hub_does() -> None:
    async def run() -> None:
        hub = a_hub()
        hub.publish(standing(1), T0)
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, 60.0)
            waiting = asyncio.create_task(_all(stream))
            await asyncio.sleep(0)
            hub.end()
            async with asyncio.timeout(30):
                await waiting

    asyncio.run(run())


async def _all(stream: AsyncIterator[bytes]) -> list[bytes]:
    return [frame async for frame in stream]


class Rows:
    """A database that answers with one view after another, and fails in between."""

    def __init__(self, *answers: View | Exception) -> None:
        self.answers = [*answers]
        self.asked: list[float] = []

    async def view(self) -> View:
        self.asked.append(time.monotonic())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


AWAY = ServiceUnavailable("PostgreSQL", "db:5432/urbanbrain", "connection refused")


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not look():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.005)


def polled(rows: Rows, hub: Hub, check: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        work: list[Coroutine[Any, Any, None]] = [poll(rows, hub, 0.01, stop, lambda: 0.0), watch(hub, stop)]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await check()
        finally:
            stop.set()
            async with asyncio.timeout(30):
                await asyncio.gather(*tasks)

    asyncio.run(run())


def test_an_outage_is_told_with_its_reason_and_the_view_is_exact_again_afterwards() -> None:
    hub, seen = a_hub(stale_after_s=0.1), Seen()
    rows = Rows(standing(1), AWAY)

    def told() -> bool:
        return not seen.status["fresh"] and "connection refused" in seen.status["reason"]

    async def check() -> None:
        with hub.subscribe() as subscriber:
            stream = hub.follow(subscriber, HEARTBEAT_S)
            await take(stream, seen, lambda: counted(seen) == 1)
            await take(stream, seen, lambda: bool(seen.status) and told())
            rows.answers = [standing(2)]
            await take(stream, seen, lambda: counted(seen) == 2 and seen.status["fresh"])
            assert seen.status["reason"] is None

    polled(rows, hub, check)


def test_a_poll_that_fails_for_an_unexpected_reason_is_tried_again() -> None:
    hub, rows = a_hub(), Rows(ValueError("odd row"), standing(1))

    async def check() -> None:
        await until(lambda: hub.view is not None)

    polled(rows, hub, check)
    assert len(rows.asked) >= 2


def test_a_database_that_stays_away_is_asked_less_and_less_often() -> None:
    hub, rows = a_hub(), Rows(AWAY)

    async def check() -> None:
        await until(lambda: len(rows.asked) > 4)

    polled(rows, hub, check)
    pauses = [later - earlier for earlier, later in pairwise(rows.asked)]
    assert all(pause > 0.009 * 2**number for number, pause in enumerate(pauses)), (
        "0.01 s, 0.02 s, 0.04 s, ..."
    )


class Slow(Rows):
    """One whose answers take a while."""

    async def view(self) -> View:
        await asyncio.sleep(0.2)
        return await super().view()


def test_a_database_that_answers_each_poll_slowly_is_not_away_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one of two seconds, ten times as fast: the newest answer is three polls old before the next one comes."""
    monkeypatch.setattr(live, "_LONGEST_REST_S", 0.2)
    hub, rows = a_hub(stale_after_s=0.5), Slow(standing(1))
    words = set()

    async def check() -> None:
        await until(lambda: rows.asked)
        while len(rows.asked) < 5:
            await asyncio.sleep(0.005)
            words.add(hub.status().word)

    polled(rows, hub, check)
    assert words == {"ok"}


@pytest.mark.parametrize(("patience_s", "told"), [(60.0, False), (0.0, True)])
def test_nothing_is_said_of_an_old_view_while_the_first_answer_may_still_come(
    patience_s: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_TELL_S", 0.01)

    class Listening(Hub):
        said = 0

        def tell_status(self) -> None:
            self.said += 1

    async def run() -> bool:
        hub, stop = Listening(Freshness(60, T0), 1), asyncio.Event()
        watching = asyncio.create_task(watch(hub, stop, patience_s))
        if told:
            await until(lambda: hub.said)
        else:
            await asyncio.sleep(0.1)
        stop.set()
        await watching
        return hub.said > 0

    assert asyncio.run(run()) is told


def test_the_log_says_since_when_in_utc_and_to_the_second(caplog: pytest.LogCaptureFixture) -> None:
    hub = a_hub(stale_after_s=0.0)
    hub.tell_status()
    assert f"stale since {T0:%Y-%m-%d %H:%M:%S} UTC: " in caplog.text
