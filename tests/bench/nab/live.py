"""The files through what runs: as readings of one sensor each, through the folds of a worker, to events of alerts.

All files at once, in the order of their times. No metric of a city is as great as some of the values, and what counts
as still is set by the metric; so each file is laid over most of what a pressure can be. That changes no score: all
that `records` goes by are widths of ranges. Rows of one minute are one value here, their mean.
"""

from collections.abc import Iterator, Sequence

import h3

from schemas.metrics import METRICS
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule
from tests.bench.nab.corpus import Series
from tests.sensor_road import Reading, SensorRoad

METRIC = METRICS["pipe_pressure"]
MINUTE = 60_000
_MIDDLE = "8930994a553ffff"
_AT_ONCE = 300


def readings(number: int, cell: str, series: Series) -> Iterator[Reading]:
    """Yield the rows of a file as what the sensor with this number says."""
    lat, lon = h3.cell_to_latlng(cell)
    least, most = min(series.values), max(series.values)
    span = METRIC.highest - METRIC.lowest
    factor = 0.8 * span / (most - least) if most > least else 0.0
    for ts, value in zip(series.times, series.values, strict=True):
        pressure = METRIC.lowest + 0.1 * span + factor * (value - least)
        yield Reading(f"nab-{number}", METRIC.kind, METRIC.name, pressure, ts, lat, lon)


def detections(detector: str, files: Sequence[Series], threshold: float) -> list[list[float]]:
    """Return for each file 1 for each row with which an alert began, and 0 for the others."""
    cells = h3.grid_disk(_MIDDLE, 7)[: len(files)]
    rule = Rule(
        raise_at=threshold * (1 - 1e-6)
    )  # it is the score of a row, and values are rounded to a millionth
    road = SensorRoad(anomalies=AnomalyConfig(detector, rule))
    said = [one for number, file in enumerate(files) for one in readings(number, cells[number], file)]
    said.sort(key=lambda reading: reading.ts)
    begun: set[tuple[str, int]] = set()
    for first in range(0, len(said) + 2 * _AT_ONCE, _AT_ONCE):  # twice nothing: then all are silent
        road.feed(said[first : first + _AT_ONCE])
        events = road.checkpoint(1_000 if first < len(said) else MINUTE)
        begun |= {(e.cell, e.starts_at) for e in events if (e.kind, e.action) == ("anomaly", "raised")}
    return [
        [float((cell, ts // MINUTE * MINUTE) in begun) for ts in _first_of_minute(file.times)]
        for cell, file in zip(cells, files, strict=True)
    ]


def _first_of_minute(times: Sequence[int]) -> Iterator[int]:
    """Yield the times, -1 in place of those whose minute had one before."""
    seen: set[int] = set()
    for ts in times:
        yield -1 if ts // MINUTE in seen else ts
        seen.add(ts // MINUTE)
