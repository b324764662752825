"""The fleet's job in Pathway: counts and occupancy as streams of updates, committed five times a second."""

import os
import threading
import time
from typing import Any

os.environ.setdefault("PATHWAY_THREADS", "1")

import h3.api.basic_int as h3
import pathway as pw
from confluent_kafka import TopicPartition

from tests.bench import kafka, marks
from tests.bench.decoding import decoder
from tests.bench.workload import WINDOW_MS

_COMMIT_MS = 200
_POLL_S = 0.05
_QUIET_S = 1.0


def tables(asked: dict[str, Any], begin: list[marks.Mark]) -> tuple[pw.Table, pw.Table]:
    """Return the counts of every (cell, window) and the occupancy of every cell; `begin` gets when it began."""
    decode, resolution = decoder(asked["shape"]), asked["resolution"]

    @pw.udf(deterministic=True)
    def readings(value: bytes) -> list[tuple[str, int, int]]:
        if not begin:
            marks.settled()
            begin.append(marks.now())
        return [
            (id_, ts, h3.latlng_to_cell(lat, lon, resolution))
            for id_, lat, lon, ts in zip(*decode(value), strict=True)
        ]

    source = {
        "bootstrap.servers": asked["bootstrap"],
        "group.id": f"bench-{os.getpid()}",
        "auto.offset.reset": "earliest",
        "session.timeout.ms": "6000",
        **{name: str(value) for name, value in kafka.CONSUMER.items()},
    }
    frames = pw.io.kafka.read(
        source, asked["topic"], format="raw", autogenerate_key=True, autocommit_duration_ms=_COMMIT_MS
    )
    rows = frames.select(one=readings(pw.this.data)).flatten(pw.this.one)
    rows = rows.select(vehicle=pw.this.one[0], ts=pw.this.one[1], cell=pw.this.one[2])
    newest = rows.groupby(pw.this.vehicle).reduce(
        last=pw.reducers.max(pw.make_tuple(pw.this.ts, pw.this.cell))
    )
    newest = newest.select(cell=pw.this.last[1])
    occupancy = newest.groupby(pw.this.cell).reduce(pw.this.cell, occupancy=pw.reducers.count())
    rows = rows.with_columns(window=pw.this.ts // WINDOW_MS * WINDOW_MS)
    counts = rows.groupby(pw.this.cell, pw.this.window).reduce(
        pw.this.cell, pw.this.window, count=pw.reducers.count()
    )
    return counts, occupancy


def main() -> None:
    """Run until the closing readings were counted and nothing more is told."""
    asked = marks.spec()
    begin: list[marks.Mark] = []
    counts, occupancy = tables(asked, begin)
    target = {"bootstrap.servers": asked["bootstrap"], "linger.ms": "20"}
    for table in (counts, occupancy):
        pw.io.kafka.write(table, target, asked["output"], format="json")
    ended: set[int] = set()

    def counted(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        if row["window"] >= asked["end_ms"] // WINDOW_MS * WINDOW_MS:
            ended.add(row["cell"])

    pw.io.subscribe(counts, counted)
    threading.Thread(target=_report, args=(asked, begin, ended), daemon=True).start()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


def _report(asked: dict[str, Any], begin: list[marks.Mark], ended: set[int]) -> None:
    """Report when the output had its last record, and end the process: Pathway would wait for more input."""
    while len(ended) < asked["partitions"]:
        time.sleep(_POLL_S)
    output = kafka.consumer(asked["bootstrap"], asked["output"], asked["partitions"])
    places = [TopicPartition(asked["output"], number) for number in range(asked["partitions"])]
    told, end = -1, marks.now(asked["readings"])
    while time.time() - end.wall_s < _QUIET_S:
        now = sum(output.get_watermark_offsets(place, 5)[1] for place in places)
        if now != told:
            told, end = now, marks.now(asked["readings"])
        time.sleep(_POLL_S)
    marks.report(begin=begin[0], end=end)
    os._exit(0)  # nothing is left to lose


if __name__ == "__main__":
    main()
