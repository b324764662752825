"""A city of cells for the folds behind the fleet, and their records."""

import h3.api.basic_int as h3

from streams.fold.contract import Ledger, Record, Restored
from tests.bench.workload import OPERATORS

CENTRE = (31.225, 121.60)
RESOLUTION = 9


def city(count: int, resolution: int = RESOLUTION) -> list[str]:
    """Return `count` cells around the centre of Pudong, as hex strings."""
    rings = 0
    middle = h3.latlng_to_cell(*CENTRE, resolution)
    while 3 * rings * (rings + 1) + 1 < count:
        rings += 1
    return [f"{cell:x}" for cell in sorted(h3.grid_disk(middle, rings))[:count]]


def pairs(cells: list[str]) -> list[tuple[str, str]]:
    """Return each cell with each operator."""
    return [(cell, operator) for cell in cells for operator in OPERATORS]


def record(topic: str, offset: int, value: bytes, timestamp: int) -> Record:
    """Return a record of partition 0."""
    return Record(topic, 0, offset, value, timestamp)


def beginning(partition: int = 0) -> Restored:
    """Return what a fold starts from that was never checkpointed."""
    return Restored(partition, 0, -1, {}, Ledger())
