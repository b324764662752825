"""A stage between its log and its database: what a fold handed out is stored, or nothing after it is."""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext

import pytest
from faust.types import TP

from schemas.limits import END_MS
from streams.errors import Fenced, LogGap, ServiceUnavailable, SetBack
from streams.fold.contract import Changes, Output, Record, Rows
from streams.runtime import stage as stage_module
from streams.store.checkpoint import Claim, PartitionCommit
from tests.unit.runtime.stages import TOPIC, Database, Events, Kafka, Listing, a_stage, until


class Guessing(Listing):
    """As a fold of windows: at a checkpoint with nothing new it tells a guess, which it will put right."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        guess = [Output("ub.any", "guess", b"", "any", "guess", 0)] if at_checkpoint and not self.new else []
        return guess + super().take_outputs(at_checkpoint=at_checkpoint)


@pytest.mark.parametrize(
    ("refusals", "stored"), [(0, {0: ["0"], 1: ["0", "1"]}), (1, {})], ids=["stored", "another worker came"]
)
def test_after_a_commit_that_failed_nothing_is_stored_that_lacks_it(
    refusals: int, stored: dict[int, list[str]]
) -> None:
    """A zombie is fenced for one partition, and hands the others over as it ends."""

    async def body() -> Database:
        database, kafka = Database(refusals), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not (failed or database.offset):  # noqa: ASYNC110 - neither says when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((1, 1)))
        await stage.close(5)
        await running
        return database

    database = asyncio.run(body())
    assert database.parts == stored
    assert database.offset == {partition: len(parts) - 1 for partition, parts in stored.items()}


@pytest.mark.parametrize("checkpoint_interval_s", [0.001, 3600.0])
def test_after_a_publication_that_failed_nothing_is_stored_that_lacks_it(
    checkpoint_interval_s: float,
) -> None:
    """Kafka refuses for good. What the folds handed out is in no log, so no checkpoint may say that it was told."""

    class Refusing(Kafka):
        async def publish(self, outputs: Sequence[Output]) -> None:
            if outputs and not self.published:
                self.published.append("lost")
                raise ValueError("too large")
            await super().publish(outputs)

    async def body() -> None:
        database, kafka = Database(0), Refusing()
        stage = a_stage(database, kafka, [], checkpoint_interval_s=checkpoint_interval_s)
        await stage.consume(Events((0, 0), (1, 0)))
        with pytest.raises(ValueError, match="too large"):
            await stage.run()
        await stage.consume(Events((0, 1)))
        await stage.close(5)
        assert kafka.published == ["lost"]
        assert not database.offset

    asyncio.run(body())


def test_after_a_commit_that_failed_a_worker_guesses_no_more_on_what_is_not_stored() -> None:
    """The next owner begins before that, and may never come upon what it would have to withdraw."""

    async def body() -> Kafka:
        database, kafka = Database(1), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed, Guessing)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not failed:  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        await stage.close(5)
        await running
        return kafka

    assert set(asyncio.run(body()).published) == {"0"}


@pytest.mark.parametrize("lost", [set(), {0}])
def test_a_worker_that_slept_says_nothing_of_what_it_lost_and_claims_it_no_more(
    lost: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "_ASLEEP_S", -1.0)  # it wakes up all the time

    async def body() -> tuple[Database, Kafka]:
        database, kafka = Database(0, lost=lost), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(30):
            while not (failed or kafka.published):  # noqa: ASYNC110 - neither says when it changes
                await asyncio.sleep(0.001)
        await stage.consume(Events((0, 1)))
        await stage.close(5)
        await running
        return database, kafka

    database, kafka = asyncio.run(body())
    assert set(kafka.published) == (set() if lost else {"0", "1"})
    assert database.offset == ({} if lost else {0: 1})
    assert database.claimed == [0]


def test_a_worker_that_slept_asks_before_it_hands_over_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's group may hear of it before the next turn comes."""
    monkeypatch.setattr(stage_module, "_ASLEEP_S", -1.0)

    async def body() -> tuple[Kafka, list[Exception]]:
        database, kafka = Database(0, lost={0}), Kafka()
        failed: list[Exception] = []
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0)))
        await stage.hand_over(5)
        return kafka, failed

    kafka, failed = asyncio.run(body())
    assert not kafka.published
    assert [type(error) for error in failed] == [Fenced]


