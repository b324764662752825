"""The services of one city. Names of topics are fixed by the contract, so a city shares no broker with another.

native     a Mosquitto and a Tansu of its own, which start in milliseconds; the session's PostgreSQL
otherwise  the session's servers, cleaned: Kafka's topics of ours deleted, retained messages taken back
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from kafka.errors import UnknownTopicOrPartitionError
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.endpoints import Endpoints
from deploy.native.mosquitto import Mosquitto
from deploy.native.tansu import Tansu
from streams.brokers.admin import admin_client, topic_partitions, wait_for_kafka
from streams.topics import gateway_topic, kafka_topics
from tests.waiting import eventually


@contextmanager
def brokers_of_its_own(
    kind: str, stack: Endpoints, directory: Path
) -> Iterator[tuple[Endpoints, Callable[[], None]]]:
    """Give `stack` with brokers on which nothing of ours was said yet, and what has Kafka lose all its data."""
    if kind == "native":
        mosquitto, tansu = Mosquitto(directory), Tansu(directory)
        try:
            mosquitto.start()
            tansu.start()
            wait_for_kafka(tansu.bootstrap)
            yield with_brokers(stack, mosquitto, tansu.bootstrap), tansu.restart
        finally:
            mosquitto.stop()
            tansu.stop()
        return
    if stack.kafka_flavor == "tansu":
        pytest.skip(
            "the Kafka given is a Tansu, which cannot delete topics: a second city would read the first"
        )
    delete_topics(stack.kafka_bootstrap)
    try:
        yield stack, lambda: delete_topics(stack.kafka_bootstrap)
    finally:
        delete_topics(stack.kafka_bootstrap)
        take_back_retained(stack.mqtt_host, stack.mqtt_port)


def with_brokers(stack: Endpoints, mosquitto: Mosquitto, kafka_bootstrap: str) -> Endpoints:
    """Return `stack` with another MQTT broker, and with a Tansu that is at, or behind, this address."""
    return replace(
        stack,
        mqtt_host=mosquitto.host,
        mqtt_port=mosquitto.port,
        kafka_bootstrap=kafka_bootstrap,
        kafka_flavor="tansu",
    )


def delete_topics(bootstrap: str) -> None:
    """Delete our topics and wait until they are gone."""
    names = {spec.name for spec in kafka_topics(1, 1)}
    with admin_client(bootstrap) as client:
        for name in names & topic_partitions(bootstrap).keys():
            try:
                client.delete_topics([name])
            except UnknownTopicOrPartitionError:
                continue  # gone already
    eventually(lambda: names & topic_partitions(bootstrap).keys(), until=lambda left: not left)


def take_back_retained(host: str, port: int) -> None:
    """Empty every retained message below ub/."""
    found: list[str] = []
    ready: list[object] = []

    def on_connect(client: Client, *_: object) -> None:
        client.subscribe("ub/#", qos=1)

    def on_message(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.retain:
            found.append(message.topic)

    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = on_message
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: ready.append(True)
    client.connect(host, port)
    client.loop_start()
    try:
        eventually(lambda: ready)
        # Retained messages follow the SUBACK; an own message comes after the last of them.
        marker = client.publish("ub/test/marker", b"end", qos=1)
        marker.wait_for_publish(10)
        for topic in found:
            client.publish(topic, b"", qos=1, retain=True).wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()


def forget_gateway(host: str, port: int, client_id: str) -> None:
    """End the persistent session of a gateway, so that nothing more is queued for it, and nobody misses it."""
    connected: list[object] = []
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda *_: connected.append(True)
    client.connect(host, port, clean_start=True)
    client.loop_start()
    try:
        eventually(lambda: connected)
        client.publish(gateway_topic(client_id), qos=1, retain=True).wait_for_publish(60)
    finally:
        client.disconnect()
        client.loop_stop()
