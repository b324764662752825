"""The members of the family, by name; the first is the default."""

from collections.abc import Callable, Mapping
from typing import Any

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
