"""News of single vehicles: impossible moves and batteries, from the readings before and after."""

from typing import Any

import numpy as np
import pytest

from schemas.cells import CellsVehicles
from streams.fleet import news_messages
from streams.fleet.jumps import JumpRule, distance_m
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.unit.fleet.road import FAR, HERE, NEXT, at, cell
from tests.watched_vehicles import Watched, region

JUMPS = NewsConfig(jumps=JumpRule(60.0, 250.0))
BATTERIES = NewsConfig(battery=(15, 30))
SHANGHAI, BEIJING = region(HERE), region(FAR)
EAST = (HERE[0], HERE[1] + 0.0525)
"""5 km from HERE: five minutes at 60 km/h."""


def watched(config: NewsConfig) -> Watched:
    return Watched(config, VehiclesConfig(battery=config.battery))


def moves(*readings: dict[str, Any], frames: int = 1) -> list[tuple[str, float, float]]:
    """Return (vehicle, seconds before, seconds after) of each move told of readings in so many frames."""
    fold = watched(JUMPS)
    size = -(-len(readings) // frames)
    for begin in range(0, len(readings), size):
        fold.feed(*readings[begin : begin + size])
        fold.publish()
    told = [message.moves for message in fold.told]
    begin_ms = at(0)["ts"]
    return [
        (vehicle, (before - begin_ms) / 1000, (after - begin_ms) / 1000)
        for m in told
        for vehicle, before, after in zip(m.vehicle_id, m.from_ts, m.ts, strict=True)
    ]


def charge(
    seconds: float, percent: int | None, place: tuple[float, float] = HERE, **more: Any
) -> dict[str, Any]:
    return {**at(seconds, place, **more), "battery_percent": percent}


def passed(fold: Watched) -> list[tuple[str, str, int | None]]:
    """Return region, state and battery of all that passed a line."""
    return [
        (message.region, state, percent)
        for message in fold.told
        for state, percent in zip(message.news.vehicle_state, message.news.battery_percent, strict=True)
    ]


def test_a_move_is_too_fast_from_just_above_the_limit_on_beyond_the_noise() -> None:
    """A kilometre in a minute, and 250 m of noise."""
    rule, minute, limit = JumpRule(60.0, 250.0), np.array([60_000, 60_000]), np.array([60.0, 60.0])
    assert rule.too_fast(np.array([1_250.0, 1_250.1]), minute, limit).tolist() == [False, True]


def test_what_is_not_looked_at_for_its_few_degrees_is_within_the_noise() -> None:
    least, zero = np.array([JumpRule(60.0, 250.0).least_degrees]), np.zeros(1)
    assert distance_m(zero, zero, least, least)[0] == pytest.approx(250.0, rel=0.01)


def test_five_kilometres_in_a_minute_are_a_jump_and_in_half_an_hour_are_none() -> None:
    assert moves(at(0), at(60, EAST)) == [("bike-1", 0, 60)]
    assert moves(at(0), at(1_800, EAST)) == []


def test_two_readings_a_second_apart_and_sixty_metres_off_are_no_jump() -> None:
    assert moves(at(0), at(1, (HERE[0] + 60 / 111_195, HERE[1]))) == []


def test_what_gps_may_err_is_taken_off_a_distance() -> None:
    """300 m in ten seconds are 108 km/h; less the noise they are 18."""
    assert moves(at(0), at(10, (HERE[0] + 300 / 111_195, HERE[1]))) == []
    assert moves(at(0), at(10, (HERE[0] + 430 / 111_195, HERE[1]))) == [("bike-1", 0, 10)]


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_there_and_back_are_two_jumps_however_the_readings_are_cut(frames: int) -> None:
    readings = [at(0), at(60, EAST), at(120), at(180, bike="bike-2")]
    assert moves(*readings, frames=frames) == [("bike-1", 0, 60), ("bike-1", 60, 120)]


def test_ten_jumps_of_a_record_are_told_whatever_moved_far_before_them() -> None:
    """Thirty bikes have ridden five kilometres in half an hour; of the fifteen that follow each jumps."""
    bikes = [f"bike-{n}" for n in range(45)]
    fold = watched(JUMPS)
    fold.feed(*(at(0, bike=bike) for bike in bikes[:30]))
    fold.feed(*(at(1_700, bike=bike) for bike in bikes[30:]))
    fold.feed(*(at(1_800, EAST, bike=bike) for bike in bikes))
    fold.publish()
    told = [id_ for message in fold.told for id_ in message.moves.vehicle_id]
    assert told == bikes[30:40]


def test_what_is_overtaken_is_not_judged() -> None:
    """The reading of second 60 comes after that of second 120, and moves nothing."""
    assert moves(at(0), at(120), at(60, EAST), at(180)) == []


def test_a_batch_in_which_all_is_overtaken_is_no_matter() -> None:
    assert moves(at(120), at(123), at(60, EAST), at(61, EAST), frames=2) == []


def test_a_vehicle_first_seen_jumps_from_nowhere() -> None:
    assert moves(at(0, EAST)) == []


@pytest.mark.parametrize("state", ["missing", "elsewhere", "removed"])
def test_a_vehicle_that_was_carried_away_does_not_jump(state: str) -> None:
    assert moves(at(0), at(60, EAST, state), at(120, HERE)) == []


def test_a_moped_may_be_faster_than_a_bicycle() -> None:
    readings = [{**at(0), "vehicle_type": "moped"}, {**at(120, EAST), "vehicle_type": "moped"}]
    assert moves(*readings) == []
    assert moves(at(0), at(120, EAST)) == [("bike-1", 0, 120)]


def test_the_antimeridian_is_no_distance() -> None:
    assert moves(at(0, (10.0, 179.9999)), at(60, (10.0, -179.9999))) == []


def test_both_ways_between_two_regions_are_told_in_the_same_one() -> None:
    fold = watched(JUMPS)
    fold.feed(at(0), at(60, FAR), at(120))
    fold.publish()
    [message] = fold.told
    assert message.region == min(SHANGHAI, BEIJING)
    assert set(message.moves.cell) == {cell(FAR) if message.region == BEIJING else cell(HERE)}


def test_a_battery_is_told_when_it_gets_low_and_when_it_is_fine_and_not_in_between() -> None:
    fold = watched(BATTERIES)
    fold.feed(*(charge(60 * i, p) for i, p in enumerate([50, 14, 13, 20, None, 29, 30, 80])))
    fold.publish()
    assert passed(fold) == [(SHANGHAI, "available", 14), (SHANGHAI, "available", 30)]


def test_a_vehicle_with_a_low_battery_that_is_taken_away_or_leaves_is_told() -> None:
    fold = watched(BATTERIES)
    fold.feed(charge(0, 10), charge(60, 10, state="removed"), charge(120, 10))
    fold.feed(charge(50_000, 10, FAR))
    fold.publish()
    assert sorted(passed(fold)) == sorted(
        [
            (SHANGHAI, "available", 10),
            (SHANGHAI, "removed", 10),
            (SHANGHAI, "available", 10),
            (SHANGHAI, "elsewhere", None),
            (BEIJING, "available", 10),
        ]
    )


def test_a_vehicle_with_a_low_battery_that_falls_silent_is_told_as_missing() -> None:
    fold = watched(BATTERIES)
    fold.feed(charge(0, 10))
    fold.feed(charge(7 * 3_600, 90, bike="bike-2"))
    fold.checkpoint()
    [message] = fold.told
    assert message.news.vehicle_state == ["available", "missing"]
    assert message.news.offset == [0, None]


def test_messages_are_cut_between_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_messages, "ENOUGH", 2)
    fold = watched(BATTERIES)
    for record in range(3):
        fold.feed(*(charge(record, 10, bike=f"bike-{record}-{n}") for n in range(3)))
    fold.publish()
    assert [message.news.offset for message in fold.told] == [[0] * 3, [1] * 3, [2] * 3]


def test_a_broken_feed_tells_ten_jumps_of_each_record() -> None:
    fold = watched(JUMPS)
    bikes = [f"bike-{n}" for n in range(25)]
    fold.feed(*(at(0, bike=bike) for bike in bikes))
    fold.feed(*(at(60, EAST, bike=bike) for bike in bikes))
    fold.feed(*(at(120, bike=bike) for bike in bikes))
    fold.publish()
    [message] = fold.told
    assert message.moves.offset == [1] * 10 + [2] * 10
    assert message.moves.vehicle_id == bikes[:10] * 2


def test_nothing_is_told_where_nobody_asks() -> None:
    fold = watched(NewsConfig())
    fold.feed(charge(0, 1), charge(60, 1, EAST, bike="bike-1"))
    fold.publish()
    assert fold.told == []


def test_the_message_names_its_source_and_all_that_counts() -> None:
    fold = watched(JUMPS)
    fold.feed(at(0), at(60, NEXT), at(61, EAST))
    fold.publish()
    [message] = fold.told
    assert isinstance(message, CellsVehicles)
    assert (message.source, message.generation, message.moves.offset) == (0, 0, [0])
    assert message.moves.metres == pytest.approx([4_582], rel=0.001)
    assert message.moves.limit_kmh == [60]
