"""When messages are sent: on a wall clock of our own, with pauses, rounds and shifts."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from sensors_sim.recording.play import NAP_S, Errors, play
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.rounds import Rounds, Selection, Shift, ShiftBy, ShiftTo
from sensors_sim.recording.shift import times
from tests.unit.sensors_sim.recording.messages import T0, S, positions, written

NOW_MS = 1_795_000_000_000


class Wall:
    """A monotonic clock that moves when somebody sleeps; each sleep lasts `late_s` longer than asked for."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now = 50.0
        self.late_s = late_s

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= NAP_S
        self.now += seconds + self.late_s


class PausedBetween:
    """On from one moment of the wall clock to another."""

    def __init__(self, wall: Wall, begin: float = math.inf, end: float = math.inf) -> None:
        self._wall, self._begin, self._end = wall, begin, end

    @property
    def on(self) -> bool:
        return self._begin <= self._wall.now < self._end


def played(
    wall: Wall,
    at: list[int],
    speed: float = 1.0,
    pause: PausedBetween | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[list[float], Errors]:
    """When each message was sent, since the start, and the errors."""
    began, sent = wall.now, []

    def send(_at: int, _message: int) -> bool:
        sent.append(wall.now - began)
        return True

    errors = play(
        ((one, one) for one in at),
        speed,
        wall=wall,
        sleep=wall.sleep,
        send=send,
        stopping=stopping,
        pause=pause or PausedBetween(wall),
    )
    return sent, errors


def test_messages_are_sent_as_far_apart_as_they_arrived() -> None:
    sent, errors = played(Wall(), [T0, T0 + 40, T0 + 30_000, T0 + 2 * S])
    assert sent == pytest.approx([0, 40e-6, 0.03, 2.0], abs=1e-6)
    assert errors.quantile_ms(1.0) == pytest.approx(0, abs=0.11)


def test_an_hour_takes_a_minute_at_speed_60() -> None:
    sent, _ = played(Wall(), [T0, T0 + 3_600 * S], 60)
    assert sent[-1] == pytest.approx(60)


def test_full_speed_never_sleeps_and_has_no_timing_error() -> None:
    wall = Wall()
    sent, errors = played(wall, [T0, T0 + 3_600 * S], math.inf)
    assert sent == [0, 0]
    assert errors.quantile_ms(0.5) is None


def test_what_is_late_does_not_make_the_next_ones_late() -> None:
    sent, errors = played(Wall(late_s=0.002), [T0 + i * 50_000 for i in range(1_000)])
    assert sent[-1] == pytest.approx(999 * 0.05, abs=0.0021)
    assert errors.quantile_ms(0.5) == pytest.approx(2.0, abs=0.11)
    assert errors.quantile_ms(0.99) == pytest.approx(2.0, abs=0.11)


def test_a_pause_moves_everything_that_follows() -> None:
    wall = Wall()
    sent, errors = played(wall, [T0, T0 + S, T0 + 2 * S, T0 + 3 * S], pause=PausedBetween(wall, 51.5, 61.5))
    assert sent[:2] == pytest.approx([0, 1])
    assert sent[2] == pytest.approx(12, abs=NAP_S)
    assert sent[3] - sent[2] == pytest.approx(1)
    assert errors.quantile_ms(1.0) == pytest.approx(0, abs=0.11)


def test_a_request_to_stop_is_seen_while_waiting_and_while_paused() -> None:
    for begin in (math.inf, 51.0):
        wall = Wall()
        sent, _ = played(
            wall,
            [T0, T0 + 3_600 * S],
            pause=PausedBetween(wall, begin),
            stopping=lambda wall=wall: wall.now > 52,  # type: ignore[misc]
        )
        assert sent == [0]
        assert wall.now < 52.5


def test_quantiles_of_errors_are_never_too_good() -> None:
    errors = Errors()
    for ms in range(100):
        errors.add(ms / 1_000)
    errors.add(1_000)
    assert errors.quantile_ms(0.5) == 50
    assert errors.quantile_ms(1.0) == 10_000


# ------------------------------------------------------------------ rounds


EVERYTHING = Selection()


def rounds(
    path: Path, selection: Selection = EVERYTHING, shift: Shift | None = None, loop: bool = False
) -> Rounds:
    return Rounds(Recording(path), selection, shift, loop, lambda: NOW_MS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Twenty positions, a second apart; each tells of 40 ms before it arrived."""
    return written(tmp_path / "r", positions(20))


def test_a_replay_is_what_was_recorded(path: Path) -> None:
    assert list(rounds(path)) == [(message.at, message) for message in positions(20)]


def test_a_loop_begins_again_after_the_end_with_the_same_bytes(path: Path) -> None:
    looped = iter(rounds(path, loop=True))
    three = [next(looped) for _ in range(60)]
    assert [message for _, message in three] == positions(20) * 3
    assert [at for at, _ in three] == [T0 + i * S for i in range(60)]


def test_a_loop_over_nothing_ends(path: Path) -> None:
    assert list(rounds(path, Selection(only=("ub/v1/x/*",)), loop=True)) == []


def test_a_pattern_chooses_topics(tmp_path: Path) -> None:
    topics = [
        "ub/v1/hello/vehicles",
        "ub/v1/hello/vehicles/b-1/position",
        "ub/v1/city/sensors",
        "ub/v1/alerts/x/y/z",
    ]
    path = written(tmp_path / "topics", [Recorded(T0, topic, b"{}") for topic in topics])
    for only, chosen in (
        (("ub/v1/*/vehicles*",), topics[:2]),
        (("ub/v1/*/vehicles",), topics[:1]),
        (("*/sensors", "ub/v1/alerts/*"), topics[2:]),
        ((), topics[:3]),
    ):
        assert [message.topic for _, message in rounds(path, Selection(only=only))] == chosen


@pytest.mark.parametrize(
    ("only", "chosen", "left_out"),
    [
        ((), [0, 1], 3),
        (("ub/v1/*/*",), [0, 1], 3),
        (("*alerts*",), [1], 2),
        (("ub/v1/*/vehicles*",), [0], 0),
        (("ub/v1/alerts/*", "ub/v1/*/*"), [0, 1, 2], 2),
        (("ub/v1/gateway/at-work/*",), [4], 0),
    ],
)
def test_what_the_system_itself_published_is_played_only_where_its_level_is_named(
    tmp_path: Path, only: tuple[str, ...], chosen: list[int], left_out: int
) -> None:
    """A running system would show alerts that nothing ever clears."""
    topics = [
        "ub/v1/hello/vehicles",
        "ub/v1/hello/sensors/alerts/measurement",
        "ub/v1/alerts/major/overstay/8a",
        "ub/v1/open-alerts/major/overstay/8a/1",
        "ub/v1/gateway/at-work/gateway-1",
    ]
    path = written(tmp_path / "topics", [Recorded(T0, topic, b"{}") for topic in topics])
    played = rounds(path, Selection(only=only), ShiftTo(None))
    assert [message.topic for _, message in played] == [topics[n] for n in chosen]
    assert played.left_out == left_out


def test_a_shift_by_a_span_moves_time_stamps_and_not_the_play(path: Path) -> None:
    found = list(rounds(path, shift=ShiftBy(-3_600_000)))
    assert [at for at, _ in found] == [message.at for message in positions(20)]
    before = [times(message.payload or b"")[0] for message in positions(20)]
    assert [times(message.payload or b"")[0] for _, message in found] == [ts - 3_600_000 for ts in before]


def test_a_shift_to_now_makes_the_first_second_tell_of_now_in_every_round(path: Path) -> None:
    looped = iter(rounds(path, Selection(first=T0 + 5 * S), ShiftTo(None), loop=True))
    found = [times(next(looped)[1].payload or b"")[0] for _ in range(30)]
    assert found == [NOW_MS + i * 1_000 for i in range(15)] * 2


def test_one_clock_that_is_years_wrong_does_not_move_the_rest(tmp_path: Path) -> None:
    wrong = Recorded(T0, "ub/v1/x/sensors", b'[{"sensor_id":"s","ts":4100000000000}]')
    path = written(tmp_path / "wrong", [wrong, *positions(20, every_us=100_000)])
    found = [times(message.payload or b"")[0] for _, message in rounds(path, shift=ShiftTo(NOW_MS))]
    assert NOW_MS - 1_000 < found[1] <= NOW_MS < found[19] < NOW_MS + 2_000


def test_what_tells_of_no_time_is_shifted_by_its_arrival(tmp_path: Path) -> None:
    path = written(tmp_path / "k", [Recorded(T0, "ub.x", b"text", 0, 0, T0 // 1000 - 7)], source="kafka")
    ((_, message),) = rounds(path, shift=ShiftTo(NOW_MS))
    assert (message.payload, message.timestamp) == (b"text", NOW_MS - 7)
