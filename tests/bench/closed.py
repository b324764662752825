"""What contestants without our streams told on their topic: records of closed windows, or updates of what they count.

Both return the readings of every (cell, window) and the vehicles in every cell at the end.
"""

from collections import defaultdict
from typing import Any

import msgspec

from tests.bench import kafka
from tests.bench.expected import Counts, Occupancy
from tests.bench.workload import Workload

OUTPUT = "bench.closed"

_decode = msgspec.json.Decoder(dict[str, int]).decode


def windows(bootstrap: str, workload: Workload) -> tuple[Counts, Occupancy]:
    """Read a record for each closed (cell, window); the occupancy is that of the last: every vehicle is in it."""
    counts: Counts = defaultdict(int)
    occupancy: dict[int, tuple[int, int]] = {}
    for message in kafka.records(bootstrap, OUTPUT, workload.partitions):
        record = _decode(message.value())
        cell, window = record["cell"], record["window"]
        if window < workload.end_ms:
            counts[cell, window] += record["count"]
            occupancy[cell] = max(occupancy.get(cell, (0, 0)), (window, record["occupancy"]))
    last = max((window for _, window in counts), default=0)
    return counts, {cell: n for cell, (window, n) in occupancy.items() if window == last}


def updates(bootstrap: str, workload: Workload) -> tuple[Counts, Occupancy]:
    """Read what was said and taken back, in whatever order it comes (see `settled`)."""
    messages = kafka.records(bootstrap, OUTPUT, workload.partitions)
    return settled([_decode(message.value()) for message in messages], workload)


def settled(records: list[dict[str, int]], workload: Workload) -> tuple[Counts, Occupancy]:
    """Return what holds in the end of what was said (`diff` 1) and taken back (-1) at each `time`."""
    counts: Counts = {}
    occupancy: Occupancy = {}
    for record in sorted(records, key=lambda record: (record["time"], record["diff"])):
        said: dict[Any, int] = counts if "window" in record else occupancy
        of = (record["cell"], record["window"]) if "window" in record else record["cell"]
        if record["diff"] > 0:
            said[of] = record["count"] if "window" in record else record["occupancy"]
        else:
            said.pop(of, None)
    counts = {of: n for of, n in counts.items() if of[1] < workload.end_ms}
    cells = {cell for cell, _ in counts}
    return counts, {cell: n for cell, n in occupancy.items() if cell in cells}
