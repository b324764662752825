"""Schedules, traffic and figures of the chaos suite: pure, so they are tested as everything pure is."""

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from schemas import codec
from tests import oracle
from tests.chaos.expected import Silence, expected
from tests.chaos.freshness import EventTime, Sample, all_fresh, first_fresh, longest_gaps
from tests.chaos.growth import Growth, Sampler, course, growth
from tests.chaos.plan import OPERATORS, Message, Plan
from tests.chaos.proxy import kafka_client_id
from tests.chaos.schedule import length, one_by_one, storms
from tests.chaos.traffic import Traffic

HOLDS = {"kill": (0.0, 0.0), "freeze": (8.0, 10.0), "cut": (3.0, 6.0)}


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert one_by_one(7, HOLDS, 3, (4, 8)) == one_by_one(7, HOLDS, 3, (4, 8))
    assert one_by_one(7, HOLDS, 3, (4, 8)) != one_by_one(8, HOLDS, 3, (4, 8))
    assert storms(7, HOLDS, 3, (4, 8)) != storms(8, HOLDS, 3, (4, 8))


@pytest.mark.parametrize("seed", range(20))
def test_one_by_one_heals_each_fault_before_the_next_begins(seed: int) -> None:
    planned = one_by_one(seed, HOLDS, 3, (4, 8))
    assert sorted(each.fault for each in planned) == sorted([*HOLDS] * 3)
    for before, after in pairwise(planned):
        assert 3.9 <= after.at - before.ends <= 8.1
    assert length(planned, 5.0) == planned[-1].ends + 5.0


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_begins_everything_at_once_and_ends_before_the_next(seed: int) -> None:
    planned = storms(seed, HOLDS, 4, (10, 12), within=2.0)
    assert list(planned) == sorted(planned)
    for number in range(4):
        storm = planned[3 * number : 3 * number + 3]
        assert {each.fault for each in storm} == HOLDS.keys()
        assert storm[-1].at - storm[0].at <= 2.0
        if number:
            assert storm[0].at >= max(each.ends for each in planned[: 3 * number]) + 10


def test_traffic_is_the_same_for_the_same_plan_and_repeats_only_what_it_said_before() -> None:
    plan = Plan(seed=3, rate=1_000, begin_ms=1_700_000_000_000, bikes=600)
    said = [_all(Traffic(plan)) for _ in range(2)]
    assert said[0] == said[1]
    first = [message.readings for message in said[0] if message.first]
    again = [message.readings for message in said[0] if not message.first]
    assert again
    assert all(readings in first for readings in again)


def test_no_bike_reports_twice_for_one_time_and_each_belongs_to_one_operator() -> None:
    plan = Plan(seed=3, rate=1_000, begin_ms=1_700_000_000_000, bikes=600)
    readings = [r for message in _all(Traffic(plan)) if message.first for r in message.readings]
    assert len({(r.vehicle_id, r.ts) for r in readings}) == len(readings) == 100 * 100
    assert len({(r.vehicle_id, r.operator) for r in readings}) == len({r.vehicle_id for r in readings})
    assert {r.operator for r in readings} == set(OPERATORS)


