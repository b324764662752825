"""The fleet's job in Quix Streams: its state (RocksDB), a repartition by cell, its tumbling window.

A frame becomes a row a reading, and one more for the cell that a vehicle left. State of vehicles is by partition.
"""

import os
import tempfile
import threading
from typing import Any

import h3.api.basic_int as h3
from quixstreams import Application

from tests.bench import kafka, marks
from tests.bench.decoding import decoder
from tests.bench.workload import WINDOW_MS

_GRACE_MS = 540_000
"""Of a backlog partitions come unevenly: those that are behind are not late. The closing readings pass it."""
_ENDS = 64
"""Cells that are none: with so many of them each partition of the repartition topic sees the end."""
_POLL_S = 0.05


def dataflow(asked: dict[str, Any], told: set[str], begin: list[marks.Mark]) -> Application:
    """Return the application; it adds to `told` what of the end has passed, and to `begin` when it began."""
    app = Application(
        asked["bootstrap"],
        consumer_group=f"bench-{os.getpid()}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-", dir="."),  # the directory of this run, which is removed
        loglevel="WARNING",
        consumer_extra_config={**kafka.CONSUMER, "session.timeout.ms": 6_000, "max.poll.interval.ms": 60_000},
        producer_extra_config={
            **kafka.PRODUCER,
            "queue.buffering.max.messages": 2_000_000,
            "enable.idempotence": False,  # see tests/bench/kafka.py
            "max.in.flight.requests.per.connection": 1,  # so that order is kept all the same
        },
    )
    decode, resolution, end_ms = decoder(asked["shape"]), asked["resolution"], asked["end_ms"]
    ended: set[str] = set()

    def readings(value: bytes, state: Any) -> list[dict[str, int | str]]:
        if not begin:
            marks.settled()
            begin.append(marks.now())
        rows: list[dict[str, int | str]] = []
        for id_, lat, lon, ts in zip(*decode(value), strict=True):
            if ts >= end_ms:
                ended.add(id_)
                if len(ended) == asked["partitions"]:
                    rows += [{"cell": str(n), "count": 0, "moved": 0, "ts": ts} for n in range(_ENDS)]
                continue
            cell = str(h3.latlng_to_cell(lat, lon, resolution))
            before = state.get(id_)
            moved = before is None or (before[0] != cell and ts >= before[1])
            rows.append({"cell": cell, "count": 1, "moved": int(moved), "ts": ts})
            if moved and before is not None:
                rows.append({"cell": before[0], "count": 0, "moved": -1, "ts": ts})
            if before is None or ts >= before[1]:
                state.set(id_, [cell, ts])
        return rows

    def occupied(row: dict[str, Any], state: Any) -> dict[str, Any]:
        present = state.get("present", 0)
        if row["moved"]:
            present += row["moved"]
            state.set("present", present)
        return {**row, "occupancy": present}

    def passed(row: dict[str, Any]) -> dict[str, Any]:
        if row["ts"] >= end_ms:
            told.add(row["cell"])
        return row

    def closed(value: Any, key: Any, _timestamp: int, _headers: Any) -> dict[str, int]:
        count, occupancy = value["value"]
        return {"cell": int(key), "window": value["start"], "count": count, "occupancy": occupancy}

    rows = app.dataframe(app.topic(asked["topic"], value_deserializer="bytes"))
    rows = rows.apply(readings, stateful=True, expand=True)
    rows = rows.set_timestamp(lambda row, _key, _timestamp, _headers: row["ts"])
    rows = rows.group_by("cell", key_serializer="str", key_deserializer="str")
    rows = rows.apply(occupied, stateful=True).apply(passed)
    windows = (
        rows.tumbling_window(WINDOW_MS, grace_ms=_GRACE_MS)
        .reduce(
            lambda kept, row: [kept[0] + row["count"], row["occupancy"]],
            lambda row: [row["count"], row["occupancy"]],
        )
        .final(closing_strategy="partition")
    )
    windows = windows.apply(closed, metadata=True)
    windows = windows.filter(lambda record: record["count"] > 0)
    windows.to_topic(app.topic(asked["output"], value_serializer="json", key_serializer="str"))
    return app


def main() -> None:
    """Run until the end has passed in every partition; stopping, it flushes what it told."""
    asked = marks.spec()
    told: set[str] = set()
    begin: list[marks.Mark] = []
    app = dataflow(asked, told, begin)

    def stop() -> None:
        while len(told) < _ENDS:
            gone.wait(_POLL_S)
        app.stop()

    gone = threading.Event()
    threading.Thread(target=stop, daemon=True).start()
    app.run()
    marks.report(begin=begin[0], end=marks.now(asked["readings"]))
    os._exit(0)  # nothing is left to lose


if __name__ == "__main__":
    main()