def test_a_worker_that_slept_while_kafka_gave_its_partitions_to_others_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between hand-over and assignment another worker may have claimed what this one still holds."""
    monkeypatch.setattr(stage_module, "_ASLEEP_S", -1.0)

    class Guessing(Listing):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            said.append(database.lost)
            return super().take_outputs(at_checkpoint=at_checkpoint)

    said: list[set[int]] = []  # what was lost whenever the folds were asked
    database, kafka = Database(0), Kafka()
    failed: list[Exception] = []

    async def body() -> None:
        stage = a_stage(database, kafka, failed, Guessing)
        await stage.consume(Events((0, 0), (1, 0)))
        await stage.hand_over(5)
        database.lost = {0}
        running = asyncio.create_task(stage.run())
        await asyncio.sleep(0.1)  # a hundred times what it waits between publications
        assert {0} not in said
        stage.keep_only({1})
        await stage.consume(Events((1, 1)))
        await until(lambda: database.offset == {0: 0, 1: 1})
        await stage.close(5)
        await running

    asyncio.run(asyncio.wait_for(body(), 30))
    assert not failed


def test_a_worker_that_slept_as_it_published_says_nothing_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_ASLEEP_S", 0.2)

    class Slow(Kafka):
        async def publish(self, outputs: Sequence[Output]) -> None:
            await super().publish(outputs)
            if outputs and not database.lost:
                database.lost = {0}
                await stage.consume(Events((0, 1)))
                await asyncio.sleep(0.3)

    database, kafka = Database(0), Slow()
    failed: list[Exception] = []
    stage = a_stage(database, kafka, failed)

    async def body() -> None:
        await stage.consume(Events((0, 0)))
        async with asyncio.timeout(30):
            await stage.run()

    asyncio.run(body())
    assert set(kafka.published) == {"0"}
    assert [type(error) for error in failed] == [Fenced]


def test_records_are_folded_once_and_acknowledged_once_stored_those_of_the_checkpoint_at_once() -> None:
    async def body() -> None:
        database, kafka = Database(0, restored_at=5), Kafka()
        stage = a_stage(database, kafka, [])
        events, again = Events((0, 4), (0, 5), (0, 6), (0, 7)), Events((0, 6), (0, 7))
        await stage.consume(events)
        assert events.acked == [(0, 4), (0, 5)]
        await stage.consume(again)
        await stage.hand_over(5)
        assert [*events.acked, *again.acked] == [*events.places, *again.places]
        stage.keep_only({0})
        await stage.consume(late := Events((0, 7)))
        assert late.acked == [(0, 7)]
        assert (kafka.published, database.offset) == (["6", "7"], {0: 7})

    asyncio.run(asyncio.wait_for(body(), 30))


@pytest.mark.parametrize(
    "changes", [Changes(rows=[Rows("any", {})]), Changes(parts={"a": b""})], ids=["rows", "parts"]
)
def test_what_the_clock_alone_changes_is_stored(changes: Changes) -> None:
    class Ticking(Listing):
        def take_changes(self) -> Changes:
            return changes

    async def body() -> dict[int, int]:
        database = Database(0, restored_at=5)
        stage = a_stage(database, Kafka(), [], Ticking)
        await stage.open({0})
        await stage.close(5)
        return database.offset

    assert asyncio.run(body()) == {0: 5}


def test_a_record_that_was_handed_out_before_a_hand_over_is_not_folded_after_it() -> None:
    """It comes again, to whoever owns its partition then."""

    async def body() -> dict[int, list[str]]:
        database, kafka = Database(0), Kafka()
        stage = a_stage(database, kafka, [], checkpoint_interval_s=3600, max_unacked_records=1)
        running = asyncio.create_task(stage.run())
        feeding = asyncio.create_task(stage.consume(Events((0, 0), (0, 1))))
        await until(lambda: bool(kafka.published))  # the second waits until the first is stored
        await stage.hand_over(30)
        await feeding
        stage.keep_only({0})
        await stage.close(30)
        await running
        return database.parts

    assert asyncio.run(asyncio.wait_for(body(), 30)) == {0: ["0"]}


def test_a_hand_over_that_gave_up_is_no_trouble_to_the_next_one() -> None:
    under_way = asyncio.Event()

    class Away(Database):
        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            under_way.set()
            await asyncio.sleep(3600)

    async def body() -> None:
        stage = a_stage(Away(0), Kafka(), [])
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await under_way.wait()
        await stage.hand_over(0.05)
        await stage.hand_over(0.05)
        await stage.close(0.05)
        await running

    asyncio.run(asyncio.wait_for(body(), 30))


@pytest.mark.parametrize("stored_by", ["its checkpoint", "the hand-over"])
@pytest.mark.parametrize("turn_taken", [False, True])
def test_a_hand_over_is_over_in_time_and_the_next_one_waits_where_the_database_is_slow_to_give_up(
    stored_by: str, turn_taken: bool
) -> None:
    under_way, given_up = asyncio.Event(), asyncio.Event()

    class Slow(Database):
        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            if not commits:
                return
            under_way.set()
            try:
                await asyncio.sleep(3600)
            finally:
                await given_up.wait()

    async def body() -> None:
        stage = a_stage(Slow(0), Kafka(), [])
        await stage.consume(Events((0, 0)))
        if stored_by == "its checkpoint":
            running = asyncio.create_task(stage.run())
            await under_way.wait()
        else:
            running = asyncio.create_task(stage.hand_over(0.05))
            await running
        async with stage._turn if turn_taken else nullcontext():  # as while Kafka confirms nothing
            await stage.hand_over(0.05)
        asyncio.get_running_loop().call_later(0.05, given_up.set)
        await stage.hand_over(30)
        await stage.close(30)
        await running

    asyncio.run(asyncio.wait_for(body(), 30))


def test_a_hand_over_while_the_database_is_away_stores_after_what_was_to_be_stored_before() -> None:
    class Back(Database):
        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            tried.extend(one.offset for one in commits)
            if tried == [0]:
                raise ServiceUnavailable("PostgreSQL", "any", "away")
            await super().commit(commits)

    async def body() -> None:
        stage = a_stage(Back(0), Kafka(), [])
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await until(lambda: bool(tried))
        await stage.consume(Events((0, 1)))
        await stage.close(30)
        await running

    tried: list[int] = []
    asyncio.run(body())
    assert tried == [0, 0, 1]


def test_a_hand_over_that_gave_up_as_kafka_confirmed_nothing_leaves_room_for_what_comes_again() -> None:
    class Deaf(Kafka):
        async def publish(self, outputs: Sequence[Output]) -> None:
            if outputs:
                await confirms.wait()

    async def body() -> None:
        stage = a_stage(Database(0), Deaf(), [], max_unacked_records=2)
        await stage.consume(Events((0, 0), (1, 0)))
        await stage.hand_over(0.01)
        await stage.consume(Events((0, 0), (1, 0)))
        confirms.set()
        await stage.close(30)

    confirms = asyncio.Event()
    asyncio.run(asyncio.wait_for(body(), 30))


def test_a_hand_over_that_gave_up_as_a_hole_was_looked_at_leaves_room_for_what_comes_again() -> None:
    class Forgetting(Kafka):
        """Takes its time to say that it has no records before this one."""

        def __init__(self) -> None:
            super().__init__()
            self.asked, self.answers = asyncio.Event(), asyncio.Event()

        async def begins_at(self, topic: str, partition: int) -> int:
            self.asked.set()
            await self.answers.wait()
            return 7

    async def body() -> Database:
        database, kafka, failed = Database(0), Forgetting(), list[Exception]()
        stage = a_stage(database, kafka, failed, max_unacked_records=1)
        feeding = asyncio.create_task(stage.consume(Events((0, 7), consumer=kafka)))
        await kafka.asked.wait()
        await stage.hand_over(0.01)
        kafka.answers.set()
        await feeding
        stage.keep_only({0})
        await stage.consume(Events((0, 7), consumer=kafka))
        await stage.close(5)
        assert not failed
        return database

    assert asyncio.run(asyncio.wait_for(body(), 30)).parts == {0: ["7"]}


def test_records_that_change_nothing_are_passed_and_wait_no_longer_either() -> None:
    class Unmoved(Listing):
        def apply(self, record: Record) -> None:
            pass

    async def body() -> dict[int, int]:
        database = Database(0)
        stage = a_stage(database, Kafka(), [], Unmoved, max_unacked_records=1)
        running = asyncio.create_task(stage.run())
        await stage.consume(Events((0, 0), (0, 1)))
        await stage.close(30)
        await running
        return database.offset

    assert asyncio.run(asyncio.wait_for(body(), 30)) == {0: 1}


class Slow(Kafka):
    """Confirms nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.publishing, self.confirms = asyncio.Event(), asyncio.Event()

    async def publish(self, outputs: Sequence[Output]) -> None:
        if outputs:
            self.publishing.set()
            await self.confirms.wait()


