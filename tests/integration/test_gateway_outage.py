"""Kafka is away: nothing is acknowledged, memory stays bounded, and everything arrives when it is back."""

import re
import socket
import threading

import pytest

from streams.brokers.admin import create_topics
from streams.errors import ServiceUnavailable, SettingsError
from streams.gateway import bridge
from streams.gateway.bridge import Bridge
from streams.gateway.records import MAX_TOPIC_SHOWN
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
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def _arrays(count: int, *, padding: int = 0) -> list[tuple[str, bytes]]:
    """Arrays of 500 readings, no two readings alike; `padding` bytes of white space make them bigger."""
    start = now_ms() - 3_600_000
    return [
        (
            "ub/v1/north/vehicles",
            array(reading(f"v-{n}", start + k) for n in range(500)) + b" " * padding,
        )
        for k in range(count)
    ]


def test_a_paused_kafka_gets_everything_once_when_it_is_back(services: Services) -> None:
    messages = _arrays(100)
    with running_gateway(services) as gateway, publisher(services) as client, Reader(services) as reader:
        publish_all(client, messages[:10])
        reader.read_until(lambda seen: len(seen.rows) == 5_000, "what was sent before the pause")
        with services.kafka_paused():
            with gateway.frozen():  # it notices the outage some seconds after the first of them
                publish_all(client, messages[10:])
            # The producer gives an attempt 10 s. Only time can show that the next one repeats nothing.
            wait_until(lambda: gateway.lines("confirmed nothing"), "the outage to be noticed")
            threading.Event().wait(8.0)
            assert not gateway.lines("confirms again")
        reader.read_until(lambda seen: len(seen.pairs) == 50_000, "what was sent during the pause")
        wait_until(lambda: gateway.lines("confirms again"), "the end of the outage to be noticed")
        assert len(gateway.lines("confirmed nothing")) == 1
        assert gateway.lines("; 90 MQTT messages")
        assert gateway.terminate() == 0
        assert gateway.lines("100 acknowledged, 0 waiting")
        reader.read_to_the_end()
    assert len(reader.rows) == 50_000


def test_nothing_is_acknowledged_before_kafka_has_it(services: Services) -> None:
    messages = _arrays(20)
    with running_gateway(services) as gateway, publisher(services) as client, Reader(services) as reader:
        with services.kafka_paused():
            publish_all(client, messages)
            wait_until(lambda: gateway.lines("confirmed nothing"), "the gateway to hold messages")
            gateway.kill()  # with all it held, sent or not
        with running_gateway(services):
            reader.read_until(lambda seen: len(seen.pairs) == 10_000, "every reading")


