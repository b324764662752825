"""A replay: a recording played to a broker, until its end or a request to stop (the shell around play)."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from time import monotonic, sleep, time
from typing import Protocol

import numpy as np
from rich.console import Console

from sensors_sim.broker import Broker
from sensors_sim.encode import Message
from sensors_sim.errors import RecordingError
from sensors_sim.faults import Faults, Way, on_the_way
from sensors_sim.progress import Progress, Sending
from sensors_sim.publish import Counts, Publisher
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.kafka_publisher import KafkaPublisher
from sensors_sim.recording.pause import Pause, pausable
from sensors_sim.recording.play import Errors, play
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.rounds import Rounds, Selection, Shift
from sensors_sim.recording.shift import times
from sensors_sim.sources.contract import Report
from sensors_sim.stop import on_signals


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to play, how fast, and where to: MQTT, or Kafka where `kafka` names it."""

    broker: Broker
    kafka: Kafka | None
    selection: Selection
    shift: Shift | None
    loop: bool
    speed: float
    in_flight: int
    faults: Faults


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did. Times are those of arrival at the recorder, in microseconds, None where nothing was sent."""

    counts: Counts
    report: Report
    left_out: int
    errors: Errors
    faults: Counter[str]
    rounds: int
    unacknowledged: int
    first: int | None
    last: int | None
    seconds: float
    stopped: bool


class _Target(Sending, Protocol):
    """Where messages go."""

    def connect(self) -> None: ...

    def publish(self, message: Recorded, readings: int, give_up: Callable[[], bool]) -> bool: ...

    def drain(self, give_up: Callable[[], bool]) -> None: ...

    def close(self) -> None: ...


class _ToMqtt:
    """The simulator's publisher, for recorded messages."""

    def __init__(self, broker: Broker, in_flight: int) -> None:
        client_id = f"ub-replay-{os.getpid()}-{secrets.token_hex(4)}"
        self._publisher = Publisher(broker, client_id, in_flight, Random())
        self.counts = self._publisher.counts
        self.connect = self._publisher.connect
        self.drain = self._publisher.drain
        self.close = self._publisher.close

    @property
    def in_flight(self) -> int:
        return self._publisher.in_flight

    @property
    def connected(self) -> bool:
        return self._publisher.connected

    def publish(self, message: Recorded, readings: int, give_up: Callable[[], bool]) -> bool:
        sent = Message(message.topic, message.payload or b"", readings, message.retain)
        return self._publisher.publish(sent, give_up)


@dataclass(frozen=True, slots=True)
class _Span:
    start_ms: int | None
    end_ms: int | None
    report: Report


def readings_in(payload: bytes) -> int:
    """Return how many readings a payload holds, as far as their time stamps show; 1 for what has none."""
    count = payload.count(b'"ts"')
    return max(1, len(times(payload)) if count == 1 else count)  # one may be a column of many


def replay(recording: Recording, options: ReplayOptions, console: Console) -> Replayed:
    """Connect, play, wait for the acknowledgements, disconnect.

    Raises BrokerUnavailable where the broker is away, RecordingError where the recording is not for it.
    """
    if (recording.head.source == "kafka") != (options.kafka is not None):
        of, name = ("Kafka", "--kafka") if recording.head.source == "kafka" else ("MQTT", "--mqtt")
        raise RecordingError(f"{recording.path} was recorded from {of}; play it there, with {name} host:port")
    target: _Target = (
        _ToMqtt(options.broker, options.in_flight)
        if options.kafka is None
        else KafkaPublisher(options.kafka, options.in_flight)
    )
    rounds = Rounds(recording, options.selection, options.shift, options.loop, lambda: int(time() * 1000))
    way: Way[Recorded] = Way(options.faults, np.random.default_rng(options.faults.seed))
    messages: Iterable[tuple[int, Recorded]] = on_the_way(rounds, way) if options.faults else rounds
    target.connect()
    began = monotonic()
    with (
        on_signals() as stop,
        pausable() as pause,
        Progress(target, _span(recording, options, rounds.report), console, monotonic, "arrived") as progress,
    ):
        sender = _Sender(target, rounds, progress, pause, stop.requested)
        try:
            errors = play(
                messages,
                options.speed,
                wall=monotonic,
                sleep=sleep,
                send=sender.send,
                stopping=sender.stopping,
                pause=pause,
            )
            target.drain(lambda: sender.waiting() and stop.expired())
        finally:
            target.close()
    return Replayed(
        target.counts,
        rounds.report,
        rounds.left_out,
        errors,
        way.done,
        rounds.rounds,
        target.in_flight,
        sender.first,
        sender.last,
        monotonic() - began,
        stop.requested(),
    )


def _span(recording: Recording, options: ReplayOptions, report: Report) -> _Span:
    """Return what is going to be played, for the progress line."""
    if recording.first is None or recording.last is None:
        return _Span(None, None, report)
    first, until = options.selection.first, options.selection.until
    start = recording.first if first is None else max(first, recording.first)
    end = recording.last if until is None else min(until, recording.last)
    return _Span(start // 1000, end // 1000, report)


class _Sender:
    """Sends messages, and remembers how far it came."""

    def __init__(
        self,
        target: _Target,
        rounds: Rounds,
        progress: Progress,
        pause: Pause,
        stopping: Callable[[], bool],
    ) -> None:
        self._target = target
        self._rounds = rounds
        self._progress = progress
        self._pause = pause
        self._stopping = stopping
        self.first: int | None = None
        self.last: int | None = None

    def send(self, _at: int, message: Recorded) -> bool:
        if not self._target.publish(message, readings_in(message.payload or b""), self.stopping):
            return False
        self.first = message.at if self.first is None else self.first
        self.last = message.at
        return True

    def stopping(self) -> bool:
        self._tick()
        return self._stopping()

    def waiting(self) -> bool:
        self._tick()
        return True

    def _tick(self) -> None:
        notes = [f"round {self._rounds.rounds}"] if self._rounds.rounds > 1 else []
        notes += ["paused (SIGUSR1, p or space goes on)"] if self._pause.on else []
        self._progress.tick(None if self.last is None else self.last // 1000, " · ".join(notes))
