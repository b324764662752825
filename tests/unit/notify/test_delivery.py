"""For how long a process has looked after a receiver without a break, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.alerts import AlertAction
from streams.notify import delivery
from streams.notify.delivery import Delivery
from streams.notify.receivers import parse
from streams.notify.transport import Delivered, Failed, Outcome, Refused
from streams.retry import Waiting
from streams.store.due import Due, Reason
from tests.unit.notify.events import message, of
from tests.unit.notify.test_judge import DUE


class Looking(Delivery):
    """Looks after its receiver as often as there are `pauses`, and asks for one of them each time."""

    def __init__(self, pauses: list[float], during: Callable[[], None]) -> None:
        (receiver,) = parse('[[receiver]]\nname = "a"\nurl = "https://a.example/hook"\n', {}, "test")
        nobody = cast("Any", None)
        super().__init__(receiver, nobody, nobody, nobody, asyncio.Event(), nobody, nobody, {}, Waiting())
        self._pauses, self._during = pauses, during
        self.seen: list[float] = []

    async def _step(self) -> float:
        self.seen.append(self._at_work().total_seconds())
        self._during()
        if len(self.seen) == len(self._pauses):
            self._stop.set()
        return self._pauses[len(self.seen) - 1]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What time it is; it goes on while somebody waits."""
    clock = SimpleNamespace(now=1_000.0, late_s=0.0)

    async def wait(_: asyncio.Event, seconds: float) -> None:
        clock.now += seconds + clock.late_s

    monkeypatch.setattr(delivery, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(delivery, "set_within", wait)
    return clock


def test_a_receiver_that_asks_for_time_or_takes_it_makes_nobody_away(clock: SimpleNamespace) -> None:
    def takes_its_time() -> None:
        clock.now += 70

    looking = Looking([3_600.0, 1.0, 0.0], takes_its_time)
    asyncio.run(looking.run())
    assert looking.seen == [0, 3_670, 3_741]


def test_who_looks_more_than_a_minute_later_than_planned_was_away(clock: SimpleNamespace) -> None:
    def nothing() -> None:
        pass

    looking = Looking([50.0, 50.0, 50.0], nothing)
    clock.late_s = 59
    asyncio.run(looking.run())
    assert looking.seen == [0, 109, 218]
    looking = Looking([50.0, 50.0, 50.0], nothing)
    clock.late_s = 61
    asyncio.run(looking.run())
    assert looking.seen == [0, 0, 0]


class Beginning(Looking):
    """Marks a notification as begun in its first turn, and sends it in its second."""

    async def _step(self) -> float:
        self._begun = (0, 0) if self.seen else (1, 0)
        return await super()._step()


def test_who_is_told_to_stop_sends_what_was_marked_as_begun(clock: SimpleNamespace) -> None:
    """Else its receiver would count as told of it, and be sent its end."""

    def is_told() -> None:
        beginning._stop.set()

    beginning = Beginning([0.0, 0.0], is_told)
    asyncio.run(beginning.run())
    assert len(beginning.seen) == 2
    assert beginning._begun == (0, 0)


class Answering(Delivery):
    """Sends one notification again and again, and gets these answers; nothing of it is written down."""

    def __init__(self, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
        (receiver,) = parse('[[receiver]]\nname = "a"\nurl = "https://a.example/hook"\n', {}, "test")
        nobody = cast("Any", None)
        super().__init__(receiver, nobody, nobody, nobody, asyncio.Event(), nobody, nobody, {}, Waiting())
        self._answers = iter(answers)
        self.told_pauses: list[float] = []

        async def post(*_: object) -> Outcome:
            return next(self._answers)

        async def failed(
            _connection: object, _due: Due, _receiver: str, _note: str, pause: timedelta
        ) -> None:
            self.told_pauses.append(pause.total_seconds())

        async def delivered(*_: object) -> None: ...

        monkeypatch.setattr(delivery.transport, "post", post)
        monkeypatch.setattr(delivery.deliveries, "failed", failed)
        monkeypatch.setattr(delivery.deliveries, "deliver", delivered)
        monkeypatch.setattr(delivery, "random", SimpleNamespace(random=lambda: 0.0))

    async def pauses(self) -> list[float]:
        return [await self._send(cast("Any", None), DUE, message(of())) for _ in range(6)]


def test_each_outage_is_told_once_with_its_end_and_its_pauses_begin_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away, there = Failed("away"), Delivered("HTTP 200")
    answering = Answering([away, away, there, there, away, there], monkeypatch)
    assert asyncio.run(answering.pauses()) == [1, 2, 0, 0, 1, 0]
    assert answering.told_pauses == [1, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "receiver a: away; retrying until it accepts the notification",
        "receiver a answers again after 2 failed attempts",
        "receiver a: away; retrying until it accepts the notification",
        "receiver a answers again after 1 failed attempts",
    ]


def test_a_message_that_cannot_be_written_counts_as_tried_or_nobody_would_escalate_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: list[tuple[str, bool]] = []

    def broken(_: object) -> None:
        raise KeyError("a bug")

    async def drop(_connection: object, _number: int, note: str, *, tried: bool = False) -> None:
        dropped.append((note, tried))

    monkeypatch.setitem(delivery.RENDER, "cloudevents", broken)  # type: ignore[arg-type]
    monkeypatch.setattr(delivery.deliveries, "drop", drop)
    answering = Answering([], monkeypatch)
    assert asyncio.run(answering.pauses()) == [0] * 6
    assert dropped[0] == ("not written as cloudevents: KeyError('a bug')", True)


@pytest.mark.parametrize(
    ("outcome", "reason", "action", "repeats"),
    [
        (Delivered("HTTP 200"), "event", "raised", 1),
        (Delivered("HTTP 200"), "event", "cleared", 0),
        (Refused("HTTP 400"), "event", "raised", 0),
        (Refused("HTTP 400"), "repeat", "raised", 1),
        (Failed("HTTP 503"), "repeat", "raised", 0),
    ],
)
def test_what_lasts_is_told_again_and_a_repeat_that_is_refused_ends_no_others(
    outcome: Outcome, reason: Reason, action: AlertAction, repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[bool] = []
    repeated: list[timedelta] = []

    async def drop(*_: object, tried: bool = False) -> None:
        dropped.append(tried)

    async def repeat(_connection: object, _number: int, after: timedelta) -> None:
        repeated.append(after)

    monkeypatch.setattr(delivery.deliveries, "drop", drop)
    monkeypatch.setattr(delivery.deliveries, "repeat", repeat)
    answering = Answering([outcome], monkeypatch)
    answering._receiver = replace(answering._receiver, repeat_interval=timedelta(hours=4))
    nobody = cast("Any", None)
    asyncio.run(answering._send(nobody, replace(DUE, reason=reason), message(of(action))))
    assert repeated == [timedelta(hours=4)] * repeats
    assert dropped == [True] * isinstance(outcome, Refused), "who escalates it may be told of it"


@pytest.mark.parametrize(
    ("outcome", "begun", "taken_back"),
    [
        (Failed("HTTP 503"), (DUE.number, DUE.attempts), True),
        (Failed("no answer", perhaps=True), (DUE.number, DUE.attempts), False),
        (Delivered("HTTP 200"), (DUE.number, DUE.attempts), False),
        (Failed("HTTP 503"), (DUE.number, DUE.attempts + 1), False),  # an earlier try may have reached it
        (Failed("HTTP 503"), (0, 0), False),
    ],
)
def test_a_receiver_that_has_it_not_for_sure_counts_as_not_told(
    outcome: Outcome, begun: tuple[int, int], taken_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    back: list[int] = []

    async def not_taken(_connection: object, number: int) -> None:
        back.append(number)

    monkeypatch.setattr(delivery.deliveries, "not_taken", not_taken)
    answering = Answering([outcome], monkeypatch)
    answering._begun = begun
    asyncio.run(answering._send(cast("Any", None), DUE, message(of())))
    assert back == [DUE.number] * taken_back
    assert answering._begun == (0, 0)


@pytest.mark.parametrize(
    ("attempts", "trips", "aside"), [(3, True, False), (4, True, True), (4, False, False)]
)
def test_other_alerts_go_before_one_at_which_the_receiver_failed_five_times(
    attempts: int, trips: bool, aside: bool, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its next try, and as long as any pause may be after it: the others may need a try of their own."""
    answering = Answering([Failed("HTTP 500", trips=trips)], monkeypatch)
    answering._failures = 2
    asyncio.run(answering._send(cast("Any", None), replace(DUE, attempts=attempts), message(of())))
    assert answering._aside == ({DUE.alert_id: clock.now + 4.0 + 60.0} if aside else {})


class Looked(Delivery):
    """Finds that among what is kept back which it is told."""

    def __init__(self, found: str) -> None:
        (receiver,) = parse('[[receiver]]\nname = "a"\nurl = "https://a.example/hook"\n', {}, "test")
        nobody = cast("Any", None)

        @asynccontextmanager
        async def transaction() -> AsyncIterator[None]:
            yield

        session = cast("Any", SimpleNamespace(transaction=transaction))
        super().__init__(receiver, session, nobody, nobody, asyncio.Event(), nobody, nobody, {}, Waiting())
        self._found = found

    async def _look_at_what_is_held(self, *_: object) -> Any:
        return self._found


@pytest.mark.parametrize(
    ("found", "asked", "pause"), [("nothing", 1, None), ("some", 1, 0.0), ("reminds", 0, 0.0)]
)
def test_what_others_are_to_be_reminded_of_is_theirs_before_anything_is_sent(
    found: str, asked: int, pause: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one transaction with what is sent, they would hear of it only once this receiver has answered."""
    next_due: list[str] = []

    async def may_send(*_: object) -> bool:
        return True

    async def nothing(_connection: object, receiver: str, *_: object) -> None:
        next_due.append(receiver)

    monkeypatch.setattr(delivery.deliveries, "may_send", may_send)
    monkeypatch.setattr(delivery.deliveries, "next_due", nothing)
    assert asyncio.run(Looked(found)._step()) == pause
    assert len(next_due) == asked
