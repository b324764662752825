"""Which readings of a frame can be used, and their values as whole millionths of the metric's canonical unit."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.limits import EARLIEST_MS, END_MS
from schemas.metrics import METRICS, SENSOR_KINDS
from schemas.rejected import Reason
from schemas.sensors import SENSOR_STATUSES
from schemas.units import SAME, BadUnit, conversion
from streams.fold.frames import UNKNOWN
from streams.sensing.columns import KIND_CODE, METRIC_CODE, METRIC_NAMES
from streams.sensing.frame import Frame

Refuse = Callable[[Reason, str, int], None]
"""Refuse the reading at an index of the frame, with reason and detail."""

MILLION = 1_000_000

_METRICS = tuple(METRICS.values())
_KIND = np.array([KIND_CODE[metric.kind] for metric in _METRICS], np.int8)
_LOWEST = np.array([round(metric.lowest * MILLION) for metric in _METRICS], np.float64)
_HIGHEST = np.array([round(metric.highest * MILLION) for metric in _METRICS], np.float64)
_FREE_SPACES = METRIC_CODE["free_spaces"]


def usable_readings(c: Frame, refuse: Refuse) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the indices of the readings whose values can be used, and the values of these in millionths."""
    sound = _measured_somewhere(c) & (c.status >= 0) & (c.metric >= 0)
    sound &= c.kind == _KIND[c.metric]
    bad_units: dict[int, str] = {}
    with np.errstate(over="ignore"):  # what becomes infinite is in no range either
        converted = _converted(c, bad_units)
        millionths = np.rint(converted * MILLION)
    in_range = (millionths >= _LOWEST[c.metric]) & (millionths <= _HIGHEST[c.metric])
    in_range &= ~((c.metric == _FREE_SPACES) & (c.value > c.capacity))
    good = sound & in_range  # what has a bad unit is NaN, and in no range
    if good.all():
        return np.arange(len(c)), millionths.astype(np.int64)
    for index in np.flatnonzero(~good).tolist():
        if sound[index] and index in bad_units:
            refuse("bad_unit", bad_units[index], index)
        else:
            refuse(*_why(c, index, float(converted[index])), index)
    take = np.flatnonzero(good)
    return take, millionths[take].astype(np.int64)


def _measured_somewhere(c: Frame) -> NDArray[np.bool_]:
    """Return whether place and time of each reading are in range (NaN is not)."""
    there: NDArray[np.bool_] = (np.abs(c.lat) <= 90) & (np.abs(c.lon) <= 180)
    return there & (c.ts >= EARLIEST_MS) & (c.ts < END_MS)


def _converted(c: Frame, bad_units: dict[int, str]) -> NDArray[np.float64]:
    """Return the values in canonical units, NaN for those with a bad unit, of which the index and detail are noted."""
    if c.unit is None:
        return c.value
    units = c.units
    pair = c.metric.astype(np.int64) * len(units) + c.unit
    converted = c.value
    for found in np.flatnonzero(np.bincount(pair[c.metric >= 0])).tolist():
        how = conversion(METRIC_NAMES[found // len(units)], units[found % len(units)])
        if how == SAME:
            continue
        converted = converted.copy() if converted is c.value else converted
        those = np.flatnonzero(pair == found)
        if isinstance(how, BadUnit):
            converted[those] = np.nan
            bad_units.update(dict.fromkeys(those.tolist(), how.detail))
        else:
            converted[those] = c.value[those] * how.factor + how.offset
    return converted


def _why(c: Frame, index: int, converted: float) -> tuple[Reason, str]:
    """Return reason and detail for a reading that cannot be used, whose unit is no hindrance."""
    lat, lon, ts, code = float(c.lat[index]), float(c.lon[index]), int(c.ts[index]), int(c.metric[index])
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        return "coordinate_out_of_range", f"lat {lat}, lon {lon}: beyond 90 or 180 degrees"
    if not EARLIEST_MS <= ts < END_MS:
        return "time_out_of_range", f"ts {ts}: milliseconds from {EARLIEST_MS} to {END_MS - 1} expected"
    if c.status[index] == UNKNOWN:
        return "wrong_type", f"status is none of {', '.join(SENSOR_STATUSES)}"
    if code == UNKNOWN:
        return "unknown_metric", f"metric is none of {', '.join(METRIC_NAMES)}"
    metric = _METRICS[code]
    if c.kind[index] != _KIND[code]:
        kind = int(c.kind[index])
        said = "an unknown kind" if kind == UNKNOWN else f"kind {SENSOR_KINDS[kind]}"
        return "unknown_metric", f"{metric.name} is a metric of kind {metric.kind}, the reading says {said}"
    if code == _FREE_SPACES and c.value[index] > c.capacity[index]:
        return "value_out_of_range", f"{c.value[index]:g} free spaces of a capacity of {c.capacity[index]:g}"
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    return (
        "value_out_of_range",
        f"{metric.name} {converted:g}{unit}: {metric.lowest:g} to {metric.highest:g} expected",
    )
