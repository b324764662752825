"""Rules count what is in their geographies by position: whatever the batches, the crashes, the repeats and the order.

The oracle asks shapely about the newest position of every vehicle, and knows no cells.
"""

from dataclasses import replace
from typing import Any

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from schemas import codec
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.fleet.state import FleetState
from streams.fold import Record
from streams.grid import locate
from streams.incidents.policy import Policy
from streams.incidents.state import IncidentsState
from streams.wiring import count_ground
from tests.pipeline import FAR_FUTURE, FLEET, T0, City, frame
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.stays.zones import LOCATOR, parsed

LAT, LON = 31.2335, 121.4765
REACH = 0.006  # degrees: some thirty cells
SOURCES = 2
VEHICLES = {f"bike-{n}": n % SOURCES for n in range(6)}
OPERATORS = ["hello", "mobike"]
STATES = ["available", "reserved", "on_trip", "removed", "missing"]
COUNTED = [("available", "reserved"), ("on_trip", "available"), ("reserved",)]
REGION = LOCATOR.region(LOCATOR.cells([LAT], [LON])[0])
STALE_MS = 3_600_000
LATENESS_MS = 10_000

near = st.floats(-REACH, REACH, allow_nan=False)


@st.composite
def zones(draw: st.DrawFn) -> Any:
    """Return a polygon, perhaps with a hole, or two: a box of 30 m to 1 km, turned."""
    x, y = draw(near), draw(near)
    wide, high = draw(st.floats(0.0003, 0.01)), draw(st.floats(0.0003, 0.01))
    shape = shapely.box(x, y, x + wide, y + high)
    kind = draw(st.sampled_from(["plain", "hole", "two"]))
    if kind == "hole":
        inner = affinity.scale(shape, 0.5, 0.6)
        shape = shapely.Polygon(shape.exterior, [inner.exterior])
    if kind == "two":
        shape = shapely.MultiPolygon([shape, affinity.translate(shape, wide * 1.5, 0.0002)])
    turned = affinity.rotate(shape, draw(st.floats(0, 90)), origin=(x, y))
    return affinity.translate(turned, LON, LAT)


@st.composite
def documents(draw: st.DrawFn) -> tuple[Policy, list[tuple[list[Any], tuple[str, ...]]]]:
    """Return a policy, and its rules as the oracle needs them: zones and states, the first that matches first."""
    drawn = draw(st.lists(zones(), min_size=1, max_size=4))
    rules, plain = [], []
    for number in range(draw(st.integers(1, 3))):
        some = sorted(draw(st.sets(st.integers(0, len(drawn) - 1), min_size=1, max_size=2)))
        states = draw(st.sampled_from(COUNTED))
        rules.append(
            rule(7 + number, *(1 + n for n in some), maximum=3, states={state: [] for state in states})
        )
        plain.append(([drawn[n] for n in some], states))
    areas = [geography(1 + n, shapely.geometry.mapping(one), f"zone {n}") for n, one in enumerate(drawn)]
    made = policy(1, *rules, start_date=T0 - 1, published_date=T0 - 3_600_000)
    read, findings = parsed(document([made], areas))
    assert not findings.errors, findings.errors
    return read, plain


