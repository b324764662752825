"""Alerts of all rules of a policy at once: whoever restarts after whichever record, they are the same.

Vehicles of two partitions, of which one may be hours ahead of the other: late, repeated, of another operator or type,
missing; in nights in which the clocks are put on or back. The policy is drawn anew meanwhile.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.configs import count_ground, trip_areas
from streams.fleet.config import FleetConfig
from streams.fleet.news import NewsConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.policy import Policy
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import read
from streams.incidents.state import IncidentsState
from tests.pipeline import FAR_FUTURE, FLEET, City, Database
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.stays.zones import CITY, DEFAULT, LOCATOR, PLAZA, TOWN, box
from tests.watched_vehicles import ground, limits

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = [
    datetime(2026, 10, 24, 18, tzinfo=UTC),
    datetime(2026, 10, 24, 23, tzinfo=UTC),
    datetime(2026, 3, 28, 23, 30, tzinfo=UTC),
    datetime(2026, 6, 10, 20, tzinfo=UTC),
]
PLACES = [(31.2335, 121.4765), (31.2339, 121.4765), (31.2335, 121.4757), (31.25, 121.42), (31.30, 121.60)]
TYPES = ["bicycle", "moped", "scooter_standing"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
STATES = [*["available"] * 3, "reserved", "on_trip", "on_trip", "non_contactable", "removed", "missing"]
Reading = dict[str, Any]


# ------------------------------------------------------------------ what is drawn


def a_policy(rng: random.Random) -> Policy:
    """Return some policies of one to three rules each: on numbers, stays, speeds and trips."""
    quarter = box(121.41 + rng.random() * 0.06, 31.22, 121.48, 31.235)
    areas = [geography(1, PLAZA, "Plaza"), geography(2, TOWN, "Town"), geography(3, quarter, "Quarter")]
    made = []
    for number in range(rng.randint(1, 4)):
        rules = [_rule(rng, 10 * number + one) for one in range(rng.randint(1, 3))]
        owners = {"provider_ids": ["north"]} if rng.random() < 0.15 else {}
        began = {"start_date": 1_700_000_000_000, "published_date": 1_600_000_000_000}
        made.append(policy(number, *rules, **began, **owners))
    findings = Findings("rules")
    city = replace(CITY, vehicle_types=frozenset(TYPES), time_zone=BERLIN)
    found = read(document(made, areas), None, DEFAULT, city, findings)
    assert not findings.errors, findings.errors
    return found


def _rule(rng: random.Random, number: int) -> dict[str, Any]:
    kind = rng.choice(["count", "percent", "time", "speed", "trips"])
    where = rng.choice(
        [[2], [3], [1, 2], [2, 3]] if kind in ("count", "percent", "trips") else [[1], [2], [1, 3]]
    )
    if kind == "trips":
        bounds = rng.choice([{"minimum": 1.5}, {"maximum": 0.5}])
        return rule(number, *where, rule_units="trips", states=None, **bounds)
    fields: dict[str, Any] = {"vehicle_types": rng.sample(TYPES, 2) if rng.random() < 0.4 else []}
    if rng.random() < 0.6:
        fields["start_time"] = rng.choice(["00:00:00", "02:15:00", "02:30:00", "22:00:00", "23:59:30"])
        fields["end_time"] = rng.choice(["01:59:59", "02:29:59", "05:59:59", "23:59:59", "00:00:00"])
        fields["days"] = rng.choice([[], rng.sample(DAYS, 4)])
    if kind == "count":
        fields |= rng.choice([{"maximum": rng.randint(0, 2)}, {"minimum": 2}, {"minimum": 1, "maximum": 2}])
    elif kind == "percent":
        fields |= {"rule_units": "percent", **rng.choice([{"maximum": 20}, {"minimum": 60}])}
    elif kind == "time":
        fields |= {"rule_type": "time", "rule_units": "minutes", "maximum": rng.choice([0, 1, 30, 90])}
    else:
        fields |= {"rule_type": "speed", "rule_units": "kph", "states": None, "maximum": rng.choice([8, 20])}
    return rule(number, *where, **fields)


def rides(rng: random.Random) -> list[Reading]:
    """Return readings in the order of their coming."""
    now, made = round(rng.choice(NIGHTS).timestamp() * 1000), list[Reading]()
    steps = rng.choice([[1_000, 5_000, 15_000], [1_000, 60_000, 400_000], [600_000, 1_800_000, 3_000_000]])
    operators = [rng.choice(["north", "south"]) for _ in range(5)]
    for _ in range(rng.randint(20, 80)):
        now += rng.choice(steps)
        if made and rng.random() < 0.1:
            made.append(rng.choice(made[-10:]))
            continue
        number, place = rng.randrange(5), rng.choice(PLACES)
        foreign = rng.random() < 0.05
        made.append(
            {
                "vehicle_id": f"bike-{number}",
                "operator": "west" if foreign else operators[number],
                "ts": now - rng.choice([0, 0, 0, 3_000, 9_000, 240_000]),
                "lat": place[0],
                "lon": place[1],
                "vehicle_state": rng.choice(STATES),
                "vehicle_type": rng.choice([*[TYPES[number % 3]] * 9, "moped"]),
            }
        )
    return made


def a_moment_after(log: Sequence[Reading]) -> Reading:
    """Return a reading that moves the region's time alone, so that everybody looks, as live each second."""
    newest = max(one["ts"] for one in log)
    away = {"lat": PLACES[3][0], "lon": PLACES[3][1], "vehicle_state": "on_trip", "vehicle_type": "other"}
    return {"vehicle_id": "clock-0", "operator": "clock", "ts": newest + len(log), **away}


