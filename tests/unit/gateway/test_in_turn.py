"""Messages are acknowledged in the order in which they came, unless one is not confirmed for too long."""

from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.in_turn import PATIENCE_S, InTurn
from streams.gateway.receipt import Receipt


def _receipts(count: int) -> tuple[InTurn, list[Receipt]]:
    in_turn = InTurn()
    receipts = [Receipt(mid=mid, qos=1, connection=0, size=1, parts=1) for mid in range(count)]
    for receipt in receipts:
        in_turn.add(receipt)
    return in_turn, receipts


def _complete(in_turn: InTurn, *receipts: Receipt) -> None:
    for receipt in receipts:
        receipt.confirm(1)
    in_turn.completed(len(receipts))


def _mids(receipts: list[Receipt]) -> list[int]:
    return [receipt.mid for receipt in receipts]


@given(order=st.permutations(range(12)), at_once=st.integers(1, 5))
def test_whatever_kafka_confirms_first_messages_are_acknowledged_as_they_came(
    order: list[int], at_once: int
) -> None:
    in_turn, receipts = _receipts(12)
    given_out: list[int] = []
    for first in range(0, 12, at_once):
        _complete(in_turn, *(receipts[mid] for mid in order[first : first + at_once]))
        given_out += _mids(in_turn.due(0.0))
        confirmed = order[: first + at_once]
        assert given_out == list(range(next((mid for mid in range(12) if mid not in confirmed), 12)))


@given(
    order=st.permutations(range(8)),
    pauses=st.lists(st.floats(0, 2 * PATIENCE_S), min_size=8, max_size=8),
)
def test_each_message_is_acknowledged_once_and_only_when_it_is_complete(
    order: list[int], pauses: list[float]
) -> None:
    in_turn, receipts = _receipts(8)
    now, given_out = 0.0, list[int]()
    for mid, pause_s in zip(order, pauses, strict=True):
        now += pause_s
        _complete(in_turn, receipts[mid])
        found = in_turn.due(now)
        assert not any(receipt.parts for receipt in found)
        assert _mids(found) == sorted(_mids(found))
        given_out += _mids(found)
    assert sorted(given_out) == list(range(8))


def test_what_is_complete_waits_a_moment_for_what_is_not() -> None:
    in_turn, receipts = _receipts(4)
    assert in_turn.due(100.0) == []
    _complete(in_turn, receipts[1], receipts[3])
    assert in_turn.due(100.0 + 0.9 * PATIENCE_S) == []
    assert _mids(in_turn.due(100.0 + PATIENCE_S)) == [1, 3]
    _complete(in_turn, receipts[2])
    assert in_turn.due(100.0 + 1.9 * PATIENCE_S) == []  # and so does each that is complete then
    _complete(in_turn, receipts[0])
    assert _mids(in_turn.due(100.0 + 1.9 * PATIENCE_S)) == [0, 2]


def test_where_some_have_their_turn_the_others_wait_on() -> None:
    in_turn, receipts = _receipts(4)
    assert in_turn.due(0.0) == []
    _complete(in_turn, receipts[0], receipts[2])
    assert _mids(in_turn.due(PATIENCE_S)) == [0]
    assert in_turn.due(1.9 * PATIENCE_S) == []
    assert _mids(in_turn.due(2 * PATIENCE_S)) == [2]


def test_what_is_complete_waits_as_long_after_a_time_in_which_nothing_was() -> None:
    in_turn, receipts = _receipts(4)
    _complete(in_turn, receipts[0])
    assert _mids(in_turn.due(0.0)) == [0]
    for quiet_since, mid in ((0.0, 2), (1.6 * PATIENCE_S, 3)):
        assert in_turn.due(quiet_since + 0.6 * PATIENCE_S) == []
        _complete(in_turn, receipts[mid])
        assert in_turn.due(quiet_since + 1.1 * PATIENCE_S) == []
        assert _mids(in_turn.due(quiet_since + 1.6 * PATIENCE_S)) == [mid]


def test_at_the_end_nothing_waits_for_what_kafka_did_not_confirm() -> None:
    in_turn, receipts = _receipts(3)
    _complete(in_turn, receipts[1])
    assert _mids(in_turn.all_complete(0.0)) == [1]
    _complete(in_turn, receipts[0], receipts[2])
    assert _mids(in_turn.due(0.0)) == [0, 2]
