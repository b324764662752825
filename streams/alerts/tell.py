"""Tell Kafka and MQTT what people did about alerts: an outbox, emptied by whoever comes next.

An action is stored first, then told, then marked as told. A command that is interrupted in between leaves it
to the next one, or to `urbanbrain notify`; so an action may be told twice, with the same `action_id`. One at a time
empties it: what somebody read a while ago would else be retained in place of what came after.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import batched, takewhile
from queue import Empty, SimpleQueue
from typing import Any

import paho.mqtt.client as mqtt
from kafka import KafkaProducer
from kafka.errors import KafkaError
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from schemas import codec, envelope
from schemas.alert_actions import AlertHandling
from streams import topics
from streams.brokers.admin import quiet_kafka
from streams.brokers.kafka_login import kafka_login_of, kafka_unavailable
from streams.brokers.mqtt_login import QUOTA_EXCEEDED, in_words, login_of, refused, unavailable, way_out_of
from streams.brokers.mqtt_offer import NO_QOS, Offer, offer_of
from streams.brokers.own_topics import kafka_python_makes_no_topics
from streams.errors import ServiceUnavailable
from streams.settings import Settings
from streams.store.alert_desk import keep_others_from_telling, mark_told, still_open, untold

log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_OTHERS_S = 30.0
"""Longer than it takes: MQTT, Kafka and MQTT again may each take as long as they are given."""
_IN_FLIGHT = 10
"""Messages that wait to be confirmed; fewer where the broker takes fewer (paho does not heed its Receive Maximum)."""


def tell(settings: Settings, connection: Connection[Any], source: str) -> int:
    """Tell what was not told yet, and return how many actions; ServiceUnavailable while a broker is away.

    1. wait until nobody else is telling; the lock goes with the transaction, whatever becomes of us
    2. connect to MQTT: while it is away, Kafka is not told the same again and again
    3. publish to Kafka, and wait for its confirmations
    4. publish to MQTT, some at a time, retained where the alert's condition still holds, and wait for its confirmations
    5. mark those as told, so that a broker that takes few at a time gets the others the next time
    """
    trouble = None
    with connection.transaction():
        # 1.
        try:
            keep_others_from_telling(connection, _OTHERS_S)
        except LockNotAvailable:
            reason = f"another process is publishing actions, and has not finished after {_OTHERS_S:g} s"
            raise ServiceUnavailable("MQTT", _where(settings), reason) from None
        found = untold(connection)
        if not found:
            return 0
        # 2.
        with _mqtt(settings) as (client, offer):
            # 3.
            _to_kafka(settings, found, source)
            # 4.
            ongoing = still_open(connection, [handling.alert_id for handling in found])
            try:
                for some in _to_mqtt(client, offer, settings, found, ongoing):
                    # 5.
                    mark_told(connection, [handling.action_id for handling in some])
            except ServiceUnavailable as error:  # raised below: what was marked stays so
                trouble = error
    if trouble is not None:
        raise trouble
    return len(found)


def _to_kafka(settings: Settings, found: list[AlertHandling], source: str) -> None:
    login = kafka_login_of(settings)
    try:
        with quiet_kafka():
            kafka_python_makes_no_topics()
            producer = KafkaProducer(
                bootstrap_servers=settings.kafka_bootstrap,
                acks="all",
                enable_idempotence=True,
                bootstrap_timeout_ms=int(_TIMEOUT_S * 1000),
                max_block_ms=int(_TIMEOUT_S * 1000),
                request_timeout_ms=int(_TIMEOUT_S * 1000),
                delivery_timeout_ms=int(2 * _TIMEOUT_S * 1000),
                metrics_enabled=False,
                **login.options,
            )
            try:
                sent = [_send(producer, handling, source) for handling in found]
                for future in sent:
                    future.get(timeout=2 * _TIMEOUT_S)
            finally:
                producer.close(timeout=1)
    except (KafkaError, OSError, ValueError) as error:  # ValueError: the topic is not there
        raise kafka_unavailable(settings.kafka_bootstrap, login, error) from error


def _send(producer: KafkaProducer, handling: AlertHandling, source: str) -> Any:
    return producer.send(
        topics.ALERT_ACTIONS,
        key=handling.cell.encode(),
        value=codec.encode(handling),
        headers=envelope.headers(
            type_=envelope.ALERT_ACTION, source=source, id_=handling.action_id, time_ms=handling.at
        ),
    )


@contextmanager
def _mqtt(settings: Settings) -> Iterator[tuple[mqtt.Client, Offer]]:
    """Return a client that the broker has let in, and what it offers."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    login_of(settings).give_to(client)
    answers: SimpleQueue[tuple[ReasonCode, Properties | None]] = SimpleQueue()
    client.on_connect = lambda _client, _data, _flags, reason, properties: answers.put((reason, properties))
    try:
        try:
            client.connect(settings.mqtt_host, settings.mqtt_port, keepalive=30)
            client.loop_start()
            reason, properties = answers.get(timeout=_TIMEOUT_S)
        except Empty:
            raise ServiceUnavailable("MQTT", _where(settings), f"no answer in {_TIMEOUT_S:g} s") from None
        except OSError as error:
            host, port = settings.mqtt_host, settings.mqtt_port
            raise unavailable(host, port, error, tls=settings.mqtt_tls) from error
        if reason.is_failure:
            raise refused(settings.mqtt_host, settings.mqtt_port, reason, properties)
        yield client, offer_of(properties)
    finally:
        client.disconnect()
        client.loop_stop()


