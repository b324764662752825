"""A message is complete when its last part is confirmed, once."""

import pytest

from streams.gateway.receipt import Receipt


def _receipt(parts: int) -> Receipt:
    return Receipt(mid=7, qos=1, connection=2, size=100, parts=parts)


def test_only_the_last_part_completes_a_message() -> None:
    receipt = _receipt(5)
    assert [receipt.confirm(2), receipt.confirm(2), receipt.confirm(1)] == [False, False, True]


def test_confirming_more_than_is_open_is_a_fault_of_ours() -> None:
    receipt = _receipt(2)
    with pytest.raises(ValueError, match="3 parts confirmed of a message that has 2 open"):
        receipt.confirm(3)
    receipt.confirm(2)
    with pytest.raises(ValueError, match="has 0 open"):
        receipt.confirm(1)


def test_a_message_without_parts_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="could never be confirmed"):
        _receipt(0)
