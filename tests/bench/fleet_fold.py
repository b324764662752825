"""The fleet fold alone, in this process: no Kafka, no Faust, no database. For memory, profile and scaling."""

from collections.abc import Iterable
from itertools import batched

from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.grid import locate
from tests.bench.cells import beginning
from tests.bench.frames import Frame
from tests.bench.workload import WINDOW_MS, Workload

CHECKPOINT = 500
"""Frames between checkpoints: a quarter of a million readings, about as many as a second brings at full speed."""


class Fleets:
    """One fold for each partition, as one worker has them."""

    def __init__(self, workload: Workload) -> None:
        config = FleetConfig(
            window_ms=WINDOW_MS,
            allowed_lateness_ms=10_000,
            amend_horizon_ms=600_000,
            stale_after_ms=45 * 86_400_000,
            sources=workload.partitions,
            most_vehicles=max(300_000, workload.vehicles),
        )
        cells = Cells(locate.Locator(workload.resolution, 2))
        self.folds = [FleetState(config, cells, beginning(number)) for number in range(workload.partitions)]
        self._offsets = [-1] * workload.partitions

    def fold(self, frames: Iterable[Frame]) -> None:
        """Fold frames in, and do at each checkpoint what a worker does; what comes of it is dropped."""
        for some in batched(frames, CHECKPOINT):
            self.apply(some)
            for fold in self.folds:
                fold.take_outputs(at_checkpoint=True)
                fold.take_changes()

    def apply(self, frames: Iterable[Frame]) -> None:
        """Fold frames in, each into its partition."""
        for frame in frames:
            self._offsets[frame.partition] += 1
            offset = self._offsets[frame.partition]
            value = Record(topics.VEHICLES, frame.partition, offset, frame.value, frame.timestamp)
            self.folds[frame.partition].apply(value)
