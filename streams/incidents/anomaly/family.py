"""The members of the family, by name; the first is the default, and the one that `make bench-nab` measures."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.metrics import METRICS
from streams.incidents.anomaly.change import Change
from streams.incidents.anomaly.contract import Detector
from streams.incidents.anomaly.counts import Counts
from streams.incidents.anomaly.records import Records
from streams.incidents.anomaly.seasonal import Seasonal

FAMILY: Mapping[str, Callable[[], Detector[Any]]] = {
    "records": Records,
    "seasonal": Seasonal,
    "change": Change,
    "counts": Counts,
}

FINEST = 1 / 5_000
"""Of all that a metric can be: what moves within a narrower range is as good as still."""


def for_metric(name: str, metric: str) -> Detector[Any]:
    """Return the member for a metric of the table; its range is the only thing that differs between metrics."""
    detector = FAMILY[name]()
    if isinstance(detector, Records) and metric in METRICS:
        span = METRICS[metric].highest - METRICS[metric].lowest
        return replace(detector, least_width=span * FINEST)
    return detector
