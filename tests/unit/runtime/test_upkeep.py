"""A stage that looks after what stands retained on MQTT: in its turn, and only while its partitions are its own."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from streams.errors import ServiceUnavailable
from streams.fold.contract import MqttMessage, Output, Record
from streams.runtime import stage as stage_module
from streams.runtime import upkeep as upkeep_module
from streams.runtime.board import Board, Correction
from streams.runtime.stage import Stage
from streams.runtime.upkeep import Upkeep
from streams.settings import Settings
from streams.store.checkpoint import Claim
from tests.unit.runtime.stages import TOPIC, Database, Events, Kafka, Listing
from tests.unit.runtime.test_board import TOPIC as NOTICE
from tests.unit.runtime.test_board import event

MISSING = "ub/v1/alerts/minor/oversaturation/89309959d07ffff"
STALE = event("stale", offset=0)


class Keeping(Listing):
    """A fold that wants one notice from its first record on, and tells of it."""

    def apply(self, record: Record) -> None:
        super().apply(record)
        self.wants = {MISSING: [event(sequence=record.offset)]}

    wants: Mapping[str, Sequence[bytes]] = {}

    def retained(self) -> Mapping[str, Sequence[bytes]]:
        return self.wants


class Tables(Database):
    """A database that may be away, and in which some alerts are open."""

    away = False
    open: frozenset[str] = frozenset()

    async def confirm(self, claims: Sequence[Claim]) -> None:
        if self.away:
            raise ServiceUnavailable("PostgreSQL", "here", "away")
        await super().confirm(claims)

    async def open_now(self, ids: Collection[str]) -> set[str]:
        return set(ids) & self.open


class Broker(Kafka):
    """Retains, says so on the board, and keeps what was published in order; Kafka as well."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board({}.__getitem__)
        self.board.subscribed(-100.0)
        self.said: list[str] = []

    async def publish(self, messages: Sequence[MqttMessage | Output]) -> None:  # type: ignore[override]
        self.enqueue(messages)

    def enqueue(self, messages: Sequence[MqttMessage | Output]) -> list[asyncio.Future[None]]:
        for message in messages:
            if isinstance(message, MqttMessage):
                self.board.heard(message.topic, message.payload, message.retain)
                self.said.append(message.topic)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return [confirmed]


class Counted(Upkeep):
    """Counts how often it was asked whether it may look."""

    looks = 0

    async def may_look(self, claims: Sequence[Claim]) -> bool:
        self.looks += 1
        return await super().may_look(claims)


class Scene:
    """One partition whose board has a stale notice, and lacks the one that its fold wants."""

    def __init__(self, database: Tables | None = None) -> None:
        self.database = database or Tables(0)
        self.broker = Broker()
        self.broker.board.heard(NOTICE, STALE, retain=True)
        self.failed: list[Exception] = []
        self.upkeep = Counted(self.broker.board, self.broker, self.database)  # type: ignore[arg-type]

        async def open_fold(_: Claim) -> Keeping:
            return Keeping()

        self.stage = Stage(
            "incidents",
            TOPIC,
            open_fold=open_fold,
            store=self.database,  # type: ignore[arg-type]
            publisher=self.broker,  # type: ignore[arg-type]
            settings=Settings(checkpoint_interval_s=0.01, publish_interval_ms=1),
            logs=self.broker,  # type: ignore[arg-type]
            fatal=self.failed.append,
            upkeep=self.upkeep,
        )
        self.upkeep.rest_s = 0.0

    async def lives(self, until: Callable[[], bool]) -> bool:
        """Run the stage until something holds; False where it does not in a hundred looks, and it stored meanwhile."""
        await self.stage.consume(Events((0, 0)))
        tasks = [asyncio.create_task(work) for work in (self.stage.run(), self.stage.look_after())]
        try:
            async with asyncio.timeout(30):
                while not (holds := until()):
                    if self.upkeep.looks > 100 and self.database.offset:
                        break
                    await asyncio.sleep(0.001)
            return holds
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    def is_right(self) -> bool:
        return self.broker.board.notices.keys() == {MISSING}


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "_INTERVAL_S", 0.001)
    monkeypatch.setattr(stage_module, "_SETTLES_S", -1.0)


def test_what_is_stale_goes_and_what_is_missing_comes() -> None:
    scene = Scene()
    assert asyncio.run(scene.lives(scene.is_right))
    assert sorted(scene.broker.said) == sorted([NOTICE, MISSING])
    assert not scene.failed


