"""`make bench`: runs the contestants, checks what they found, and writes table, build/bench.json and chart.

python -m tests.bench.run --only fleet,floor --runs 3
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench import chart, machine, tables
from tests.bench.contestants import TINY, Contestant, Sizes, groups
from tests.bench.services import Services
from tests.bench.summary import Results, entry, rounded
from tests.bench.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_name("baseline.json")
MACHINE = "machine"
"""The one key of the files that is no contestant."""


def run(sizes: Sizes, only: Sequence[str], runs: int, say: Callable[[str], None]) -> Results:
    """Run the contestants named in `only` (all, if none) and return their entries."""
    known = {one.key for group in groups(sizes) for one in group}
    unknown = set(only) - known
    if unknown:
        raise SystemExit(
            f"ONLY={','.join(only)}: no contestant {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    results: Results = {}
    with Services() as services:
        for group in groups(sizes):
            chosen = [one for one in group if not only or one.key in only]
            found = _take_turns(services, chosen, runs, say)
            results |= {one.key: entry(one.unit, found[one.key]) for one in chosen}
    return rounded(results)


def _take_turns(
    services: Services, chosen: Sequence[Contestant], runs: int, say: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """Run each contestant once, then each once more: what disturbs the machine meets all of them."""
    found: dict[str, list[dict[str, Any]]] = {one.key: [] for one in chosen}
    for number in range(runs):
        for one in chosen:
            if number and one.once:
                continue
            begin = time.monotonic()
            figures = one.run(services)
            found[one.key].append(figures)
            wrong = f", {figures['wrong']} WRONG" if figures.get("wrong") else ""
            say(
                f"{one.key} {number + 1}/{1 if one.once else runs}: {figures['readings_per_s']:,.0f} {one.unit}/s, "
                f"{figures['cpu_s_per_million']:.3g} CPU s per million{wrong} ({time.monotonic() - begin:.0f} s)"
            )
    return found


def load_baseline() -> Results:
    """Return the last committed figures."""
    found: Results = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    found.pop(MACHINE, None)
    return found


def write(results: Results, directory: Path, measured_on: dict[str, Any]) -> None:
    """Write bench.json and bench.png."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({MACHINE: measured_on, **results}, indent=1)
    (directory / "bench.json").write_text(text + "\n")
    chart.draw(results, directory / "bench.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 when a result differs from the batch computation."""
    asked = _arguments(arguments)
    measured_on = machine.describe()
    begin = time.monotonic()
    results = run(_sizes(asked), [name for name in asked.only.split(",") if name], asked.runs, _say)
    measured_on["minutes"] = round((time.monotonic() - begin) / 60, 1)
    write(results, asked.out, measured_on)
    tables.show(results, {} if asked.tiny else load_baseline())
    _say(f"{measured_on['minutes']} minutes; {asked.out / 'bench.json'}, {asked.out / 'bench.png'}")
    if asked.save_baseline:
        kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        BASELINE.write_text(json.dumps({**kept, MACHINE: measured_on, **results}, indent=1) + "\n")
    return 1 if any(one.get("wrong") for one in results.values()) else 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    workload = Workload()
    parser = argparse.ArgumentParser(description="Benchmark; docs/benchmarks.md explains every figure.")
    parser.add_argument("--only", default="", help="contestants, separated by commas")
    parser.add_argument("--runs", type=int, default=3, help="of which the median counts")
    parser.add_argument("--readings", type=int, default=workload.readings, help="of the fleet's workload")
    parser.add_argument("--vehicles", type=int, default=workload.vehicles)
    parser.add_argument("--frame", type=int, default=workload.frame, help="readings a frame")
    parser.add_argument("--resolution", type=int, default=workload.resolution, help="of H3 cells")
    parser.add_argument("--seed", type=int, default=workload.seed)
    parser.add_argument("--tiny", action="store_true", help="see whether it runs; the figures mean nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    parser.add_argument(
        "--save-baseline", action="store_true", help=f"make these the figures of {BASELINE.name}"
    )
    return parser.parse_args(arguments)


def _sizes(asked: argparse.Namespace) -> Sizes:
    if asked.tiny:
        return TINY
    base = Workload(
        readings=asked.readings,
        vehicles=asked.vehicles,
        frame=asked.frame,
        resolution=asked.resolution,
        seed=asked.seed,
    )
    return replace(Sizes(), base=base)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