def test_a_checkpoint_that_a_hand_over_breaks_off_before_it_begins_leaves_room_for_what_comes_again() -> None:
    async def body() -> None:
        stage = a_stage(Database(0), slow, [], checkpoint_interval_s=0.001, max_unacked_records=1)
        loop = asyncio.get_running_loop()
        await stage.consume(Events((0, 0)))
        running = asyncio.create_task(stage.run())
        await slow.publishing.wait()
        # Both are due at once: the hand-over has given up by the time that the checkpoint could begin.
        loop.call_later(0.001, slow.confirms.set)
        loop.call_soon(time.sleep, 0.05)
        await stage.hand_over(0.01)
        await stage.consume(Events((0, 0)))
        await stage.close(30)
        await running

    slow = Slow()
    asyncio.run(asyncio.wait_for(body(), 30))


def test_what_was_given_away_as_kafka_confirmed_its_news_is_left_to_its_next_owner() -> None:
    async def body() -> None:
        database = Database(0)
        stage = a_stage(database, slow, [], checkpoint_interval_s=0.001)
        await stage.consume(Events((0, 0), (1, 0)))
        running = asyncio.create_task(stage.run())
        await slow.publishing.wait()
        stage.keep_only({1})
        slow.confirms.set()
        await until(lambda: bool(database.offset))
        await stage.close(30)
        await running
        assert database.offset == {1: 0}

    slow = Slow()
    asyncio.run(asyncio.wait_for(body(), 30))


