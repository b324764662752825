"""Figures of windows and requests computed the slow way from the values themselves: shares no code with it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

HOUR_MS = 3_600_000


def of_values(values: Sequence[float]) -> dict[str, Any]:
    """What a row of metrics must say of these values: quantiles to within 1 %, all else to the digits of a float."""
    ordered = sorted(values)
    exactly = {
        "readings": len(values),
        "total": pytest.approx(math.fsum(values), rel=1e-12, abs=1e-9),
        "mean": pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-9),
        "least": ordered[0],
        "most": ordered[-1],
        "stddev": pytest.approx(statistics.stdev(values), rel=1e-9, abs=1e-9) if len(values) > 1 else None,
    }
    ranks = {"median": 0.5, "p95": 0.95}
    quantiles = {name: ordered[math.floor(q * (len(values) - 1))] for name, q in ranks.items()}
    return exactly | {name: pytest.approx(value, rel=0.0100001) for name, value in quantiles.items()}


def of_requests(group: Sequence[Mapping[str, Any]], now: int) -> dict[str, Any]:
    """What a row of api.request_kpi must say at event time `now` of these requests (rows of ub.request, ms)."""
    done = [r for r in group if r["status"] == "closed"]
    late = [r for r in group if r["status"] == "open" and (r["expected_datetime"] or now) < now]
    due = [r["closed_at"] <= r["expected_datetime"] for r in done if r["expected_datetime"] is not None]
    hours = [(r["closed_at"] - r["opened_at"]) / HOUR_MS for r in done]
    return {
        "opened": len(group),
        "closed": len(done),
        "reopened": sum(r["reopened"] for r in group),
        "open_now": len(group) - len(done),
        "overdue": len(late),
        "resolution_rate": pytest.approx(len(done) / len(group)),
        "on_time_rate": _mean([*due, *(False for _ in late)]),
        "median_hours_to_close": pytest.approx(statistics.median(hours)) if hours else None,
        "rated": sum(r["rated_at"] is not None for r in group),
        "satisfaction": _mean([r["satisfaction"] for r in group if r["satisfaction"] is not None]),
        "resolved_rate": _mean([r["resolved"] for r in group if r["resolved"] is not None]),
    }


def _mean(values: Sequence[float]) -> Any:
    return pytest.approx(statistics.fmean(values)) if values else None
