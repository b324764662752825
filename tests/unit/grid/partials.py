"""Partials of sensing and requests, made of readings and of counts by name: plain sums, one reading after the other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from schemas.partials import MetricCounts, RequestCounts, RequestsPartial, SensingPartial
from streams.fold.sketch import bins_of
from tests.pipeline import T0

MINUTE = 60_000
REGION = "82309ffffffffff"
Measured = tuple[int, str, str, Sequence[float]]
"""minute, cell, metric, values in the metric's unit"""
Counted = tuple[int, str, str, dict[str, int], Sequence[float]]
"""minute, cell, service code, counts by the name of their column (others are 0), seconds to close"""
COUNTS = tuple(name for name in RequestCounts.__struct_fields__[3:] if not name.startswith("bin"))


def millionths(value: float) -> int:
    """Return a value as sums hold it."""
    return round(value * 1_000_000)


def sketch(values: Iterable[float]) -> tuple[list[int], list[int]]:
    """Return bins and counts of values."""
    counts = Counter(bins_of(np.array(list(values), np.float64)).tolist())
    return sorted(counts), [counts[bin_] for bin_ in sorted(counts)]


def sums(values: Sequence[float]) -> tuple[Any, ...]:
    """Return the columns from readings to bin_counts."""
    whole = [millionths(value) for value in values]
    parts = [divmod(value, 1 << 20) for value in whole]
    return (
        len(whole),
        sum(whole),
        sum(a * a for a, _ in parts),
        sum(a * b for a, b in parts),
        sum(b * b for _, b in parts),
        min(whole),
        max(whole),
        *sketch(values),
    )


def sensing(
    *rows: Measured,
    source: int = 0,
    sources: int = 1,
    offset: int = 0,
    generation: int = 0,
    reached: float = 0,
    **changed: Any,
) -> SensingPartial:
    """Return a partial of readings; `reached` is its watermark in minutes."""
    columns = [list(column) for column in zip(*[sums(values) for *_, values in rows], strict=True)]
    windows = MetricCounts(
        [T0 + minute * MINUTE for minute, *_ in rows],
        [cell for _, cell, *_ in rows],
        [metric for _, _, metric, _ in rows],
        *(columns or [[] for _ in range(9)]),
    )
    header = _header(source, sources, offset, generation, reached)
    return SensingPartial(**header | {"windows": windows} | changed)


def requests(
    *rows: Counted,
    source: int = 0,
    sources: int = 1,
    offset: int = 0,
    generation: int = 0,
    reached: float = 0,
    **changed: Any,
) -> RequestsPartial:
    """Return a partial of counts; `reached` is its watermark in minutes."""
    sketches = [sketch(seconds) for *_, seconds in rows]
    windows = RequestCounts(
        [T0 + minute * MINUTE for minute, *_ in rows],
        [cell for _, cell, *_ in rows],
        [code for _, _, code, *_ in rows],
        *[[counts.get(name, 0) for *_, counts, _ in rows] for name in COUNTS],
        [bins for bins, _ in sketches],
        [counts for _, counts in sketches],
    )
    header = _header(source, sources, offset, generation, reached)
    return RequestsPartial(**header | {"windows": windows} | changed)


def _header(source: int, sources: int, offset: int, generation: int, reached: float) -> dict[str, Any]:
    watermark = T0 + round(reached * MINUTE)
    return {
        "region": REGION,
        "source": source,
        "sources": sources,
        "generation": generation,
        "offset": offset,
        "newest_ts": watermark + 10_000,
        "watermark": watermark,
        "window_ms": MINUTE,
    }