@pytest.mark.parametrize(
    ("written", "folded"), [(-0.001, 0), (1.7e9, 1_700_000_000_000), (9.3e15, END_MS - 1)]
)
def test_a_timestamp_that_is_no_time_of_ours_is_folded_as_the_nearest_that_is(
    written: float, folded: int
) -> None:
    met: list[int] = []

    class Dated(Listing):
        def apply(self, record: Record) -> None:
            met.append(record.timestamp)

    stage = a_stage(Database(0), Kafka(), [], Dated)
    asyncio.run(stage.consume(Events((0, 0), timestamp=written)))
    assert met == [folded]


def test_a_hole_behind_what_was_folded_ends_the_worker() -> None:
    """The records in it were skipped; from the checkpoint on they are read again."""
    database, kafka, failed = Database(0), Kafka(), list[Exception]()
    stage = a_stage(database, kafka, failed)
    with pytest.raises(LogGap, match=r"ub.sensors/0: offset 3 follows 1;"):
        asyncio.run(stage.consume(Events((0, 0), (0, 1), (0, 3), consumer=kafka)))
    assert [type(error) for error in failed] == [LogGap]
    assert not kafka.sought


def test_a_hole_that_kafka_was_found_to_have_ends_nothing_and_is_said_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each transaction of a producer leaves one: its marker has an offset of its own."""

    async def body() -> Database:
        database, kafka, failed = Database(0), Kafka(), list[Exception]()
        kafka.holes = {(1, 3), (3, 5)}
        stage = a_stage(database, kafka, failed)
        await stage.consume(Events((0, 0), (0, 1), (0, 3), (0, 5), consumer=kafka))
        await stage.close(5)
        assert not failed
        assert not kafka.sought
        return database

    assert asyncio.run(body()).parts == {0: ["0", "1", "3", "5"]}
    assert [line for line in caplog.messages if "the log has no records" in line] == [
        "ub.sensors/0: the log has no records from offset 2 to 2"
    ]


def test_a_record_without_a_value_is_folded_as_an_empty_one() -> None:
    met: list[bytes] = []

    class Read(Listing):
        def apply(self, record: Record) -> None:
            met.append(record.value)

    stage = a_stage(Database(0), Kafka(), [], Read)
    asyncio.run(stage.consume(Events((0, 0), value=None)))
    assert met == [b""]


def test_of_a_partition_in_which_nothing_moves_it_is_said_now_and_then_that_somebody_looks_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beat_s = 0.5
    monkeypatch.setattr(stage_module, "_BEAT_S", beat_s)

    class Timed(Database):
        """Knows for how long each partition that it hears of stood still."""

        def __init__(self) -> None:
            super().__init__(0)
            self.stored: dict[int, float] = {}
            self.stood: list[float] = []

        async def commit(self, commits: Sequence[PartitionCommit]) -> None:
            await super().commit(commits)
            self.stored |= {one.claim.partition: time.monotonic() for one in commits}

        async def show_life(self, claims: Sequence[Claim]) -> None:
            await super().show_life(claims)
            now = time.monotonic()
            self.stood += [now - self.stored.get(claim.partition, -math.inf) for claim in claims]

    async def body() -> Database:
        database, kafka = Timed(), Kafka()
        stage = a_stage(database, kafka, [])
        await stage.open({0, 1})
        running = asyncio.gather(stage.run(), stage.show_life(lambda _tp: True))
        began, offset = time.monotonic(), 0
        while database.alive.count(0) < 2:
            await stage.consume(Events((1, offset)))
            offset += 1
            await asyncio.sleep(0.01)
        assert time.monotonic() - began > 1.8 * beat_s, "not at each checkpoint"
        assert min(database.stood) >= beat_s, "of what moves it is not said"
        await stage.close(5)
        await running
        return database

    database = asyncio.run(asyncio.wait_for(body(), 30))
    assert set(database.offset) == {1}, "what did not move is not stored: an audit waits until nothing moves"


def test_of_partitions_of_which_kafka_tells_nothing_it_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_BEAT_S", 0.02)
    third = asyncio.Event()

    class Told(Database):
        async def show_life(self, claims: Sequence[Claim]) -> None:
            await super().show_life(claims)
            if len(self.alive) >= 3:
                third.set()

    async def body() -> Database:
        database = Told(0)
        stage = a_stage(database, Kafka(), [])
        await stage.open({0, 1})
        running = asyncio.gather(stage.run(), stage.show_life(lambda tp: tp == (stage.topic, 1)))
        await third.wait()
        await stage.close(5)
        await running
        return database

    assert set(asyncio.run(asyncio.wait_for(body(), 30)).alive) == {1}


def test_a_worker_in_which_nothing_moves_goes_on_where_the_database_takes_no_word_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that only reads for a while, say: nobody has anything to store meanwhile."""
    monkeypatch.setattr(stage_module, "_BEAT_S", 0.02)

    third = asyncio.Event()

    class ReadOnly(Database):
        async def show_life(self, claims: Sequence[Claim]) -> None:
            await super().show_life(claims)
            if len(self.alive) == 3:
                third.set()
            raise RuntimeError("cannot execute UPDATE in a read-only transaction")

    async def body() -> ReadOnly:
        database = ReadOnly(0)
        stage = a_stage(database, Kafka(), [])
        await stage.open({0})
        running = asyncio.gather(stage.run(), stage.show_life(lambda _tp: True))
        await third.wait()
        await stage.close(5)
        await running
        return database

    assert set(asyncio.run(asyncio.wait_for(body(), 30)).alive) == {0}


