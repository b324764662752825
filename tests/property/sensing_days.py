"""Random readings of a few sensors, and what a batch computation makes of them: plain Python, no code in common.

The oracle holds each window as a list of values and leaves the rest to `statistics`.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

from streams.sensing.state import SensingConfig
from tests.unit.sensing.station import MINUTE, Station, cell, frame, reading

WIDE = SensingConfig(
    window_ms=MINUTE, allowed_lateness_ms=10_000, amend_horizon_ms=100 * MINUTE, sources=1, most_series=1000
)
"""Nothing is too late in it; a block of windows is seven minutes."""
NARROW = SensingConfig(
    window_ms=MINUTE, allowed_lateness_ms=10_000, amend_horizon_ms=2 * MINUTE, sources=1, most_series=1000
)

Reading = dict[str, Any]
Key = tuple[int, int, str]
"""Window start, cell, metric."""

CONVERSIONS: dict[tuple[str, str | None], tuple[Fraction, Fraction]] = {
    ("temperature", None): (Fraction(1), Fraction(0)),
    ("temperature", "K"): (Fraction(1), Fraction("-273.15")),
    ("flow", "{vehicle}/h"): (Fraction(1), Fraction(0)),
    ("flow", "/min"): (Fraction(60), Fraction(0)),
    ("no2", None): (Fraction(1), Fraction(0)),
    ("no2", "mg/m3"): (Fraction(1000), Fraction(0)),
    ("free_spaces", "{space}"): (Fraction(1), Fraction(0)),
}
"""What the readings here are given in; ("no2", "km") is a bad unit."""
RANGES = {"temperature": (-90, 65), "flow": (0, 50_000), "no2": (0, 5_000), "free_spaces": (0, 100_000)}
STATUSES = ("ok", "degraded", "fault", "maintenance")

UNITS: dict[str, list[str | None]] = {
    "temperature": [None, "K"],
    "flow": ["{vehicle}/h", "/min"],
    "no2": [None, "mg/m3", "km"],
    "free_spaces": ["{space}"],
}


@st.composite
def _readings(draw: st.DrawFn, minutes: int, owners: Sequence[str]) -> Reading:
    metric = draw(st.sampled_from(sorted(RANGES)))
    return reading(
        draw(st.integers(-500, 50_000)) / 100,
        draw(st.integers(0, minutes * 6)) * 10,
        metric,
        sensor_id=draw(st.sampled_from(["s-1", "s-2", "s-3"])),
        at=draw(st.integers(0, 2)),
        unit=draw(st.sampled_from(UNITS[metric])),
        status=draw(st.sampled_from(STATUSES)),
        owner=draw(st.sampled_from(owners)),
        capacity=draw(st.sampled_from([None, 40.0])) if metric == "free_spaces" else None,
    )


@st.composite
def logs(draw: st.DrawFn, minutes: int, owners: Sequence[str] = ("city",)) -> list[Reading]:
    """Draw readings within so many minutes, some of them repeated, in any order."""
    distinct = draw(st.lists(_readings(minutes, owners), min_size=1, max_size=40))
    repeated = draw(st.lists(st.sampled_from(distinct), max_size=10))
    return list(draw(st.permutations(distinct + repeated)))


@dataclass
class Expected:
    """What the tables must hold."""

    windows: dict[Key, list[Fraction]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    applied: int = 0
    superseded: int = 0
    reasons: list[str] = field(default_factory=list)
    watermark: int = 0


def expected(log: Sequence[Reading], config: SensingConfig) -> Expected:
    """Compute the tables of a log in one go."""
    result, owner_of, seen = Expected(), {}, set()
    for one in log:
        value = _canonical(one)
        if isinstance(value, str):
            result.reasons.append(value)
            continue
        watermark = result.watermark
        result.watermark = max(watermark, one["ts"] - config.allowed_lateness_ms)
        if one["ts"] < watermark - config.amend_horizon_ms:
            result.reasons.append("too_late")
            continue
        if owner_of.setdefault(one["sensor_id"], one["owner"]) != one["owner"]:
            result.reasons.append("operator_conflict")
            continue
        at = cell(round((one["lon"] - 121.4) * 10))
        identity = (one["sensor_id"], one["metric"], one["ts"], value, at)
        series = (one["sensor_id"], one["metric"])
        state = (one["ts"], value, at, STATUSES.index(one["status"]))
        result.newest[series] = max(result.newest.get(series, state), state)
        if identity in seen:
            result.superseded += 1
            continue
        seen.add(identity)
        result.applied += 1
        result.windows[one["ts"] // MINUTE * MINUTE, at, one["metric"]].append(value)
    return result


def _canonical(one: Reading) -> Fraction | str:
    """Return the value in the canonical unit to the millionth, or why there is none."""
    metric = one["metric"]
    conversion = CONVERSIONS.get((metric, one["unit"]))
    if conversion is None:
        return "bad_unit"
    value = Fraction(str(one["value"])) * conversion[0] + conversion[1]
    lowest, highest = RANGES[metric]
    if not lowest <= value <= highest or (one["capacity"] is not None and one["value"] > one["capacity"]):
        return "value_out_of_range"
    return Fraction(round(value * 1_000_000), 1_000_000)


def run(log: Sequence[Reading], config: SensingConfig, random: Random) -> Station:
    """Fold a log, cut into frames at random, with checkpoints and crashes in between; ends with a checkpoint."""
    station, start = Station(config), 0
    while start < len(log):
        size = random.randint(1, 12)
        station.feed_bytes(frame(log[start : start + size]))
        start += size
        actions = [lambda: None, station.tell, station.checkpoint, station.crash, station.crash_before_commit]
        random.choice(actions)()
    station.checkpoint()
    return station


def assert_tables(station: Station, batch: Expected) -> None:
    """Compare what was told and stored with the batch."""
    assert station.windows.keys() == batch.windows.keys()
    for key, values in batch.windows.items():
        assert_window(station.windows[key], values)
    found = {
        key: (
            row["ts"],
            Fraction(round(row["value"] * 1e6), 10**6),
            row["cell"],
            STATUSES.index(row["status"]),
        )
        for key, row in station.rows.items()
    }
    assert found == batch.newest
    assert station.books() == (batch.applied, batch.superseded, len(batch.reasons))
    assert sorted(station.reasons()) == sorted(batch.reasons)


def assert_window(told: dict[str, Any], values: Sequence[Fraction]) -> None:
    """Compare one window: sums are exact, quantiles within 1 %."""
    n, million = len(values), 10**6
    assert told["readings"] == n
    assert Fraction(told["total"], million) == sum(values)
    assert Fraction(told["least"], million) == min(values)
    assert Fraction(told["most"], million) == max(values)
    squares = (told["square_aa"] << 40) + (told["square_ab"] << 21) + told["square_bb"]
    assert Fraction(squares, million**2) == sum(value * value for value in values)
    if n > 1:
        variance = (Fraction(squares) - Fraction(told["total"] ** 2, n)) / (n - 1) / million**2
        assert math.isclose(math.sqrt(variance), statistics.stdev(values), rel_tol=1e-9, abs_tol=1e-9)
    assert sum(told["bin_counts"]) == n
    assert told["bins"] == sorted(set(told["bins"]))
    for q in (0.5, 0.95):
        exact = float(sorted(values)[math.floor(q * (n - 1))])
        assert math.isclose(_quantile(told["bins"], told["bin_counts"], q), exact, rel_tol=0.0101), (q, exact)


def _quantile(bins: Sequence[int], counts: Sequence[int], q: float) -> float:
    """Return the middle of the bucket that holds the quantile, by the definition in the paper."""
    each = [bin_ for bin_, count in zip(bins, counts, strict=True) for _ in range(count)]
    bin_ = each[math.floor(q * (len(each) - 1))]
    return math.copysign((1.01 / 0.99) ** (abs(bin_) - 1037) * 0.99, bin_) if bin_ else 0.0