def _to_mqtt(
    client: mqtt.Client, offer: Offer, settings: Settings, found: list[AlertHandling], ongoing: set[str]
) -> Iterator[Sequence[AlertHandling]]:
    """Publish to MQTT, and yield what is over: up to the first that exceeds the broker's quota, so in order.

    What it never takes is said, and is over, too. Raises ServiceUnavailable where it may take the others later.
    """
    if not offer.qos:
        log.error("MQTT at %s: %s. Kafka and the tables have what was done", _where(settings), NO_QOS)
        yield found
        return
    refusals: dict[int, tuple[ReasonCode, str]] = {}

    def on_publish(
        _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            refusals[mid] = reason, in_words(reason, properties)

    client.on_publish = on_publish
    said = set[str]()
    for some in batched(found, min(offer.most, _IN_FLIGHT)):
        try:
            sent = [
                client.publish(
                    topics.alert_action_topic(handling.kind, handling.cell, handling.alert_id),
                    codec.encode(handling),
                    qos=1,
                    retain=offer.retain and handling.alert_id in ongoing,
                )
                for handling in some
            ]
            for info in sent:
                info.wait_for_publish(_TIMEOUT_S)
                if not info.is_published():
                    reason = f"no confirmation within {_TIMEOUT_S:g} s"
                    raise ServiceUnavailable("MQTT", _where(settings), reason)
        except RuntimeError as error:
            raise ServiceUnavailable("MQTT", _where(settings), str(error)) from error
        over = list(
            takewhile(lambda one: not _exceeds(refusals.get(one[1].mid)), zip(some, sent, strict=True))
        )
        for _, info in over:
            _, why = refusals.get(info.mid, (None, ""))
            if why and why not in said:
                said.add(why)
                log.error(
                    "MQTT at %s refuses what was done about alerts (%s); Kafka and the tables have it",
                    *(_where(settings), why),
                )
        yield [handling for handling, _ in over]
        if len(over) < len(some):
            code, why = refusals[sent[len(over)].mid]
            raise ServiceUnavailable("MQTT", _where(settings), why, refuses=True, way_out=way_out_of(code))
        refusals.clear()


def _exceeds(refusal: tuple[ReasonCode, str] | None) -> bool:
    """Return whether the broker may take it later."""
    return refusal is not None and refusal[0].value == QUOTA_EXCEEDED


def _where(settings: Settings) -> str:
    return f"{settings.mqtt_host}:{settings.mqtt_port}"
