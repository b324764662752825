"""Rules count what is in their geographies by position, and some by type: whatever the batches, the crashes, the
repeats and the order.

The oracle asks shapely about the newest position of every vehicle, and knows no cells.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import affinity

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.configs import count_ground
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.counts.shares import shares
from streams.incidents.policy import Policy
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import read
from streams.incidents.state import IncidentsState
from tests.pipeline import FAR_FUTURE, FLEET, T0, City
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.stays.zones import CITY, DEFAULT, LOCATOR

LAT, LON = 31.2335, 121.4765
REACH = 0.006  # degrees: some thirty cells
SOURCES = 2
VEHICLES = {f"bike-{n}": n % SOURCES for n in range(6)}
OPERATORS = ["hello", "mobike"]
STATES = ["available", "reserved", "on_trip", "removed", "missing"]
COUNTED = [("available", "reserved"), ("on_trip", "available"), ("reserved",)]
TYPES = ["bicycle", "moped", "scooter_standing"]
ASKED: list[tuple[str, ...]] = [(), (), ("moped",), ("bicycle", "moped")]
UNITS = ["devices", "devices", "percent", "utilization"]
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


@dataclass(frozen=True)
class Plain:
    """A rule as the oracle needs it."""

    zones: list[Any]
    states: tuple[str, ...]
    types: tuple[str, ...]
    units: str

    def wants(self, one: dict[str, Any]) -> bool:
        """Return whether it is about such a vehicle, wherever it is."""
        return one["vehicle_state"] in self.states and (not self.types or one["vehicle_type"] in self.types)


def read_with_types(text: str) -> Policy:
    """Return the policy of a document, in a city of all types."""
    findings = Findings("zones")
    city = replace(CITY, vehicle_types=frozenset(TYPES))
    found = read(text, None, DEFAULT, city, findings)
    assert not findings.errors, findings.errors
    return found


@st.composite
def documents(draw: st.DrawFn) -> tuple[Policy, list[Plain]]:
    """Return a policy, and its rules, the first that matches first."""
    drawn = draw(st.lists(zones(), min_size=1, max_size=4))
    rules, plain = [], []
    for number in range(draw(st.integers(1, 3))):
        some = sorted(draw(st.sets(st.integers(0, len(drawn) - 1), min_size=1, max_size=2)))
        states, types = draw(st.sampled_from(COUNTED)), draw(st.sampled_from(ASKED))
        units = draw(st.sampled_from(UNITS))
        units = "devices" if units == "utilization" and "on_trip" not in states else units
        fields = {
            "states": {state: [] for state in states},
            "vehicle_types": list(types),
            "rule_units": units,
        }
        rules.append(rule(7 + number, *(1 + n for n in some), maximum=3, **fields))
        plain.append(Plain([drawn[n] for n in some], states, types, units))
    areas = [geography(1 + n, shapely.geometry.mapping(one), f"zone {n}") for n, one in enumerate(drawn)]
    made = policy(1, *rules, start_date=T0 - 1, published_date=T0 - 3_600_000)
    return read_with_types(document([made], areas)), plain


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
                "vehicle_type": draw(st.sampled_from([TYPES[int(name[-1]) % 3]] * 3 + TYPES)),
            }
        )
    return made


def vehicles_of(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest reading of each vehicle that is not missing."""
    newest: dict[str, dict[str, Any]] = {}
    clock = dict.fromkeys(range(SOURCES), 0)
    for one in log:
        source = VEHICLES.get(one["vehicle_id"], 0)
        clock[source] = max(clock[source], one["ts"])
        known = newest.get(one["vehicle_id"])
        if known is None or one["ts"] > known["ts"]:
            newest[one["vehicle_id"]] = one
    return [
        one
        for name, one in newest.items()
        if one["ts"] + STALE_MS > clock[VEHICLES.get(name, 0)] - LATENESS_MS
    ]


