"""What was said of one window row, by whom, in the order of ub.partials: where a difference came from."""

from kafka import KafkaConsumer, TopicPartition

from schemas import codec
from streams import topics
from tests.chaos.city import City

_QUIET_POLLS = 5


def history(city: City, window_start: int, cell: str, operator: str) -> list[str]:
    """Return a line for each partial that names the row."""
    partitions = [TopicPartition(topics.PARTIALS, p) for p in range(city.settings().region_partitions)]
    consumer = KafkaConsumer(
        bootstrap_servers=city.kafka_bootstrap, enable_auto_commit=False, max_poll_records=100_000
    )
    lines = []
    try:
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < _QUIET_POLLS:
            batches = consumer.poll(timeout_ms=500)
            quiet = 0 if batches else quiet + 1
            for record in (record for records in batches.values() for record in records):
                partial = codec.fleet_partial.decode(record.value)
                w = partial.windows
                rows = zip(
                    w.window_start, w.cell, w.operator, w.readings, w.arrivals, w.departures, strict=True
                )
                sender = dict(record.headers).get("ce_source", b"?").decode()
                lines += [
                    f"{record.timestamp} {record.partition}:{record.offset} from {sender}: source {partial.source} "
                    f"as of {partial.offset}, watermark {partial.watermark}: "
                    f"readings {readings}, arrivals {arrivals}, departures {departures}"
                    for start, at, by, readings, arrivals, departures in rows
                    if (start, at, by) == (window_start, cell, operator)
                ]
    finally:
        consumer.close()
    return lines
