"""Checks a partial before anything of it is folded; a faulty one is refused as a whole.

A partial that passes can be added, saved and published: every number fits the tables and 64 bits, and the sums of a
metric are possible sums of readings, so that no standard deviation is the root of a negative number.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

import numpy as np

from schemas.limits import END_MS
from schemas.metrics import METRICS
from schemas.partials import FleetPartial, MetricCounts, Partial, RequestCounts, SensingPartial, SensorHealth
from streams.fold.sketch import HIGHEST_BIN
from streams.grid.locate import is_cell
from streams.grid.metrics import square_sum

_COUNT = range(1 << 31)
_CHANGE = range(-(1 << 31), 1 << 31)
_SUM = range(-(1 << 62), 1 << 62)
_VALUE = range(-(1 << 53), 1 << 53)
_HEADER: Mapping[str, range] = {
    "source": range(1 << 20),
    "sources": range(1 << 20),
    "generation": range(1 << 18),
    "offset": range(-1, (1 << 43) - 1),  # -1: a source that begins anew says what it knows
    "newest_ts": range(END_MS),
    "watermark": range(END_MS),
}
_COLUMNS: Mapping[str, range] = {
    "window_start": range(END_MS),
    "open_change": _CHANGE,
    "overdue_change": _CHANGE,
    "total": _SUM,
    "square_aa": _SUM,
    "square_ab": _SUM,
    "square_bb": _SUM,
    "least": _VALUE,
    "most": _VALUE,
    "last_ts": range(END_MS),
    "expected_ms": range(END_MS),
    "patience_ms": range(END_MS),
    "stuck_since": range(END_MS),
    "refused_since": range(END_MS),
    "period": range(END_MS),
}
"""Columns of numbers that are no counts."""
_NAME_COLUMNS = ("operator", "metric", "service_code", "sensor_id", "owner")
_NO_NUMBERS = ("cell", *_NAME_COLUMNS, "bins", "bin_counts", "value", "mean")
_GREATEST = 1e12
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")


def problem_of(partial: Partial, window_ms: int, known_cells: AbstractSet[str]) -> str:
    """Return what makes a partial unusable, or nothing."""
    if partial.window_ms != window_ms:
        return f"windows of {partial.window_ms} ms, {window_ms} ms expected: UB_WINDOW_S differs"
    for name, allowed in _HEADER.items():
        if getattr(partial, name) not in allowed:
            return _beyond(f"{name} {getattr(partial, name)}", allowed)
    if not is_cell(partial.region):
        return f"region {partial.region[:32]!r} is no H3 cell"
    tables = _tables(partial)
    for table in tables:
        problem = _problem_of_table(table)
        if problem:
            return problem
    for cell in {*chain.from_iterable(table.cell for table in tables)} - known_cells:
        if not is_cell(cell):
            return f"{cell[:32]!r} is no H3 cell"
    for start in {*partial.windows.window_start}:
        if start % window_ms:
            return f"window_start {start}: a multiple of {window_ms} expected"
    if not isinstance(partial, FleetPartial):
        return _problem_of_sketches(partial.windows) or (
            _problem_of_metrics(partial.windows) or _problem_of_health(partial.health)
            if isinstance(partial, SensingPartial)
            else ""
        )
    return ""


def _tables(partial: Partial) -> tuple[Any, ...]:
    if isinstance(partial, FleetPartial):
        return partial.now, partial.windows
    if isinstance(partial, SensingPartial) and partial.health is not None:
        return partial.windows, partial.health
    return (partial.windows,)


def _problem_of_table(table: Any) -> str:
    columns = {name: getattr(table, name) for name in table.__struct_fields__}
    if len({len(column) for column in columns.values()}) > 1:
        return f"columns of {', '.join(str(len(c)) for c in columns.values())} values; equal lengths expected"
    for name, column in columns.items():
        if name in _NAME_COLUMNS:
            for text in {*column}:
                if not _NAME.fullmatch(text):
                    return f"{name} {text[:32]!r}: 1 to 128 characters without control characters expected"
        elif name not in _NO_NUMBERS:
            allowed = _COLUMNS.get(name, _COUNT)
            if column and not (min(column) in allowed and max(column) in allowed):
                return _beyond(name, allowed)
    return ""


def _problem_of_sketches(windows: MetricCounts | RequestCounts) -> str:
    lengths = [len(bins) for bins in windows.bins]
    if lengths != [len(counts) for counts in windows.bin_counts]:
        return "bins and bin_counts of different lengths; a count for each bin expected"
    bins, counts = [*chain.from_iterable(windows.bins)], [*chain.from_iterable(windows.bin_counts)]
    if not bins:
        return ""
    if not -HIGHEST_BIN <= min(bins) <= max(bins) <= HIGHEST_BIN:
        return _beyond("bins", range(-HIGHEST_BIN, HIGHEST_BIN + 1))
    if not (min(counts) > 0 and max(counts) in _COUNT):
        return _beyond("bin_counts", range(1, _COUNT.stop))
    row = np.repeat(np.arange(len(lengths)), lengths)
    if (np.diff(row * (2 * HIGHEST_BIN + 1) + np.array(bins)) <= 0).any():
        return "bins that do not ascend"
    return ""


def _problem_of_metrics(windows: MetricCounts) -> str:
    for metric in {*windows.metric} - METRICS.keys():
        return f"metric {metric[:32]!r} is not in schemas/metrics.py: an older worker reads what a newer one wrote?"
    w = windows
    sums = (w.readings, w.total, w.square_aa, w.square_ab, w.square_bb, w.least, w.most)
    for row in zip(*sums, map(sum, w.bin_counts), strict=True):
        if not _adds_up(*row):
            return f"{row}: readings, total, squares, least, most and readings in bins that are of no set of readings"
    return ""


def _problem_of_health(health: SensorHealth | None) -> str:
    if health is None:
        return ""
    for metric in {*health.metric} - METRICS.keys():
        return f"metric {metric[:32]!r} is not in schemas/metrics.py"
    for value in chain(health.value, health.mean):
        if not abs(value) <= _GREATEST:
            return f"value {value!r}: numbers up to {_GREATEST:g} expected"
    return ""


def _adds_up(
    readings: int, total: int, aa: int, ab: int, bb: int, least: int, most: int, in_bins: int
) -> bool:
    """Whether there can be readings with these sums: mean and root mean square lie between the extremes.

    What holds for the sums of two sources holds for the sums of both (Cauchy and Schwarz).
    """
    squares = square_sum(aa, ab, bb)
    return (
        0 < readings == in_bins
        and readings * least <= total <= readings * most
        and total * total <= readings * squares
        and squares <= readings * max(least * least, most * most)
    )


def _beyond(what: str, allowed: range) -> str:
    return f"{what}: {allowed.start} to {allowed.stop - 1} expected"
