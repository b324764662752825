"""The detectors of anomalies, by name. UB_ANOMALY_DETECTOR says which run; `make bench-nab` measures the first."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any

from streams.incidents.anomaly.change import Change
from streams.incidents.anomaly.contract import Detector
from streams.incidents.anomaly.counts import Counts
from streams.incidents.anomaly.finest import least_width
from streams.incidents.anomaly.multivariate import Multivariate
from streams.incidents.anomaly.records import Records
from streams.incidents.anomaly.seasonal import Seasonal
from streams.incidents.anomaly.spatial import Spatial

FAMILY: Mapping[str, Callable[[], Detector[Any, float]]] = {
    "records": Records,
    "seasonal": Seasonal,
    "change": Change,
    "counts": Counts,
}
"""Those that judge a metric of a cell by itself; one of them runs."""

JOINT: Mapping[str, Callable[[], Detector[Any, Any]]] = {"spatial": Spatial, "multivariate": Multivariate}
"""Those that judge what is made of several series; any of them run, beside one of the others."""


def subject_of(detector: str, metric: str) -> str:
    """Return what an alert of a joint detector is about: a metric among neighbours, or all metrics of a cell (none)."""
    return f"{detector}:{metric}" if metric else detector


def joint(subject: str) -> str:
    """Return the joint detector that judges a subject; nothing where it is a plain metric."""
    name = subject.partition(":")[0]
    return name if name in JOINT else ""


def for_subject(name: str, subject: str, zone: tzinfo = UTC) -> Detector[Any, Any]:
    """Return the member for a subject; the range of its metric is the only thing that differs between subjects.

    `zone`: of the city's clocks.
    """
    detector = {**FAMILY, **JOINT}[name]()
    if isinstance(detector, Records | Seasonal):
        detector = replace(detector, zone=zone)
    if isinstance(detector, Records | Seasonal | Spatial):
        return replace(detector, least_width=least_width(subject.rpartition(":")[2]))
    return detector
