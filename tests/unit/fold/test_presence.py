"""A source that has something to tell says now and then that it is there."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from streams.fold.contract import Awaited, Fold
from streams.fold.presence import EVERY_MS, Presence
from tests.pipeline import T0
from tests.unit.fleet.road import CONFIG, FAR, Fleet, at
from tests.unit.requests.desk import Desk, opened
from tests.unit.sensing.station import Station, reading


def test_who_has_told_all_owes_no_word() -> None:
    here = Presence(2_500, told=(70, 60))
    here.tick(100_000)
    here.tick(200_000)
    assert not here.take_due((70, 60))


def test_who_has_more_to_tell_says_so_from_time_to_time() -> None:
    here = Presence(2_500, told=(70, 60))
    said = []
    for wall_ms in range(100_000, 106_000, 500):
        here.tick(wall_ms)
        if here.take_due((80, 60)):
            said.append(wall_ms)
    assert said == [102_500, 105_000]


def test_a_checkpoint_is_a_word() -> None:
    here = Presence(2_500, told=(0, 0))
    here.tick(100_000)
    here.tick(102_400)
    here.told_all((30, 20))
    here.tick(104_800)
    assert not here.take_due((40, 30))
    here.tick(104_900)
    assert not here.take_due((30, 20))
    assert here.take_due((40, 30))


def test_who_waits_to_be_read_says_so_from_time_to_time_also_over_checkpoints() -> None:
    here = Presence(2_500, told=(70, 60))
    said = []
    for wall_ms in range(100_000, 110_000, 500):
        here.tick(wall_ms)
        if wall_ms < 106_000:
            here.wait_to_be_read()
        here.told_all((70, 60))
        if here.take_due((70, 60)):
            said.append(wall_ms)
    assert said == [102_500, 105_000]


def test_who_is_read_does_not_wait_for_it() -> None:
    """What comes of it shows that it is there; or nothing does, and nobody is to wait for it."""
    here = Presence(2_500, told=(70, 60))
    for wall_ms in range(100_000, 110_000, 500):
        here.tick(wall_ms)
        here.wait_to_be_read()
        if wall_ms % 2_000 == 0:
            here.read()
        assert not here.take_due((70, 60))


class Told(Protocol):
    """What a partial says of its source, whatever it counts."""

    region: str
    newest_ts: int
    watermark: int
    windows: Any


class Source(Protocol):
    """A fold with its log, as the tests of each stage have it."""

    fold: Fold

    def tell(self, *, at_checkpoint: bool = True) -> Sequence[Told]: ...

    def checkpoint(self) -> object: ...

    def feed_bytes(self, value: bytes) -> None: ...

    def crash(self) -> None: ...


def a_fleet() -> tuple[Source, Callable[[int], None]]:
    fleet = Fleet()
    return fleet, lambda minute: fleet.feed(at(60 * minute), at(60 * minute, FAR, bike="bike-2"))


def a_station() -> tuple[Source, Callable[[int], None]]:
    station = Station()
    return station, lambda minute: station.feed(
        reading(1.0, 60 * minute), reading(2.0, 60 * minute, sensor_id="s-2", at=1)
    )


def a_desk() -> tuple[Source, Callable[[int], None]]:
    desk = Desk()
    return desk, lambda minute: desk.feed(opened(minute, f"r-{minute}"), opened(minute, f"q-{minute}", at=1))


@pytest.mark.parametrize("made", [a_fleet, a_station, a_desk])
def test_a_fold_whose_checkpoint_is_long_in_coming_says_in_all_regions_that_it_is_there(
    made: Callable[[], tuple[Source, Callable[[int], None]]],
) -> None:
    source, feed = made()
    wall_ms = 1_000_000
    source.fold.idle(wall_ms)
    feed(0)
    source.checkpoint()
    watermark = T0 - CONFIG.allowed_lateness_ms
    feed(5)
    source.tell(at_checkpoint=False)
    assert source.tell(at_checkpoint=False) == []
    source.fold.idle(wall_ms + EVERY_MS)
    told = source.tell(at_checkpoint=False)
    assert len({one.region for one in told}) == len(told) == 2
    assert {one.watermark for one in told} == {watermark}, "what came of it is not told yet"
    assert [one.windows.window_start for one in told] == [[], []]
    assert source.tell(at_checkpoint=False) == []
    source.checkpoint()
    source.fold.idle(wall_ms + 10 * EVERY_MS)
    assert source.tell(at_checkpoint=False) == [], "all is told"


@pytest.mark.parametrize("made", [a_fleet, a_station, a_desk])
def test_a_fold_whose_records_say_nothing_of_use_does_not_hold_up_its_regions(
    made: Callable[[], tuple[Source, Callable[[int], None]]],
) -> None:
    """Whoever hears of it would wait for what never comes, as long as somebody publishes nonsense to its partition."""
    source, feed = made()
    source.fold.idle(1_000_000)
    feed(0)
    source.checkpoint()
    source.feed_bytes(b"no frame")
    source.fold.idle(1_000_000 + EVERY_MS)
    assert source.tell(at_checkpoint=False) == []


@pytest.mark.parametrize("made", [a_fleet, a_station, a_desk])
def test_a_fold_that_comes_back_and_reads_nothing_new_owes_no_word(
    made: Callable[[], tuple[Source, Callable[[int], None]]],
) -> None:
    source, feed = made()
    feed(0)
    source.checkpoint()
    source.crash()
    source.fold.idle(1_000_000)
    source.tell(at_checkpoint=False)  # the fleet's live counts, which it tells anew
    source.fold.idle(1_000_000 + EVERY_MS)
    assert source.tell(at_checkpoint=False) == []


@pytest.mark.parametrize("made", [a_fleet, a_station, a_desk])
def test_a_fold_that_waits_to_be_read_says_so_in_all_regions_and_says_nothing_new(
    made: Callable[[], tuple[Source, Callable[[int], None]]],
) -> None:
    source, feed = made()
    feed(0)
    source.checkpoint()
    source.crash()
    source.fold.idle(1_000_000)
    source.tell()
    for turn in (1, 2):
        source.fold.idle(1_000_000 + turn * EVERY_MS)
        assert isinstance(source.fold, Awaited)
        source.fold.wait_to_be_read()
        told = source.tell(at_checkpoint=False)
        assert len({one.region for one in told}) == len(told) == 2
        assert {(one.newest_ts, one.watermark) for one in told} == {(T0, T0 - CONFIG.allowed_lateness_ms)}
        assert [one.windows.window_start for one in told] == [[], []]
    source.fold.idle(1_000_000 + 3 * EVERY_MS)
    assert source.tell(at_checkpoint=False) == []
