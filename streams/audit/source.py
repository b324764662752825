"""The log that an audit rests on, from Kafka or from a recording."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from streams import topics
from streams.audit import recording
from streams.audit.log import Log
from streams.audit.records import LogRecord, Refusals, Vehicles
from streams.errors import CannotAudit
from streams.settings import Settings

Say = Callable[[str], None]

_SAY_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Read:
    """Readings and bad frames of ub.vehicles, and the records of ub.rejected."""

    readings: pl.DataFrame
    bad_frames: pl.DataFrame
    refusals: pl.DataFrame

    def up_to(self, offsets: Mapping[int, int]) -> "Read":
        """Return ub.vehicles up to the given offset of each partition; partitions not given are left out."""
        return Read(_up_to(self.readings, offsets), _up_to(self.bad_frames, offsets), self.refusals)

    def refusals_up_to(self, offsets: Mapping[int, int]) -> pl.DataFrame:
        """Return ub.rejected up to the given offset of each partition."""
        return _up_to(self.refusals, offsets)


class _Collected:
    """Takes records of both topics in, and says how far it is."""

    def __init__(self, say: Say) -> None:
        self._vehicles = Vehicles()
        self._refusals = Refusals()
        self._say = say
        self._began = self._said = time.monotonic()

    def take(self, record: LogRecord) -> None:
        if record.topic == topics.VEHICLES:
            self._vehicles.add(record)
        elif record.topic == topics.REJECTED:
            self._refusals.add(record)
        now = time.monotonic()
        if now - self._said > _SAY_EVERY_S:
            self._said = now
            count = self._vehicles.count
            self._say(f"reading {record.topic}: {count:,} readings, {count / (now - self._began):,.0f}/s")

    def read(self) -> Read:
        self._say("putting the readings in order")
        return Read(self._vehicles.readings(), self._vehicles.bad_frames(), self._refusals.frame())


def read_kafka(
    settings: Settings, vehicles: Mapping[int, int], rejected: Mapping[int, int], save: Path | None, say: Say
) -> Read:
    """Read ub.vehicles, and ub.rejected where `rejected` names partitions, at least up to the given offsets.

    With `save` every record is also written to that file.
    """
    log = Log(settings.kafka_bootstrap)
    collected = _Collected(say)
    with ExitStack() as stack:
        take = collected.take
        if save is not None:
            recorder = stack.enter_context(recording.Recorder(save))

            def take(record: LogRecord) -> None:
                recorder.write(record)
                collected.take(record)

        log.read(topics.VEHICLES, vehicles, take)
        log.read(topics.REJECTED, rejected, take)
    return collected.read()


def read_recording(path: Path, vehicles: Mapping[int, int], rejected: Mapping[int, int], say: Say) -> Read:
    """Read the same from a recording; CannotAudit where it does not reach as far."""
    collected = _Collected(say)
    seen: dict[str, dict[int, list[int]]] = {topics.VEHICLES: {}, topics.REJECTED: {}}
    for record in recording.read(path):
        ends = seen.setdefault(record.topic, {}).setdefault(record.partition, [record.offset, -1])
        if record.offset <= ends[1]:
            raise CannotAudit(
                f"{path}: {record.topic}[{record.partition}] offset {record.offset} comes after {ends[1]}; "
                "the records of a partition must stand in the order of their offsets"
            )
        ends[1] = record.offset
        collected.take(record)
    recording.check_complete(path, topics.VEHICLES, seen[topics.VEHICLES], vehicles)
    recording.check_complete(path, topics.REJECTED, seen[topics.REJECTED], rejected)
    return collected.read()


def _up_to(frame: pl.DataFrame, offsets: Mapping[int, int]) -> pl.DataFrame:
    limits = pl.DataFrame(
        {"partition": list(offsets), "limit": list(offsets.values())},
        schema={"partition": pl.Int32, "limit": pl.Int64},
    )
    return (
        frame.join(limits, on="partition", how="inner", maintain_order="left")
        .filter(pl.col("offset") <= pl.col("limit"))
        .drop("limit")
    )
