"""`make bench`: runs the contestants, checks what they found, and writes table, build/bench.json and chart.

python -m tests.bench.run --only fleet,floor --runs 3
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench import chart, machine, tables
from tests.bench.children import BenchFailed
from tests.bench.citizens import Hotline
from tests.bench.contestants import PEERS, TINY, Contestant, Sizes, groups
from tests.bench.sensors import Network
from tests.bench.services import Services
from tests.bench.summary import Results, entry, rounded
from tests.bench.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_name("baseline.json")
MACHINE = "machine"
"""The one key of the files that is no contestant."""


def chosen(sizes: Sizes, only: Sequence[str], *, peers: bool = False) -> list[str]:
    """Return the keys of the contestants named in `only`, else of all of ours; SystemExit where one is not known.

    `peers`: of those groups that other stream processors take part in, all.
    """
    known = [one for group in groups(sizes) for one in group]
    unknown = set(only) - {one.key for one in known}
    if unknown:
        there = ", ".join(sorted(one.key for one in known))
        raise SystemExit(f"ONLY={','.join(only)}: no contestant {', '.join(unknown)}; there are {there}")
    if only:
        return [one.key for one in known if one.key in only]
    if peers:
        return [one.key for group in groups(sizes) if any(one.package for one in group) for one in group]
    return [one.key for one in known if one.package is None]


def installed(sizes: Sizes, wanted: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Return `wanted` without the stream processors that are not there; SystemExit where none can be."""
    packages = {one.key: one.package for group in groups(sizes) for one in group if one.package}
    if packages.keys() & set(wanted) and not PEERS.exists():
        raise SystemExit(f"{PEERS} is not there, for {', '.join(packages)}; `make bench-peers` installs it")
    missing = [key for key in wanted if key in packages and not _is_there(packages[key])]
    for key in missing:
        say(f"{key}: left out, as {packages[key]} is not in {PEERS.parents[1]}; `make bench-peers` says why")
    return [key for key in wanted if key not in missing]


def _is_there(package: str) -> bool:
    found = f"import sys, importlib.util; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([PEERS, "-c", found], check=False).returncode == 0


def run(sizes: Sizes, wanted: Collection[str], runs: int, say: Callable[[str], None]) -> Results:
    """Run contestants, by their keys, and return the entries of those that came to an end."""
    results: Results = {}
    with Services() as services:
        for group in groups(sizes):
            some = [one for one in group if one.key in wanted]
            found = _take_turns(services, some, runs, say)
            results |= {one.key: entry(one.unit, found[one.key]) for one in some if found[one.key]}
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
            try:
                figures = one.run(services)
            except BenchFailed as error:  # the others are worth their minutes all the same
                say(f"{one.key} {number + 1}: FAILED, {error}")
                continue
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
    """Return 1 when a result differs from the batch computation, or a contestant did not come to an end."""
    asked = parsed(arguments)
    sizes = sizes_of(asked)
    only = [name for name in asked.only.split(",") if name]
    wanted = installed(sizes, chosen(sizes, only, peers=asked.peers), _say)
    measured_on = machine.describe()
    begin = time.monotonic()
    results = run(sizes, wanted, asked.runs, _say)
    measured_on["minutes"] = round((time.monotonic() - begin) / 60, 1)
    write(results, asked.out, measured_on)
    tables.show(results, {} if asked.tiny else load_baseline())
    _say(f"{measured_on['minutes']} minutes; {asked.out / 'bench.json'}, {asked.out / 'bench.png'}")
    if asked.save_baseline:
        kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        BASELINE.write_text(json.dumps({**kept, MACHINE: measured_on, **results}, indent=1) + "\n")
    failed = len(results) < len(wanted)
    return 1 if failed or any(one.get("wrong") for one in results.values()) else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line asks for."""
    workload = Workload()
    parser = argparse.ArgumentParser(description="Benchmark; docs/benchmarks.md explains every figure.")
    add = parser.add_argument
    add("--only", default="", help="contestants, separated by commas")
    add("--peers", action="store_true", help="other stream processors, and ours that do the same job")
    add("--runs", type=int, default=3, help="of which the median counts")
    add("--readings", type=int, default=workload.readings, help="of the fleet; whole rounds of all vehicles")
    add("--vehicles", type=int, default=workload.vehicles)
    add("--riding", type=float, default=workload.riding, help="share of the vehicles that ride")
    add("--sensors", type=int, default=Network().sensors)
    add("--frame", type=int, default=workload.frame, help="readings or events a frame")
    add("--resolution", type=int, default=workload.resolution, choices=range(4, 14), help="of H3 cells")
    add("--seed", type=int, default=workload.seed)
    add("--tiny", action="store_true", help="see whether it runs; the figures mean nothing")
    add("--out", type=Path, default=ROOT / "build")
    add("--save-baseline", action="store_true", help=f"make these the figures of {BASELINE.name}")
    return parser.parse_args(arguments)


def sizes_of(asked: argparse.Namespace) -> Sizes:
    """Return how large everything is to be."""
    if asked.tiny:
        return TINY
    common = {"frame": asked.frame, "resolution": asked.resolution, "seed": asked.seed}
    fleet = Workload(readings=asked.vehicles, vehicles=asked.vehicles, riding=asked.riding, **common)
    return replace(
        Sizes(),
        base=fleet.of(asked.readings),
        network=Network(sensors=asked.sensors, **common),
        hotline=Hotline(**common),
    )


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
