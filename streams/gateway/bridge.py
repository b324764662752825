"""The gateway at work: MQTT messages to frames to Kafka, and acknowledgements the way back.

Two threads meet here. paho's network thread decodes and frames (`_take_in`); the thread that called
`run` sends, retries and flushes what lingers. Kafka's producer confirms from a thread of its own. One lock
guards the framer, the records to send, the receipts and the statistics.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from streams.bounds import WHOLE_EARTH, Bounds
from streams.gateway.address import KINDS
from streams.gateway.decode import Limits, decode
from streams.gateway.framing import Frame, Framer
from streams.gateway.in_turn import InTurn
from streams.gateway.kafka_sink import KafkaSink
from streams.gateway.mqtt_source import MqttSource
from streams.gateway.outage import Outage
from streams.gateway.rations import Rations
from streams.gateway.receipt import Receipt
from streams.gateway.receiver import Message
from streams.gateway.records import MAX_TOPIC_SHOWN, KafkaRecord, RecordWriter
from streams.numbering import Numbering
from streams.partition import Partitions
from streams.said_once import SaidOnce
from streams.settings import Settings

log = logging.getLogger(__name__)

STATS_INTERVAL_S = 10.0
OUTAGE_PATIENCE_S = 5.0
STUCK_S = 30
"""Longer than Kafka leaves a record unconfirmed, also when a leader moves or a broker restarts."""
DRAIN_S = 15.0
"""How long a stopping gateway waits for Kafka. What is not confirmed by then stays in the MQTT session."""
LEFT_AFTER_S = 5.0
"""A gateway that leaves has got all that its session held when nothing has come for so long."""
OVERHEAD_BYTES = 500
"""What a message costs in memory besides its payload, and each of its refusals, roughly."""


@dataclass(slots=True)
class Stats:
    """Counted since the start."""

    messages: int = 0
    accepted: int = 0
    rejected: int = 0
    frames: int = 0
    acked: int = 0
    """Messages acknowledged. One whose connection was gone by then is not: the broker delivers it again."""
    unacked: int = 0
    unacked_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.accepted} readings accepted, {self.rejected} rejected, "
            f"{self.frames} frames, {self.acked} acknowledged, {self.unacked} waiting for Kafka"
        )


class Bridge:
    """One gateway. `run` works until told to stop and loses nothing by it.

    With `leave` it takes in what its session holds, ends the session, and is done.
    """

    def __init__(self, settings: Settings, *, leave: bool = False) -> None:
        self._settings = settings
        self._leave = leave
        self._has_left = False
        self._limits = Limits.of(
            settings.max_payload_bytes,
            int(settings.max_clock_ahead_s * 1000),
            settings.source_partitions,
            WHOLE_EARTH if settings.bounds is None else Bounds.parse(settings.bounds),
        )
        self._look_ms = max(2, settings.frame_linger_ms // 2)
        self._framer = Framer(
            KINDS,
            settings.source_partitions,
            Partitions(settings.source_partitions).__getitem__,
            max_readings=settings.frame_max_readings,
            max_bytes=settings.frame_max_bytes,
            linger_ms=settings.frame_linger_ms,
            look_ms=self._look_ms,
        )
        self._writer = RecordWriter(settings.gateway_id, Numbering(lambda: time.time_ns() // 1000))
        self._rations = Rations()  # of the network thread alone
        self._refusals: list[KafkaRecord] = []
        self._in_turn = InTurn()
        self._stats = Stats()
        self._progress = False
        self._closed = False
        self._lock = threading.Lock()  # guards all of the above
        self._acknowledging = threading.Lock()  # so that two threads keep the order; taken before the other
        self._room = threading.Condition(self._lock)  # less is unacknowledged than before, or we are closing
        self._work = threading.Event()
        self._outage = Outage(OUTAGE_PATIENCE_S)
        self._refused = SaidOnce()
        self._stuck = SaidOnce()
        self._kafka = KafkaSink(settings, self._confirm)
        self._mqtt = MqttSource(settings, self._take_in, leave=leave)

    def run(self, stop: threading.Event) -> Stats:
        """Work until `stop` is set.

        Raises ServiceUnavailable when at the start a service stays away for `service_wait_s`; SettingsError
        when Kafka's topic does not fit the settings.
        """
        deadline = time.monotonic() + self._settings.service_wait_s
        try:
            if self._kafka.open(deadline, stop) and self._mqtt.open(deadline, stop, self._pass_on):
                log.info("at work")
                self._work_until(stop)
                self._drain()
        finally:
            self._take_in_no_more()
            self._mqtt.close(timeout_s=5.0, keep_session=not self._has_left)
            self._kafka.close()
        log.info("stopped; %s", self.stats())
        if self._mqtt.failure is not None:
            raise self._mqtt.failure
        return self.stats()

    def stats(self) -> Stats:
        """Return a copy of the statistics, from any thread."""
        with self._lock:
            return replace(self._stats)

    def _take_in(self, message: Message, connection: int) -> None:
        """Decode and frame one message (network thread). Blocks while too much waits for Kafka.

        A blocked network thread reads nothing, so the broker holds the rest. When that outlasts the keep-alive
        the broker drops the connection and keeps the session: messages come again, none is lost.
        """
        now_ms = _wall_ms()
        topic, payload = message.topic, message.payload
        decoded = decode(topic, payload, now_ms=now_ms, limits=self._limits)
        target, rejected = decoded.target, decoded.rejected
        if target is not None and rejected:
            rejected = self._rations.told(target.owner, rejected, now_ms)
        receipt = Receipt(
            mid=message.mid,
            qos=message.qos,
            connection=connection,
            size=min(len(payload), self._limits.max_payload_bytes)
            + OVERHEAD_BYTES * (1 + len(rejected))
            + min(len(topic), MAX_TOPIC_SHOWN) * len(rejected),
            parts=len(decoded.accepted) + len(rejected),
        )
        stats = self._stats
        with self._lock:
            while stats.unacked_bytes >= self._settings.max_unacked_bytes and not self._closed:
                self._room.wait()
            if self._closed:
                return  # not acknowledged: it stays in the session
            stats.messages += 1
            stats.unacked += 1
            stats.unacked_bytes += receipt.size
            self._in_turn.add(receipt)
            if target is not None and decoded.accepted:
                stats.accepted += len(decoded.accepted)
                if self._framer.add(target.kind, target.owner, decoded.accepted, receipt, now_ms):
                    self._work.set()
            for refusal in rejected:
                stats.rejected += refusal.count
                self._refusals.append(self._writer.refusal(refusal, topic, receipt, now_ms))

    def _confirm(self, record: KafkaRecord) -> None:
        """Count a record as confirmed; acknowledge the messages whose turn it is.

        In the producer's thread, or in that of `run` where Kafka was quicker than `KafkaSink`: hence the lock.
        """
        stats = self._stats
        with self._lock:
            self._progress = True
            complete = [receipt for receipt, parts in record.receipts if receipt.confirm(parts)]
            stats.unacked_bytes -= sum([receipt.size for receipt in complete])
            stats.unacked -= len(complete)
            self._in_turn.completed(len(complete))
            self._room.notify_all()
        self._acknowledge(self._in_turn.due)

    def _acknowledge(self, take: Callable[[float], list[Receipt]]) -> None:
        """Acknowledge the messages that `take` gives for a monotonic time in seconds."""
        with self._acknowledging:
            with self._lock:
                receipts = take(time.monotonic())
            if receipts:
                acked = self._mqtt.acknowledge(receipts)
                with self._lock:
                    self._stats.acked += acked

    def _work_until(self, stop: threading.Event) -> None:
        """Send what is due, until `stop` is set, the network thread has failed or the gateway has left."""
        next_stats = time.monotonic() + STATS_INTERVAL_S
        heard, messages = time.monotonic(), 0
        self._show_life()
        while not stop.is_set() and self._mqtt.failure is None and not self._has_left:
            self._work.wait(self._look_ms / 1000)
            self._work.clear()
            self._pass_on()
            now = time.monotonic()
            self._watch(now)
            if now >= next_stats:
                next_stats = now + STATS_INTERVAL_S
                self._show_life()
                log.info("%s", self.stats())
                if self._outage.lasts:
                    self._say_refusal()
            if self._leave:
                stats = self.stats()
                if stats.messages != messages or stats.unacked or not self._mqtt.is_connected:
                    heard, messages = now, stats.messages
                self._has_left = now - heard >= LEFT_AFTER_S

    def _pass_on(self) -> None:
        """Send what is due to Kafka, and acknowledge what it has confirmed."""
        self._send(self._framer.due)
        self._acknowledge(self._in_turn.due)

    def _send(self, frames_of: Callable[[int], list[Frame]]) -> None:
        with self._lock:
            frames = frames_of(_wall_ms())
            records, self._refusals = self._refusals, []
            records += map(self._writer.frame, frames)
            self._stats.frames += len(frames)
        for record in records:
            self._kafka.put(record)
        self._kafka.pump()

    def _watch(self, now: float) -> None:
        with self._lock:
            progress, self._progress = self._progress, False
        what = self._outage.observe(waiting=self._kafka.unconfirmed > 0, progress=progress, now=now)
        if what is not None:
            stats = self.stats()
            address = self._settings.kafka_bootstrap
            held = f"{stats.unacked} MQTT messages ({stats.unacked_bytes / 1e6:.1f} MB) unacknowledged"
            if what == "began":
                log.warning(
                    "Kafka at %s has confirmed nothing for %g s; %s", address, OUTAGE_PATIENCE_S, held
                )
            else:
                self._refused.over()
                log.warning("Kafka at %s confirms again; %s", address, held)

    def _show_life(self) -> None:
        """Say that we are at work, and where Kafka confirms nothing though it may elsewhere."""
        wait = self._kafka.longest_wait()
        self._mqtt.show_life(_wall_ms(), int(wait.seconds) if wait else 0)
        address = self._settings.kafka_bootstrap
        if wait is None or wait.seconds < STUCK_S:
            if self._stuck:
                log.warning("Kafka at %s confirms again what is sent to it", address)
            self._stuck.over()
        elif not self._outage.lasts:
            where = f"{wait.topic}, partition {wait.partition}"
            if self._stuck.is_new(where):
                log.warning("Kafka at %s has confirmed nothing of %s for %d s", address, where, wait.seconds)

    def _say_refusal(self) -> None:
        """Say what Kafka has against us: its client tries on by itself, and says nothing."""
        refusal = self._kafka.refusal()
        if refusal is not None and self._refused.is_new(str(refusal)):
            log.warning("waiting: %s", refusal)

    def _take_in_no_more(self) -> None:
        with self._lock:
            self._closed = True
            self._room.notify_all()

    def _drain(self) -> None:
        """Take in nothing more, send all that is held and wait until Kafka has confirmed it, or for DRAIN_S."""
        self._take_in_no_more()
        deadline = time.monotonic() + DRAIN_S
        self._send(lambda _now_ms: self._framer.flush_all())
        while self._kafka.unconfirmed and time.monotonic() < deadline:
            time.sleep(0.005)
            self._kafka.pump()
        self._acknowledge(self._in_turn.all_complete)
        left = self.stats().unacked
        if left:
            log.warning("Kafka did not confirm in %g s; %d messages stay in the MQTT session", DRAIN_S, left)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
