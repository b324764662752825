"""What the log of ub.vehicles holds: the ledger that follows from it, how late its readings came, who is silent."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition

from schemas import codec
from schemas.vehicles import VehicleFrame
from streams import topics
from tests.chaos.city import City
from tests.chaos.expected import Silence

_QUIET_POLLS = 5


@dataclass(slots=True)
class Log:
    """By partition: what became of its readings, and its last offset; and by how much the latest one lay behind."""

    ledger: dict[int, dict[str, int]]
    ends: dict[int, int]
    latest_s: float


def frames(city: City) -> Iterator[tuple[int, int, VehicleFrame]]:
    """Yield (partition, offset, frame) from the beginning until nothing more comes.

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
        partitions = range(city.settings().source_partitions)
        consumer.assign([TopicPartition(topics.VEHICLES, p) for p in partitions])
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < _QUIET_POLLS:
            batches = consumer.poll(timeout_ms=500)
            quiet = 0 if batches else quiet + 1
            for record in (record for records in batches.values() for record in records):
                yield record.partition, record.offset, codec.vehicle_frame.decode(record.value)
    finally:
        consumer.close()


def read_log(city: City) -> Log:
    """Judge each reading of the log, as last-writer-wins by event time does."""
    partitions = range(city.settings().source_partitions)
    ledger = {p: {"received": 0, "applied": 0, "superseded": 0, "rejected": 0} for p in partitions}
    log = Log(ledger, dict.fromkeys(partitions, -1), 0.0)
    seen: dict[str, set[int]] = defaultdict(set)
    newest: dict[str, int] = {}
    clock = dict.fromkeys(partitions, 0)
    for p, log.ends[p], frame in frames(city):
        counts = ledger[p]
        for vehicle_id, ts in zip(frame.vehicle_id, frame.ts, strict=True):
            counts["received"] += 1
            applied = ts > newest.get(vehicle_id, -1)
            counts["applied" if applied else "superseded"] += 1
            if applied:
                newest[vehicle_id] = ts
            if ts not in seen[vehicle_id]:
                seen[vehicle_id].add(ts)
                log.latest_s = max(log.latest_s, (clock[p] - ts) / 1000)
                clock[p] = max(clock[p], ts)
    return log


def silence(city: City) -> Silence:
    """Return what decides who is silent at the end of the log: each vehicle's partition, each partition's watermark.

    A publisher's clock that runs ahead carries event time no further than the gateway's receipt.
    """
    settings = city.settings()
    newest = dict.fromkeys(range(settings.source_partitions), 0)
    partition_of: dict[str, int] = {}
    for p, _, frame in frames(city):
        partition_of.update(dict.fromkeys(frame.vehicle_id, p))
        newest[p] = max(newest[p], min(max(frame.ts), max(frame.received_at, newest[p])))
    lateness_ms = int(settings.allowed_lateness_s * 1000)
    return Silence(
        stale_after_ms=int(settings.stale_after_s * 1000),
        horizon_ms=int(settings.amend_horizon_s * 1000),
        watermark={p: ts - lateness_ms for p, ts in newest.items()},
        partition_of=partition_of,
    )
