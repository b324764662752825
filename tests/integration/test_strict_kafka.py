"""What Kafka does and Tansu does not: it refuses records and members of groups, and names leaders that are down."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import aiokafka
import pytest

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from streams import topics
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.brokers.refused_records import InvalidRecordError, aiokafka_knows_invalid_records
from streams.doctor import brokers as doctor
from streams.doctor.check import Check
from streams.gateway import bridge, in_turn
from streams.gateway.bridge import Bridge
from streams.settings import Settings
from tests.conftest import Database
from tests.integration.gateway_support import (
    Reader,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
    running_gateway,
)
from tests.integration.notify_support import Desk, hook, notifying
from tests.integration.strict_kafka import (
    INVALID_RECORD,
    MESSAGE_TOO_LARGE,
    NOT_LEADER,
    UNKNOWN_SERVER_ERROR,
    StrictKafka,
    strict_kafka,
)
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def kafka() -> Iterator[StrictKafka]:
    with strict_kafka() as running:
        wait_for_kafka(running.bootstrap)
        yield running


@pytest.fixture
def strict(kafka: StrictKafka) -> Iterator[Services]:
    """A gateway's brokers."""
    with private_directory() as directory:
        services = Services(directory, Mosquitto(directory), kafka.tansu)
        services.mosquitto.start()
        try:
            create_topics(kafka.bootstrap, services.settings())
            yield services
        finally:
            services.mosquitto.stop()


@pytest.mark.parametrize(
    ("code", "says"),
    [(MESSAGE_TOO_LARGE, "raise its max.message.bytes"), (INVALID_RECORD, "set its cleanup.policy=delete")],
)
def test_frames_that_their_topic_does_not_take_wait_until_it_does(
    kafka: StrictKafka, strict: Services, code: int, says: str
) -> None:
    small, start = 10_000, now_ms() - 3_600_000
    tried: list[float] = []

    def judge(topic: str, batch: bytes) -> int:
        if topic != topics.VEHICLES or len(batch) <= small:
            return 0
        tried.append(time.monotonic())
        return code

    kafka.judge = judge
    many = array(reading(f"a-rather-long-id-of-a-vehicle-{n}", start) for n in range(2_000))
    with running_gateway(strict) as gateway, publisher(strict) as client, Reader(strict) as reader:
        publish_all(client, [("ub/v1/north/vehicles", many)])
        wait_until(lambda: tried and tried[-1] - tried[0] > 5, "the gateway to try for a while")
        [line] = gateway.lines(says)
        assert ("too large for ub.vehicles" if code == MESSAGE_TOO_LARGE else "as valid") in line
        reader.poll()
        assert not reader.rows
        kafka.judge = lambda _topic, _batch: 0
        reader.read_until(lambda seen: len(seen.pairs) == 2_000, "all readings")
        assert gateway.terminate() == 0
        assert gateway.lines("1 acknowledged, 0 waiting")
        assert gateway.lines("Kafka takes records of ub.vehicles again")


