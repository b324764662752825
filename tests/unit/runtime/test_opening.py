"""A partition is claimed while it is ours, and goes on in the log where its checkpoint is."""

import asyncio
from typing import Any

import pytest

from streams.errors import ServiceUnavailable
from streams.runtime import opening
from streams.runtime.incarnation import Incarnation
from streams.store.checkpoint import Claim
from tests.unit.runtime.stages import Database, Events, Kafka, Listing, a_stage, until


def test_a_partition_that_was_given_away_while_its_claim_waited_is_not_claimed_any_more() -> None:
    """The database was away as a rebalance came. A claim would end the worker that owns the partition now."""

    class Away(Database):
        def __init__(self) -> None:
            super().__init__(0)
            self.asked, self.given_away = asyncio.Event(), asyncio.Event()

        async def claim(self, stage: str, topic: str, partition: int, **names: Any) -> Claim:
            if not self.given_away.is_set():
                self.asked.set()
                await self.given_away.wait()
                raise ServiceUnavailable("PostgreSQL", "here", "away", retry_after=0.001)
            return await super().claim(stage, topic, partition, **names)

    async def body() -> list[int]:
        database = Away()
        stage = a_stage(database, Kafka(), [])
        opening = asyncio.create_task(stage.open({0}))
        await database.asked.wait()
        await stage.hand_over(0.01)
        stage.keep_only(set())
        database.given_away.set()
        await opening
        assert not database.claimed
        await stage.open({1})
        return database.claimed

    assert asyncio.run(asyncio.wait_for(body(), 30)) == [1]