@st.composite
def rides(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return readings in the order in which they come; some are overtaken, and now and then an hour passes."""
    now, made = T0 + 60_000, []
    places = draw(st.lists(st.tuples(near, near), min_size=2, max_size=6))
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0, 1_000, 1_000, 60_000, STALE_MS + LATENESS_MS + 20_000]))
        name = draw(st.sampled_from(sorted(VEHICLES)))
        place = draw(st.sampled_from(places))
        made.append(
            {
                "vehicle_id": name,
                "operator": OPERATORS[int(name[-1]) // 2 % 2],
                "ts": now - draw(st.sampled_from([0, 0, 0, 2_000])),
                "lat": LAT + place[0],
                "lon": LON + place[1],
                "vehicle_state": draw(st.sampled_from(STATES[:3] * 3 + STATES[3:])),
            }
        )
    return made


def expected(
    log: list[dict[str, Any]], rules: list[tuple[list[Any], tuple[str, ...]]]
) -> list[dict[str, int]]:
    """Return how many vehicles of each operator each rule counts."""
    newest: dict[str, dict[str, Any]] = {}
    clock = dict.fromkeys(range(SOURCES), 0)
    for one in log:
        source = VEHICLES[one["vehicle_id"]]
        clock[source] = max(clock[source], one["ts"])
        known = newest.get(one["vehicle_id"])
        if known is None or one["ts"] > known["ts"]:
            newest[one["vehicle_id"]] = one
    counts: list[dict[str, int]] = [{} for _ in rules]
    for name, one in newest.items():
        if one["ts"] + STALE_MS <= clock[VEHICLES[name]] - LATENESS_MS:
            continue  # it is missing
        point = shapely.Point(one["lon"], one["lat"])
        for number, (shapes, states) in enumerate(rules):
            if one["vehicle_state"] in states and any(shape.contains(point) for shape in shapes):
                counts[number][one["operator"]] = counts[number].get(one["operator"], 0) + 1
                break
    return counts


class Town:
    """Fleets, the grid, and the incidents; each may crash, and owners that were replaced may go on."""

    def __init__(self, first: Policy) -> None:
        self.policy = first
        self.city = City(SOURCES, fleet=replace(FLEET, edges=count_ground(first)), locator=LOCATOR)
        self.ground = dict.fromkeys(range(SOURCES), first)
        self.cells: list[bytes] = []
        self._heard = -1
        self._events = self._told = self.owners = 0
        self.former: list[tuple[int, FleetState, int]] = []
        self.incidents = self._open()

    def _open(self) -> IncidentsState:
        return IncidentsState(self.policy, locate.centre, self.city.database.restored("incidents", 0))

    def feed(self, source: int, *readings: dict[str, Any]) -> None:
        self.city.feed(source, frame(readings))

    def listen(self) -> None:
        """Let the incidents hear what was said."""
        self.cells += [one.value for one in self.city.events[self._events :] if one.topic == topics.CELLS]
        self.cells += [one.value for one in self.city.cells[self._told :]]
        self._events, self._told = len(self.city.events), len(self.city.cells)
        while self._heard + 1 < len(self.cells):
            self._heard += 1
            self.incidents.apply(Record(topics.CELLS, 0, self._heard, self.cells[self._heard], T0))
            self.incidents.take_outputs(at_checkpoint=False)

    def deliver(self, source: int) -> None:
        self.city.deliver(source)
        self.city.run_grid()

    def crash(self, source: int, pauses: int) -> None:
        """Another owner begins, and tells before every so manieth record; the one before may not have noticed."""
        city, name = self.city, f"fleet/{source}"
        self.former.append((source, city.fleets[source], len(city.logs[source]) - 1))
        self.owners += 1
        config = replace(FLEET, edges=count_ground(self.ground[source]))
        start, rows = city.database.restored(name, source), city.database.vehicles(source)
        start = replace(start, epoch=self.owners)
        city.fleets[source] = FleetState(config, city.known_cells, start, rows)
        for offset in range(start.offset + 1, len(city.logs[source])):
            if pauses and offset % pauses == 0:
                city.publish(source)
            value = city.logs[source][offset]
            city.fleets[source].apply(Record(topics.VEHICLES, source, offset, value, FAR_FUTURE))

    def go_on(self) -> None:
        """Let a former owner fold what has come since, and tell of it."""
        if self.former:
            source, fold, reached = self.former.pop()
            for offset in range(reached + 1, len(self.city.logs[source])):
                value = self.city.logs[source][offset]
                fold.apply(Record(topics.VEHICLES, source, offset, value, FAR_FUTURE))
            self.city.events += fold.take_outputs(at_checkpoint=False)

    def repeat(self, number: int) -> None:
        """Say once more what a fleet said."""
        said = [one for one in self.cells if b'"type":"edges"' in one]
        self.cells += said[number % len(said) :][:1] if said else []

    def take(self, source: int, new: Policy) -> None:
        self.ground[source] = new
        self.city.fleets[source].take_edges(count_ground(new))

    def crash_incidents(self) -> None:
        self.incidents = self._open()
        self._heard = self.city.database.restored("incidents", 0).offset

    def save_incidents(self) -> None:
        self.city.database.commit("incidents", self._heard, self.incidents.take_changes())

    def counts(self, as_of: int) -> list[dict[str, int]]:
        """Return how many vehicles of each operator each rule counts, as of a look at an event time."""
        look = CellsNow(REGION, as_of, as_of, SlotCounts([], [], [], [], [], [], []))
        self.cells.append(codec.encode(look))
        self.listen()
        (tally,) = self.incidents._counts._tallies_of(REGION)
        return [{name: n for name, n in one.items() if n} for one in tally.counts]


STEPS = [
    *(
        "",
        "publish",
        "checkpoint",
        "crash",
        "deliver",
        "go on",
        "listen",
        "save",
        "crash incidents",
        "repeat",
    ),
    *("publish", "crash", "go on", "repeat", "take", "take incidents"),
]


@settings(deadline=None, max_examples=150)
@given(st.lists(documents(), min_size=2, max_size=2), rides(), st.integers(1, 4), st.data())
def test_rules_count_by_position_what_an_oracle_without_cells_counts(
    drawn: list[tuple[Policy, Any]], log: list[dict[str, Any]], size: int, data: st.DataObject
) -> None:
    town = Town(drawn[0][0])
    for begin in range(0, len(log), size):
        for source in range(SOURCES):
            some = [one for one in log[begin : begin + size] if VEHICLES[one["vehicle_id"]] == source]
            if some:
                town.feed(source, *some)
        for what in data.draw(st.lists(st.sampled_from(STEPS), max_size=4)):
            act(town, what, drawn, data)
    final, rules = drawn[data.draw(st.integers(0, 1))]
    for source in range(SOURCES):
        if town.ground[source] is not final:
            town.take(source, final)
    if town.policy is not final:
        town.policy = final
        town.incidents.take_policy(final)
    town.city.settle()
    town.listen()
    assert town.counts(max(one["ts"] for one in log)) == expected(log, rules)


def act(town: Town, what: str, drawn: list[tuple[Policy, Any]], data: st.DataObject) -> None:
    source = data.draw(st.integers(0, SOURCES - 1))
    if what == "publish":
        town.city.publish(source)
    elif what == "checkpoint":
        town.city.checkpoint(source)
    elif what == "crash":
        town.crash(source, data.draw(st.integers(0, 3)))
    elif what == "deliver":
        town.deliver(source)
    elif what == "go on":
        town.go_on()
    elif what == "listen":
        town.listen()
    elif what == "save":
        town.save_incidents()
    elif what == "crash incidents":
        town.crash_incidents()
    elif what == "repeat" and town.cells:
        town.repeat(data.draw(st.integers(0, 1 << 16)))
    elif what == "take":
        town.take(source, drawn[data.draw(st.integers(0, 1))][0])
    elif what == "take incidents":
        town.policy = drawn[data.draw(st.integers(0, 1))][0]
        town.incidents.take_policy(town.policy)
