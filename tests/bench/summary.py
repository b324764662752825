"""Several runs of a contestant as one entry of build/bench.json, and entries compared with each other."""

import statistics
from collections.abc import Sequence
from typing import Any, cast

Entry = dict[str, Any]
Results = dict[str, Entry]

_WORST = ("wrong",)
_RANGE = ("readings_per_s", "cpu_s_per_million")
SLOWER = 1.2
"""A change that costs more than this is marked."""
MACHINE_BY = "floor"
"""What shows how fast the machine is in this hour: the floor, a fixed program that no change of ours makes dearer."""


def entry(unit: str, runs: Sequence[dict[str, Any]]) -> Entry:
    """Return medians of all figures, the range of the two that everyone has, and the number of runs."""
    if len(runs) == 1:
        merged = dict(runs[0])
    else:
        merged = {
            name: (max if name in _WORST else statistics.median)(run[name] for run in runs)
            for name in runs[0]
        }
    return {
        **merged,
        "unit": unit,
        "runs": len(runs),
        "min": {name: min(run[name] for run in runs) for name in _RANGE},
        "max": {name: max(run[name] for run in runs) for name in _RANGE},
    }


def rounded[T](value: T) -> T:
    """Return figures with four significant digits, as they stand in files."""
    found: Any = value
    if isinstance(value, float):
        found = float(f"{value:.4g}")
    elif isinstance(value, dict):
        found = {name: rounded(one) for name, one in value.items()}
    elif isinstance(value, list | tuple):
        found = [rounded(one) for one in value]
    return cast("T", found)


def cost(one: Entry) -> float:
    """Return what is compared with the last committed figures: bytes a vehicle, or CPU seconds per million."""
    return float(one["bytes_per_vehicle"] if "bytes_per_vehicle" in one else one["cpu_s_per_million"])


def change(now: Results, before: Results, key: str) -> float | None:
    """Return the cost of a contestant relative to the baseline's, None where the baseline has none."""
    return cost(now[key]) / cost(before[key]) if key in before and cost(before[key]) > 0 else None


def change_of_code(now: Results, before: Results, key: str) -> float | None:
    """Return `change` without what the machine has become slower or faster, where the floor shows that.

    Memory does not depend on the machine's speed.
    """
    raw = change(now, before, key)
    if raw is None or MACHINE_BY not in now or "bytes_per_vehicle" in now[key]:
        return raw
    return raw / (change(now, before, MACHINE_BY) or 1)


def core_rate(one: Entry) -> float:
    """Return how many a core does in a second of its time."""
    return 1e6 / float(one["cpu_s_per_million"])
