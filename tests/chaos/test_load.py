"""Sensors and citizens' requests of the load, and the batch computation over them: pure, so tested as such."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import h3
import msgspec
import pytest

from schemas import codec
from schemas.metrics import METRICS
from schemas.requests import CitizenRequest
from schemas.sensors import SensorReading
from schemas.units import BadUnit, conversion
from tests.chaos.expected_requests import RequestTables, expected_requests
from tests.chaos.expected_requests import tables as request_tables
from tests.chaos.expected_sensors import expected_sensors, fault
from tests.chaos.expected_sensors import tables as sensor_tables
from tests.chaos.plan import LONG_AGO_MS, OPERATORS, Message, Plan, long_ago
from tests.chaos.sensors import BAD_UNIT, OLD_FROM_TICK, SERIES, Series
from tests.chaos.traffic import Traffic

T0 = 1_700_000_000_000
PLAN = Plan(seed=3, rate=100, begin_ms=T0, bikes=60, measurements=300, events=100)
HERE, THERE = (31.23, 121.47), (31.33, 121.47)


def load(plan: Plan = PLAN, ticks: int = 300) -> list[Message[Any]]:
    traffic = Traffic(plan)
    return [message for number in range(ticks) for message in traffic.tick(number)] + traffic.rest()


def said(kind: str, messages: list[Message[Any]]) -> Iterator[Any]:
    return (
        item for message in messages if message.kind == kind and message.first for item in message.readings
    )


def cell(place: tuple[float, float]) -> str:
    return str(h3.latlng_to_cell(*place, 9))


# ------------------------------------------------------------------ what is published


def test_the_same_plan_gives_the_same_sensors_and_requests_and_repeats_only_what_was_said() -> None:
    messages = load()
    assert messages == load()
    for kind in ("sensors", "requests"):
        first = [m.readings for m in messages if m.kind == kind and m.first]
        again = [m.readings for m in messages if m.kind == kind and not m.first]
        assert again
        assert all(readings in first for readings in again)


def test_as_much_comes_from_sensors_and_citizens_as_was_planned_each_from_one_operator() -> None:
    messages = load()
    for kind, planned in (("sensors", 30 * 300), ("requests", 30 * 100)):
        items = list(said(kind, messages))
        assert planned <= len(items) <= 1.05 * planned
        assert {item.owner for item in items} == set(OPERATORS)
    assert all(item.owner == m.operator for m in messages if m.kind != "vehicles" for item in m.readings)
    names = {(e.service_request_id, e.owner) for e in said("requests", messages)}
    assert len(names) == len({name for name, _ in names})


def test_sensors_repeat_and_contradict_themselves_and_send_what_must_be_refused() -> None:
    readings: list[SensorReading] = list(said("sensors", load()))
    counts = Counter(fault(r.metric, r.unit, r.value) for r in readings)
    assert counts.keys() == {None, "bad_unit", "value_out_of_range"}
    old = [r for r in readings if long_ago(r.ts, T0 + 30_000)]
    same = Counter((r.sensor_id, r.ts) for r in readings if fault(r.metric, r.unit, r.value) is None)
    values = {(r.sensor_id, r.ts, r.value) for r in readings if fault(r.metric, r.unit, r.value) is None}
    repeats = sum(same.values()) - len(values)
    contradictions = len(values) - len(same)
    odd = [counts["bad_unit"], counts["value_out_of_range"], len(old), repeats, contradictions]
    assert all(0.003 * len(readings) < count < 0.02 * len(readings) for count in odd), odd
    assert min(r.ts for r in old) >= T0 + OLD_FROM_TICK * 100 - LONG_AGO_MS


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.metric)
def test_a_series_is_what_the_table_of_metrics_says_and_its_impossible_value_is_none(series: Series) -> None:
    metric = METRICS[series.metric]
    assert (metric.kind, metric.unit) == (series.kind, series.canonical)
    how = conversion(series.metric, series.unit)
    assert not isinstance(how, BadUnit)
    assert (how.factor, how.offset) == (float(series.factor), float(series.offset))
    assert isinstance(conversion(series.metric, BAD_UNIT), BadUnit)
    for value in (series.lowest, series.highest):
        assert metric.lowest <= series.micros(value / 10**series.digits) / 10**6 <= metric.highest
    impossible = series.micros(series.impossible) / 10**6
    most = metric.highest if series.capacity is None else series.capacity
    assert not metric.lowest <= impossible <= most


def test_values_are_whole_millionths_so_that_no_rounding_is_in_doubt() -> None:
    for r in said("sensors", load()):
        series = next(series for series in SERIES if series.metric == r.metric)
        exact = Decimal(repr(r.value)) * Decimal(series.factor) + Decimal(series.offset)
        assert series.micros(r.value) == exact * 10**6


def test_a_request_begins_with_its_opening_and_has_no_two_events_at_a_time_but_repeats() -> None:
    by_request: dict[str, list[CitizenRequest]] = defaultdict(list)
    for event in said("requests", load()):
        if not long_ago(event.ts, T0 + 30_000):
            by_request[event.service_request_id].append(event)
    for events in by_request.values():
        assert min(events, key=lambda e: e.ts).event == "opened"
        assert len({e.ts for e in events}) == len({codec.encode(e) for e in events})
    assert max(map(len, by_request.values())) > 5


def test_events_overtake_the_opening_of_their_request_with_and_without_its_place() -> None:
    opened, overtook = set(), Counter[bool]()
    for event in said("requests", load()):
        if event.event == "opened":
            opened.add(event.service_request_id)
        elif event.service_request_id not in opened:
            overtook[event.lat is not None and event.service_code is not None] += 1
    assert min(overtook[True], overtook[False]) > 0


# ------------------------------------------------------------------ what must come of it


def reading(
    value: float, ts: int, unit: str | None = "m/s", place: tuple[float, float] = HERE
) -> dict[str, Any]:
    found = SensorReading("s", "traffic", "speed", value, ts, *place, unit=unit, owner="alpha")
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]


def test_each_distinct_reading_counts_once_in_its_window_in_the_metrics_unit() -> None:
    found = sensor_tables(
        [
            reading(10.0, T0 + 5),
            reading(20.0, T0 + 3),
            reading(10.0, T0 + 5),  # a repeat
            reading(11.0, T0 + 5),  # another value for the same time
            reading(100.0, T0 + 6),  # impossible
            reading(10.0, T0 + 7, unit=BAD_UNIT),
            reading(0.5, T0 + 10_000),
            reading(0.5, T0 + 10_000, place=THERE),
        ],
        window_ms=10_000,
    )
    row = {"unit": "km/h", "readings": 3, "total": 147_600_000, "least": 36_000_000, "most": 72_000_000}
    one = {"unit": "km/h", "readings": 1, "total": 1_800_000, "least": 1_800_000, "most": 1_800_000}
    assert found.sensor_window == {
        (T0, cell(HERE), "speed"): row,
        (T0 + 10_000, cell(HERE), "speed"): one,
        (T0 + 10_000, cell(THERE), "speed"): one,
    }
    found = sensor_tables([reading(11.0, T0), reading(12.0, T0), reading(10.0, T0)], 10_000)
    assert found.sensor_state["s", "speed"] == {
        "ts": T0,
        "value": 43_200_000,
        "unit": "km/h",
        "cell": cell(HERE),
        "owner": "alpha",
    }


def event(kind: Any, ts: int, **more: Any) -> dict[str, Any]:
    found = CitizenRequest("r", kind, ts, owner="alpha", **more)
    return msgspec.to_builtins(found)  # type: ignore[no-any-return]


def at(place: tuple[float, float], code: str = "noise") -> dict[str, Any]:
    return {"lat": place[0], "lon": place[1], "service_code": code}


LIFE = (
    event("opened", T0 + 1, **at(HERE)),
    event("updated", T0 + 2, status_notes="seen"),
    event("closed", T0 + 10_001),
    event("opened", T0 + 10_002, **at(HERE)),
    event("updated", T0 + 20_000, lat=THERE[0], lon=THERE[1]),
    event("closed", T0 + 30_000),
    event("rated", T0 + 40_000, satisfaction=4),
)


@pytest.mark.parametrize(
    "events", [LIFE, LIFE[::-1], LIFE + LIFE[2:5]], ids=["in order", "reversed", "repeated"]
)
def test_a_request_is_followed_from_cell_to_cell_whatever_the_order_of_its_events(events: Any) -> None:
    found = request_tables(events, window_ms=10_000)
    here, there = (cell(HERE), "noise"), (cell(THERE), "noise")
    nothing = {"opened": 0, "closed": 0, "reopened": 0, "rated": 0, "open_now": 0}
    assert found.request_window == {
        (T0, *here): nothing | {"opened": 1, "open_now": 1},
        (T0 + 10_000, *here): nothing | {"closed": 1, "reopened": 1, "open_now": 1},
        (T0 + 20_000, *here): nothing,
        (T0 + 20_000, *there): nothing | {"open_now": 1},
        (T0 + 30_000, *there): nothing | {"closed": 1},
        (T0 + 40_000, *there): nothing | {"rated": 1},
    }
    row = found.request["r"]
    assert (row["status"], row["reopened"], row["cell"]) == ("closed", 1, cell(THERE))
    assert (row["opened_at"], row["closed_at"]) == (T0 + 10_002, T0 + 30_000)
    assert (row["updated_at"], row["satisfaction"]) == (T0 + 40_000, 4)


def test_a_window_that_late_events_emptied_must_carry_the_open_ones_of_the_window_before() -> None:
    found = request_tables(LIFE[:1], window_ms=10_000)
    nothing = {"opened": 0, "closed": 0, "reopened": 0, "rated": 0}
    assert found.standing((T0 + 50_000, cell(HERE), "noise")) == nothing | {"open_now": 1}
    assert found.standing((T0, cell(HERE), "noise")) == nothing | {"open_now": 0}
    assert RequestTables().standing((T0, cell(HERE), "noise")) == nothing | {"open_now": 0}


def test_what_was_meant_to_be_too_late_counts_nowhere(tmp_path: Path) -> None:
    published = tmp_path / "published"
    readings = [reading(10.0, T0), reading(20.0, T0 - LONG_AGO_MS)]
    published.write_bytes(codec.encode(readings[:1]) + b"\n" + codec.encode(readings[1:]) + b"\n")
    assert [row["readings"] for row in expected_sensors([published], 10_000).sensor_window.values()] == [1]
    events = [event("opened", T0, **at(HERE)), event("closed", T0 - LONG_AGO_MS, **at(THERE))]
    published.write_bytes(codec.encode(events) + b"\n")
    assert list(expected_requests([published], 10_000).request_window) == [(T0, cell(HERE), "noise")]
