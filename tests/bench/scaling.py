"""How the cost of a reading changes with the number of workers and the size of the fleet: medians of three.

Every fleet has reported once before the clock starts. `fold_cpu_s_per_million` is the fold alone, without Kafka, Faust
and database, and there fleets take turns. Workers do not (docs/measurements.md, "Laps in turn").
A worker that works off a backlog of a small fleet also writes fewer rows a reading, because a vehicle that reported
often since the last checkpoint is stored once.
"""

import statistics
from dataclasses import asdict, replace
from typing import Any

from tests.bench import fleet
from tests.bench.children import run_child
from tests.bench.marks import Lap
from tests.bench.services import Services
from tests.bench.workload import Workload

_TIMES = 3


def run(
    services: Services, *, base: Workload, readings: int, fleets: tuple[int, ...], workers: tuple[int, ...]
) -> dict[str, Any]:
    """Measure each fleet with one worker, and the smallest with each number of workers.

    `readings` are those of a lap; `base` says all else but how many vehicles there are.
    """
    laps = {vehicles: replace(base, readings=vehicles, vehicles=vehicles).of(readings) for vehicles in fleets}
    folds = _folds(services, [_after_a_round(lap, 1) for lap in laps.values()])
    points = [(count, fleets[0]) for count in workers] + [(1, vehicles) for vehicles in fleets[1:]]
    found = [
        {
            "workers": count,
            "vehicles": vehicles,
            **_worked_off(services, laps[vehicles], count),
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


def _worked_off(services: Services, lap: Workload, workers: int) -> dict[str, Any]:
    workload = _after_a_round(lap, _TIMES)
    with fleet.warm(services, workload, workers=workers, warm_up=lap.vehicles, laps=_TIMES) as ready:
        for _ in range(_TIMES):
            ready.run()
        return ready.figures()


def _after_a_round(lap: Workload, times: int) -> Workload:
    """Return a round in which every vehicle reports once, and after it a lap some times."""
    return replace(lap, readings=lap.vehicles + times * lap.readings)


def _folds(services: Services, workloads: list[Workload]) -> dict[int, float]:
    """Return the CPU seconds per million of the fold alone, by vehicles."""
    spec = {"workloads": [asdict(workload) for workload in workloads], "runs": _TIMES}
    found = run_child("tests.bench.fold_child", spec, services.directory)
    return {
        workload.vehicles: statistics.median(Lap(**lap).figures()["cpu_s_per_million"] for lap in laps)
        for workload, laps in zip(workloads, found["laps"], strict=True)
    }
