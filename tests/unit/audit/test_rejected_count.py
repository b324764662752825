"""What the audit makes of odd records of ub.rejected is what the rejects stage stores of them."""

import pytest

from schemas import codec
from schemas.rejected import Rejected
from streams import topics
from streams.audit import books
from streams.audit.records import LogRecord, Refusals
from streams.fold.contract import Record
from streams.rejects.state import RejectsState
from tests.pipeline import T0, restored

GOOD = {"source": "g", "sequence": 1, "reason": "not_json", "detail": "d", "topic": "t", "payload": "p"}


def refused(sequence: int, topic: str) -> bytes:
    return codec.encode(Rejected("g", sequence, "not_json", "d", topic, "p", T0))


def odd(**changed: object) -> bytes:
    return codec.encode({**GOOD, "received_at": T0, **changed})


@pytest.mark.parametrize(
    ("log", "rows"),
    [
        ([refused(1, "ub/v1/" + "x" * 600 + "/vehicles"), refused(2, "ub/v1/#")], 1),
        ([refused(n, f"ub/v1/o{n}/vehicles/b/position") for n in range(1_002)], 1_001),
        ([refused(n, f"ub/v1/{n % 2 * 'x' * 600}{n}/vehicles") for n in range(2_002)], 1_000),
        ([odd(count=0), odd(count=10**9), odd(sequence=-1), odd(received_at=-1), odd(received_at=10**15)], 1),
        ([odd(payload=None), odd(detail=7), odd(source="s" * 600), odd()], 2),
    ],
    ids=["a long topic", "many topics", "many and long ones", "numbers that fit nothing", "other faults"],
)
def test_odd_refusals_are_counted_as_the_stage_does(log: list[bytes], rows: int) -> None:
    fold, refusals = RejectsState(restored(0)), Refusals()
    for offset, value in enumerate(log):
        fold.apply(Record(topics.REJECTED, 0, offset, value, T0))
        refusals.add(LogRecord(topics.REJECTED, 0, offset, T0, value))
    [stored] = [one.columns for one in fold.take_changes().rows if one.table == "rejected_count"]
    expected = sorted(zip(stored["topic"], stored["reason"], stored["count"], strict=True))
    found = books.rejected_count(refusals.frame()).drop("partition")
    assert sorted(found.rows()) == expected
    assert len(expected) == rows