def test_a_worker_in_which_nothing_moves_ends_where_the_database_lost_what_it_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing else would fill the hole until a record comes."""
    monkeypatch.setattr(stage_module, "_BEAT_S", 0.02)

    class Behind(Database):
        async def show_life(self, claims: Sequence[Claim]) -> None:
            raise SetBack("the database has lost what was stored", [claims[0].key])

    async def body() -> list[Exception]:
        failed: list[Exception] = []
        stage = a_stage(Behind(0), Kafka(), failed)
        await stage.open({0})
        running = asyncio.gather(stage.run(), stage.show_life(lambda _tp: True))
        await until(lambda: failed)
        await stage.close(5)
        await running
        return failed

    assert [type(error) for error in asyncio.run(asyncio.wait_for(body(), 30))] == [SetBack]


def test_a_partition_that_is_not_read_up_to_its_end_waits_to_be_read_also_before_its_first_record() -> None:
    class Waiting(Listing):
        """Says so at once."""

        def __init__(self) -> None:
            super().__init__()
            self.waits = False

        def wait_to_be_read(self) -> None:
            self.waits = True

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            waits, self.waits = self.waits, False
            word = [Output("ub.any", "here", b"", "any", "", 0)] if waits else []
            return word + super().take_outputs(at_checkpoint=at_checkpoint)

    def has_unread(tp: TP, applied: int) -> bool:
        asked.append((tp, applied))
        return tp.partition == 1 and applied < 0

    asked: list[tuple[TP, int]] = []

    async def body() -> list[str]:
        kafka = Kafka()
        stage = a_stage(Database(0), kafka, [], Waiting, has_unread=has_unread)
        await stage.open({0, 1})
        running = asyncio.create_task(stage.run())
        await until(lambda: len(asked) > 2 and "here" in kafka.published)
        await stage.consume(Events((1, 0)))
        await until(lambda: (TP(TOPIC, 1), 0) in asked)
        waited = kafka.published.count("here")
        await until(lambda: asked.count((TP(TOPIC, 1), 0)) > 3)
        await stage.close(5)
        await running
        assert kafka.published.count("here") == waited
        return kafka.published

    assert "0" in asyncio.run(body())
    assert {tp for tp, _ in asked} == {TP(TOPIC, 0), TP(TOPIC, 1)}