@pytest.mark.parametrize(
    ("topic_id", "goes_on", "says"),
    [
        ("", 0, "ends before the checkpoint's offset 7: it is a new log"),
        ("t", 5, "Kafka has lost the records from offset 5 to 7, which were folded; going on behind them"),
    ],
    ids=["perhaps another", "the same"],
)
def test_a_log_that_ends_before_the_checkpoint_is_read_on_at_its_end_if_it_is_known_to_be_the_same(
    topic_id: str, goes_on: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a power failure: PostgreSQL has written what it confirmed to the disk, Kafka has not."""

    class Shorter(Kafka):
        async def incarnation(self, topic: str) -> Incarnation:
            return Incarnation("cluster", topic_id)

        async def ends_at(self, topic: str, partition: int) -> int | None:
            return 5

    class Claiming(Database):
        async def claim(self, *place: Any, cut_to: int | None, **_: Any) -> Claim:
            self.restored_at = 7 if cut_to is None else cut_to
            return await super().claim(*place)

    async def body() -> dict[int, list[str]]:
        database = Claiming(0)
        stage = a_stage(database, Shorter(), [])
        await stage.open({0})
        await stage.consume(Events(*((0, offset) for offset in range(9))))
        await stage.close(5)
        return database.parts

    assert asyncio.run(body()) == {0: [str(offset) for offset in range(goes_on, 9)]}
    [said] = caplog.messages
    assert said.endswith(says)


def test_partitions_that_were_added_to_a_topic_are_left_alone_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What others put there, by key, belongs to ids that are counted in another partition."""

    async def body() -> list[int]:
        database, failed = Database(0), list[Exception]()
        stage = a_stage(database, Kafka(), failed, partitions=2)
        await stage.open({1, 2})
        await stage.consume(Events((0, 0), (2, 0), (2, 1)))
        assert not failed
        return database.claimed

    assert sorted(asyncio.run(asyncio.wait_for(body(), 30))) == [0, 1]
    [line] = [message for message in caplog.messages if "was added" in message]
    assert "partition 2 was added" in line


def test_a_worker_that_ends_claims_nothing_that_it_was_given_before() -> None:
    async def body() -> list[int]:
        database, failed = Database(1), list[Exception]()
        stage = a_stage(database, Kafka(), failed)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await until(lambda: bool(failed))
        await stage.open({0, 1})
        await running
        return database.claimed

    assert asyncio.run(asyncio.wait_for(body(), 30)) == [0]


def test_a_partition_that_its_first_record_opened_is_not_claimed_again() -> None:
    async def body() -> list[int]:
        database = Database(0)
        stage = a_stage(database, Kafka(), [])
        await stage.consume(Events((0, 0)))
        await stage.open({0})
        return database.claimed

    assert asyncio.run(body()) == [0]


def test_a_partition_that_was_given_away_while_its_fold_was_loaded_is_not_kept() -> None:
    async def body() -> list[int]:
        database, loading, given_away = Database(0), asyncio.Event(), asyncio.Event()
        stage = a_stage(database, Kafka(), [])

        async def open_fold(_: Claim) -> Listing:
            loading.set()
            await given_away.wait()
            return Listing()

        stage._opener.open_fold = open_fold
        opening = asyncio.create_task(stage.open({0}))
        await loading.wait()
        await stage.hand_over(0.01)
        given_away.set()
        await opening
        await stage.open({0})
        return database.claimed

    assert asyncio.run(asyncio.wait_for(body(), 30)) == [0, 0]


@pytest.mark.parametrize(
    ("under_way", "shown", "stored"),
    [
        ([8, 9], [[5, 6, 7, 8, 9]], ["5", "6", "7", "8", "9"]),
        ([8, 9], [[6, 7]] * 3 + [[5, 6, 7]], ["5", "6", "7"]),
        ([8, 9], [[7, 8]] * 60, ["7", "8"]),
        ([8, 9], [[8, 9]] * 60, ["8", "9"]),
    ],
    ids=["they are there", "they come late", "some are not there", "none is there"],
)
def test_records_after_the_checkpoint_are_asked_for_until_it_is_sure_that_there_are_none(
    under_way: list[int], shown: list[list[int]], stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kafka's group is ahead of the database: what was under way is dropped, what comes from the seek is not."""
    monkeypatch.setattr(opening, "_TRY_AGAIN_S", 0.0)

    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0, restored_at=4), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        for offsets in (under_way, *shown):
            await stage.consume(Events(*((0, offset) for offset in offsets), consumer=kafka))
        await stage.close(5)
        assert not failed
        return database, kafka

    database, kafka = asyncio.run(body())
    assert database.parts == {0: stored}
    assert set(kafka.sought) == {5}


@pytest.mark.parametrize(
    ("resumes_at", "sought"),
    [(0, []), (5, []), (6, [5]), (9, [5])],
    ids=["new", "at it", "ahead", "far ahead"],
)
def test_a_group_that_is_ahead_of_the_checkpoint_goes_back_once_though_no_record_comes(
    resumes_at: int, sought: list[int]
) -> None:
    async def body() -> Kafka:
        kafka = Kafka(resumes_at)
        stage = a_stage(Database(0, restored_at=4), kafka, [])
        await stage.open({0})
        await stage.rewind(kafka)
        await stage.rewind(kafka)  # after the next rebalance
        return kafka

    assert asyncio.run(body()).sought == sought


def test_what_was_under_way_as_the_group_went_back_is_dropped_and_what_was_folded_is_not_read_again() -> None:
    async def body() -> tuple[Database, Kafka]:
        database, kafka, failed = Database(0, restored_at=4), Kafka(resumes_at=9), list[Exception]()
        stage = a_stage(database, kafka, failed)
        await stage.open({0})
        await stage.rewind(kafka)
        await stage.consume(Events((0, 9), (0, 5), (0, 6), consumer=kafka))
        await stage.rewind(kafka)
        await stage.close(5)
        assert not failed
        return database, kafka

    database, kafka = asyncio.run(body())
    assert database.parts == {0: ["5", "6"]}
    assert kafka.sought[-1] == 5


def test_records_that_were_passed_over_as_the_group_went_back_are_asked_for_again() -> None:
    """Faust hands out nothing before the newest that it did: 12 was on its way, so 5 to 11 are passed over."""

    async def body() -> tuple[Kafka, Database]:
        database, kafka = Database(0, restored_at=4), Kafka()
        stage = a_stage(database, kafka, [])
        await stage.open({0})
        under_way, passed_over, then = [10, 11, 12], [12, 13], range(5, 14)
        await stage.consume(Events(*((0, offset) for offset in (*under_way, *passed_over)), consumer=kafka))
        assert kafka.sought == [5, 5]
        await stage.consume(Events(*((0, offset) for offset in then), consumer=kafka))
        await stage.close(5)
        return kafka, database

    kafka, database = asyncio.run(asyncio.wait_for(body(), 30))
    assert kafka.sought == [5, 5]
    assert database.offset == {0: 13}
    assert database.parts[0] == [str(offset) for offset in range(5, 14)]


def test_however_much_was_under_way_kafka_is_asked_to_go_back_once_and_nothing_is_folded_before() -> None:
    async def body() -> tuple[Database, Kafka]:
        database, kafka, failed = Database(0, restored_at=4), Kafka(), list[Exception]()
        stage = a_stage(database, kafka, failed)
        for first in (8, 5):
            await stage.consume(Events(*((0, offset) for offset in range(first, 100)), consumer=kafka))
        await stage.close(5)
        assert not failed
        return database, kafka

    database, kafka = asyncio.run(body())
    assert database.parts == {0: [str(offset) for offset in range(5, 100)]}
    assert kafka.sought == [5]


def test_what_is_given_away_while_kafka_is_asked_to_go_back_is_passed_over() -> None:
    class Slow(Kafka):
        def __init__(self) -> None:
            super().__init__(resumes_at=9)
            self.asked, self.answers = list[int](), asyncio.Event()

        async def begins_at(self, topic: str, partition: int) -> int:
            self.asked.append(partition)
            await self.answers.wait()
            return 0

    async def body() -> None:
        kafka = Slow()
        stage = a_stage(Database(0), kafka, [])
        await stage.open({0, 1})
        going_back = asyncio.create_task(stage.rewind(kafka))
        await until(lambda: bool(kafka.asked))
        await stage.hand_over(0.01)
        kafka.answers.set()
        await going_back
        assert kafka.asked == [0]
        assert not kafka.sought

    asyncio.run(asyncio.wait_for(body(), 30))


class Trimmed(Kafka):
    """Retention took what lies before offset 7."""

    async def begins_at(self, topic: str, partition: int) -> int:
        return 7


@pytest.mark.parametrize(("restored_at", "lost"), [(4, ["from offset 5 to 6"]), (-1, [])])
@pytest.mark.parametrize("known", [True, False], ids=["as the rebalance ends", "as a record comes"])
def test_what_retention_left_behind_the_checkpoint_is_folded(
    restored_at: int, lost: list[str], known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A backup that is older than what Kafka keeps was restored, or the database is new; the group is at 9."""

    async def body() -> tuple[Database, Kafka]:
        database, kafka, failed = (
            Database(0, restored_at=restored_at),
            Trimmed(resumes_at=9),
            list[Exception](),
        )
        stage = a_stage(database, kafka, failed)
        if known:
            await stage.open({0})
            await stage.rewind(kafka)
        else:
            await stage.consume(Events((0, 9), (0, 10), consumer=kafka))
        await stage.consume(Events(*((0, offset) for offset in range(7, 12)), consumer=kafka))
        await stage.close(5)
        assert not failed
        return database, kafka

    database, kafka = asyncio.run(asyncio.wait_for(body(), 30))
    assert kafka.sought == [7]
    assert database.parts == {0: ["7", "8", "9", "10", "11"]}
    told = [line for line in caplog.messages if "they are lost" in line]
    assert told == [f"ub.sensors/0: Kafka no longer has the records {which}; they are lost" for which in lost]


def test_a_group_that_begins_with_the_oldest_record_that_is_left_is_not_sent_back() -> None:
    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0, restored_at=4), Trimmed(resumes_at=7)
        stage = a_stage(database, kafka, [])
        await stage.open({0})
        await stage.rewind(kafka)
        await stage.consume(Events((0, 7), (0, 8), consumer=kafka))
        await stage.close(5)
        return database, kafka

    database, kafka = asyncio.run(asyncio.wait_for(body(), 30))
    assert not kafka.sought
    assert database.parts == {0: ["7", "8"]}
