"""What holds of faults on the way, whatever they are."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensors_sim.encode import Message
from sensors_sim.faults import Faults, Way, on_the_way

Timed = list[tuple[int, Message]]

SHARES = st.floats(0, 1).map(lambda share: f"{share:.3f}")
SPANS = st.integers(1, 20_000).map(lambda ms: f"{ms}ms") | st.floats(1, 20).map(lambda s: f"{s:.7f}s")
PARTS = {
    "drop": SHARES,
    "duplicate": SHARES | st.builds("{}:{}".format, SHARES, SPANS),
    "delay": st.builds("{}:{}".format, SHARES, SPANS),
    "reorder": st.builds("{}:{}".format, SHARES, st.integers(1, 20)),
    "skew": st.builds("{}:{}".format, SHARES, SPANS),
    "corrupt": SHARES,
    "burst": SPANS.map(lambda span: f"1m:{span}"),
    "seed": st.integers(0, 10),
}


def faults(*names: str) -> st.SearchStrategy[Faults]:
    return st.fixed_dictionaries({}, optional={name: PARTS[name] for name in names}).map(Faults.parse)


@st.composite
def streams(draw: st.DrawFn) -> Timed:
    """Messages with times that never go back, each with a payload of its own."""
    gaps = draw(st.lists(st.integers(0, 3_000_000), max_size=60))
    times = np.cumsum([0, *gaps]).tolist()
    return [
        (at, Message("ub/v1/x/sensors", b'{"sensor_id":"s-%d","ts":%d}' % (i % 3, 10**12 + i), 1))
        for i, at in enumerate(times)
    ]


def arrived(messages: Timed, told: Faults) -> Timed:
    return list(on_the_way(messages, Way(told, np.random.default_rng(told.seed))))


def payloads(messages: Timed) -> Counter[bytes]:
    return Counter(message.payload for _, message in messages)


@given(streams(), faults("delay", "reorder", "burst"))
def test_nothing_is_lost_without_drop_and_nothing_added_without_duplicate(
    messages: Timed, told: Faults
) -> None:
    assert payloads(arrived(messages, told)) == payloads(messages)


@given(streams(), faults("duplicate", "delay", "reorder", "burst"))
def test_duplicate_never_changes_the_set_and_sends_at_most_twice(messages: Timed, told: Faults) -> None:
    found = payloads(arrived(messages, told))
    assert set(found) == set(payloads(messages))
    assert set(found.values()) <= {1, 2}


@given(streams(), faults("delay"))
def test_delay_keeps_payloads_and_brings_nothing_early_or_too_late(messages: Timed, told: Faults) -> None:
    sent_at = {message.payload: at for at, message in messages}
    most = told.delay.most_us if told.delay else 0
    found = arrived(messages, told)
    assert payloads(found) == payloads(messages)
    assert all(0 <= at - sent_at[message.payload] <= most for at, message in found)


@given(streams(), faults("drop", "burst"))
def test_what_is_neither_delayed_nor_reordered_nor_doubled_keeps_its_order(
    messages: Timed, told: Faults
) -> None:
    before = [message.payload for _, message in messages]
    after = [message.payload for _, message in arrived(messages, told)]
    kept = set(after)
    assert after == [payload for payload in before if payload in kept]


@given(streams(), faults(*PARTS))
def test_times_of_arrival_never_go_back(messages: Timed, told: Faults) -> None:
    times = [at for at, _ in arrived(messages, told)]
    assert times == sorted(times)


@given(streams(), faults(*PARTS))
def test_the_same_seed_gives_the_same_bytes_at_the_same_times(messages: Timed, told: Faults) -> None:
    assert arrived(messages, told) == arrived(messages, told)


@given(faults(*PARTS))
def test_faults_are_written_as_they_are_read(told: Faults) -> None:
    assert Faults.parse_text(str(told)) == told


@given(streams(), st.integers(0, 10))
def test_without_faults_nothing_changes(messages: Timed, seed: int) -> None:
    assert arrived(messages, Faults(seed=seed)) == messages
