"""The contestants without our streams, on the same topic as the fleet: the floor, and vanilla Faust."""

from collections import defaultdict
from typing import Any

import msgspec

from streams import topics
from tests.bench import kafka
from tests.bench.children import run_child
from tests.bench.expected import Counts, Occupancy, compare, expected
from tests.bench.frames import closing_frames, frames_of
from tests.bench.marks import Mark, lap
from tests.bench.services import Services
from tests.bench.workload import Workload

OUTPUT = "bench.closed"

_Record = msgspec.json.Decoder(dict[str, int])


def floor(services: Services, workload: Workload) -> dict[str, Any]:
    """Run the framework-free floor (floor_child.py)."""
    return _run(services, workload, "tests.bench.floor_child")


def vanilla_faust(services: Services, workload: Workload) -> dict[str, Any]:
    """Run a Faust agent as its documentation has it (vanilla_faust_child.py)."""
    return _run(services, workload, "tests.bench.vanilla_faust_child")


def _run(services: Services, workload: Workload, module: str) -> dict[str, Any]:
    found = expected(workload)
    frames = frames_of(workload)
    with services.kafka(workload.partitions) as bootstrap:
        kafka.create_topic(bootstrap, OUTPUT, workload.partitions)
        kafka.fill(bootstrap, topics.VEHICLES, frames)
        kafka.fill(bootstrap, topics.VEHICLES, closing_frames(workload))
        result = run_child(
            module,
            {
                "bootstrap": bootstrap,
                "topic": topics.VEHICLES,
                "output": OUTPUT,
                "partitions": workload.partitions,
                "shape": workload.shape,
                "resolution": workload.resolution,
                "end_ms": workload.end_ms,
            },
            services.directory,
        )
        counts, occupancy = _told(bootstrap, workload)
    verdict = compare(counts, found.counts) + compare(occupancy, found.present)
    whole = lap(Mark(**result["begin"]), Mark(**result["end"]))
    return {
        **whole.figures(),
        "readings_per_core_s": whole.done / whole.cpu_s,
        "peak_rss_mb": result["peak_rss_mb"],
        "compared": verdict.compared,
        "wrong": verdict.wrong,
    }


def _told(bootstrap: str, workload: Workload) -> tuple[Counts, Occupancy]:
    """Return the counts of closed windows and the occupancy with the last of them: every vehicle is in it."""
    counts: Counts = defaultdict(int)
    occupancy: dict[int, tuple[int, int]] = {}
    for message in kafka.records(bootstrap, OUTPUT, workload.partitions):
        record = _Record.decode(message.value())
        cell, window = record["cell"], record["window"]
        if window < workload.end_ms:
            counts[cell, window] += record["count"]
            occupancy[cell] = max(occupancy.get(cell, (0, 0)), (window, record["occupancy"]))
    last = max((window for _, window in counts), default=0)
    return counts, {cell: n for cell, (window, n) in occupancy.items() if window == last}
