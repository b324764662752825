"""Publishes seeded traffic over MQTT and writes down what it published: `python -m tests.chaos.load --help`.

One connection per operator, QoS 1, paced by the wall clock. What Mosquitto confirmed is not on its disk
before its next autosave, so after each lost connection the last REPEAT_S of it are published again, as a
publisher must that wants to survive a crash of the broker (docs/chaos.md). The same goes for
what the broker confirmed while nobody subscribed.
"""

import argparse
import json
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from schemas import codec
from streams.topics import positions_topic, requests_topic, sensors_topic
from tests.chaos.plan import KINDS, OPERATORS, TICK_MS, Kind, Message, Plan
from tests.chaos.traffic import Traffic

TOPICS: Mapping[Kind, Callable[[str], str]] = {
    "vehicles": positions_topic,
    "sensors": sensors_topic,
    "requests": requests_topic,
}

REPEAT_S = 20.0
"""More than Mosquitto's autosave_interval (10 s) and the time until a connection is known to be lost."""
_NO_MATCHING_SUBSCRIBERS = 16
_DRAIN_S = 90.0
_POLL_S = 0.02


@dataclass(slots=True)
class Summary:
    """What was published, and from when to when; printed as a line of JSON at the end."""

    readings: int = 0
    measurements: int = 0
    events: int = 0
    messages: int = 0
    repeated_by_plan: int = 0
    repeated_after_loss: int = 0
    unconfirmed: int = 0
    seconds: float = 0.0
    slowest_tick_s: float = 0.0


@dataclass(slots=True)
class _Sent:
    topic: str
    payload: bytes
    confirmed_at: float = 0.0


class Connection:
    """One operator's connection. All methods are for one thread; paho's thread only appends to queues."""

    def __init__(self, operator: str, port: int) -> None:
        self._waiting: dict[int, _Sent] = {}
        self._confirmed: deque[_Sent] = deque()
        self._answers: deque[tuple[int, int, float]] = deque()
        self._lost_at: float | None = None
        self._repeat = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"load-{operator}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.max_inflight_messages_set(500)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.connect_timeout = 2.0
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", port, keepalive=8)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish; what is published while the broker is away goes out when it is back."""
        self._publish(_Sent(topic, payload))

    def tend(self) -> int:
        """Work through the broker's answers; repeat what it may have lost. Returns how many were repeated."""
        again: list[_Sent] = []
        if self._repeat.is_set():
            self._repeat.clear()
            lost_at = time.monotonic() if self._lost_at is None else self._lost_at
            again = [sent for sent in self._confirmed if sent.confirmed_at > lost_at - REPEAT_S]
            self._confirmed.clear()
        while self._answers:
            mid, reason, at = self._answers.popleft()
            sent = self._waiting.pop(mid)
            if reason == _NO_MATCHING_SUBSCRIBERS:
                again.append(sent)
                continue
            sent.confirmed_at = at
            self._confirmed.append(sent)
        while self._confirmed and self._confirmed[0].confirmed_at < time.monotonic() - 2 * REPEAT_S:
            self._confirmed.popleft()
        for sent in again:
            self._publish(sent)
        return len(again)

    @property
    def unconfirmed(self) -> int:
        """How many messages are not confirmed, or one while the connection is lost."""
        return len(self._waiting) + (not self._client.is_connected() or self._repeat.is_set())

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, sent: _Sent) -> None:
        self._waiting[self._client.publish(sent.topic, sent.payload, qos=1).mid] = sent

    def _on_connect(self, *_: Any) -> None:
        if self._lost_at is not None:
            self._repeat.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._lost_at = time.monotonic()

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._answers.append((mid, reason.value, time.monotonic()))


def run(
    plan: Plan, ports: list[int], seconds: float, logs: Mapping[Kind, BinaryIO], stop: threading.Event
) -> Summary:
    """Publish for `seconds` or until `stop`, then until everything is confirmed."""
    connections = dict(zip(OPERATORS, map(Connection, OPERATORS, ports), strict=True))
    traffic, summary = Traffic(plan), Summary()
    counted: dict[Kind, int] = dict.fromkeys(KINDS, 0)

    def publish(message: Message[Any]) -> None:
        payload = codec.encode(message.readings)
        if message.first:
            logs[message.kind].write(payload + b"\n")
            counted[message.kind] += len(message.readings)
        summary.messages += 1
        summary.repeated_by_plan += not message.first
        connections[message.operator].publish(TOPICS[message.kind](message.operator), payload)

    began = time.monotonic()
    number = 0
    while number * TICK_MS < seconds * 1000 and not stop.is_set():
        behind = time.monotonic() - began - number * TICK_MS / 1000
        summary.slowest_tick_s = max(summary.slowest_tick_s, behind)
        if behind < 0:
            stop.wait(-behind)
        for message in traffic.tick(number):
            publish(message)
        summary.repeated_after_loss += sum(connection.tend() for connection in connections.values())
        number += 1
    summary.seconds = time.monotonic() - began
    for message in traffic.rest():
        publish(message)
    summary.readings, summary.measurements, summary.events = (counted[kind] for kind in KINDS)
    for log in logs.values():
        log.flush()
    deadline = time.monotonic() + _DRAIN_S
    while any(c.unconfirmed for c in connections.values()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        summary.repeated_after_loss += sum(connection.tend() for connection in connections.values())
    summary.unconfirmed = sum(connection.unconfirmed for connection in connections.values())
    for connection in connections.values():
        connection.close()
    return summary


def main() -> int:
    """Run as a process; the exit code is 0 when the broker confirmed everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, action="append", required=True, help="one per operator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=10_000, help="readings per second")
    parser.add_argument("--bikes", type=int, default=20_000)
    parser.add_argument("--measurements", type=int, default=400, help="readings of sensors per second")
    parser.add_argument("--events", type=int, default=40, help="events of citizens' requests per second")
    parser.add_argument("--speed", type=float, default=1.0, help="event time per wall time")
    parser.add_argument(
        "--rotating", type=float, default=0.0, help="share of bikes with a new id at each poll"
    )
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument(
        "--log",
        type=Path,
        required=True,
        help="directory of KIND.jsonl, one line for each message: its payload",
    )
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    now_ms = time.time_ns() // 1_000_000
    # Event time reaches the wall clock at the end: a reading of the future would be refused.
    begin_ms = now_ms - int(arguments.seconds * 1000 * (arguments.speed - 1))
    plan = Plan(
        seed=arguments.seed,
        rate=arguments.rate,
        begin_ms=begin_ms,
        bikes=arguments.bikes,
        measurements=arguments.measurements,
        events=arguments.events,
        speed=arguments.speed,
        rotating=arguments.rotating,
    )
    arguments.log.mkdir()
    print(json.dumps({"wall_ms": now_ms, "begin_ms": begin_ms, "speed": arguments.speed}), flush=True)
    with ExitStack() as stack:
        logs = {kind: stack.enter_context((arguments.log / f"{kind}.jsonl").open("wb")) for kind in KINDS}
        summary = run(plan, arguments.port, arguments.seconds, logs, stop)
    print(json.dumps(asdict(summary)), flush=True)
    return 1 if summary.unconfirmed else 0


if __name__ == "__main__":
    sys.exit(main())
