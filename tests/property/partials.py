"""Partials of several sources for property tests of the grid, and what a batch computation makes of them.

A source says nothing twice in different words: what it says of a row at an offset is drawn once. Windows are not
forgotten here (tests/unit/grid has that): everything that is delivered counts.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from schemas.cells import ClosedMetrics, ClosedRequests, ClosedWindows
from schemas.partials import FleetPartial, Partial, SlotCounts, WindowCounts
from streams.grid.state import GridConfig
from tests.pipeline import T0
from tests.unit.grid.partials import COUNTS, MINUTE, REGION, millionths, requests, sensing

SOURCES = 3
CONFIG = GridConfig(
    window_ms=MINUTE, amend_horizon_ms=100 * 3_600_000, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)
CELLS = ("89309959d07ffff", "89309959d0fffff")
Place = tuple[int, str, str]
"""minute, cell, and operator, metric or service code"""
Row = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What one source says at one offset: contents by place, with its watermark in minutes."""

    source: int
    offset: int
    reached: float
    contents: Mapping[Place, Any]


@dataclass(frozen=True, repr=False)
class Side:
    """One kind: what its partials are made of, and what its closed rows must be."""

    name: str
    names: tuple[str, str]
    contents: st.SearchStrategy[Any]
    partial: Callable[[Said], Partial]
    row: Callable[[list[Any], list[Any]], Row]
    """Return a closed row of what all sources say of its window, and of all windows up to it."""
    table: str
    columns: type[Any]

    def __repr__(self) -> str:
        return self.name

    def said(self) -> st.SearchStrategy[list[Said]]:
        """Draw what sources say, in any order, some of it more than once."""
        places = st.tuples(st.integers(0, 4), st.sampled_from(CELLS), st.sampled_from(self.names))
        one = st.tuples(
            st.integers(0, SOURCES - 1),
            st.integers(0, 5),
            st.integers(0, 10).map(lambda half: half / 2),
            st.dictionaries(places, self.contents, max_size=4),
        )
        told = st.lists(one, max_size=12, unique_by=lambda item: item[:2])
        return told.flatmap(_repeated)

    def expected(self, said: list[Said]) -> dict[Place, Row]:
        """Return the closed rows of all that was said, but for those in which nothing happened."""
        newest: dict[Place, dict[int, Said]] = defaultdict(dict)
        for one in said:
            for place in one.contents:
                known = newest[place].get(one.source)
                if known is None or one.offset > known.offset:
                    newest[place][one.source] = one
        contents = {place: [one.contents[place] for one in words.values()] for place, words in newest.items()}
        rows = {}
        for place, here in contents.items():
            before = [
                c for at, cs in contents.items() if at[1:] == place[1:] and at[0] <= place[0] for c in cs
            ]
            rows[place] = self.row(here, before)
        return rows


def _repeated(told: list[tuple[int, int, float, dict[Place, Any]]]) -> st.SearchStrategy[list[Said]]:
    said = [Said(*one) for one in told]
    again = st.lists(st.sampled_from(said), max_size=4) if said else st.just([])
    return again.flatmap(lambda more: st.permutations(said + more))


# ---------------------------------------------------------------------- fleet


def _fleet_partial(said: Said) -> Partial:
    watermark = T0 + round(said.reached * MINUTE)
    keys = list(said.contents)
    windows = WindowCounts(
        [T0 + minute * MINUTE for minute, _, _ in keys],
        [cell for _, cell, _ in keys],
        [operator for _, _, operator in keys],
        *[[said.contents[key][i] for key in keys] for i in range(3)],
    )
    return FleetPartial(
        region=REGION,
        source=said.source,
        sources=SOURCES,
        generation=0,
        offset=said.offset,
        newest_ts=watermark + 10_000,
        watermark=watermark,
        window_ms=MINUTE,
        now=SlotCounts([], [], [], [], [], [], []),
        windows=windows,
    )


def _fleet_row(here: list[tuple[int, int, int]], before: list[tuple[int, int, int]]) -> Row:
    readings, arrivals, departures = (sum(counts[i] for counts in here) for i in range(3))
    occupancy = sum(arrived - departed for _, arrived, departed in before)
    return {"readings": readings, "arrivals": arrivals, "departures": departures, "occupancy": occupancy}


# ---------------------------------------------------------------------- sensing


def _sensing_partial(said: Said) -> Partial:
    rows = [(*place, values) for place, values in said.contents.items()]
    return sensing(*rows, source=said.source, sources=SOURCES, offset=said.offset, reached=said.reached)


def _sensing_row(here: list[list[float]], _before: list[list[float]]) -> Row:
    values = sorted(value for values in here for value in values)
    exact = [Fraction(millionths(value), 1_000_000) for value in values]
    mean = sum(exact) / len(exact)
    square = sum((value - mean) ** 2 for value in exact)
    return {
        "readings": len(exact),
        "total": float(sum(exact)),
        "mean": float(mean),
        "least": float(exact[0]),
        "most": float(exact[-1]),
        "stddev": math.sqrt(square / (len(exact) - 1)) if len(exact) > 1 else None,
        "median": Near(values[(len(values) - 1) // 2]),
        "p95": Near(values[math.floor(0.95 * (len(values) - 1))]),
    }


@dataclass(frozen=True)
class Near:
    """Equal to what is within the sketch's 1 % of a value."""

    value: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(other - self.value) <= 0.010001 * abs(self.value)

    __hash__ = None  # type: ignore[assignment]


# ---------------------------------------------------------------------- requests


def _requests_partial(said: Said) -> Partial:
    rows = [(*place, counts, seconds) for place, (counts, seconds) in said.contents.items()]
    return requests(*rows, source=said.source, sources=SOURCES, offset=said.offset, reached=said.reached)


def _requests_row(here: list[Any], before: list[Any]) -> Row:
    sums = {name: sum(counts.get(name, 0) for counts, _ in here) for name in COUNTS}
    open_now, overdue = (
        sum(counts.get(name, 0) for counts, _ in before) for name in ("open_change", "overdue_change")
    )
    seconds = sorted(second for _, seconds in here for second in seconds)
    return {
        **{name: sums[name] for name in ("opened", "closed", "reopened", "rated")},
        "open_now": open_now,
        "overdue": overdue,
        "resolution_rate": _share(sums["closed"], sums["closed"] + open_now),
        "median_s": Near(seconds[(len(seconds) - 1) // 2]) if seconds else None,
        "resolved_rate": _share(sums["resolved"], sums["asked_resolved"]),
        "satisfaction": _share(sums["satisfied_sum"], sums["asked_satisfied"]),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


small = st.integers(0, 3)
changes = st.integers(-3, 3)
SIDES = (
    Side(
        "fleet",
        ("north", "south"),
        st.tuples(small, small, small),
        _fleet_partial,
        _fleet_row,
        "cell_window",
        ClosedWindows,
    ),
    Side(
        "sensing",
        ("temperature", "speed"),
        st.lists(st.integers(-90_000_000, 65_000_000).map(lambda n: n / 1_000_000), min_size=1, max_size=6),
        _sensing_partial,
        _sensing_row,
        "sensor_window",
        ClosedMetrics,
    ),
    Side(
        "requests",
        ("noise", "heating"),
        st.tuples(
            st.fixed_dictionaries(
                {},
                optional={name: changes if name.endswith("change") else small for name in COUNTS},
            ),
            st.lists(st.integers(1, 10**7).map(float), max_size=4),
        ),
        _requests_partial,
        _requests_row,
        "request_window",
        ClosedRequests,
    ),
)
