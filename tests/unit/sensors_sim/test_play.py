"""Clock, player and progress line on a wall clock of our own."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from sensors_sim.batch import Positions, ids
from sensors_sim.clock import MAX_SPEED, VirtualClock
from sensors_sim.play import LINGER_S, play
from sensors_sim.sources.contract import Report

T0 = 1_772_407_800_000


def positions(*ts: int) -> Positions:
    n = len(ts)
    return Positions(
        operators=("hello",),
        operator=np.zeros(n, dtype=np.uint8),
        vehicle_id=ids([f"hello-{i:06d}" for i in range(n)]),
        ts=np.array(ts, dtype=np.int64),
        lat=np.full(n, 31.2),
        lon=np.full(n, 121.5),
        state=np.zeros(n, dtype=np.uint8),
        battery=np.full(n, 50),
    )


class Wall:
    """A monotonic clock that moves when somebody sleeps, by `late_s` more than asked for."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now, self._late_s = 1_000.0, late_s

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds + self._late_s


class Listed:
    """A source of the given batches; making the first one takes `slow_s`."""

    def __init__(self, wall: Wall, *batches: Positions, slow_s: float = 0.0) -> None:
        self._wall, self._batches, self._slow_s = wall, batches, slow_s
        self.start_ms: int | None = T0
        self.end_ms: int | None = None
        self.report = Report()

    def batches(self) -> Iterator[Positions]:
        self._wall.now += self._slow_s
        yield from self._batches


def played(
    wall: Wall, source: Listed, speed: float, stop_after: float = math.inf
) -> list[tuple[float, list[int]]]:
    """What was sent, with the wall time since the start."""
    began, sent = wall.now, []
    play(
        source,
        speed,
        wall=wall,
        sleep=wall.sleep,
        send=lambda part: sent.append((wall.now - began, (part.ts - T0).tolist())),
        stopping=lambda: wall.now - began > stop_after,
    )
    return sent


def test_event_time_runs_at_the_given_speed_from_the_start() -> None:
    wall = Wall()
    clock = VirtualClock(T0, 60, wall)
    wall.now += 2.0
    assert clock.now_ms() == T0 + 120_000
    assert clock.seconds_until(T0 + 180_000) == pytest.approx(1.0)
    assert clock.seconds_until(T0) == 0.0


def test_at_full_speed_everything_is_due() -> None:
    clock = VirtualClock(T0, MAX_SPEED, Wall())
    assert clock.now_ms() == math.inf
    assert clock.seconds_until(2**62) == 0.0


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_that_goes_nowhere_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="must be greater than 0"):
        VirtualClock(T0, speed, Wall())


def test_readings_are_sent_when_they_are_due_and_share_messages_within_the_linger() -> None:
    wall = Wall()
    source = Listed(wall, positions(T0, T0 + 20, T0 + 40, T0 + 900, T0 + 1_800), positions(T0 + 1_800))
    sent = played(wall, source, 1.0)
    assert [ts for _, ts in sent] == [[0, 20, 40], [900], [1_800], [1_800]]
    for at, ts in sent:
        assert ts[-1] / 1000 <= at + 1e-6
        assert at <= ts[0] / 1000 + LINGER_S + 1e-6


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0, 1e6])
def test_which_readings_share_messages_does_not_depend_on_how_busy_the_machine_is(speed: float) -> None:
    def parts(late_s: float) -> list[list[int]]:
        wall = Wall(late_s)
        times = [T0 + 17 * i for i in range(600)]
        source = Listed(wall, positions(*times[:250]), positions(*times[250:]))
        return [ts for _, ts in played(wall, source, speed)]

    assert parts(0.0) == parts(0.003) == parts(0.7)


def test_an_hour_takes_a_minute_at_speed_60() -> None:
    wall = Wall()
    sent = played(wall, Listed(wall, positions(T0, T0 + 3_600_000)), 60)
    assert sent[-1][0] == pytest.approx(60, abs=LINGER_S)


def test_full_speed_never_sleeps() -> None:
    wall = Wall()
    sent = played(wall, Listed(wall, positions(T0, T0 + 10**9)), MAX_SPEED)
    assert sent == [(0.0, [0, 10**9])]


def test_the_clock_starts_when_the_first_batch_is_at_hand() -> None:
    wall = Wall()
    sent = played(wall, Listed(wall, positions(T0, T0 + 1_000), slow_s=30.0), 1.0)
    assert [ts for _, ts in sent] == [[0], [1_000]]


def test_a_sender_that_takes_its_time_does_not_make_messages_small() -> None:
    wall = Wall()
    sent: list[int] = []

    def send(part: Positions) -> None:
        sent.append(len(part))
        wall.now += 0.001  # in which 60 more readings fall due

    play(
        Listed(wall, positions(*range(T0, T0 + 60_000))),
        60,
        wall=wall,
        sleep=wall.sleep,
        send=send,
        stopping=lambda: False,
    )
    assert sum(sent) == 60_000
    assert min(sent[1:-1]) >= LINGER_S * 1000 * 60


def test_a_request_to_stop_is_seen_while_waiting() -> None:
    wall = Wall()
    sent = played(wall, Listed(wall, positions(T0, T0 + 3_600_000)), 1.0, stop_after=2.0)
    assert [ts for _, ts in sent] == [[0]]
    assert wall.now - 1_000.0 < 2.5
