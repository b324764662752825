"""`make profile`: where the time of the fleet stage goes, layer by layer and then function by function."""

import cProfile
import io
import pstats
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from streams.fleet import columns
from tests.bench import fleet, marks
from tests.bench.fleet_fold import CHECKPOINT, Fleets
from tests.bench.frames import Frame, frames_of
from tests.bench.services import Services
from tests.bench.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
_FUNCTIONS = 30


def layers(workload: Workload, frames: tuple[Frame, ...]) -> dict[str, float]:
    """Return CPU seconds per million readings: decoding, folding, what is told, what is stored."""
    per_million = 1e6 / workload.readings
    begin = time.process_time()
    for frame in frames:
        columns.decode(frame.value, frame.timestamp)
    decoded = time.process_time() - begin
    fleets = Fleets(workload)
    marks.settled()
    told = stored = 0.0
    begin = time.process_time()
    for start in range(0, len(frames), CHECKPOINT):
        fleets.apply(frames[start : start + CHECKPOINT])
        for fold in fleets.folds:
            before = time.process_time()
            fold.take_outputs(at_checkpoint=True)
            between = time.process_time()
            fold.take_changes()
            told, stored = told + between - before, stored + time.process_time() - between
    folded = time.process_time() - begin - told - stored
    return {
        "decoding JSON into columns": decoded * per_million,
        "folding (admission, cells, windows, live counts)": (folded - decoded) * per_million,
        "partials made at checkpoints": told * per_million,
        "rows and state made at checkpoints": stored * per_million,
    }


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
    workload = Workload()
    frames = frames_of(workload)
    found = layers(workload, frames)
    with Services() as services:
        whole = fleet.run(services, workload)["cpu_s_per_million"]
    table = Table(
        title=f"CPU seconds per million readings ({workload.readings:,} readings)", title_justify="left"
    )
    table.add_column("layer")
    table.add_column("CPU s", justify="right")
    table.add_column("share", justify="right")
    found["Kafka client, Faust, database client: the rest"] = whole - sum(found.values())
    for name, seconds in {**found, "the worker in all": whole}.items():
        table.add_row(name, f"{seconds:.3f}", f"{seconds / whole:.0%}")
    Console(width=110).print(table)
    print(functions(workload, frames))
    return 0


if __name__ == "__main__":
    sys.exit(main())
