"""What the log holds: the ledger and the refusals that follow from it, how late readings came, who is silent."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from schemas import codec
from schemas.requests import RequestFrame
from schemas.sensors import SensorFrame
from schemas.vehicles import VehicleFrame
from streams import topics
from tests.chaos.city import City
from tests.chaos.expected import Silence
from tests.chaos.expected_sensors import fault
from tests.chaos.plan import long_ago

_QUIET_POLLS = 5
_NAMES = ("received", "applied", "superseded", "rejected")


@dataclass(slots=True)
class Log:
    """By (stage, partition) what became of its readings, by (topic, partition) its last offset, by (topic, reason)
    what was refused; and by how much the latest reading that was not meant to be too late lay behind.
    """

    ledger: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    latest_s: float = 0.0


def frames[F](
    city: City, topic: str, decoder: "msgspec.json.Decoder[F]", partitions: int
) -> Iterator[tuple[int, int, F]]:
    """Yield (partition, offset, frame) of a topic from the beginning until nothing more comes.

    Where the log ends is not asked: Tansu errs.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=city.kafka_bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        max_poll_records=100_000,
        max_partition_fetch_bytes=50_000_000,
    )
    try:
        consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < _QUIET_POLLS:
            batches = consumer.poll(timeout_ms=500)
            quiet = 0 if batches else quiet + 1
            for record in (record for records in batches.values() for record in records):
                yield record.partition, record.offset, decoder.decode(record.value)
    finally:
        consumer.close()


def read_log(city: City) -> Log:
    """Judge each reading and event of the log."""
    log = Log()
    partitions = city.settings().source_partitions
    stages: tuple[tuple[str, str, Any, _Heard], ...] = (
        ("fleet", topics.VEHICLES, codec.vehicle_frame, _positions),
        ("sensing", topics.SENSORS, codec.sensor_frame, _measured),
        ("requests", topics.REQUESTS, codec.request_frame, _asked),
    )
    for stage, topic, decoder, heard in stages:
        judge = _Judge(log, topic, newest_only=stage == "fleet")
        for p in range(partitions):
            log.ledger[stage, p] = dict.fromkeys(_NAMES, 0)
            log.ends[topic, p] = -1
        for p, offset, frame in frames(city, topic, decoder, partitions):
            log.ends[topic, p] = offset
            counts = log.ledger[stage, p]
            for name, ts, content, wrong in heard(frame):
                counts["received"] += 1
                counts[judge.outcome(p, name, ts, content, wrong)] += 1
    return log


_Reading = tuple[Hashable, int, Hashable, str | None]
"""Whose it is, its time, what else tells it from others of that time, and the reason to refuse it at any time."""
_Heard = Callable[[Any], Iterator[_Reading]]


def _positions(frame: VehicleFrame) -> Iterator[_Reading]:
    return zip(frame.vehicle_id, frame.ts, repeat(None), repeat(None), strict=False)


def _measured(frame: SensorFrame) -> Iterator[_Reading]:
    n = len(frame.sensor_id)
    metrics, units, lats, lons = (_column(c, n) for c in (frame.metric, frame.unit, frame.lat, frame.lon))
    for at, (sensor_id, metric, unit, value) in enumerate(
        zip(frame.sensor_id, metrics, units, frame.value, strict=True)
    ):
        content = (value, unit, lats[at], lons[at])
        yield (sensor_id, metric), frame.ts[at], content, fault(metric, unit, value)


def _asked(frame: RequestFrame) -> Iterator[_Reading]:
    for event in frame.events:
        yield event.service_request_id, event.ts, codec.encode(event), None


def _column(column: Any, n: int) -> list[Any]:
    return column if isinstance(column, list) else [column] * n


class _Judge:
    """Judges the readings of one topic in the order of the log, as the semantics have it: of vehicles the last writer
    by event time wins, of all others each counts once.
    """

    def __init__(self, log: Log, topic: str, *, newest_only: bool) -> None:
        self._log = log
        self._topic = topic
        self._newest_only = newest_only
        self._newest: dict[Hashable, int] = {}
        self._seen: dict[Hashable, set[Hashable]] = defaultdict(set)
        self._clock: dict[int, int] = defaultdict(int)

    def outcome(self, p: int, name: Hashable, ts: int, content: Hashable, wrong: str | None) -> str:
        """Return the column of the ledger that a reading of partition p belongs to."""
        if wrong is None and long_ago(ts, self._clock[p]):
            wrong = "too_late"
        if wrong is not None:
            self._log.refused[self._topic, wrong] += 1
            return "rejected"
        reading = ts if content is None else (ts, content)
        first = reading not in self._seen[name]
        if first:
            self._seen[name].add(reading)
            self._log.latest_s = max(self._log.latest_s, (self._clock[p] - ts) / 1000)
            self._clock[p] = max(self._clock[p], ts)
        counts = ts > self._newest.get(name, -1) if self._newest_only else first
        if counts:
            self._newest[name] = ts
        return "applied" if counts else "superseded"


def silence(city: City) -> Silence:
    """Return what decides who is silent at the end of the log: each vehicle's partition, each partition's watermark.

    A publisher's clock that runs ahead carries event time no further than the gateway's receipt.
    """
    settings = city.settings()
    newest = dict.fromkeys(range(settings.source_partitions), 0)
    partition_of: dict[str, int] = {}
    for p, _, frame in frames(city, topics.VEHICLES, codec.vehicle_frame, settings.source_partitions):
        partition_of.update(dict.fromkeys(frame.vehicle_id, p))
        newest[p] = max(newest[p], min(max(frame.ts), max(frame.received_at, newest[p])))
    lateness_ms = int(settings.allowed_lateness_s * 1000)
    return Silence(
        stale_after_ms=int(settings.stale_after_s * 1000),
        horizon_ms=int(settings.amend_horizon_s * 1000),
        watermark={p: ts - lateness_ms for p, ts in newest.items()},
        partition_of=partition_of,
    )
