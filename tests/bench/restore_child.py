"""A fleet comes back: its vehicles are read from the database and put into folds, as a worker does at its start."""

import asyncio
from typing import Any

from streams import settings
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.grid import locate
from streams.store.checkpoint import Store
from tests.bench import marks
from tests.bench.cells import beginning
from tests.bench.workload import WINDOW_MS


async def restored(partitions: int, vehicles: int) -> list[Any]:
    """Return the folds of all partitions."""
    read = settings.load()
    config = FleetConfig(
        window_ms=WINDOW_MS,
        allowed_lateness_ms=10_000,
        amend_horizon_ms=600_000,
        stale_after_ms=45 * 86_400_000,
        sources=partitions,
        most_vehicles=vehicles,
    )
    cells = Cells(locate.Locator(read.h3_resolution, read.region_resolution))
    async with Store(read.database_url.get_secret_value()) as store:
        return [
            FleetState(config, cells, beginning(partition), await store.vehicles(partition))
            for partition in range(partitions)
        ]


def main() -> None:
    """Measure."""
    asked = marks.spec()
    marks.settled()
    begin = marks.now()
    folds = asyncio.run(restored(asked["partitions"], asked["vehicles"]))
    end = marks.now(asked["vehicles"])
    outputs = [fold.take_outputs(at_checkpoint=True) for fold in folds]
    marks.report(begin=begin, end=end, told=sum(len(output) for output in outputs))


if __name__ == "__main__":
    main()
