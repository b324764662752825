"""What a scenario's day looks like in figures: bikes by the minute, cells at the peak, sensors by the hour."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import REMOVED, Floats, Ints, Positions
from sensors_sim.bikes import Fleet
from sensors_sim.city import KINDS, City
from sensors_sim.columns import Columns, Mixed
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sensors.world import SHARES, World
from sensors_sim.sources.simulated import BIKES, SimulatedCity
from sensors_sim.truth.standing import STANDS, Standing
from sensors_sim.truth.witness import Witness

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True)
class Day:
    """m minutes of a scenario. Times are milliseconds since the epoch.

    ts        int64[m], end of each minute
    states    int64[m, s], bikes by state
    standing  int64[m, k], standing bikes by kind of place
    starts    int64[m], trips that began in the minute
    fullest   int64[m], standing bikes in the cell that has most of them
    peak      index of the minute in which a cell is fullest
    cells     standing bikes by H3 cell at the peak
    due       from and to of the times at which some cell is too full, so that an alert is due
    slot_ms   length of the slots of `metrics`
    metrics   means over the readings by metric: float64[slots], NaN in slots without a reading
    kinds     kind of sensor of each metric
    """

    scenario: Scenario
    city: City
    ts: Ints
    states: Ints
    standing: Ints
    starts: Ints
    fullest: Ints
    peak: int
    cells: dict[str, int]
    due: tuple[tuple[int, int], ...]
    slot_ms: int
    metrics: dict[str, Floats]
    kinds: dict[str, str]


def live(scenario: Scenario, tell: Callable[[float], None]) -> Day:
    """Live through the scenario, which lasts a minute at least; `tell` hears which share is done."""
    only = (BIKES, *SHARES)
    slot_ms = HOUR_MS if scenario.end_ms - scenario.start_ms > 12 * HOUR_MS else HOUR_MS // 4
    watch, means = _Watch(scenario, Witness(scenario, only)), _Means(scenario.start_ms, slot_ms)
    for batch in SimulatedCity(scenario, only, watch).batches():
        means.add(batch)
        tell(watch.share)
    return Day(
        scenario=scenario,
        city=scenario.city,
        ts=np.array(watch.ts),
        states=np.stack(watch.states),
        standing=np.stack(watch.standing),
        starts=np.array(watch.starts),
        fullest=np.array(watch.fullest),
        peak=watch.peak,
        cells=watch.cells,
        due=watch.due(),
        slot_ms=slot_ms,
        metrics=means.by_metric(),
        kinds=means.kinds,
    )


class _Watch:
    """Looks at the fleet at the end of every whole minute, and lets a witness look at everything."""

    def __init__(self, scenario: Scenario, witness: Witness) -> None:
        self._scenario = scenario
        self._witness = witness
        self._where = Standing()
        self._until = scenario.start_ms
        self.ts: list[int] = []
        self.states: list[Ints] = []
        self.standing: list[Ints] = []
        self.starts: list[int] = []
        self.fullest: list[int] = []
        self.peak = 0
        self.cells: dict[str, int] = {}

    @property
    def share(self) -> float:
        return (self._until - self._scenario.start_ms) / (self._scenario.end_ms - self._scenario.start_ms)

    def due(self) -> tuple[tuple[int, int], ...]:
        spans: list[tuple[int, int]] = []
        for entry in self._witness.truth().entries:  # by time
            if (entry.verdict, entry.kind) != ("due", "oversaturation"):
                continue
            if spans and entry.from_ms <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], entry.to_ms))
            else:
                spans.append((entry.from_ms, entry.to_ms))
        return tuple(spans)

    def sees_bikes(self, fleet: Fleet, reported: Positions) -> None:
        self._witness.sees_bikes(fleet, reported)
        if fleet.now < self._until + MINUTE_MS:
            return
        started = (fleet.left >= self._until) & (fleet.state != REMOVED)
        self._until = fleet.now
        stands = STANDS[fleet.state]
        self.ts.append(fleet.now)
        self.states.append(np.bincount(fleet.state, minlength=len(VEHICLE_STATES)))
        self.standing.append(np.bincount(fleet.city.kind[fleet.place[stands]], minlength=len(KINDS)))
        self.starts.append(int(started.sum()))
        occupancy = self._where.occupancy(fleet)
        self.fullest.append(int(occupancy.max(initial=0)))
        if len(self.ts) == 1 or self.fullest[-1] > self.fullest[self.peak]:
            self.peak = len(self.ts) - 1
            count = zip(self._where.names, occupancy.tolist(), strict=True)
            self.cells = {name: bikes for name, bikes in count if bikes}

    def sees_world(self, world: World) -> None:
        self._witness.sees_world(world)

    def sees_readings(self, readings: Readings) -> None:
        self._witness.sees_readings(readings)


class _Means:
    """Sums of readings by metric and slot of time."""

    def __init__(self, start: int, slot_ms: int) -> None:
        self._start = start
        self._slot_ms = slot_ms
        self._sums: dict[tuple[str, int], tuple[float, int]] = {}
        self.kinds: dict[str, str] = {}

    def add(self, batch: Columns) -> None:
        """Take the readings of sensors of a batch that lies in one slot."""
        parts = batch.parts if isinstance(batch, Mixed) else (batch,)
        for part in parts:
            if isinstance(part, Readings) and len(part):
                slot = (int(part.ts[0]) - self._start) // self._slot_ms
                self._take(part, slot)

    def _take(self, part: Readings, slot: int) -> None:
        for code, metric in enumerate(part.sensors.metrics):
            value = part.value[part.metric == code]
            total, n = self._sums.get((metric, slot), (0.0, 0))
            self._sums[metric, slot] = total + float(value.sum()), n + len(value)
            self.kinds[metric] = part.sensors.kind

    def by_metric(self) -> dict[str, Floats]:
        slots = 1 + max((slot for _, slot in self._sums), default=-1)
        found = {metric: np.full(slots, np.nan) for metric in self.kinds}
        for (metric, slot), (total, n) in self._sums.items():
            if n:
                found[metric][slot] = total / n
        return found