def expected(log: list[dict[str, Any]], rules: list[Plain]) -> list[dict[str, tuple[int, int]]]:
    """Return of each rule by operator how many vehicles it counts, and of how many (shares.py); not where 0 of 0."""
    vehicles = vehicles_of(log)
    counted: list[list[dict[str, Any]]] = [[] for _ in rules]
    for one in vehicles:
        point = shapely.Point(one["lon"], one["lat"])
        for number, plain in enumerate(rules):
            if plain.wants(one) and any(shape.contains(point) for shape in plain.zones):
                counted[number].append(one)
                break
    found: list[dict[str, tuple[int, int]]] = []
    for plain, here in zip(rules, counted, strict=True):
        some, whole = here, [one for one in vehicles if plain.wants(one)] if plain.units == "percent" else []
        if plain.units == "utilization":
            some, whole = [one for one in here if one["vehicle_state"] == "on_trip"], here
        numbers = {
            operator: tuple(sum(one["operator"] == operator for one in group) for group in (some, whole))
            for operator in OPERATORS
        }
        found.append({operator: (n, of) for operator, (n, of) in numbers.items() if n or of})
    return found


class Town:
    """Fleets, the grid, and the incidents; each may crash, and owners that were replaced may go on."""

    def __init__(self, first: Policy) -> None:
        self.policy = first
        self.city = City(SOURCES, fleet=replace(FLEET, edges=count_ground(first)), locator=LOCATOR)
        self.ground = dict.fromkeys(range(SOURCES), first)
        self.cells: list[bytes] = []
        self.alerts: list[Alert] = []
        self._heard = -1
        self._events = self._told = self.owners = 0
        self.former: list[tuple[int, FleetState, int]] = []
        self.incidents = self._open()

    def _open(self) -> IncidentsState:
        return IncidentsState(self.policy, locate.centre, self.city.database.restored("incidents", 0))

    def feed(self, source: int, *readings: dict[str, Any]) -> None:
        columns = {name: [one[name] for one in readings] for name in readings[0]}
        self.city.feed(source, msgspec.json.encode({**columns, "received_at": FAR_FUTURE}))

    def listen(self) -> None:
        """Let the incidents hear what was said."""
        self.cells += [one.value for one in self.city.events[self._events :] if one.topic == topics.CELLS]
        self.cells += [one.value for one in self.city.cells[self._told :]]
        self._events, self._told = len(self.city.events), len(self.city.cells)
        while self._heard + 1 < len(self.cells):
            self._heard += 1
            self.incidents.apply(Record(topics.CELLS, 0, self._heard, self.cells[self._heard], T0))
            outputs = self.incidents.take_outputs(at_checkpoint=False)
            self.alerts += [codec.alert.decode(one.value) for one in outputs if one.topic == topics.ALERTS]

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

    def counts(self, as_of: int, number: int = 0) -> list[dict[str, tuple[int, int]]]:
        """Return the same as `expected` of a policy, as of a look at an event time; no type is in doubt any more."""
        look = CellsNow(REGION, as_of, as_of, SlotCounts([], [], [], [], [], [], []))
        self.cells.append(codec.encode(look))
        self.listen()
        book = self.incidents._counts
        tally = book._tallies_of(REGION)[number]
        assert not any(
            n for kept in (tally.doubtful, tally.doubtful_riding) for one in kept for n in one.values()
        )
        found: list[dict[str, tuple[int, int]]] = []
        for place, asked in enumerate(tally.rules):
            if asked.units == "devices":
                found.append({name: (n, 0) for name, n in tally.counts[place].items() if n})
                continue
            of_rule = list(shares(tally, place, book._fleets[REGION]))
            assert not any(share.ends for share in of_rule)
            found.append({one.operator: (one.count, one.of) for one in of_rule if one.count or one.of})
        return found


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
def test_rules_count_by_position_and_type_what_an_oracle_without_cells_counts(
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


def crowded(zone: Any, bikes: int) -> Policy:
    """Return bounds that so many bikes in a zone just keep or break, each for itself, told at once."""
    in_use = {"states": {state: [] for state in STATES[:3]}}
    bounds = {"maximum": bikes - 1}, {"maximum": bikes}, {"minimum": bikes}, {"minimum": bikes + 1}
    made = [
        policy(n, rule(7 + n, 1, **in_use, **bound), start_date=T0 - 1, published_date=T0 - 3_600_000)
        for n, bound in enumerate(bounds)
    ]
    read = read_with_types(document(made, [geography(1, shapely.geometry.mapping(zone), "zone")]))
    return replace(read, default=replace(read.default, min_duration_ms=0))


@settings(deadline=None, max_examples=150)
@given(zones(), st.integers(1, 5), st.data())
def test_bikes_that_ride_about_in_a_geography_never_seem_to_leave_it(
    zone: Any, bikes: int, data: st.DataObject
) -> None:
    """However late the counts of cells come after the positions."""
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    west, south, east, north = zone.bounds
    corners = random.uniform((west, south), (east, north), (60, 2)).tolist()
    places = [(lon, lat) for lon, lat in corners if zone.contains(shapely.Point(lon, lat))]
    assume(places)
    town = Town(crowded(zone, bikes))
    ts = T0 + 60_000

    def ride(number: int) -> None:
        lon, lat = places[random.integers(len(places))]
        where = {"ts": ts, "lat": lat, "lon": lon, "vehicle_state": "available", "vehicle_type": "moped"}
        town.feed(number % SOURCES, {"vehicle_id": f"bike-{number}", "operator": "hello", **where})

    for number in range(bikes):
        ride(number)
    for source in range(SOURCES):
        town.city.publish(source)
        town.city.deliver(source)
    settle(town)
    settled = [(one.action, one.kind) for one in town.alerts]
    for _ in range(data.draw(st.integers(1, 40))):
        ts += 1_000
        ride(data.draw(st.integers(0, bikes - 1)))
        for what in data.draw(st.lists(st.sampled_from(["publish", "deliver", "listen"]), max_size=3)):
            act(town, what, [], data)
    town.city.settle()
    town.listen()
    assert sorted(settled) == [("raised", "too_few"), ("raised", "too_many")]
    assert [(one.action, one.kind) for one in town.alerts] == settled


def settle(town: Town) -> None:
    """Let the grid hear all that was said before it tells anything: nobody is too few at the first look."""
    grid = town.city.grid
    for at, value in enumerate(town.city.partials):
        grid.apply(Record(topics.PARTIALS, 0, at, value, 0))
    town.city.grid_applied = len(town.city.partials) - 1
    town.city.run_grid()
    town.city.idle(1)
    town.listen()


def test_a_large_crowd_is_counted_by_type_as_shapely_finds_it() -> None:
    """Two thousand vehicles on some fifty cells, told in pieces; rules on types, on all, and in per cent."""
    random = np.random.default_rng(25)
    shapes = [
        shapely.Point(LON + x, LAT + y).buffer(radius)
        for x, y, radius in ((-0.003, 0.001, 0.004), (0.004, -0.002, 0.0015), (0.0, 0.004, 0.0008))
    ]
    asked: list[tuple[list[int], tuple[str, ...], str]] = [
        ([0, 2], ("moped",), "devices"), ([1], ("bicycle", "moped"), "devices"), ([0, 1], (), "devices"),
        ([0, 1, 2], ("scooter_standing",), "percent"), ([1], ("scooter_standing",), "utilization"),
    ]  # fmt: skip
    states = tuple(STATES[:3])
    rules = [
        rule(
            *(7 + number, *(1 + zone for zone in zones_)),
            states={state: [] for state in states},
            vehicle_types=list(types),
            rule_units=units,
            maximum=3,
        )
        for number, (zones_, types, units) in enumerate(asked)
    ]
    areas = [geography(1 + n, shapely.geometry.mapping(one), f"zone {n}") for n, one in enumerate(shapes)]
    # A policy for each rule: none takes vehicles from another.
    made = [
        policy(number, one, start_date=T0 - 1, published_date=T0 - 3_600_000)
        for number, one in enumerate(rules)
    ]
    town = Town(read_with_types(document(made, areas)))
    log = [
        {
            "vehicle_id": f"bike-{n}",
            "operator": OPERATORS[n % 3 // 2],
            "ts": T0 + 60_000 + turn * 1000,
            "lat": LAT + float(random.uniform(-REACH, REACH)),
            "lon": LON + float(random.uniform(-REACH, REACH)),
            "vehicle_state": STATES[int(random.integers(5))],
            "vehicle_type": TYPES[n % len(TYPES)],
        }
        for turn in range(2)
        for n in range(2_000)
    ]
    for begin in range(0, len(log), 500):
        town.feed(begin // 500 % SOURCES, *log[begin : begin + 500])
        town.city.publish(begin // 500 % SOURCES)
        town.listen()
    town.city.settle()
    town.listen()
    newest = log[2_000:]
    for number, (zones_, types, units) in enumerate(asked):
        plain = Plain([shapes[zone] for zone in zones_], states, types, units)
        [found] = expected(newest, [plain])
        assert town.counts(log[-1]["ts"], number) == [found]
        assert any(n for n, _ in found.values())


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
