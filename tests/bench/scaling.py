"""How the cost of a reading changes with the number of workers and the size of the fleet.

Every fleet has reported once before the clock starts. `fold_cpu_s_per_million` is the fold alone, without Kafka, Faust
and database: in a worker that works off a backlog a small fleet also writes fewer rows a reading, because a vehicle
that reported often since the last checkpoint is stored once.
"""

import statistics
from dataclasses import asdict, replace
from typing import Any

from tests.bench import fleet
from tests.bench.children import run_child
from tests.bench.marks import Lap
from tests.bench.services import Services
from tests.bench.workload import Workload

_FOLDS = 3
"""Times that the fold alone is measured, of which the median counts. A worker's run takes too long for that."""


def run(
    services: Services, *, base: Workload, readings: int, fleets: tuple[int, ...], workers: tuple[int, ...]
) -> dict[str, Any]:
    """Measure each fleet with one worker, and the smallest with each number of workers.

    `base` says all but how many vehicles and readings there are.
    """
    points = [(count, fleets[0]) for count in workers] + [(1, vehicles) for vehicles in fleets[1:]]
    # A round more than is measured: the first is the warm-up.
    workloads = {
        vehicles: replace(base, readings=vehicles * (1 + -(-readings // vehicles)), vehicles=vehicles)
        for vehicles in fleets
    }
    folds = {vehicles: _fold(services, workloads[vehicles]) for vehicles in fleets}
    found = [
        {
            "workers": count,
            "vehicles": vehicles,
            **fleet.run(services, workloads[vehicles], workers=count, warm_up=vehicles),
            "fold_cpu_s_per_million": folds[vehicles],
        }
        for count, vehicles in points
    ]
    costs = [one["cpu_s_per_million"] for one in found]
    return {
        "readings_per_s": statistics.median(one["readings_per_s"] for one in found),
        "cpu_s_per_million": statistics.median(costs),
        "spread": max(costs) / min(costs),
        "fold_spread": max(folds.values()) / min(folds.values()),
        "compared": sum(one["compared"] for one in found),
        "wrong": sum(one["wrong"] for one in found),
        "points": found,
    }


def _fold(services: Services, workload: Workload) -> float:
    spec = {"workload": asdict(workload), "runs": _FOLDS}
    found = run_child("tests.bench.fold_child", spec, services.directory)
    return statistics.median(Lap(**one).figures()["cpu_s_per_million"] for one in found["laps"])