@pytest.mark.parametrize("hindrance", ["lost", "away", "unknown board", "just opened", "asked long ago"])
def test_nothing_is_touched_while(hindrance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a zombie, nor while the database is away: and no worker ends, or stops storing, because of that."""
    scene = Scene(Tables(0, lost={0} if hindrance == "lost" else set()))
    scene.database.away = hindrance == "away"
    if hindrance == "unknown board":
        scene.broker.board.lost()
    if hindrance == "just opened":
        monkeypatch.setattr(stage_module, "_SETTLES_S", 60.0)
    if hindrance == "asked long ago":
        monkeypatch.setattr(stage_module, "_CONFIRMED_S", -1.0)
    assert not asyncio.run(scene.lives(lambda: bool(scene.broker.said)))
    assert scene.database.offset == {0: 0}
    assert not scene.failed


def test_what_the_tables_call_open_is_not_taken_back() -> None:
    scene = Scene()
    scene.database.open = frozenset({"stale"})
    assert not asyncio.run(scene.lives(scene.is_right))
    assert set(scene.broker.said) == {MISSING}


def test_a_partition_that_is_being_handed_over_is_doubted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    look = scene.upkeep.may_look

    async def hand_over_and_look(claims: Sequence[Claim]) -> bool:
        await scene.stage.hand_over(5)
        scene.stage.keep_only({0})
        return await look(claims)

    monkeypatch.setattr(scene.upkeep, "may_look", hand_over_and_look)
    assert not asyncio.run(scene.lives(lambda: bool(scene.broker.said)))


def test_what_was_handed_over_is_left_alone_until_it_is_known_what_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    look = scene.upkeep.may_look

    async def look_after_hand_over(claims: Sequence[Claim]) -> bool:
        if scene.upkeep.looks == 0:
            await scene.stage.hand_over(5)
        return await look(claims)

    async def play() -> None:
        assert not await scene.lives(lambda: bool(scene.broker.said))
        scene.upkeep.looks = 1
        scene.stage.keep_only({0})
        assert await scene.lives(scene.is_right)

    monkeypatch.setattr(scene.upkeep, "may_look", look_after_hand_over)
    asyncio.run(play())


def test_a_worker_that_ends_says_nothing_after_its_last_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns its partitions next could not know of it."""

    class Talking(Keeping):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            return [Output("ub.any", "k", b"", "any", "k", 0)]

    class Counted(Broker):
        outputs = 0

        async def publish(self, messages: Sequence[MqttMessage | Output]) -> None:  # type: ignore[override]
            self.outputs += len(messages)

    async def open_fold(_: Claim) -> Talking:
        return Talking()

    async def may_look(_claims: Sequence[Claim]) -> bool:
        await scene.stage.close(5)
        said.append(broker.outputs)
        return True

    async def play() -> None:
        await scene.stage.consume(Events((0, 0)))
        await scene.stage.look_after()

    scene, broker, said = Scene(), Counted(), list[int]()
    scene.stage._publisher = broker  # type: ignore[assignment]
    scene.stage._opener.open_fold = open_fold
    monkeypatch.setattr(scene.upkeep, "may_look", may_look)
    asyncio.run(asyncio.wait_for(play(), 30))
    assert said == [broker.outputs] == [1]


def test_a_look_sees_what_is_published_before_it_in_the_same_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fold tells on a topic is under way, and no correction follows it."""

    class Telling(Keeping):
        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            message = MqttMessage(NOTICE, b"", retain=True)
            return [Output("ub.any", "k", b"", "any", "k", 0, mqtt=(message,))]

    scene = Scene()

    async def open_fold(_: Claim) -> Telling:
        return Telling()

    scene.stage._opener.open_fold = open_fold
    assert not asyncio.run(scene.lives(scene.is_right))
    assert NOTICE not in scene.broker.said


def test_a_topic_is_looked_at_again_once_what_was_under_way_has_come() -> None:
    class Telling(Keeping):
        told = False

        def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
            if self.told:
                return []
            self.told = True
            message = MqttMessage(NOTICE, STALE, retain=True)
            return [Output("ub.any", "k", b"", "any", "k", 0, mqtt=(message,))]

    scene = Scene()

    async def open_fold(_: Claim) -> Telling:
        return Telling()

    scene.stage._opener.open_fold = open_fold
    assert asyncio.run(scene.lives(scene.is_right))


def test_a_look_that_took_long_is_followed_by_a_long_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "_REST", 1e9)
    upkeep = Scene().upkeep
    upkeep.look([])
    assert upkeep.rest_s > 1


@pytest.mark.parametrize(("wrong", "said"), [(20, None), (23, "MQTT: 3 more topics repaired")])
def test_of_many_topics_that_are_put_right_some_are_named(
    wrong: int, said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    corrections = [Correction(f"ub/v1/alerts/{number}", b"", None) for number in range(wrong)]
    scene = Scene()
    asyncio.run(scene.upkeep.put_right(corrections))
    assert scene.broker.said == [one.topic for one in corrections]
    assert len(caplog.messages[:20]) == 20
    assert caplog.messages[20:] == ([] if said is None else [said])
