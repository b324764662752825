"""A run: a source played through a publisher, until its end or a request to stop (the shell around play)."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from random import Random
from time import monotonic, sleep

import numpy as np
from rich.console import Console

from sensors_sim.broker import Broker
from sensors_sim.columns import Columns
from sensors_sim.counted import counted
from sensors_sim.encode import Message, arrays, singles
from sensors_sim.errors import SimError
from sensors_sim.faults import NO_FAULTS, Faults, Way
from sensors_sim.play import play
from sensors_sim.progress import Progress
from sensors_sim.publish import Counts, Publisher
from sensors_sim.scenario import Scenario
from sensors_sim.sources.contract import Report, Source
from sensors_sim.stop import Stop, on_signals


@dataclass(frozen=True, slots=True)
class Options:
    """How to send: `speed` times real time (or infinity), in arrays of `batch` or one by one; what goes wrong.

    zone  of the times that people are shown meanwhile
    """

    broker: Broker
    speed: float
    batch: int
    single: bool
    in_flight: int
    faults: Faults = NO_FAULTS
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. Times are event times in milliseconds, None where nothing was sent.

    sent    readings handed to the broker, by what they are about: vehicles, sensors, requests
    faults  what was done on the way, to how many messages, by fault
    """

    counts: Counts
    sent: Counter[str]
    report: Report
    unacknowledged: int
    first_ts: int | None
    last_ts: int | None
    seconds: float
    stopped: bool
    faults: Counter[str]

    def ended_ms(self, scenario: Scenario) -> int:
        """Return the event time to which this run of a scenario came."""
        if self.stopped:
            return scenario.start_ms if self.last_ts is None else self.last_ts
        return scenario.end_ms


def may_be_lost(messages: int) -> str:
    """Return what there is to know of messages that were not acknowledged."""
    return f"{counted(messages, 'message')}; {'it' if messages == 1 else 'they'} may be lost"


def refused_by_broker(counts: Counts) -> str:
    """Return how many readings the broker refused, why, and what to do about it."""
    refused = counted(counts.readings_refused, "reading")
    return f"the broker refused {refused} ({counts.refusal}); {counts.way_out}"


def check_delivered(counts: Counts, unacknowledged: int) -> None:
    """Raise SimError where the broker refused something, or did not acknowledge everything."""
    if counts.readings_refused:
        raise SimError(refused_by_broker(counts))
    if unacknowledged:
        raise SimError(f"stopped before the broker acknowledged {may_be_lost(unacknowledged)}")


def run(
    open_source: Callable[[], Source], options: Options, console: Console, stop: Stop | None = None
) -> Outcome:
    """Connect, open the source, play it, wait for the acknowledgements, disconnect.

    Signals are put down in `stop`, for a source that has to know while it waits.

    Raises BrokerUnavailable before anything is read or sent when the broker is away; a broker that goes
    away later is waited for. Raises SourceError when the source cannot be read.
    """
    client_id = f"ub-sim-{os.getpid()}-{secrets.token_hex(4)}"
    publisher = Publisher(options.broker, client_id, options.in_flight, Random())
    publisher.connect()
    try:
        source = open_source()
    except BaseException:
        publisher.close()
        raise
    began = monotonic()
    with (
        on_signals(stop) as asked,
        Progress(publisher, source, console, monotonic, zone=options.zone) as progress,
    ):
        sender = _Sender(publisher, options, progress, asked.requested)
        try:
            play(
                source,
                options.speed,
                wall=monotonic,
                sleep=sleep,
                send=sender.send,
                stopping=sender.stopping,
            )
            sender.finish()
            publisher.drain(lambda: sender.waiting() and asked.expired())
        finally:
            publisher.close()
        return Outcome(
            publisher.counts,
            sender.sent,
            source.report,
            publisher.in_flight,
            sender.first_ts,
            sender.last_ts,
            monotonic() - began,
            asked.requested(),
            sender.way.done,
        )


class _Sender:
    """Encodes and publishes batches, and remembers how far it came."""

    def __init__(
        self, publisher: Publisher, options: Options, progress: Progress, stopping: Callable[[], bool]
    ) -> None:
        self._publisher = publisher
        self._options = options
        self._progress = progress
        self._stopping = stopping
        self.way: Way[Message] = Way(options.faults, np.random.default_rng(options.faults.seed))
        self.sent: Counter[str] = Counter()
        self.first_ts: int | None = None
        self.last_ts: int | None = None

    def send(self, columns: Columns) -> None:
        at = int(columns.ts[-1])
        for message in self._messages(columns):
            arrived = self.way.send(at * 1000, message) if self._options.faults else [(at, message)]
            if not self._publish(arrived):
                return
            if self.first_ts is None:
                self.first_ts = int(columns.ts[0])
            self.last_ts = at

    def finish(self) -> None:
        """Send what is still on the way, unless told to stop."""
        if not self.stopping():
            self._publish(self.way.finish())

    def stopping(self) -> bool:
        self._publisher.reap(block=False)  # a feed may have nothing to publish for minutes
        self._progress.tick(self.last_ts)
        return self._stopping()

    def waiting(self) -> bool:
        self._progress.tick(self.last_ts)
        return True

    def _publish(self, arrived: Iterable[tuple[int, Message]]) -> bool:
        for _, message in arrived:
            if not self._publisher.publish(message, self.stopping):
                return False
            self.sent[message.about] += message.readings
        return True

    def _messages(self, columns: Columns) -> Iterable[Message]:
        return singles(columns) if self._options.single else arrays(columns, self._options.batch)
