"""What a gateway had not finished is finished by its successor: the MQTT session keeps it."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client

from schemas import codec
from schemas.gateways import GatewayAtWork
from streams import topics
from streams.brokers.probe import retained
from streams.doctor.brokers import check_gateways
from streams.doctor.check import Check
from streams.gateway import bridge
from streams.gateway.bridge import Bridge
from tests.integration.gateway_support import (
    Pair,
    Reader,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
    running_gateway,
)
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.integration


class Stream(threading.Thread):
    """Publishes 30,000 readings, half of them one by one, and remembers them."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._confirmed = threading.Semaphore(0)
        client.on_publish = lambda *_: self._confirmed.release()
        self._start_ms = now_ms() - 3_600_000
        self.sent = 0
        self.pairs: set[Pair] = set()

    def run(self) -> None:
        for number in range(0, 30_000, 200):
            batch = [reading(f"v-{n % 500}", self._start_ms + n) for n in range(number, number + 200)]
            self.pairs |= {
                (str(item["vehicle_id"]), self._start_ms + number + k) for k, item in enumerate(batch)
            }
            for item in batch[:100]:
                topic = f"ub/v1/north/vehicles/{item['vehicle_id']}/position"
                self._client.publish(topic, array([item])[1:-1], qos=1)
            self._client.publish("ub/v1/north/vehicles", array(batch[100:]), qos=1)
            # A pace that brokers and tests can follow. What is published while the broker is away is kept, but paho's
            # own wait raises then.
            for _ in range(101):
                assert self._confirmed.acquire(timeout=60)
            self.sent += 200


@contextmanager
def streaming(services: Services) -> Iterator[Stream]:
    with publisher(services) as client:
        stream = Stream(client)
        stream.start()
        try:
            wait_until(lambda: stream.sent >= 6_000, "the stream to flow")
            yield stream
        finally:
            stream.join(60)
        assert stream.sent == 30_000


def test_stopping_in_mid_stream_loses_nothing_and_repeats_nothing(services: Services) -> None:
    with Reader(services) as reader:
        with running_gateway(services) as first, streaming(services) as stream:
            assert first.terminate() == 0
            assert first.lines("0 waiting for Kafka")
            wait_until(lambda: stream.sent >= 15_000, "messages to queue up behind the stopped gateway")
        with running_gateway(services) as second:
            reader.read_until(lambda seen: seen.pairs >= stream.pairs, "every reading")
            assert second.terminate() == 0
        reader.read_to_the_end()
    assert Counter((row.vehicle_id, row.ts) for row in reader.rows) == Counter(stream.pairs)


def test_killing_in_mid_stream_loses_nothing(services: Services) -> None:
    with Reader(services) as reader:
        with running_gateway(services) as first, streaming(services) as stream:
            first.kill()
            with running_gateway(services) as second:
                wait_until(lambda: stream.sent >= 18_000, "the second gateway to be in mid-stream")
                second.kill()
        with running_gateway(services):
            reader.read_until(lambda seen: seen.pairs >= stream.pairs, "every reading")
    assert reader.pairs == stream.pairs


def test_a_restart_of_the_mqtt_broker_loses_nothing(services: Services) -> None:
    with Reader(services) as reader, running_gateway(services) as gateway:
        with streaming(services) as stream:
            services.mosquitto.restart()
        reader.read_until(lambda seen: seen.pairs >= stream.pairs, "every reading")
        assert gateway.lines("connection lost")
        assert gateway.lines(": reconnected")
        assert not gateway.lines("kept no session")
        assert gateway.terminate() == 0
    assert reader.pairs == stream.pairs


def test_a_gateway_with_the_name_of_another_says_what_to_do(services: Services) -> None:
    with running_gateway(services) as gateway, running_gateway(services):
        wait_until(lambda: gateway.lines("give each its own UB_GATEWAY_ID"), "the gateway to say it")


def test_more_than_a_gateway_may_hold_waits_for_it_and_it_comes_to_work_all_the_same(
    services: Services,
) -> None:
    """The answer to its subscription comes behind all that waited: it must not wait for that before it works."""
    with Reader(services) as reader:
        with running_gateway(services) as first:
            assert first.terminate() == 0
        with streaming(services) as stream:
            pass
        with running_gateway(services, max_unacked_bytes=1_000_000):
            reader.read_until(lambda seen: seen.pairs >= stream.pairs, "every reading")


def test_a_gateway_that_leaves_takes_in_what_waits_for_it_and_gets_no_more(services: Services) -> None:
    """The broker gives a gateway of a share its part while it is away, too."""
    start = now_ms() - 60_000
    messages = [("ub/v1/north/vehicles", array([reading(f"v-{n}", start + n)])) for n in range(2_000)]
    with (
        publisher(services) as client,
        Reader(services) as reader,
        running_gateway(services, gateway_id="gateway-a", mqtt_share="all"),
    ):
        with running_gateway(services, gateway_id="gateway-b", mqtt_share="all") as second:
            second.kill()
        publish_all(client, messages[:1_000])
        settings = services.settings(gateway_id="gateway-b", mqtt_share="all")
        assert Bridge(settings, leave=True).run(threading.Event()).messages == 500
        publish_all(client, messages[1_000:])
        reader.read_until(lambda seen: len(seen.pairs) == 2_000, "every reading")
        assert Bridge(settings, leave=True).run(threading.Event()).messages == 0


def test_a_gateway_says_that_it_is_at_work_until_it_leaves(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "STATS_INTERVAL_S", 0.05)
    settings = services.settings(gateway_id="north/1")
    where = settings.mqtt_host, settings.mqtt_port

    def said() -> list[GatewayAtWork]:
        found = retained(*where, f"{topics.MQTT_GATEWAYS_AT_WORK}/#")
        return [codec.gateway_at_work.decode(payload) for payload in found.values()]

    with monkeypatch.context() as seldom:
        seldom.setattr(bridge, "STATS_INTERVAL_S", 3_600.0)
        stop = threading.Event()
        with ThreadPoolExecutor() as pool:
            stopped = pool.submit(Bridge(services.settings(gateway_id="south")).run, stop)
            try:
                assert eventually(said)[0].gateway_id == "south", "at its start, too"
            finally:
                stop.set()
                stopped.result()
    Bridge(services.settings(gateway_id="south"), leave=True).run(threading.Event())
    assert check_gateways(settings) == [Check("gateways", True, "none is known to have been at work")]
    stop, begun = threading.Event(), now_ms()
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(Bridge(settings).run, stop)
        try:
            (first,) = eventually(said)
            assert begun <= first.at <= now_ms()
            (later,) = eventually(said, until=lambda found: found[0].at > first.at)
            assert later.gateway_id == "north/1"
            assert check_gateways(settings) == [Check("gateways", True, "at work: north/1")]
        finally:
            stop.set()
            stopped.result()
    (last,) = said()
    with publisher(services) as client:
        gone = codec.encode(GatewayAtWork("north/1", last.at - 3_600_000))
        for topic, payload in ((topics.gateway_topic("north/1"), gone), (topics.gateway_topic("x"), b"?")):
            client.publish(topic, payload, qos=1, retain=True).wait_for_publish(60)
        (found,) = check_gateways(settings)
        assert not found.ok
        assert found.detail.startswith("north/1 has not been at work since ")
        client.publish(topics.gateway_topic("x"), retain=True, qos=1).wait_for_publish(60)
    Bridge(settings, leave=True).run(threading.Event())
    assert said() == []
