"""Four days of a real city's docks: alerts on full cells against islands and gaps of what the feed says.

Each station has its own bikes, as many of which stand there as a poll says; the others are on a trip. They take the
whole road: fleet, grid, incidents. The oracle adds up stations by cell, and looks at each cell with each poll.
"""

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import h3
import pytest

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.policy import Policy, Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import FLEET, City, Database, frame, restored
from tests.realdata import real_file

HOUR = 3_600_000
Looks = list[tuple[int, int]]
"""When, and how many bikes."""
Event = tuple[str, int, int, str, int | None]
"""Action, when, since when, severity, bikes."""
CASES = [
    # share of the docks that is taken for the capacity, minimum duration, damping
    (Fraction(1), 0, NEVER),
    (Fraction(1, 2), 0, NEVER),
    (Fraction(1, 3), HOUR // 2, NEVER),
    (Fraction(1, 2), 0, FlapConfig(raises=3, window_ms=24 * HOUR, quiet_ms=2 * HOUR)),
    (Fraction(1, 3), HOUR // 2, FlapConfig(raises=2, window_ms=24 * HOUR, quiet_ms=HOUR // 4)),
]


class Docks:
    """The feed: its stations, its polls, and the log of ub.cells that bikes make of it."""

    def __init__(self) -> None:
        with real_file("gbfs_oslo/station_information.csv").open(encoding="utf-8") as file:
            rows = {row["station_id"]: row for row in csv.DictReader(file)}
        self.place = {name: (float(row["lat"]), float(row["lon"])) for name, row in rows.items()}
        self.cell = {name: str(h3.latlng_to_cell(*place, 9)) for name, place in self.place.items()}
        self.docks = Counter[str]()
        for name, row in rows.items():
            self.docks[self.cell[name]] += int(row["capacity"])
        feed = real_file("gbfs_oslo/station_status_first288.jsonl.gz")
        with gzip.open(feed, "rt", encoding="utf-8") as file:
            self.polls = [(1000 * poll["last_updated"], self._bikes(poll)) for poll in map(json.loads, file)]
        self.log = list(self._road())

    def _bikes(self, poll: dict[str, dict[str, list[dict[str, str | int]]]]) -> dict[str, int]:
        stations = poll["data"]["stations"]
        known = [one for one in stations if one["station_id"] in self.place]
        return {str(one["station_id"]): int(one["num_bikes_available"]) for one in known}

    def _road(self) -> Iterator[bytes]:
        city = City(1, fleet=replace(FLEET, stale_after_ms=1000 * HOUR))
        stood = dict.fromkeys(self.place, 0)
        for at, bikes in self.polls:
            readings = [{"vehicle_id": "clock", "lat": 59.9, "lon": 10.7, "vehicle_state": "on_trip"}]
            for name, many in bikes.items():
                lat, lon = self.place[name]
                state = "available" if many > stood[name] else "on_trip"
                for number in range(*sorted((many, stood[name]))):
                    one = {"vehicle_id": f"{name}.{number}", "lat": lat, "lon": lon, "vehicle_state": state}
                    readings.append(one)
                stood[name] = many
            city.feed(0, frame([{**one, "operator": "oslo", "ts": at} for one in readings]))
            city.checkpoint(0)  # with which it is told that time goes on, though nothing changes
            city.deliver(0)
            city.run_grid()
            city.checkpoint_grid()
        return (output.value for output in city.cells)

    def series(self) -> dict[str, Looks]:
        """Return what the oracle sees; a station that a poll leaves out has the bikes of before."""
        found: dict[str, Looks] = defaultdict(list)
        stood = dict.fromkeys(self.place, 0)
        for at, bikes in self.polls:
            stood |= bikes
            together = Counter[str]()
            for name, many in stood.items():
                together[self.cell[name]] += many
            for cell, many in together.items():
                found[cell].append((at, many))
        return found

    def policy(self, share: Fraction, min_duration_ms: int) -> Policy:
        """Return the capacity of each cell, as a file of zones."""
        zones = [
            {
                "type": "Feature",
                "geometry": locate.boundary_geojson(int(cell, 16)),
                "properties": {"name": cell, "capacity": capacity(docks, share)},
            }
            for cell, docks in self.docks.items()
        ]
        document = json.dumps({"type": "FeatureCollection", "features": zones})
        return parse(document, Rule("default", 10**6, 1.0, 0.8, min_duration_ms), "docks")


def capacity(docks: int, share: Fraction) -> int:
    return max(1, int(docks * share))


def severity(bikes: int, full: int, before: str = "") -> str:
    """By occupancy / raise_at: rises at 1.5 and 2, falls below 1.35 and 1.8 (docs/semantics.md)."""
    if 10 * bikes >= (18 if before == "critical" else 20) * full:
        return "critical"
    return "major" if 100 * bikes >= (135 if before in ("critical", "major") else 150) * full else "minor"


def islands(looks: Looks, full: int, min_duration_ms: int) -> Iterator[Event]:
    """Yield what is told of a cell, straight from docs/semantics.md."""
    clear_below = max(1, min(full * 8 // 10, full - 1))
    since, begun, bad = None, 0, ""
    for at, bikes in looks:
        if bad and bikes < clear_below:
            yield "cleared", at, begun, bad, bikes
            since, bad = None, ""
        elif bad:
            before, bad = bad, severity(bikes, full, bad)
            if bad != before:
                yield "updated", at, begun, bad, bikes
        elif bikes < full:
            since = None
        else:
            since = at if since is None else since
            if at - since >= min_duration_ms:
                begun, bad = since, severity(bikes, full)
                yield "raised", at, begun, bad, bikes


def damped(events: Sequence[Event], looks: Looks, flaps: FlapConfig) -> Iterator[Event]:
    """Yield what is told of events where raises that come too often become one alert, until it was quiet."""
    by_time = {event[1]: event for event in events}
    raises: list[int] = []
    shown: Event | None = None
    over: Event | None = None
    for at, _ in looks:
        event = by_time.get(at)
        end = at + 1 if over is None else over[1] + flaps.quiet_ms
        if over is not None and shown is not None and (at > end or (at == end and event is None)):
            yield "cleared", end, shown[2], shown[3], over[4]
            shown = over = None
        if event is not None and event[0] == "raised":
            raises = [before for before in raises if before > at - flaps.window_ms] + [at]
        if event is not None and shown is None:
            yield event
            if event[0] == "raised" and len(raises) >= flaps.raises:
                shown, over = event, None
        elif event is not None and shown is not None:
            over = event if event[0] == "cleared" else None
            if over is None and event[3] != shown[3]:
                shown = ("updated", at, shown[2], *event[3:])
                yield shown


def told(docks: Docks, policy: Policy, flaps: FlapConfig) -> dict[str, list[Event]]:
    """Fold the log, with crashes; returns what is told of each cell."""
    database, told_once = Database(), dict[str, bytes]()

    def fold(state: IncidentsState, offset: int) -> None:
        state.apply(Record(topics.CELLS, 0, offset, docks.log[offset], 0))
        for output in state.take_outputs(at_checkpoint=False):
            if output.topic == topics.ALERTS:
                assert told_once.setdefault(output.id_, output.value) == output.value

    state = IncidentsState(policy, locate.centre, restored(), flaps=flaps)
    for offset in range(len(docks.log)):
        fold(state, offset)
        if offset % 7 == 3:
            database.commit("incidents", offset, state.take_changes())
        if offset % 11 == 5:
            start = database.restored("incidents", 0)
            state = IncidentsState(policy, locate.centre, start, flaps=flaps)
            for again in range(start.offset + 1, offset + 1):
                fold(state, again)
    found: dict[str, list[Event]] = defaultdict(list)
    lives: dict[str, list[Alert]] = defaultdict(list)
    for alert in map(codec.alert.decode, told_once.values()):
        lives[alert.alert_id].append(alert)
        event = (alert.action, alert.updated_at, alert.starts_at, alert.severity, alert.evidence.occupancy)
        found[alert.cell].append(event)
    assert all([one.sequence for one in life] == [*range(len(life))] for life in lives.values())
    return found


@pytest.fixture(scope="module")
def docks() -> Docks:
    return Docks()


@pytest.mark.parametrize(("share", "min_duration_ms", "flaps"), CASES)
def test_every_island_of_full_docks_is_an_alert_no_more_no_less(
    docks: Docks, share: Fraction, min_duration_ms: int, flaps: FlapConfig
) -> None:
    expected = {}
    for cell, looks in docks.series().items():
        events = list(islands(looks, capacity(docks.docks[cell], share), min_duration_ms))
        expected[cell] = list(damped(events, looks, flaps)) if flaps.raises else events
    expected = {cell: events for cell, events in expected.items() if events}
    assert sum(map(len, expected.values())) >= 20
    assert told(docks, docks.policy(share, min_duration_ms), flaps) == expected
