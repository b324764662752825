"""What the fleet stage found: window counts from its partials, occupancy from its tables."""

from collections import defaultdict
from typing import Any

import psycopg

from schemas import codec
from streams import topics
from tests.bench import kafka
from tests.bench.expected import Counts, Occupancy
from tests.bench.services import REGION_PARTITIONS
from tests.bench.workload import Workload

_FAR_SOUTH = 30.5  # closing readings are south of it
_OCCUPANCY = """
SELECT cell, count(*) FROM ub.vehicle_state
WHERE lat > %s AND (NOT %s OR vehicle_state <> 'on_trip') GROUP BY cell
"""


def window_counts(bootstrap: str, workload: Workload) -> Counts:
    """Return the readings of each (cell, window), operators and sources added up, highest offset first."""
    newest: dict[tuple[int, int, str, str], tuple[int, int]] = {}
    for message in kafka.records(bootstrap, topics.PARTIALS, REGION_PARTITIONS):
        partial = codec.fleet_partial.decode(message.value())
        w = partial.windows
        for start, cell, operator, readings in zip(
            w.window_start, w.cell, w.operator, w.readings, strict=True
        ):
            key = (partial.source, start, cell, operator)
            if partial.offset >= newest.get(key, (-1, 0))[0]:
                newest[key] = partial.offset, readings
    counts: Counts = defaultdict(int)
    for (_, start, cell, _), (_, readings) in newest.items():
        if start < workload.end_ms:
            counts[int(cell, 16), start] += readings
    return counts


def occupancy_of(connection: psycopg.Connection[Any], *, standing: bool) -> Occupancy:
    """Return vehicles per cell from ub.vehicle_state, all of them or those that do not ride."""
    return dict(connection.execute(_OCCUPANCY, (_FAR_SOUTH, standing)).fetchall())