# ------------------------------------------------------------------ what is run


@dataclass
class Town:
    """Fleets and a grid, and what they say on ub.cells; among it the policies that are taken."""

    policy: Policy
    sources: int
    said: list[bytes | Policy] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.city = City(self.sources, fleet=self._config(), locator=LOCATOR)
        self._events = self._cells = self._owners = 0

    def _news(self) -> NewsConfig:
        drawn = self.policy
        return NewsConfig(ground=ground(drawn), speeds=limits(drawn), trips=trip_areas(drawn))

    def _config(self) -> FleetConfig:
        config = replace(FLEET, sources=self.sources, stale_after_ms=7_200_000)
        return replace(config, news=self._news(), edges=count_ground(self.policy))

    def feed(self, readings: Sequence[Reading]) -> None:
        for source in range(self.sources):
            mine = [one for one in readings if int(one["vehicle_id"][-1]) % self.sources == source]
            if mine:
                columns = {name: [one[name] for one in mine] for name in mine[0]}
                self.city.feed(source, msgspec.json.encode({**columns, "received_at": FAR_FUTURE}))

    def tell(self) -> None:
        """Let everybody store, and tell."""
        for source in range(self.sources):
            self.city.checkpoint(source)
            self.city.deliver(source)
        self.said += [one.value for one in self.city.events[self._events :] if one.topic == topics.CELLS]
        self.city.run_grid()
        self.city.checkpoint_grid()
        self.said += [one.value for one in self.city.cells[self._cells :] if one.topic == topics.CELLS]
        self._events, self._cells = len(self.city.events), len(self.city.cells)

    def take(self, drawn: Policy) -> None:
        self.policy = drawn
        for fleet in self.city.fleets.values():
            fleet.take_news(self._news())
            fleet.take_edges(count_ground(drawn))
        self.said.append(drawn)

    def crash(self, source: int) -> None:
        """Another owner begins."""
        self._owners += 1
        city = self.city
        start = replace(city.database.restored(f"fleet/{source}", source), epoch=self._owners)
        rows = city.database.vehicles(source)
        city.fleets[source] = FleetState(self._config(), city.known_cells, start, rows)
        for offset in range(start.offset + 1, len(city.logs[source])):
            value = city.logs[source][offset]
            city.fleets[source].apply(Record(topics.VEHICLES, source, offset, value, FAR_FUTURE))


def told(
    said: Sequence[bytes | Policy], first: Policy, rng: random.Random | None
) -> dict[tuple[str, int], Alert]:
    """Return the events of alerts that come of what was said, by id; with `rng` the fold restarts now and then."""
    found: dict[tuple[str, int], Alert] = {}
    database, drawn, log = Database(), first, list[bytes]()

    def opened() -> IncidentsState:
        return IncidentsState(drawn, locate.centre, database.restored("incidents", 0))

    def heard(fold: IncidentsState, offset: int) -> None:
        fold.apply(Record(topics.CELLS, 0, offset, log[offset], 0))
        for output in fold.take_outputs(at_checkpoint=False):
            alert = codec.alert.decode(output.value)
            assert found.setdefault((alert.alert_id, alert.sequence), alert) == alert, "told otherwise"

    fold = opened()
    for one in said:
        if isinstance(one, Policy):
            drawn = one
            if rng is None:
                fold.take_policy(drawn)
                continue
            database.commit("incidents", len(log) - 1, fold.take_changes())  # it judges from a checkpoint on
            if rng.random() < 0.5:
                fold = opened()
            else:
                fold.take_policy(drawn)
            continue
        log.append(one)
        heard(fold, len(log) - 1)
        if rng is not None and rng.random() < 0.3:
            database.commit("incidents", len(log) - 1, fold.take_changes())
        if rng is not None and rng.random() < 0.2:
            fold = opened()
            for offset in range(database.restored("incidents", 0).offset + 1, len(log)):
                heard(fold, offset)
    return found


@given(st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
@example(13)  # news of a vehicle whose partition was ahead put off a look at how long it stood
@example(22)  # time went back, and who had restarted looked by it
def test_a_restart_after_any_record_changes_no_alert(seed: int) -> None:
    rng = random.Random(seed)
    first, log = a_policy(rng), rides(rng)
    town, again = Town(first, rng.choice([1, 2])), rng.randrange(2 * len(log))
    for number, one in enumerate(log):
        town.feed([one])
        town.tell()
        if number == again:
            town.take(a_policy(rng))
    calm = told(town.said, first, None)
    event(f"{len(calm) // 5 * 5} events or more")
    for _ in range(2):
        assert told(town.said, first, rng) == calm


@given(st.integers(0, 10**9))
@settings(max_examples=15, deadline=None)
@example(107)  # who was late stood too long as it was told, and changed no count of a cell
def test_another_owner_of_a_partition_changes_no_alert(seed: int) -> None:
    rng = random.Random(seed)
    first, log = a_policy(rng), rides(rng)
    calm, shaken = Town(first, 1), Town(first, 1)
    for number, one in enumerate(log):
        time = a_moment_after(log[: number + 1])
        calm.feed([one, time])
        calm.tell()
        if rng.random() < 0.2:
            shaken.crash(0)
        shaken.feed([one, time])
        if rng.random() < 0.2:
            shaken.crash(0)
        shaken.tell()

    def lives(town: Town) -> list[tuple[str, str | None, str, str, int, int, str]]:
        return sorted(
            (a.kind, a.subject, a.action, a.severity, a.starts_at, a.updated_at, a.summary)
            for a in told(town.said, first, None).values()
        )

    assert lives(shaken) == lives(calm)
