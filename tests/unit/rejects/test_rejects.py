"""Refusals are counted once each, by topic and reason, and the newest are kept as rows."""

from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.limits import END_MS
from schemas.rejected import Rejected
from streams import topics
from streams.fold.contract import Record
from streams.rejects.state import MOST_TOPICS, OTHER_TOPICS, RejectsState
from tests.pipeline import T0, Database, restored


class Rejects:
    """A rejects fold, its log and its checkpoints."""

    def __init__(self) -> None:
        self.database = Database()
        self.fold = RejectsState(restored(1))
        self.log: list[bytes] = []

    def refuse(self, sequence: int, **changed: Any) -> None:
        """Fold the refusal of `sequence` by gateway-0."""
        item = Rejected(
            source="gateway-0",
            sequence=sequence,
            reason="not_json",
            detail="no JSON",
            topic="ub/v1/north/vehicles",
            payload="{",
            received_at=T0 + sequence,
        )
        self.fold_bytes(codec.encode(msgspec.structs.replace(item, **changed)))

    def fold_bytes(self, value: bytes) -> None:
        self.log.append(value)
        self.fold.apply(Record(topics.REJECTED, 1, len(self.log) - 1, value, T0))

    def checkpoint(self) -> None:
        self.database.commit("rejects", len(self.log) - 1, self.fold.take_changes())

    def crash(self) -> None:
        start = self.database.restored("rejects", 1)
        self.fold = RejectsState(start)
        for offset in range(start.offset + 1, len(self.log)):
            self.fold.apply(Record(topics.REJECTED, 1, offset, self.log[offset], T0))

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return {(topic, reason): (count, newest_at)} as stored."""
        rows = self.database.tables["rejected_count"].values()
        return {(row["topic"], row["reason"]): (row["count"], row["newest_at"]) for row in rows}


NORTH = ("ub/v1/north/vehicles", "not_json")


def test_refusals_are_counted_by_topic_and_reason() -> None:
    rejects = Rejects()
    rejects.refuse(1)
    rejects.refuse(2, reason="empty")
    rejects.refuse(3, topic="ub/v1/south/vehicles")
    rejects.refuse(4)
    rejects.checkpoint()
    assert rejects.counts() == {
        NORTH: (2, T0 + 4),
        (NORTH[0], "empty"): (1, T0 + 2),
        ("ub/v1/south/vehicles", "not_json"): (1, T0 + 3),
    }
    assert len(rejects.database.tables["rejected"]) == 4


def test_one_refusal_may_stand_for_many_readings() -> None:
    rejects = Rejects()
    rejects.refuse(1, count=500)
    rejects.refuse(2)
    rejects.checkpoint()
    assert rejects.counts()[NORTH][0] == 501


def test_a_refusal_published_again_is_counted_once() -> None:
    rejects = Rejects()
    for sequence in (1, 2, 1, 2, 3):
        rejects.refuse(sequence)
    rejects.checkpoint()
    assert rejects.counts()[NORTH][0] == 3
    assert list(rejects.database.tables["rejected"]) == [("gateway-0", n) for n in (1, 2, 3)]


def test_each_source_has_numbers_of_its_own() -> None:
    rejects = Rejects()
    rejects.refuse(7)
    rejects.refuse(7, source="gateway-1")
    rejects.checkpoint()
    assert rejects.counts()[NORTH][0] == 2


def test_a_refusal_is_known_again_after_a_restart() -> None:
    rejects = Rejects()
    rejects.refuse(1)
    rejects.checkpoint()
    rejects.refuse(2)
    rejects.crash()
    rejects.refuse(1)
    rejects.refuse(2)
    rejects.refuse(3)
    rejects.checkpoint()
    assert rejects.counts()[NORTH] == (3, T0 + 3)


def test_the_newest_time_is_not_that_of_the_newest_record() -> None:
    rejects = Rejects()
    rejects.refuse(1, received_at=T0 + 50)
    rejects.refuse(2, received_at=T0 + 10)
    rejects.checkpoint()
    assert rejects.counts()[NORTH] == (2, T0 + 50)


def test_a_record_that_is_no_refusal_is_kept_as_one() -> None:
    rejects = Rejects()
    rejects.fold_bytes(b"\xff\x00 garbage")
    rejects.fold_bytes(b'{"source": "x", "reason": "because"}')
    rejects.checkpoint()
    assert rejects.counts() == {(topics.REJECTED, "bad_frame"): (2, T0)}
    rows = list(rejects.database.tables["rejected"].values())
    assert [row["payload"] for row in rows] == ["\\xff\x00 garbage", '{"source": "x", "reason": "because"}']
    assert {row["source"] for row in rows} == {"rejects/ub.rejected/1@0"}


def test_a_checkpoint_without_news_stores_nothing() -> None:
    rejects = Rejects()
    rejects.refuse(1)
    rejects.checkpoint()
    rejects.refuse(1)
    changes = rejects.fold.take_changes()
    assert (changes.rows, changes.parts) == ([], {})
    assert rejects.fold.take_outputs(at_checkpoint=True) == []


def test_a_refusal_that_is_no_utf_8_is_kept_as_one() -> None:
    rejects = Rejects()
    rejects.fold_bytes(b'{"source":"\xff","sequence":1}')
    rejects.refuse(1)
    rejects.checkpoint()
    assert sorted(reason for _, reason in rejects.counts()) == ["bad_frame", "not_json"]


def test_a_topic_that_no_index_takes_is_counted_with_others() -> None:
    rejects = Rejects()
    for number, letters in enumerate(("x" * 60_000, "\u57ce" * 200, "x" * 400)):
        rejects.refuse(number, topic=f"ub/v1/{letters}/vehicles")
    rejects.refuse(3, source="s" * 600)
    rejects.checkpoint()
    longest = max(len(topic.encode()) for topic, _ in rejects.counts())
    assert longest <= 512
    assert rejects.counts()[OTHER_TOPICS, "not_json"][0] == 2
    assert sum(count for count, _ in rejects.counts().values()) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 0},
        {"count": 1_000_000_000},
        {"sequence": -1},
        {"sequence": 1 << 63},
        {"received_at": -1},
        {"received_at": END_MS},
    ],
    ids=str,
)
def test_a_refusal_that_no_table_takes_is_kept_as_one(changed: dict[str, int]) -> None:
    rejects = Rejects()
    rejects.refuse(**{"sequence": 1, "received_at": T0, **changed})
    rejects.checkpoint()
    assert rejects.counts() == {(topics.REJECTED, "bad_frame"): (1, T0)}


def test_topics_of_single_vehicles_are_counted_together() -> None:
    rejects = Rejects()
    for number in range(2):
        rejects.refuse(number, topic=f"ub/v1/north/vehicles/bike-{number}/position")
    rejects.checkpoint()
    assert rejects.counts() == {("ub/v1/north/vehicles/#", "not_json"): (2, T0 + 1)}


def test_beyond_so_many_topics_new_ones_are_counted_together_and_those_known_by_themselves() -> None:
    rejects = Rejects()
    for number in range(MOST_TOPICS):
        rejects.refuse(number, topic=f"ub/v1/made-up-{number}/vehicles")
    rejects.refuse(MOST_TOPICS, topic="ub/v1/made-up-0/vehicles")
    rejects.refuse(MOST_TOPICS + 1)
    rejects.checkpoint()
    assert rejects.counts()["ub/v1/made-up-0/vehicles", "not_json"] == (2, T0 + MOST_TOPICS)
    assert rejects.counts()[OTHER_TOPICS, "not_json"] == (1, T0 + MOST_TOPICS + 1)
