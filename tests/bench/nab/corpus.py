"""The files of the Numenta Anomaly Benchmark: series as CSV by family, and the windows of their anomalies.

The data is not part of this project: a folder of families with `combined_windows.json` in it (as `data/` of
github.com/numenta/NAB with the file of `labels/` beside the families), or a checkout of NAB itself.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

Window = tuple[int, int]
"""Index of the first and of the last point of an anomaly window."""


@dataclass(frozen=True, slots=True)
class Series:
    """One file; times are milliseconds since the epoch, taken as UTC."""

    family: str
    name: str
    times: Sequence[int]
    values: Sequence[float]
    windows: Sequence[Window]


def load(folder: Path) -> list[Series]:
    """Read all series that have labels and are there, by name; FileNotFoundError says what is missing."""
    labels = folder / "combined_windows.json"
    data = folder
    if not labels.exists():
        labels, data = folder / "labels" / "combined_windows.json", folder / "data"
    if not labels.exists():
        raise FileNotFoundError(
            f"no combined_windows.json in {folder} or {folder / 'labels'}; give a folder of NAB"
        )
    return [
        _series(data, name, limits)
        for name, limits in sorted(json.loads(labels.read_text()).items())
        if (data / name).exists()
    ]


def _series(data: Path, name: str, limits: list[tuple[str, str]]) -> Series:
    with (data / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = [_ms(row["timestamp"]) for row in rows]
    windows = [_window(times, _ms(first), _ms(last)) for first, last in limits]
    family, _, short = name.partition("/")
    return Series(family, short, times, [float(row["value"]) for row in rows], windows)


def _window(times: Sequence[int], first: int, last: int) -> Window:
    """Return the points of a window as NAB takes them, where several have one time or none has that of a limit too."""
    inside = [place for place, time in enumerate(times) if first <= time <= last]
    return inside[0], inside[-1]


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
