"""What was said of one window row, by whom, in the order of ub.partials: where a difference came from."""

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from schemas import codec
from schemas.partials import FleetPartial, Partial, RequestsPartial, SensingPartial
from streams import topics
from tests.chaos.city import City

_QUIET_POLLS = 5
_SAID: dict[str, tuple[type[Any], str, tuple[str, ...]]] = {
    "cell_window": (FleetPartial, "operator", ("readings", "arrivals", "departures")),
    "sensor_window": (SensingPartial, "metric", ("readings", "total", "least", "most")),
    "request_window": (RequestsPartial, "service_code", ("opened", "closed", "reopened", "open_change")),
}
"""For each table of windows the partials that tell of it, what its rows have besides time and cell, and the counts."""


def history(city: City, table: str, key: tuple[int, str, str]) -> list[str]:
    """Return a line for each partial that names the row (window start, cell, and operator, metric or category)."""
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
                partial = codec.partial.decode(record.value)
                sender = dict(record.headers).get("ce_source", b"?").decode()
                lines += [
                    f"{record.timestamp} {record.partition}:{record.offset} from {sender}: source {partial.source} "
                    f"as of {partial.offset}, watermark {partial.watermark}: {counts}"
                    for counts in _counts(partial, table, key)
                ]
    finally:
        consumer.close()
    return lines


def _counts(partial: Partial, table: str, key: tuple[int, str, str]) -> Iterator[str]:
    """Yield what a partial says of a row, if it tells of that table at all."""
    type_, name, columns = _SAID[table]
    if not isinstance(partial, type_):
        return
    windows = partial.windows
    rows = zip(windows.window_start, windows.cell, getattr(windows, name), strict=True)
    for at, row in enumerate(rows):
        if row == key:
            yield ", ".join(f"{column} {getattr(windows, column)[at]}" for column in columns)
