"""Closed windows of a simulated fleet, computed in batch from its positions: what the grid tells, without the grid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Positions
from sensors_sim.cells import cells_at
from sensors_sim.columns import Mixed
from sensors_sim.scenario import Scenario
from sensors_sim.sources.simulated import BIKES, STEP_MS, SimulatedCity
from sensors_sim.truth.standing import STANDS

MINUTE = 60_000
NOWHERE = -1

Row = tuple[str, int, int, int]
"""Cell, arrivals, departures, and occupancy at the window's end."""


@dataclass
class _Standing:
    """Where each bike stands: the number of its cell, or NOWHERE; and what it reported last."""

    at: dict[str, int]
    place: dict[str, tuple[float, float]]
    cell: dict[str, int]


def minutes(scenario: Scenario) -> Iterator[tuple[int, list[Row]]]:
    """Yield (window start, rows) of a scenario's bikes, one-minute windows; cells without flows have no row."""
    names: list[str] = []
    number: dict[str, int] = {}
    known = _Standing({}, {}, {})
    occupancy: dict[int, int] = {}
    arrivals: dict[int, int] = {}
    departures: dict[int, int] = {}
    now = scenario.start_ms
    for batch in SimulatedCity(scenario, [BIKES]).batches():
        for positions in batch.parts if isinstance(batch, Mixed) else [batch]:
            if isinstance(positions, Positions):
                _move(positions, known, names, number, occupancy, arrivals, departures)
        now += STEP_MS
        if now % MINUTE == 0:
            touched = sorted(arrivals.keys() | departures.keys())
            yield (
                now - MINUTE,
                [(names[c], arrivals.get(c, 0), departures.get(c, 0), occupancy.get(c, 0)) for c in touched],
            )
            arrivals.clear()
            departures.clear()


def _move(
    positions: Positions,
    known: _Standing,
    names: list[str],
    number: dict[str, int],
    occupancy: dict[int, int],
    arrivals: dict[int, int],
    departures: dict[int, int],
) -> None:
    ids, lat, lon = positions.vehicle_id.tolist(), positions.lat.tolist(), positions.lon.tolist()
    place, stands = known.place, STANDS[positions.state].tolist()
    moved = [row for row, name in enumerate(ids) if stands[row] and place.get(name) != (lat[row], lon[row])]
    if moved:
        rows = np.array(moved)
        for row, cell in zip(moved, cells_at(positions.lat[rows], positions.lon[rows]), strict=True):
            place[ids[row]] = lat[row], lon[row]
            if cell not in number:
                number[cell] = len(names)
                names.append(cell)
            known.cell[ids[row]] = number[cell]
    for row, name in enumerate(ids):
        now = known.cell[name] if stands[row] else NOWHERE
        before = known.at.get(name, NOWHERE)
        if now == before:
            continue
        known.at[name] = now
        if before != NOWHERE:
            occupancy[before] -= 1
            departures[before] = departures.get(before, 0) + 1
        if now != NOWHERE:
            occupancy[now] = occupancy.get(now, 0) + 1
            arrivals[now] = arrivals.get(now, 0) + 1
