"""Checks of the brokers: they answer, and offer what gateway and workers rely on."""

from streams.brokers import admin
from streams.brokers.kafka_login import kafka_login_of
from streams.brokers.mqtt_login import login_of
from streams.brokers.probe import MqttBroker, probe_mqtt
from streams.counted import counted
from streams.doctor.check import TIMEOUT_S, Check
from streams.settings import Settings
from streams.topics import kafka_topics

_SESSION_ADVICE = (
    "let the broker keep sessions (Mosquitto: `persistence true`, no `persistent_client_expiration` below an "
    "hour), or messages are lost while the gateway restarts"
)


def check_mqtt(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The broker accepts our MQTT v5 session, and what it offers is enough for the gateway."""
    broker = probe_mqtt(settings.mqtt_host, settings.mqtt_port, login_of(settings), timeout_s)
    where = f"{settings.mqtt_host}:{settings.mqtt_port}"
    found = f"{where} accepts MQTT v5 {'over TLS' if settings.mqtt_tls else 'without TLS'}"
    return [Check("MQTT broker", True, found), judge_mqtt(broker, settings)]


def judge_mqtt(broker: MqttBroker, settings: Settings) -> Check:
    """Compare what the broker offers with what the gateway and the alerts rely on."""
    name = "MQTT sessions"
    if not broker.session_kept:
        return Check(name, False, "the broker forgets a session when its connection ends", _SESSION_ADVICE)
    if not broker.retain:
        advice = "allow retained messages (Mosquitto: `retain_available true`): open alerts are retained"
        return Check(name, False, "the broker refuses retained messages", advice)
    if broker.max_packet is not None and broker.max_packet <= settings.max_payload_bytes:
        return Check(
            name,
            False,
            f"the broker cuts connections at {broker.max_packet} bytes, before the gateway's own limit "
            f"UB_MAX_PAYLOAD_BYTES={settings.max_payload_bytes}: oversized payloads are lost without a report",
            "raise the broker's `max_packet_size` above UB_MAX_PAYLOAD_BYTES, or lower the latter",
        )
    limit = "no limit" if broker.max_packet is None else f"{broker.max_packet} bytes"
    return Check(name, True, f"kept and retained messages allowed; packets: {limit}")


def check_kafka(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The cluster answers, and our topics are there with the partitions that the settings ask for."""
    known = admin.topic_partitions(settings.kafka_bootstrap, timeout_s, kafka_login_of(settings))
    how = " over TLS" if settings.kafka_tls else ""
    answered = Check(
        "Kafka", True, f"{settings.kafka_bootstrap} answers{how}, {counted(len(known), 'topic')}"
    )
    wanted = kafka_topics(settings.source_partitions, settings.region_partitions)
    problems = admin.mismatches(wanted, known)
    if problems:
        advice = (
            "gateway and worker create what is missing when they start; they never change an existing topic"
        )
        return [answered, Check("Kafka topics", False, "; ".join(problems), advice)]
    return [answered, Check("Kafka topics", True, f"all {len(wanted)} with the expected partitions")]
