"""What each fault does to messages."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from sensors_sim.encode import Message
from sensors_sim.faults import Faults, Way, on_the_way
from sensors_sim.faults.corrupt import KINDS, corrupted
from sensors_sim.faults.skew import Clocks
from sensors_sim.faults.spec import Skew

S = 1_000_000
Timed = list[tuple[int, Message]]


def stream(n: int, every_us: int = S // 10) -> Timed:
    """n messages of one position each."""
    return [
        (
            i * every_us,
            Message(
                "ub/v1/hello/vehicles",
                msgspec.json.encode(
                    [{"vehicle_id": f"b-{i % 40}", "ts": 10**12 + i, "lat": 31.5, "lon": 121.0}]
                ),
                1,
            ),
        )
        for i in range(n)
    ]


def sent(messages: Timed, text: str) -> tuple[Timed, dict[str, int]]:
    faults = Faults.parse_text(text)
    way: Way[Message] = Way(faults, np.random.default_rng(faults.seed))
    return list(on_the_way(messages, way)), dict(way.done)


def payloads(messages: Timed) -> list[bytes]:
    return [message.payload for _, message in messages]


def test_a_share_of_the_messages_is_dropped() -> None:
    before = stream(5_000)
    after, done = sent(before, "drop=0.1")
    assert done["dropped"] == 5_000 - len(after)
    assert 400 < done["dropped"] < 600
    kept = {id(message) for _, message in after}
    assert after == [(at, message) for at, message in before if id(message) in kept]


def test_a_share_of_the_messages_comes_twice_at_once_or_within_the_span() -> None:
    after, done = sent(stream(1_000), "duplicate=0.2")
    assert 150 < done["duplicated"] == len(after) - 1_000 < 250
    again = [second for first, second in pairwise(after) if first == second]
    assert len(again) == done["duplicated"]
    after, _ = sent(stream(1_000), "duplicate=1:2s")
    first: dict[bytes, int] = {}
    gaps = [at - first.setdefault(message.payload, at) for at, message in after]
    assert 1_500_000 < max(gaps) <= 2 * S


def test_a_delayed_message_is_late_by_no_more_than_the_span_and_others_overtake() -> None:
    before = stream(2_000)
    after, done = sent(before, "delay=0.1:5s")
    sent_at = {message.payload: at for at, message in before}
    late = [at - sent_at[message.payload] for at, message in after]
    assert 150 < sum(by > 0 for by in late) == done["delayed"] < 250
    assert 4 * S < max(late) <= 5 * S
    assert payloads(after) != payloads(before)


def test_a_reordered_message_is_overtaken_by_as_many_as_named() -> None:
    before = stream(1_000)
    after, done = sent(before, "reorder=0.05:6")
    place = {payload: i for i, payload in enumerate(payloads(before))}
    back = [i - place[payload] for i, payload in enumerate(payloads(after))]
    assert 30 < done["reordered"] < 70
    assert 3 <= max(back) <= 6
    assert sorted(payloads(after)) == sorted(payloads(before))


def test_where_every_message_is_reordered_none_waits_for_more_than_the_span_of_messages() -> None:
    way: Way[Message] = Way(Faults.parse_text("reorder=1:6"), np.random.default_rng(1))
    sent_so_far: list[bytes] = []
    place: dict[bytes, int] = {}
    for i, (at, message) in enumerate(stream(1_000)):
        place[message.payload] = i
        arrived = [late.payload for _, late in way.send(at, message)]
        assert all(i - place[payload] <= 6 for payload in arrived)
        sent_so_far += arrived
    assert len(sent_so_far) >= 1_000 - 6
    assert [place[payload] for payload in sent_so_far] != sorted(place[payload] for payload in sent_so_far)


def test_in_a_burst_nothing_passes_and_then_all_in_order() -> None:
    before = stream(6_000)
    after, done = sent(before, "burst=60s:5s")
    assert payloads(after) == payloads(before)
    arrivals = [at for at, _ in after]
    gaps = [b - a for a, b in pairwise(arrivals)]
    stalls = [gap for gap in gaps if gap > S]
    assert 4 <= len(stalls) <= 20
    assert all(4_800_000 <= gap <= 5_200_000 for gap in stalls)
    assert 40 * len(stalls) <= done["held_by_bursts"] <= 60 * len(stalls)


def test_a_device_with_a_wrong_clock_has_the_same_error_in_every_reading() -> None:
    before = stream(400)
    after, done = sent(before, "skew=0.5:30s")
    errors: dict[str, set[int]] = {}
    for (_, was), (_, now) in zip(before, after, strict=True):
        (one,), (other,) = msgspec.json.decode(was.payload), msgspec.json.decode(now.payload)
        errors.setdefault(one["vehicle_id"], set()).add(other["ts"] - one["ts"])
        assert {**other, "ts": one["ts"]} == one
    assert all(len(of_one) == 1 for of_one in errors.values())
    wrong = [error for of_one in errors.values() for error in of_one if error]
    assert 10 <= len(wrong) <= 30
    assert all(-30_000 <= error <= 30_000 for error in wrong)
    assert done == {"skewed_readings": 10 * len(wrong)}


@pytest.mark.parametrize(
    "content",
    [
        {"vehicle_id": ["a", "b"], "ts": [5, 6], "received_at": 9},
        {
            "events": [{"service_request_id": "a", "ts": 5}, {"service_request_id": "b", "ts": 6}],
            "received_at": 9,
        },
        [{"sensor_id": "a", "ts": 5}, {"sensor_id": "b", "ts": 6}],
    ],
)
def test_clocks_are_wrong_in_readings_and_in_frames(content: object) -> None:
    clocks = Clocks(Skew(1.0, 30_000 * 1_000, by_publisher=False), 3)
    payload, moved = clocks.skewed("any/topic", msgspec.json.encode(content))
    text = str(msgspec.json.decode(payload))
    assert moved == 2
    assert str(5 + clocks.error_ms("a")) in text
    assert str(6 + clocks.error_ms("b")) in text
    assert clocks.error_ms("a") != clocks.error_ms("b")


def test_a_publisher_with_a_wrong_clock_has_one_error_for_all_its_devices() -> None:
    clocks = Clocks(Skew(1.0, 30_000 * 1_000, by_publisher=True), 3)
    payload, moved = clocks.skewed(
        "ub/v1/hello/vehicles", b'[{"vehicle_id":"a","ts":5},{"vehicle_id":"b","ts":5}]'
    )
    assert moved == 2
    assert {one["ts"] for one in msgspec.json.decode(payload)} == {5 + clocks.error_ms("hello")}


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[1, null]", b'{"ts": "x"}', b'{"vehicle_id": [1], "ts": [1, 2]}']
)
def test_what_has_no_clock_stays_as_it_is(payload: bytes) -> None:
    assert Clocks(Skew(1.0, 10**9, by_publisher=False), 3).skewed("t", payload) == (payload, 0)


def test_corrupted_payloads_are_damaged_in_every_way() -> None:
    before = stream(2_000)
    after, done = sent(before, "corrupt=0.5")
    assert [at for at, _ in after] == [at for at, _ in before]
    changed = sum(now != was for now, was in zip(payloads(after), payloads(before), strict=True))
    assert 900 < changed == done["corrupted"] < 1_100
    assert sum(done[f"corrupted_{kind}"] for kind in KINDS) == done["corrupted"]
    assert all(done[f"corrupted_{kind}"] > 150 for kind in KINDS)


@pytest.mark.parametrize(
    "payload", [b"", b"x", b"[]", b"[1]", b"{}", b'{"ts": []}', b'{"ts": [1, 2]}', b"\xff"]
)
def test_anything_can_be_corrupted(payload: bytes) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        damaged, kind = corrupted(payload, rng)
        assert kind in KINDS
        assert damaged != payload or payload == b"\xff"


def test_one_fault_does_not_move_what_another_draws() -> None:
    before = stream(1_000)
    alone, _ = sent(before, "drop=0.3")
    with_delays, _ = sent(before, "drop=0.3,delay=0.5:2s")
    assert sorted(payloads(alone)) == sorted(payloads(with_delays))


def test_what_is_still_on_the_way_at_the_end_arrives() -> None:
    before = stream(200)
    after, _ = sent(before, "reorder=0.5:50,delay=0.5:5s,burst=10s:3s")
    assert sorted(payloads(after)) == sorted(payloads(before))
    only, _ = sent(before, "reorder=1:50")
    assert sorted(payloads(only)) == sorted(payloads(before))


@pytest.mark.parametrize(
    "payload", [b'{"vehicle_id":"a\xff","ts":5}', b'{"\xff":1}', b"[" * 100_000, b"", b"null"]
)
@pytest.mark.parametrize("faults", ["skew=1:30s", "skew=1:30s:publisher", "corrupt=1"])
def test_what_is_no_json_passes_all_the_same(payload: bytes, faults: str) -> None:
    for seed in range(1, 9):
        messages = [(0, Message("ub/v1/hello/vehicles", payload, 1))]
        assert len(sent(messages, f"{faults},seed={seed}")[0]) == 1