def test_a_gateway_that_is_stopped_while_kafka_is_away_ends_in_order(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(bridge, "DRAIN_S", 0.5)
    stop, ended = threading.Event(), list[bridge.Stats]()
    gateway = bridge.Bridge(services.settings())
    runner = threading.Thread(target=lambda: ended.append(gateway.run(stop)))
    with publisher(services) as client:
        runner.start()
        wait_until(lambda: "at work" in caplog.text, "the gateway to subscribe")
        publish_all(client, _arrays(1))
        wait_until(lambda: gateway.stats().acked == 1, "the first message to be forwarded")
        with services.kafka_paused():
            publish_all(client, _arrays(1))
            wait_until(lambda: gateway.stats().unacked == 1, "the gateway to hold a message")
            stop.set()
            runner.join(30)
    assert [(stats.acked, stats.unacked) for stats in ended] == [(1, 1)]
    assert "1 messages stay in the MQTT session" in caplog.text


def test_a_kafka_that_was_rebuilt_before_it_confirmed_anything_gets_it_too(services: Services) -> None:
    """Nothing of these partitions was confirmed, so that nothing shows that it is another log."""
    [message] = _arrays(1)
    with running_gateway(services) as gateway, publisher(services) as client:
        services.tansu.kill()
        publish_all(client, [message])
        wait_until(lambda: gateway.lines("confirmed nothing"), "the outage to be noticed")
        services.tansu.restart()
        create_topics(services.tansu.bootstrap, services.settings())
        with Reader(services) as reader:
            reader.read_until(lambda seen: len(seen.pairs) == 500, "what was held")
        assert gateway.terminate() == 0


def test_memory_stays_bounded_while_kafka_is_away(services: Services) -> None:
    messages = _arrays(150, padding=600_000)
    limits = {"max_unacked_bytes": 4_000_000}
    with (
        running_gateway(services, **limits) as gateway,
        publisher(services) as client,
        Reader(services) as reader,
    ):
        publish_all(client, messages[:10])  # what work takes at all
        reader.read_until(lambda seen: len(seen.pairs) == 5_000, "the first readings")
        before = gateway.memory_mb
        with services.kafka_paused():
            publish_all(client, messages[10:])  # 88 MB, all with the broker now
            wait_until(lambda: gateway.lines("confirmed nothing"), "the gateway to hold messages")
            [held] = [re.search(r"\((\S+) MB\) unack", line) for line in gateway.lines("confirmed nothing")]
            assert held is not None
            assert float(held[1]) < 5, "the limit, and what the last message is beyond it"
            assert gateway.memory_mb - before < 40
        reader.read_until(lambda seen: len(seen.pairs) == 75_000, "every reading")
        assert gateway.terminate() == 0


def test_refused_messages_with_the_longest_topics_that_mqtt_allows_keep_memory_bounded(
    services: Services,
) -> None:
    topics_ = [f"ub/v1/north/vehicles/{number:06}".ljust(65_000, "x") for number in range(1_500)]
    with (
        running_gateway(services, max_unacked_bytes=1_500_000) as gateway,
        publisher(services) as client,
        Reader(services) as reader,
    ):
        publish_all(client, [(topic, b"1") for topic in topics_[:10]])
        reader.read_until(lambda seen: len(seen.rejected) == 10, "the first refusals")
        assert {len(refusal.topic) for refusal in reader.rejected} == {MAX_TOPIC_SHOWN}
        before = gateway.memory_mb
        with services.kafka_paused():
            publish_all(client, [(topic, b"1") for topic in topics_[10:]])  # 97 MB, all with the broker now
            wait_until(lambda: gateway.lines("confirmed nothing"), "the gateway to hold messages")
            assert gateway.lines("1.5 MB) unack"), "the limit"
            assert gateway.memory_mb - before < 40
        reader.read_until(lambda seen: len(seen.rejected) == len(topics_), "every refusal")
        assert gateway.terminate() == 0


def _silent_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_missing_kafka_at_the_start_is_reported_in_one_line(services: Services) -> None:
    address = f"127.0.0.1:{_silent_port()}"
    bridge = Bridge(services.settings(kafka_bootstrap=address, service_wait_s=1))
    with pytest.raises(ServiceUnavailable, match=f"^Kafka at {address} does not answer"):
        bridge.run(threading.Event())


def test_a_missing_mqtt_broker_at_the_start_is_reported_in_one_line(services: Services) -> None:
    port = _silent_port()
    bridge = Bridge(services.settings(mqtt_port=port, service_wait_s=1))
    with pytest.raises(ServiceUnavailable, match=f"^MQTT at 127.0.0.1:{port} does not answer"):
        bridge.run(threading.Event())


def test_a_start_can_be_called_off(services: Services) -> None:
    stop = threading.Event()
    bridge = Bridge(services.settings(mqtt_port=_silent_port(), service_wait_s=60))
    runner = threading.Thread(target=bridge.run, args=(stop,))
    runner.start()
    stop.set()
    runner.join(30)
    assert not runner.is_alive()


def test_a_topic_of_another_size_than_the_settings_is_refused(services: Services) -> None:
    with pytest.raises(SettingsError, match=r"UB_SOURCE_PARTITIONS=7, but .* has 4 partitions"):
        Bridge(services.settings(source_partitions=7)).run(threading.Event())


def test_a_kafka_that_was_rebuilt_gets_what_was_not_confirmed(services: Services) -> None:
    """A new cluster knows neither our producer nor our topics: the producer starts over, the gateway goes on."""
    messages = _arrays(40)
    with running_gateway(services) as gateway, publisher(services) as client:
        publish_all(client, messages[:10])
        with Reader(services) as reader:
            reader.read_until(lambda seen: len(seen.rows) == 5_000, "what was sent before")
        services.tansu.kill()
        publish_all(client, messages[10:20])
        wait_until(lambda: gateway.lines("confirmed nothing"), "the outage to be noticed")
        services.tansu.restart()
        create_topics(services.tansu.bootstrap, services.settings())
        publish_all(client, messages[20:])
        with Reader(services) as reader:
            reader.read_until(lambda seen: len(seen.pairs) == 15_000, "what was sent since")
        assert gateway.terminate() == 0
        assert gateway.lines("40 acknowledged, 0 waiting")
