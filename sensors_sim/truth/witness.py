"""Watches every step of a SimulatedCity, and tells in the end which alerts were due."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from sensors_sim.batch import Positions
from sensors_sim.bikes import Fleet
from sensors_sim.cells import disk, distinct
from sensors_sim.events.contract import Watch
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sensors.world import World
from sensors_sim.sources.simulated import BIKES, POPULATIONS, REQUESTS, SimulatedCity
from sensors_sim.truth.at_once import learnt, told_once, visible
from sensors_sim.truth.crowding import Crowding
from sensors_sim.truth.entry import Entry, Truth
from sensors_sim.truth.feeds import with_feeds
from sensors_sim.truth.filling import Filling
from sensors_sim.truth.jumps import JUMP, Jumps
from sensors_sim.truth.repeating import Repeating
from sensors_sim.truth.rides import Rides
from sensors_sim.truth.saturation import CAPACITY, CERTAIN, NEAR, Saturation
from sensors_sim.truth.standing import Standing
from sensors_sim.truth.troubles import LINGERS_MS, SPOT_RINGS, Troubles

FORESEEN_MS = 1_800_000
"""How long before a cell comes near its capacity a forecast may say that it will fill."""


class Witness:
    """Sees what really happens. `truth` may be asked at any time; it covers the time until the last look."""

    def __init__(self, scenario: Scenario, populations: Collection[str] = POPULATIONS) -> None:
        self._scenario = scenario
        self._populations = frozenset(populations)
        self._scene = scenario.checked()
        self._standing, self._saturation = Standing(), Saturation()
        self._filling = Filling()
        self._watches: list[Watch] = [Rides(), Crowding(scenario.requests)]
        for watch in (event.watch(self._scene) for event in scenario.events):
            # Two events may ask the same: it is said once.
            if watch is not None and watch not in self._watches:
                self._watches.append(watch)
        self._troubles: Troubles | None = None
        self._now = scenario.start_ms
        said = [entry for event in scenario.events for entry in event.truth(self._scene)]
        others = [entry for entry in said if entry.kind != JUMP]
        self._every_s = {
            name: table.every_s
            for table in (self._scene.sensors if others else ())
            for name in table.sensor_id.tolist()
        }
        known = list(learnt(others, self._every_s, scenario.start_ms))
        self._said = list(visible(list(with_feeds(known, self._scene, self._populations))))
        self._repeating = Repeating(self._said)
        self._claims = [entry for entry in said if entry.kind == JUMP]
        self._jumps = Jumps({str(entry.subject) for entry in self._claims}, scenario.city.plane)
        self._seen: dict[str, set[str]] = {}

    def sees_bikes(self, fleet: Fleet, reported: Positions) -> None:
        """Look at the bikes, now, and at what they reported since the look before."""
        self._now = max(self._now, fleet.now)
        occupancy = self._standing.occupancy(fleet)
        self._saturation.look(fleet.now, occupancy)
        self._filling.look(fleet.now, occupancy)
        for watch in self._watches:
            watch.look(fleet)
        self._jumps.look(reported)
        for entry in self._claims:
            rows = np.flatnonzero(reported.vehicle_id == entry.subject)
            rows = rows[(reported.ts[rows] >= entry.from_ms) & (reported.ts[rows] < entry.to_ms)]
            if len(rows):
                cells = distinct(reported.lat[rows], reported.lon[rows])
                self._seen.setdefault(str(entry.subject), set()).update(cells)

    def sees_world(self, world: World) -> None:
        """Look at the city at the end of a minute."""
        self._now = max(self._now, world.now)
        self._troubles = self._troubles or Troubles(world)
        self._troubles.look(world.now)

    def sees_readings(self, readings: Readings) -> None:
        """Look at what sensors of one kind say."""
        self._repeating.look(readings)

    def truth(self, until_ms: int | None = None) -> Truth:
        """Return what is known about a run that came to `until_ms` (None: as far as was looked)."""
        end = min(self._now, self._scenario.end_ms if until_ms is None else until_ms)
        return Truth.of(
            self._scenario.name,
            self._scenario.seed,
            self._scenario.start_ms,
            end,
            told_once(self._entries(end)),
            self._populations,
        )

    def _entries(self, end: int) -> Iterator[Entry]:
        for episode in self._saturation.episodes(end):
            cell, most = self._standing.names[episode.cell], episode.most
            if episode.due:
                why = f"{most} bikes stand there at the most, {CERTAIN} or more for over 3 minutes; room for {CAPACITY}"
            else:
                why = f"{most} bikes stand there at the most, near the threshold ({NEAR} to {CERTAIN}, or briefly more)"
            verdict = "due" if episode.due else "may"
            yield Entry(verdict, "oversaturation", BIKES, (cell,), episode.from_ms, episode.to_ms, why)  # type: ignore[arg-type]
            foreseen = episode.from_ms - FORESEEN_MS
            yield Entry("may", "saturation_expected", BIKES, (cell,), foreseen, episode.to_ms, why)
            near, until = tuple(disk(cell, SPOT_RINGS)), episode.to_ms + LINGERS_MS
            yield Entry(
                "may", "hot_spot", REQUESTS, near, episode.from_ms, until, why, "illegal_bike_parking"
            )
        for inflow in self._filling.inflows():
            cell = self._standing.names[inflow.cell]
            why = f"up to {inflow.pace:.1f} bikes a minute come there"
            yield Entry("may", "saturation_expected", BIKES, (cell,), inflow.from_ms, inflow.to_ms, why)
        for watch in self._watches:
            yield from watch.entries(end)
        for entry in self._said:
            yield self._repeating.judged(entry, self._every_s)
        for entry in self._claims:
            cells = self._seen.get(str(entry.subject), set())
            if len(cells) > 1:  # a bike that said nothing, or nothing false, jumps for nobody
                jumped = any(entry.from_ms <= ts < entry.to_ms for ts in self._jumps.seen[str(entry.subject)])
                where = tuple(sorted(cells))
                yield replace(entry, cells=where, verdict="due" if jumped else "may")
        if self._troubles is not None:
            yield from self._troubles.entries(end)


def truth_of(scenario: Scenario, populations: Collection[str] = POPULATIONS) -> Truth:
    """Return the truth about a whole scenario, without publishing anything."""
    witness = Witness(scenario, populations)
    for _ in SimulatedCity(scenario, populations, witness).batches():
        pass
    return witness.truth()
