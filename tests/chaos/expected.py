"""What the tables must hold, from the log of what was published: tests/oracle.py, vehicles by the bucketful.

The oracle keeps every reading as a dict, some 600 bytes of them: half an hour at 10,000 a second would not
fit. Vehicles do not depend on each other, so they are computed a bucket at a time, and the sums are added.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from tests import oracle

_BUCKET_BYTES = 400_000_000
_FLOWS = ("readings", "arrivals", "departures")


def expected(published: Sequence[Path], window_ms: int) -> oracle.Expected:
    """Return the tables that follow from the messages in `published`, one JSON array a line."""
    buckets = 1 + sum(path.stat().st_size for path in published) // _BUCKET_BYTES
    total = oracle.Expected()
    for bucket in range(buckets):
        part = oracle.batch(_readings(published, bucket, buckets), window_ms=window_ms)
        total = part if buckets == 1 else _sum(total, part)
    return total


def _readings(published: Sequence[Path], bucket: int, buckets: int) -> Iterator[dict[str, Any]]:
    for path in published:
        with path.open("rb") as lines:
            for line in lines:
                for reading in msgspec.json.decode(line):
                    if buckets == 1 or crc32(reading["vehicle_id"].encode()) % buckets == bucket:
                        yield reading


def _sum(total: oracle.Expected, part: oracle.Expected) -> oracle.Expected:
    total.vehicle_state |= part.vehicle_state
    for cell_operator, counts in part.cell_now.items():
        into = total.cell_now.setdefault(cell_operator, dict.fromkeys(counts, 0))
        for state, count in counts.items():
            into[state] += count
    for key, row in part.cell_window.items():
        window = total.cell_window.setdefault(key, dict.fromkeys(row, 0))
        for name in _FLOWS:
            window[name] += row[name]
    occupancy: dict[tuple[str, str], int] = defaultdict(int)
    for key in sorted(total.cell_window):
        row = total.cell_window[key]
        occupancy[key[1:]] += row["arrivals"] - row["departures"]
        row["occupancy"] = occupancy[key[1:]]
    return total
