"""The log that an audit rests on, from Kafka or from a recording."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from streams import topics
from streams.audit import recording
from streams.audit.log import Log
from streams.audit.records import Intake, LogRecord, Refusals, Shelved, up_to
from streams.audit.stage import Say
from streams.brokers.kafka_login import kafka_login_of
from streams.errors import CannotAudit
from streams.settings import Settings

Offsets = Mapping[str, Mapping[int, int]]
"""By topic and partition."""

_SAY_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Read:
    """What the stages fold, by topic, and the records of ub.rejected."""

    topics: Mapping[str, Shelved]
    refusals: pl.DataFrame

    @property
    def count(self) -> int:
        """Readings of all topics."""
        return sum(taken.count for taken in self.topics.values())

    def refusals_up_to(self, offsets: Mapping[int, int]) -> pl.DataFrame:
        """Return ub.rejected up to the given offset of each partition."""
        return up_to(self.refusals, offsets)


class _Collected:
    """Takes records of all topics in, and says how far it is."""

    def __init__(self, intakes: Mapping[str, Intake], say: Say) -> None:
        self._intakes = intakes
        self._refusals = Refusals()
        self._say = say
        self._began = self._said = time.monotonic()

    def take(self, record: LogRecord) -> None:
        intake = self._intakes.get(record.topic)
        if intake is not None:
            intake.add(record)
        elif record.topic == topics.REJECTED:
            self._refusals.add(record)
        now = time.monotonic()
        if now - self._said > _SAY_EVERY_S:
            self._said = now
            count = sum(intake.count for intake in self._intakes.values())
            self._say(f"reading {record.topic}: {count:,} readings, {count / (now - self._began):,.0f}/s")

    def read(self) -> Read:
        self._say("putting the readings in order")
        taken = {topic: intake.shelved() for topic, intake in self._intakes.items()}
        return Read(taken, self._refusals.frame())


def read_kafka(
    settings: Settings, intakes: Mapping[str, Intake], offsets: Offsets, save: Path | None, say: Say
) -> Read:
    """Read the topics in `offsets`, by partition at least up to the offsets given there.

    With `save` every record is also written to that file.
    """
    log = Log(settings.kafka_bootstrap, kafka_login_of(settings))
    collected = _Collected(intakes, say)
    with ExitStack() as stack:
        take = collected.take
        if save is not None:
            recorder = stack.enter_context(recording.Recorder(save))

            def take(record: LogRecord) -> None:
                recorder.write(record)
                collected.take(record)

        for topic, at_least in offsets.items():
            log.read(topic, at_least, take)
    return collected.read()


def read_recording(path: Path, intakes: Mapping[str, Intake], offsets: Offsets, say: Say) -> Read:
    """Read the same from a recording; CannotAudit where it does not reach as far."""
    collected = _Collected(intakes, say)
    seen: dict[str, dict[int, list[int]]] = {topic: {} for topic in offsets}
    for record in recording.read(path):
        ends = seen.setdefault(record.topic, {}).setdefault(record.partition, [record.offset, -1])
        if record.offset <= ends[1]:
            raise CannotAudit(
                f"{path}: {record.topic}[{record.partition}] offset {record.offset} comes after {ends[1]}; "
                "the records of a partition must stand in the order of their offsets"
            )
        ends[1] = record.offset
        collected.take(record)
    for topic, at_least in offsets.items():
        recording.check_complete(path, topic, seen[topic], at_least)
    return collected.read()
