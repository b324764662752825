"""`make profile`: where the time of the fleet stage goes, layer by layer and then function by function."""

import argparse
import cProfile
import io
import pstats
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from streams import topics
from streams.fleet.batch import Batch
from streams.fleet.cells import Cells
from streams.fleet.slots import Slots
from streams.fold.contract import Record
from streams.grid import locate
from tests.bench import fleet, fleet_child
from tests.bench.fleet_fold import Fleets
from tests.bench.frames import Frame, frames_of
from tests.bench.services import Services
from tests.bench.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
_FUNCTIONS = 30
_LEAST_S = 0.001


def layers(services: Services, workload: Workload, frames: tuple[Frame, ...]) -> dict[str, float]:
    """Return CPU seconds per million readings of a worker, by part; decoding is measured on its own."""
    decoding = _decoding(workload, frames)
    report, _ = fleet.report_of(services, workload, layers=True)
    spent = report["layers"]
    threads = {name: seconds for name, seconds in spent.items() if name.startswith("thread ")}
    main = threads.pop("thread MainThread")
    parts = {
        "decode JSON into columns": decoding,
        "fold: admission, cells, windows, live counts": spent[fleet_child.FOLD] - decoding,
        "make partials (ticks and checkpoints)": spent[fleet_child.OUTPUTS],
        "make rows and state (checkpoints)": spent[fleet_child.CHANGES],
        "hand partials to the Kafka producer": spent[fleet_child.PUBLISH],
        "database client": spent[fleet_child.COMMIT],
    }
    parts["Faust, event loop, Kafka sender"] = main - sum(parts.values())
    for name, seconds in threads.items():
        # Faust's consumer runs in a service thread without a name of its own.
        parts["Kafka consumer thread" if name.startswith("thread Thread-") else name] = seconds
    return {name: seconds * 1e6 / workload.readings for name, seconds in parts.items() if seconds > _LEAST_S}


def _decoding(workload: Workload, frames: tuple[Frame, ...]) -> float:
    batch, slots = Batch(), Slots(Cells(locate.Locator(workload.resolution, 2)))
    begin = 0.0
    for number, frame in enumerate((frames[0], *frames)):  # the first one twice: to get to know the operators
        if number == 1:
            begin = time.process_time()
        batch.clear()
        batch.add(Record(topics.VEHICLES, frame.partition, 0, frame.value, frame.timestamp), slots)
    return time.process_time() - begin


def functions(workload: Workload, frames: tuple[Frame, ...]) -> str:
    """Return the functions with the most time of their own; the profiler makes Python's calls dearer than they are."""
    fleets, profile, text = Fleets(workload), cProfile.Profile(), io.StringIO()
    profile.enable()
    fleets.fold(frames)
    profile.disable()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(_FUNCTIONS)
    return text.getvalue().replace(f"{ROOT}/", "")


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=Workload().readings)
    parser.add_argument("--vehicles", type=int, default=Workload().vehicles)
    parser.add_argument("--shape", choices=("columns", "rows"), default="columns")
    parser.add_argument("--restless", action="store_true", help="every position in another cell")
    workload = Workload(**vars(parser.parse_args()))
    frames = frames_of(workload)
    with Services() as services:
        found = layers(services, workload, frames)
    table = Table(
        title=f"A worker's CPU seconds per million readings ({workload.readings:,})", title_justify="left"
    )
    table.add_column("part")
    table.add_column("CPU s", justify="right")
    table.add_column("share", justify="right")
    whole = sum(found.values())
    for name, seconds in {**found, "in all": whole}.items():
        table.add_row(name, f"{seconds:.3f}", f"{seconds / whole:.0%}")
    Console(width=110).print(table)
    print(functions(workload, frames))
    return 0


if __name__ == "__main__":
    sys.exit(main())