def test_a_rotating_bike_has_a_new_id_at_each_poll_and_the_old_one_is_never_heard_of_again() -> None:
    plan = Plan(
        seed=3, rate=1_000, begin_ms=1_700_000_000_000, bikes=600, rotating=0.25, poll_s=2.0, held_back=0.0
    )
    polls: dict[str, set[int]] = {}
    for message in _all(Traffic(plan)):
        for reading in message.readings:
            polls.setdefault(reading.vehicle_id, set()).add((reading.ts - plan.begin_ms) // 2_000)
    rotated = {vehicle_id: found for vehicle_id, found in polls.items() if vehicle_id.count("-") == 2}
    assert all(found == {int(vehicle_id.rpartition("-")[2])} for vehicle_id, found in rotated.items())
    assert 0.9 * 150 * 5 <= len(rotated) <= 150 * 5
    assert len(polls) - len(rotated) == 450


def test_some_readings_overtake_others_by_no_more_than_was_planned() -> None:
    plan = Plan(seed=3, rate=1_000, begin_ms=1_700_000_000_000, bikes=600, most_held_back_s=2.0)
    newest, latest = 0, 0
    for message in _all(Traffic(plan)):
        for reading in message.readings:
            latest = max(latest, newest - reading.ts)
            newest = max(newest, reading.ts)
    assert 1_000 < latest <= 4_200  # held back for 2 s, and repeated 2 s after that


def _all(traffic: Traffic, ticks: int = 100) -> list[Message[Any]]:
    return [message for number in range(ticks) for message in traffic.tick(number)] + traffic.rest()


def test_too_few_bikes_for_the_rate_are_refused_with_the_number_that_is_enough() -> None:
    with pytest.raises(ValueError, match="use 3000 bikes or more"):
        Plan(seed=1, rate=10_000, begin_ms=0, bikes=100)


def test_the_client_id_is_read_from_the_first_kafka_request() -> None:
    request = b"\0\0\0\x20" + b"\0\x12\0\x03" + b"\0\0\0\x01" + b"\0\x05faust" + b"\x0bfaust-strea"
    assert kafka_client_id(request) == "faust"
    assert kafka_client_id(request[:12] + b"\xff\xff") == ""
    assert kafka_client_id(b"\0\0") == ""


def test_fresh_is_what_was_published_after_the_fault() -> None:
    clock = EventTime(wall_ms=100_000, begin_ms=5_000, speed=2.0)
    assert clock.at(101.0) == 5_000 + 2 * 1_100  # a tick of 100 ms may be under way
    samples = [
        Sample(101.0, {0: 7_000, 1: 7_000}, 7_000),
        Sample(103.0, {0: 9_000, 1: 7_100}, 7_100),
        Sample(104.0, {0: 9_500, 1: 9_400}, 7_200),
        Sample(105.0, {0: 9_500, 1: 9_400}, 9_400),
    ]
    assert first_fresh(samples, 101.0, clock) == 103.0
    assert all_fresh(samples, 101.0, clock, partitions=2) == 105.0
    assert all_fresh(samples, 101.0, clock, partitions=3) is None


def test_the_longest_gap_counts_from_move_to_move_and_to_the_end() -> None:
    samples = [Sample(at, {0: newest, 1: 5}, 0) for at, newest in ((1.0, 1), (2.0, 2), (5.0, 3), (6.0, 4))]
    assert longest_gaps(samples, 0.0, 7.0) == {0: 3.0, 1: 6.0}


def test_growth_compares_after_the_warm_up_and_a_single_peak_is_no_growth() -> None:
    series = [(float(at), 100 + (at < 10) * at + (at == 30) * 900) for at in range(60)]
    found = growth(series, warm_up_s=10)
    assert (found.grown, found.most) == (0, 1000)
    assert growth([(float(at), at) for at in range(100)], warm_up_s=0).grown == 80
    with pytest.raises(ValueError, match="run for longer"):
        growth(series, warm_up_s=58)


def test_what_comes_after_the_end_is_no_growth_and_the_course_is_told_up_to_it() -> None:
    series = [(float(at), at if at < 40 else 1_000) for at in range(60)]
    assert growth(series, warm_up_s=20, end_s=40) == Growth(first=21, last=37, most=39)
    assert course(series, 40, parts=4) == [4, 14, 24, 34]


def test_samples_are_taken_while_the_context_lasts_and_a_failure_to_take_them_ends_it() -> None:
    taken = threading.Event()

    def sizes() -> dict[str, int]:
        taken.set()
        return {"one": 1}

    with Sampler(sizes) as sampler:
        assert taken.wait(10)
    assert [size for _, size in sampler.series["one"]] == [1]

    def broken() -> dict[str, int]:
        taken.set()
        raise OSError("gone")

    taken.clear()
    with pytest.raises(OSError, match="gone"), Sampler(broken):
        assert taken.wait(10)


def test_who_is_silent_at_the_end_is_what_the_oracle_finds_in_the_order_of_the_log(tmp_path: Path) -> None:
    plan = Plan(seed=3, rate=600, begin_ms=1_700_000_000_000, bikes=180, rotating=0.3, poll_s=2.0)
    messages = [message for message in _all(Traffic(plan), ticks=300) if message.first]
    published = tmp_path / "published"
    published.write_bytes(b"".join(codec.encode(message.readings) + b"\n" for message in messages))
    log = [reading for message in messages for reading in _plain(message)]
    partition_of = {reading["vehicle_id"]: crc32(reading["vehicle_id"].encode()) % 2 for reading in log}
    lateness_ms, horizon_ms, stale_after_ms = 5_000, 4_000, 9_500
    parts = [[r for r in log if partition_of[r["vehicle_id"]] == partition] for partition in range(2)]
    silence = Silence(
        stale_after_ms=stale_after_ms,
        horizon_ms=horizon_ms,
        watermark={p: max(r["ts"] for r in part) - lateness_ms for p, part in enumerate(parts)},
        partition_of=partition_of,
    )
    by_the_log = [
        oracle.judge(
            ((reading, 4_000_000_000_000) for reading in part),
            lateness_ms=lateness_ms,
            horizon_ms=horizon_ms,
            stale_after_ms=stale_after_ms,
        )
        for part in parts
    ]
    wanted = expected([published], 5_000, silence)
    assert wanted == oracle.tables(by_the_log, window_ms=5_000)
    states = [row["vehicle_state"] for row in wanted.vehicle_state.values()]
    assert states.count("missing") > 30
    assert len(states) < len(partition_of) - 200, "many were forgotten"


def test_a_vehicle_that_comes_back_after_its_silence_is_refused_as_it_cannot_be_judged(
    tmp_path: Path,
) -> None:
    published = tmp_path / "published"
    reading = {"vehicle_id": "bike-1", "operator": "a", "lat": 0, "lon": 0, "vehicle_state": "available"}
    published.write_bytes(codec.encode([{**reading, "ts": 1_000}, {**reading, "ts": 9_000}]) + b"\n")
    silence = Silence(8_000, 1_000, {0: 9_000}, {"bike-1": 0})
    with pytest.raises(ValueError, match="bike-1 was silent between 1000 and 9000"):
        expected([published], 5_000, silence)


def _plain(message: Message[Any]) -> list[dict[str, Any]]:
    return [
        {"vehicle_id": r.vehicle_id, "operator": r.operator, "ts": r.ts, "lat": r.lat, "lon": r.lon}
        | {"vehicle_state": r.vehicle_state}
        for r in message.readings
    ]


def test_vehicles_by_the_bucketful_give_the_tables_of_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.chaos import expected as module

    plan = Plan(seed=3, rate=1_000, begin_ms=1_700_000_000_000, bikes=600)
    published = tmp_path / "published"
    messages = [message for message in _all(Traffic(plan)) if message.first]
    published.write_bytes(b"".join(codec.encode(message.readings) + b"\n" for message in messages))
    readings = [reading for message in messages for reading in _plain(message)]
    at_once = oracle.batch(readings, window_ms=5_000)
    assert expected([published], 5_000) == at_once
    monkeypatch.setattr(module, "_BUCKET_BYTES", 300_000)
    assert expected([published], 5_000) == at_once
