"""Bytes a vehicle in the fleet's state, with ids of 16 characters: what this process grew by."""

import ctypes
import gc
from collections.abc import Iterator

from tests.bench import frames, marks
from tests.bench.fleet_fold import Fleets
from tests.bench.frames import Frame, closing_frames
from tests.bench.workload import Workload

_ID_LENGTH = 16
_ROUNDS = 2


def id_of(number: int) -> str:
    """Return an id of 16 characters."""
    return f"bike-{number:0{_ID_LENGTH - 5}d}"


def trimmed_rss() -> int:
    """Return the resident size once all that is free was given back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return marks.rss_bytes()


def stream(workload: Workload) -> Iterator[Frame]:
    """Yield every frame, made anew, so that only the fold holds on to what it keeps of it."""
    found = frames.positions_of(workload)
    for partition in range(workload.partitions):
        yield from frames.partition_frames(found, workload, partition, id_of)
    yield from closing_frames(workload)


def main() -> None:
    """Fold a fleet that has reported twice, and compare."""
    vehicles = marks.spec()["vehicles"]
    workload = Workload(readings=_ROUNDS * vehicles, vehicles=vehicles)
    small = Workload(readings=2_000, vehicles=1_000)
    Fleets(small).fold(stream(small))  # so that code and caches are there before
    frames.positions_of(workload)
    before = trimmed_rss()
    begin = marks.now()
    fleets = Fleets(workload)
    fleets.fold(stream(workload))
    end = marks.now(workload.readings)
    grown = trimmed_rss() - before
    marks.report(begin=begin, end=end, bytes_per_vehicle=grown / vehicles, folds=len(fleets.folds))


if __name__ == "__main__":
    main()
