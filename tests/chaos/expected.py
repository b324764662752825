"""What the tables must hold, from the log of what was published: tests/oracle.py, vehicles by the bucketful.

The oracle keeps every reading as a dict, some 600 bytes of them: half an hour at 10,000 a second would not
fit. Vehicles do not depend on each other, so they are computed a bucket at a time, and the sums are added.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from tests import oracle

_BUCKET_BYTES = 400_000_000
_FLOWS = ("readings", "arrivals", "departures")


@dataclass(frozen=True, slots=True)
class Silence:
    """When vehicles fall silent, milliseconds; and how far event time came in the partition of each vehicle."""

    stale_after_ms: int
    horizon_ms: int
    watermark: Mapping[int, int]
    partition_of: Mapping[str, int]


def expected(published: Sequence[Path], window_ms: int, silence: Silence | None = None) -> oracle.Expected:
    """Return the tables that follow from the messages in `published`, one JSON array a line.

    Without `silence` nobody was silent for long enough to be missing.
    """
    buckets = 1 + sum(path.stat().st_size for path in published) // _BUCKET_BYTES
    total = oracle.Expected()
    for bucket in range(buckets):
        readings = _readings(published, bucket, buckets)
        if silence is None:
            part = oracle.batch(readings, window_ms=window_ms)
        else:
            part = oracle.tables([_judged(readings, silence)], window_ms=window_ms)
        total = part if buckets == 1 else _sum(total, part)
    return total


def _judged(readings: Iterable[oracle.Reading], silence: Silence) -> oracle.Judged:
    """Judge readings that came within the lateness, of vehicles that are never heard of again once silent.

    Who is missing then depends on the watermark at the end alone, not on the order of the log.
    """
    judged = oracle.Judged(counted=list(readings))
    on_file = judged.on_file
    for reading in judged.counted:
        known = on_file.setdefault(reading["vehicle_id"], reading)
        if abs(reading["ts"] - known["ts"]) >= silence.stale_after_ms:
            raise ValueError(
                f"{reading['vehicle_id']} was silent between {known['ts']} and {reading['ts']}, for longer than "
                "it takes to be missing, and came back: whether it was depends on the order of the log; "
                "raise UB_STALE_AFTER_S or the rate"
            )
        if reading["ts"] > known["ts"]:
            on_file[reading["vehicle_id"]] = reading
    for vehicle_id, last in list(on_file.items()):
        watermark = silence.watermark[silence.partition_of[vehicle_id]]
        missing_at = last["ts"] + silence.stale_after_ms
        if missing_at > watermark:
            continue
        missing = {**last, "vehicle_state": "missing", "ts": missing_at}
        judged.noticed.append(missing)
        if missing_at + silence.horizon_ms > watermark:
            on_file[vehicle_id] = missing
        else:
            del on_file[vehicle_id]
    return judged


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
