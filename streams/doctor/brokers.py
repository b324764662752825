"""Checks of the brokers: they answer, offer what gateway and workers rely on, and hear of every gateway."""

import time
from collections.abc import Iterable

import msgspec

from schemas import codec
from schemas.gateways import GatewayAtWork
from streams.brokers import admin
from streams.brokers.kafka_login import kafka_login_of
from streams.brokers.mqtt_login import login_of
from streams.brokers.mqtt_offer import (
    LEAST_SESSION_S,
    NO_QOS,
    NO_RETAIN,
    NO_RETAIN_FOR_WILDCARDS,
    NO_SHARED,
    NO_WILDCARDS,
    short_session,
)
from streams.brokers.probe import MqttBroker, probe_mqtt, retained
from streams.brokers.topic_setup import misfits, setups
from streams.counted import counted
from streams.doctor.check import TIMEOUT_S, Check
from streams.errors import ServiceUnavailable
from streams.gateway.bridge import STUCK_S
from streams.gateway.mqtt_source import SESSION_EXPIRY_S
from streams.settings import Settings
from streams.times import to_second
from streams.topics import MQTT_GATEWAYS_AT_WORK, gateway_topic, kafka_topics

_SESSION_ADVICE = (
    "let the broker keep sessions (Mosquitto: `persistence true`, no `persistent_client_expiration` below an "
    "hour), or messages are lost while the gateway restarts"
)

GATEWAY_QUIET_S = 60.0
"""Longer than a gateway at work says nothing: it does every ten seconds."""