def test_smaller_frames_are_what_a_topic_takes_too(kafka: StrictKafka, strict: Services) -> None:
    """The way out for who may not change the topic: what waits comes again, and is framed anew."""
    small, start = 10_000, now_ms() - 3_600_000
    kafka.judge = lambda _topic, batch: MESSAGE_TOO_LARGE if len(batch) > small else 0
    many = array(reading(f"a-rather-long-id-of-a-vehicle-{n}", start) for n in range(2_000))
    with publisher(strict) as client, Reader(strict) as reader:
        with running_gateway(strict) as gateway:
            publish_all(client, [("ub/v1/north/vehicles", many)])
            wait_until(
                lambda: gateway.lines("UB_FRAME_MAX_BYTES"), "the gateway to say what it can be set to"
            )
            gateway.kill()
        with running_gateway(strict, frame_max_bytes=small // 2):
            reader.read_until(lambda seen: len(seen.pairs) == 2_000, "all readings")


def test_a_gateway_waits_for_a_leader_that_is_down(kafka: StrictKafka, strict: Services) -> None:
    """Its client asked for no other leader any more, and sent nothing until the gateway was restarted."""
    start = now_ms() - 3_600_000
    with running_gateway(strict), publisher(strict) as client, Reader(strict) as reader:
        kafka.judge, kafka.leader_is_down = (lambda _topic, _batch: NOT_LEADER), True
        publish_all(client, [("ub/v1/north/vehicles", array([reading("first", start)]))])
        wait_until(kafka.named.is_set, "the gateway to be told of the leader")
        kafka.judge, kafka.leader_is_down = (lambda _topic, _batch: 0), False
        publish_all(client, [("ub/v1/north/vehicles", array([reading("second", start)]))])
        reader.read_until(lambda seen: len(seen.pairs) == 2, "all readings")


def test_a_gateway_that_is_at_work_and_gets_no_further_is_no_secret(
    kafka: StrictKafka, strict: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its other topics are confirmed, so Kafka is not away; what is not confirmed waits in silence."""
    monkeypatch.setattr(bridge, "STATS_INTERVAL_S", 0.05)
    monkeypatch.setattr(bridge, "STUCK_S", 1)
    monkeypatch.setattr(doctor, "STUCK_S", 1)
    settings, stop = strict.settings(gateway_id="north"), threading.Event()

    def found() -> Check:
        [check] = doctor.check_gateways(settings)
        return check

    kafka.judge = lambda topic, _batch: NOT_LEADER if topic == topics.VEHICLES else 0
    with ThreadPoolExecutor() as pool, publisher(strict) as client:
        stopped = pool.submit(Bridge(settings).run, stop)
        try:
            wait_until(lambda: found().detail == "at work: north", "the gateway to be at work")
            publish_all(client, [("ub/v1/north/vehicles", array([reading("first", now_ms() - 60_000)]))])
            publish_all(client, [("ub/v1/north/sensors", b"[]")])
            check = eventually(found, until=lambda check: not check.ok)
            assert check.detail.startswith("north is at work, but for ")
            wait_until(lambda: "has confirmed nothing of ub.vehicles, partition " in caplog.text, "its log")
            kafka.judge = lambda _topic, _batch: 0
            wait_until(lambda: found().ok, "the doctor to find nothing")
            wait_until(lambda: "confirms again what is sent to it" in caplog.text, "its log")
        finally:
            stop.set()
            assert stopped.result().unacked == 0


def test_what_kafka_does_not_take_holds_up_no_message_that_it_has(
    kafka: StrictKafka, strict: Services
) -> None:
    """Not even where the broker gives a gateway few messages that are not acknowledged."""
    start = now_ms() - 60_000
    good = [("ub/v1/north/vehicles", array([reading(f"v-{n}", start)])) for n in range(30)]
    kafka.judge = lambda topic, _batch: INVALID_RECORD if topic == topics.REJECTED else 0
    with (
        running_gateway(strict, max_unacked_messages=10) as gateway,
        publisher(strict) as client,
        Reader(strict) as reader,
    ):
        publish_all(client, [("ub/v1/north/vehicles", b"?"), *good])
        reader.read_until(lambda seen: len(seen.pairs) == 30, "all readings")
        kafka.judge = lambda _topic, _batch: 0
        reader.read_until(lambda seen: bool(seen.rejected), "what was refused")
        assert gateway.terminate() == 0
        assert gateway.lines("31 acknowledged, 0 waiting")


def test_a_gateway_that_stops_acknowledges_all_that_kafka_has(
    kafka: StrictKafka, strict: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bridge, "DRAIN_S", 0.5)
    monkeypatch.setattr(in_turn, "PATIENCE_S", 3600.0)
    caplog.set_level("INFO")
    good = [("ub/v1/north/vehicles", array([reading(f"v-{n}", now_ms() - 60_000)])) for n in range(30)]
    kafka.judge = lambda topic, _batch: INVALID_RECORD if topic == topics.REJECTED else 0
    gateway, stop = Bridge(strict.settings()), threading.Event()
    with ThreadPoolExecutor() as pool, publisher(strict) as client:
        stopped = pool.submit(gateway.run, stop)
        try:
            wait_until(lambda: "at work" in caplog.text, "the gateway to be at work")
            publish_all(client, [("ub/v1/north/vehicles", b"?"), *good])
            wait_until(
                lambda: (stats := gateway.stats()).messages == 31 and stats.unacked == 1, "all but one"
            )
            assert gateway.stats().acked == 0
        finally:
            stop.set()
        stats = stopped.result()
    assert (stats.acked, stats.unacked) == (30, 1)


def test_the_client_of_a_worker_tells_an_invalid_record_from_a_broker_in_trouble(kafka: StrictKafka) -> None:
    async def send() -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            await producer.send_and_wait(topics.ALERTS, b"{}", key=b"cell")

    create_topics(kafka.bootstrap, Settings())
    kafka.judge = lambda _topic, _batch: INVALID_RECORD
    aiokafka_knows_invalid_records()
    with pytest.raises(InvalidRecordError):
        asyncio.run(send())


def test_notify_goes_on_once_its_group_takes_it_again(
    kafka: StrictKafka, migrated: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """No heartbeat is sent after one that was refused: nobody was notified of anything any more."""
    desk = Desk(kafka.bootstrap, migrated)
    try:
        with hook() as ops, notifying(desk, f'[[receiver]]\nname = "ops"\nurl = "{ops.url}"\n'):
            desk.tell("a" * 32)
            wait_until(lambda: ops.ids, "the first message")
            kafka.members = UNKNOWN_SERVER_ERROR
            wait_until(lambda: "does not let notify into group" in caplog.text, "the refusal to be said")
            kafka.members = 0
            desk.tell("b" * 32)
            wait_until(lambda: len(ops.ids) == 2, "the second message")
    finally:
        desk.close()
