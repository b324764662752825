"""The gateway, and what paho alone can receive: the same messages by the same generator.

They wait in the broker, so that the rate is what a receiver can take; or they come at a rate that leaves time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import msgspec
from paho.mqtt.enums import MQTTErrorCode

from schemas import codec
from schemas.vehicles import VehiclePosition
from streams import topics
from tests.bench import kafka, mqtt_load
from tests.bench.children import BenchFailed, Child, wait_until
from tests.bench.expected import Verdict, compare
from tests.bench.frames import positions_of, vehicle_id
from tests.bench.marks import Lap, Mark, lap
from tests.bench.receiver_child import paho_client, session_properties
from tests.bench.services import Services, environment
from tests.bench.workload import OPERATORS, Workload

_ANSWER_S = 10.0
_TIMEOUT_S = 120.0


@lru_cache(maxsize=2)
def messages(readings: int, vehicles: int, size: int) -> tuple[mqtt_load.Message, ...]:
    """Return messages of `size` readings of one operator each; with size 1 a single reading, no array."""
    found = positions_of(Workload(readings=readings, vehicles=vehicles))
    columns = (found.vehicle, found.ts, found.lat, found.lon, found.battery)
    by_operator: dict[int, list[VehiclePosition]] = {number: [] for number in range(len(OPERATORS))}
    made = []
    for number, ts, lat, lon, battery in zip(*(column.tolist() for column in columns), strict=True):
        reading = VehiclePosition(
            vehicle_id=vehicle_id(number), ts=ts, lat=lat, lon=lon, battery_percent=battery
        )
        waiting = by_operator[number % len(OPERATORS)]
        waiting.append(reading)
        if len(waiting) == size:
            made.append(_message(OPERATORS[number % len(OPERATORS)], waiting))
            waiting.clear()
    made += [_message(OPERATORS[number], rest) for number, rest in by_operator.items() if rest]
    return tuple(made)


def _message(operator: str, readings: list[VehiclePosition]) -> mqtt_load.Message:
    if len(readings) == 1:
        reading = readings[0]
        topic = f"ub/v1/{operator}/vehicles/{reading.vehicle_id}/position"
        return topic, msgspec.json.encode(reading)
    return topics.positions_topic(operator), msgspec.json.encode(readings)


def run_gateway(
    services: Services,
    sent: Sequence[mqtt_load.Message],
    readings: int,
    *,
    gateways: int = 1,
    partitions: int = 4,
    known: int = 0,
    per_s: int | None = None,
) -> dict[str, Any]:
    """Return the figures of gateways that find `sent` in their sessions, or get `per_s` of it each; in readings.

    Each is measured after the first `known` messages that it takes in.
    """
    with services.mqtt() as mqtt, services.kafka(partitions) as bootstrap, ExitStack() as stack:
        share = "bench" if gateways > 1 else None
        ids = [f"gateway-{number}" for number in range(gateways)]
        for id_ in ids:
            _open_session(mqtt, id_, share)
        packets = mqtt_load.packets(sent)
        if per_s is None:
            mqtt_load.publish(*mqtt, packets)
        children: list[Child] = []
        for id_ in ids:
            settings = environment(
                bootstrap=bootstrap,
                mqtt=mqtt,
                partitions=partitions,
                directory=services.directory,
                gateway_id=id_,
            )
            if share:
                settings["UB_MQTT_SHARE"] = share
            spec = {"kind": "gateway", "known": known}
            children.append(
                stack.enter_context(Child("tests.bench.receiver_child", spec, services.directory, settings))
            )
        if per_s is not None:
            for child in children:
                wait_until(lambda child=child: "at work" in child.log_tail(), child, _ANSWER_S, "at work")
            mqtt_load.publish(*mqtt, packets, per_s=per_s * gateways)
        results = [child.result(_TIMEOUT_S) for child in children]
        verdict = _compare(bootstrap, partitions, sent)
    return _figures(results, readings / len(sent), verdict)


def run_paho(services: Services, sent: Sequence[mqtt_load.Message], *, known: int = 0) -> dict[str, Any]:
    """Return the figures of a bare subscriber, in messages, after the first `known`."""
    with services.mqtt() as (host, port):
        _open_session((host, port), "bare", None)
        mqtt_load.publish(host, port, mqtt_load.packets(sent))
        spec = {"kind": "paho", "host": host, "port": port, "client_id": "bare", "known": known}
        with Child("tests.bench.receiver_child", spec, services.directory) as child:
            result = child.result(_TIMEOUT_S)
    return _figures([result], 1, Verdict(1, int(result["count"] != len(sent))))


def _open_session(mqtt: tuple[str, int], client_id: str, share: str | None) -> None:
    """Leave a session behind that collects what is published from now on."""
    client = paho_client(client_id)
    subscribed: list[Any] = []
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect(*mqtt, clean_start=False, properties=session_properties())
    prefix = f"$share/{share}/" if share else ""
    client.subscribe(prefix + topics.MQTT_VEHICLES_FILTER, qos=1)
    deadline = time.monotonic() + _ANSWER_S
    while not subscribed:
        if client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS or time.monotonic() > deadline:
            raise BenchFailed(f"MQTT at {mqtt[0]}:{mqtt[1]} confirms no subscription")
    client.disconnect()
    client.loop(0.1)


def _compare(bootstrap: str, partitions: int, sent: Sequence[mqtt_load.Message]) -> Verdict:
    """Every reading that was sent must be in Kafka, once."""
    wanted = dict.fromkeys(_keys(sent), 1)
    found: dict[tuple[str, int], int] = {}
    for message in kafka.records(bootstrap, topics.VEHICLES, partitions):
        frame = codec.vehicle_frame.decode(message.value())
        for key in zip(frame.vehicle_id, frame.ts, strict=True):
            found[key] = found.get(key, 0) + 1
    return compare(found, wanted)


def _keys(sent: Sequence[mqtt_load.Message]) -> Iterator[tuple[str, int]]:
    for _, payload in sent:
        many = codec.positions.decode(payload) if payload[:1] == b"[" else [codec.position.decode(payload)]
        for reading in many:
            yield reading.vehicle_id, reading.ts


def _figures(results: list[dict[str, Any]], size: float, verdict: Verdict) -> dict[str, Any]:
    """Add up the receivers of messages with `size` readings each."""
    begins = [Mark(**result["begin"]) for result in results]
    ends = [Mark(**result["end"]) for result in results]
    laps = [lap(begin, end) for begin, end in zip(begins, ends, strict=True)]
    wall_s = max(end.wall_s for end in ends) - min(begin.wall_s for begin in begins)
    done = round(sum(one.done for one in laps) * size)
    whole = Lap(done, wall_s, sum(one.cpu_s for one in laps))
    return {
        **whole.figures(),
        "peak_rss_mb": max(result["peak_rss_mb"] for result in results),
        "compared": verdict.compared,
        "wrong": verdict.wrong,
    }
