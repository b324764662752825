"""The same job as a Faust agent with tables, one reading at a time, the way Faust's documentation shows it.

Tables are in memory with their changelog topics, as by default. Frames are decoded whole, so that Faust's cost a
record is shared by all readings of a frame, as it is in our fleet stage.
"""

import os
import tempfile
from typing import Any

import faust
import h3.api.basic_int as h3
import msgspec

from tests.bench import marks
from tests.bench.workload import WINDOW_MS

_GRACE_MS = 5_000


def build(asked: dict[str, Any]) -> faust.App:
    """Return the app; it reports and ends its process when it has closed the last window."""
    app = faust.App(
        f"bench-vanilla-{os.getpid()}",
        broker=f"kafka://{asked['bootstrap']}",
        store="memory://",
        topic_partitions=asked["partitions"],
        datadir=tempfile.mkdtemp(prefix="faust-", dir="."),  # the directory of this run, which is removed
        web_enabled=False,
        topic_disable_leader=True,
        broker_session_timeout=6.0,  # Tansu's JoinGroup waits half of it
        broker_heartbeat_interval=1.0,
    )
    source = app.topic(asked["topic"], key_type=bytes, value_type=bytes, value_serializer="raw")
    output = app.topic(asked["output"], key_type=bytes, value_type=bytes, value_serializer="raw")
    cell_of = app.Table("cell_of", partitions=asked["partitions"])
    occupancy = app.Table("occupancy", default=int, partitions=asked["partitions"])
    counts = app.Table("counts", default=int, partitions=asked["partitions"])
    by_window: dict[int, list[tuple[int, int]]] = {}
    newest = [0] * asked["partitions"]
    progress: dict[str, Any] = {"begin": None, "readings": 0, "closed": 0}

    def put(id_: str, lat: float, lon: float, ts: int) -> None:
        cell = h3.latlng_to_cell(lat, lon, asked["resolution"])
        key = (cell, ts // WINDOW_MS)
        seen = counts[key]
        if not seen:
            by_window.setdefault(key[1], []).append(key)
        counts[key] = seen + 1
        old = cell_of.get(id_)
        if old is None or ts >= old[1]:
            if old is None or old[0] != cell:
                if old is not None:
                    occupancy[old[0]] -= 1
                occupancy[cell] += 1
            cell_of[id_] = (cell, ts)

    async def close(before: int) -> None:
        for window in sorted(number for number in by_window if number < before):
            for key in by_window.pop(window):
                record = {
                    "cell": key[0],
                    "window": window * WINDOW_MS,
                    "count": counts[key],
                    "occupancy": occupancy[key[0]],
                }
                await output.send(key=b"%x" % key[0], value=msgspec.json.encode(record))
                del counts[key]

    @app.agent(source)
    async def agent(stream: Any) -> None:
        async for event in stream.events():
            if progress["begin"] is None:
                marks.settled()
                progress["begin"] = marks.now()
            c = msgspec.json.decode(event.value)
            for id_, lat, lon, ts in zip(c["vehicle_id"], c["lat"], c["lon"], c["ts"], strict=True):
                put(id_, lat, lon, ts)
            part = event.message.partition
            newest[part] = max(newest[part], *c["ts"])
            progress["readings"] += len(c["ts"])
            before = (min(newest) - _GRACE_MS) // WINDOW_MS
            if before > progress["closed"]:
                progress["closed"] = before
                await close(before)
            if min(newest) >= asked["end_ms"]:
                await app.producer.flush()
                marks.report(begin=progress["begin"], end=marks.now(progress["readings"]))
                os._exit(0)  # Faust would take seconds to say good-bye, and has nothing left to lose

    return app


def main() -> None:
    """Run the worker."""
    faust.Worker(build(marks.spec()), loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main()