def check_mqtt(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The broker accepts our MQTT v5 session, and what it offers is enough for the gateway."""
    broker = probe_mqtt(
        settings.mqtt_host, settings.mqtt_port, login_of(settings), timeout_s, SESSION_EXPIRY_S
    )
    where = f"{settings.mqtt_host}:{settings.mqtt_port}"
    found = f"{where} accepts MQTT v5 {'over TLS' if settings.mqtt_tls else 'without TLS'}"
    return [Check("MQTT broker", True, found), judge_mqtt(broker, settings)]


def judge_mqtt(broker: MqttBroker, settings: Settings) -> Check:
    """Compare what the broker offers with what the gateway and the alerts rely on."""
    name, offer = "MQTT sessions", broker.offer
    if not broker.session_kept:
        return Check(name, False, "the broker forgets a session when its connection ends", _SESSION_ADVICE)
    kept_s = SESSION_EXPIRY_S if offer.session_s is None else offer.session_s
    lacks = (
        (short_session(offer, SESSION_EXPIRY_S), kept_s >= LEAST_SESSION_S),
        (NO_QOS, offer.qos),
        (NO_RETAIN, offer.retain),
        (NO_WILDCARDS, offer.wildcards),
        (NO_SHARED, offer.shared or not settings.mqtt_share),
    )
    for lack, is_well in lacks:
        if lack is not None and not is_well:
            return Check(name, False, lack.what, lack.way_out)
    if offer.largest is not None and offer.largest <= settings.max_payload_bytes:
        return Check(
            name,
            False,
            f"the broker cuts connections at {offer.largest} bytes, before the gateway's own limit "
            f"UB_MAX_PAYLOAD_BYTES={settings.max_payload_bytes}: oversized payloads are lost without a report",
            "raise the broker's `max_packet_size` above UB_MAX_PAYLOAD_BYTES, or lower the latter",
        )
    limit = "no limit" if offer.largest is None else f"{offer.largest} bytes"
    kept = "kept" if kept_s >= SESSION_EXPIRY_S else f"kept for {kept_s} s (of {SESSION_EXPIRY_S})"
    return Check(name, True, f"{kept} and retained messages allowed; packets: {limit}")


def check_kafka(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """The cluster answers, our topics have the partitions that the settings ask for, and take all records."""
    known = admin.topic_partitions(settings.kafka_bootstrap, timeout_s, kafka_login_of(settings))
    how = " over TLS" if settings.kafka_tls else ""
    answered = Check(
        "Kafka", True, f"{settings.kafka_bootstrap} answers{how}, {counted(len(known), 'topic')}"
    )
    wanted = kafka_topics(settings.source_partitions, settings.region_partitions)
    if mismatches := admin.mismatches(wanted, known):
        advice = (
            "gateway and worker create what is missing when they start; they never change an existing topic"
        )
        return [answered, Check("Kafka topics", False, mismatches, advice)]
    found = setups(settings, timeout_s)
    if problems := misfits(found, settings.frame_max_bytes):
        advice = (
            "`kafka-configs.sh --alter --entity-type topics` changes a topic; what waits for it is sent then"
        )
        return [answered, Check("Kafka topics", False, "; ".join(problems), advice)]
    unread = "; Kafka does not say how they are set up (it takes the right to describe their configuration)"
    detail = f"all {len(wanted)} with the expected partitions{'' if any(found.values()) else unread}"
    return [answered, Check("Kafka topics", True, detail)]


def check_gateways(settings: Settings, timeout_s: float = TIMEOUT_S) -> list[Check]:
    """Every gateway that ever was at work, and has not left, still is."""
    where, login = (settings.mqtt_host, settings.mqtt_port), login_of(settings)
    own = gateway_topic(settings.gateway_id)
    try:
        stands = retained(*where, f"{MQTT_GATEWAYS_AT_WORK}/#", login, timeout_s)
        if own not in stands and retained(*where, own, login, timeout_s):
            lack = NO_RETAIN_FOR_WILDCARDS
            return [Check("gateways", False, lack.what, lack.way_out)]
    except ServiceUnavailable:
        return []  # said by the check of the broker
    seen = []
    for payload in stands.values():
        try:
            one = codec.gateway_at_work.decode(payload)
            to_second(one.at)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
            continue  # somebody else's, or a time beyond the year 9999
        seen.append(one)
    return [judge_gateways(seen, round(time.time() * 1000))]


def judge_gateways(seen: Iterable[GatewayAtWork], now_ms: int) -> Check:
    """Say which gateways were not at work within the last minute."""
    name = "gateways"
    known = sorted(seen, key=lambda one: one.gateway_id)
    gone = [one for one in known if now_ms - one.at > GATEWAY_QUIET_S * 1000]
    if gone:
        found = [
            f"{one.gateway_id} has not been at work since {to_second(one.at)} UTC, "
            f"{(now_ms - one.at) / 1000:.0f} s ago"
            for one in gone
        ]
        advice = (
            "start it again, or see in its log why it ends or waits: where Kafka confirms nothing, and what waits for "
            "that is all that it may keep, it says nothing here. The broker keeps its messages until then. To retire "
            "it, run `urbanbrain gateway --leave` with its UB_GATEWAY_ID"
        )
        return Check(name, False, "; ".join(found), advice)
    ahead = [one for one in known if one.at - now_ms > GATEWAY_QUIET_S * 1000]
    if ahead:
        found = [
            f"{one.gateway_id}: its clock is {(one.at - now_ms) / 1000:.0f} s ahead of the one here, so whether it is "
            "at work is not known"
            for one in ahead
        ]
        advice = "set both clocks by NTP; until then look whether it runs"
        return Check(name, False, "; ".join(found), advice)
    stuck = [one for one in known if one.unconfirmed_s >= STUCK_S]
    if stuck:
        found = [
            f"{one.gateway_id} is at work, but for {one.unconfirmed_s} s Kafka has not confirmed what it sent"
            for one in stuck
        ]
        advice = (
            "see in its log to which topic and partition, and why; until it is confirmed, the broker keeps the "
            "messages. In Kafka, see whether that partition has a leader, takes records of our size, and whether its "
            "disk is full"
        )
        return Check(name, False, "; ".join(found), advice)
    if not known:
        return Check(name, True, "none is known to have been at work")
    return Check(name, True, f"at work: {', '.join(one.gateway_id for one in known)}")
