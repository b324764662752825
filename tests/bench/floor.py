"""The contestants without our streams, on the same topic as the fleet: the floor, and vanilla Faust."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams import topics
from tests.bench import closed, kafka
from tests.bench.children import run_child
from tests.bench.expected import Counts, Occupancy, compare, expected
from tests.bench.frames import closing_frames, frames_of
from tests.bench.marks import Mark, lap
from tests.bench.services import Services
from tests.bench.workload import Workload

Told = Callable[[str, Workload], tuple[Counts, Occupancy]]


def floor(services: Services, workload: Workload) -> dict[str, Any]:
    """Run the framework-free floor (floor_child.py)."""
    return _run(services, workload, "tests.bench.floor_child")


def vanilla_faust(services: Services, workload: Workload) -> dict[str, Any]:
    """Run a Faust agent as its documentation has it (vanilla_faust_child.py)."""
    return _run(services, workload, "tests.bench.vanilla_faust_child")


def peer(services: Services, workload: Workload, name: str, python: Path) -> dict[str, Any]:
    """Run another stream processor (peers/NAME_child.py) with the Python of its environment."""
    told = closed.updates if name == "pathway" else closed.windows
    return _run(services, workload, f"tests.bench.peers.{name}_child", python=python, told=told)


def _run(
    services: Services,
    workload: Workload,
    module: str,
    *,
    python: Path = Path(sys.executable),
    told: Told = closed.windows,
) -> dict[str, Any]:
    found = expected(workload)
    frames = frames_of(workload)
    with services.kafka(workload.partitions) as bootstrap:
        kafka.create_topic(bootstrap, closed.OUTPUT, workload.partitions)
        kafka.fill(bootstrap, topics.VEHICLES, frames)
        kafka.fill(bootstrap, topics.VEHICLES, closing_frames(workload))
        result = run_child(
            module,
            {
                "bootstrap": bootstrap,
                "topic": topics.VEHICLES,
                "output": closed.OUTPUT,
                "partitions": workload.partitions,
                "shape": workload.shape,
                "resolution": workload.resolution,
                "end_ms": workload.end_ms,
                "readings": workload.total,
            },
            services.directory,
            python=python,
        )
        counts, occupancy = told(bootstrap, workload)
    verdict = compare(counts, found.counts) + compare(occupancy, found.present)
    whole = lap(Mark(**result["begin"]), Mark(**result["end"]))
    return {
        **whole.figures(),
        "readings_per_core_s": whole.done / whole.cpu_s,
        "peak_rss_mb": result["peak_rss_mb"],
        "compared": verdict.compared,
        "wrong": verdict.wrong,
    }
