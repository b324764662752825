"""Moves that may be too fast: what the fleet tells of them, and what not."""

from typing import Any

import pytest

from streams.incidents.policy import Policy
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, at, cell
from tests.unit.incidents.counts.mds import document, geography, policy
from tests.unit.incidents.speeds.rides import on, ride, speed_rule, tell, watched
from tests.unit.incidents.stays.zones import box, mds, parsed
from tests.watched_vehicles import Watched, region

TOWN_20 = mds(speed_rule(7, 2, maximum=20))
PLAZA_6 = mds(speed_rule(7, 1, maximum=6))


def rows(fold: Watched) -> list[tuple[str, float]]:
    """Return (vehicle, second) of each move told."""
    told = [message.speeds for message in fold.told if message.speeds is not None]
    return [(v, (ts - T0) / 1000) for one in told for v, ts in zip(one.vehicle_id, one.ts, strict=True)]


def told(limits: Policy, *readings: dict[str, Any]) -> list[tuple[str, float]]:
    fold = watched(limits)
    tell(fold, *readings)
    return rows(fold)


def test_what_gps_may_err_is_taken_off_before_a_speed_is_made_of_the_rest() -> None:
    """20 km/h are 83 m in 15 seconds; with 30 m of noise 113 m."""
    assert told(TOWN_20, on(0, 0), on(15, 113)) == []
    assert told(TOWN_20, on(0, 0), on(15, 114)) == [("bike-1", 15)]


def test_two_readings_a_second_apart_prove_nothing() -> None:
    assert told(TOWN_20, on(0, 0), on(1, 30)) == []


def test_a_minute_between_two_readings_is_judged_and_no_more() -> None:
    assert told(TOWN_20, on(0, 0), on(60, 400)) == [("bike-1", 60)]
    assert told(TOWN_20, on(0, 0), on(60.001, 400)) == []


def test_both_ends_must_be_in_an_area() -> None:
    """The town ends 2,947 m north of HERE."""
    assert told(TOWN_20, on(0, 2_700), on(15, 2_900)) == [("bike-1", 15)]
    assert told(TOWN_20, on(0, 2_800), on(15, 3_000)) == []
    assert told(TOWN_20, on(0, 3_000), on(15, 2_800)) == []


def test_in_a_cell_on_the_boundary_the_position_decides() -> None:
    within = next(one for one in ((HERE[0] + north, HERE[1]) for north in (-4.5e-4, 4.5e-4)) if in_cell(one))
    beside = next(one for one in ((HERE[0], HERE[1] + east) for east in (-6e-4, 8e-4)) if in_cell(one))
    assert told(PLAZA_6, at(0, HERE, "on_trip"), at(5, within, "on_trip")) == [("bike-1", 5)]
    assert told(PLAZA_6, at(0, HERE, "on_trip"), at(5, beside, "on_trip")) == []


def in_cell(place: tuple[float, float]) -> bool:
    return cell(place) == cell(HERE)


def test_an_end_in_an_area_with_a_higher_limit_is_not_told() -> None:
    """30 km/h, from the plaza (6) to the town around it (40)."""
    both = mds(speed_rule(7, 1, maximum=6), speed_rule(8, 2, maximum=40))
    assert told(both, on(0, 0), on(15, 155)) == []
    assert told(both, on(0, 0), on(15, 250)) == [("bike-1", 15)]


def test_what_is_overtaken_is_not_judged() -> None:
    """The reading of second 15 comes after that of second 30, and moves nothing."""
    assert told(TOWN_20, on(0, 0), on(30, 60), on(15, 500), on(45, 120)) == []


def test_only_states_of_rules_count_at_both_ends() -> None:
    assert told(TOWN_20, on(0, 0, "available"), on(15, 200)) == []
    assert told(TOWN_20, on(0, 0), on(15, 200, "available")) == []
    carried = mds(speed_rule(7, 2, maximum=20, states={"available": [], "on_trip": []}))
    assert told(carried, on(0, 0, "available"), on(15, 200)) == [("bike-1", 15)]


def test_what_no_such_vehicle_can_do_is_no_speeding() -> None:
    """60 km/h are 250 m in 15 seconds, and 30 m of noise."""
    assert told(TOWN_20, *ride(59)) == [("bike-1", 15)]
    assert told(TOWN_20, *ride(61)) == []
    assert told(TOWN_20, *ride(61, vehicle_type="moped")) == [("bike-1", 15)]
    assert told(TOWN_20, *ride(181, vehicle_type="moped")) == []


def test_a_vehicle_first_seen_was_nowhere() -> None:
    assert told(TOWN_20, on(0, 200)) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_moves_do_not_depend_on_how_the_readings_are_cut(size: int) -> None:
    readings = [*ride(25, readings=4), *ride(10, bike="slow"), *ride(30, bike="other", begin=1)]
    readings.sort(key=lambda one: one["ts"])
    fold = watched(TOWN_20)
    for begin in range(0, len(readings), size):
        fold.feed(*readings[begin : begin + size])
    fold.publish()
    assert sorted(rows(fold)) == [("bike-1", 15), ("bike-1", 30), ("bike-1", 45), ("other", 16)]


def test_all_who_are_too_fast_are_told_of_each_record() -> None:
    bikes = [f"bike-{n}" for n in range(40)]
    fold = watched(TOWN_20)
    tell(fold, *(on(0, 0, bike=bike) for bike in bikes))
    tell(fold, *(on(15, 150, bike=bike) for bike in bikes))
    assert [vehicle for vehicle, _ in rows(fold)] == bikes


def test_nothing_is_told_where_no_rule_limits_speed() -> None:
    fold = watched(mds(speed_rule(7, 2)))
    tell(fold, *ride(50))
    assert fold.told == []


def test_areas_at_the_antimeridian_are_areas() -> None:
    fiji = {
        "type": "MultiPolygon",
        "coordinates": [box(179, -18, 180, -16)["coordinates"], box(-180, -18, -179, -16)["coordinates"]],
    }
    text = document([policy(1, speed_rule(7, 1, maximum=20), start_date=T0)], [geography(1, fiji, "Fiji")])
    made, findings = parsed(text)
    assert not findings.errors
    begin, end = (-17.0, 179.9995), (-17.0, -179.9995)
    assert told(made, at(0, begin, "on_trip"), at(15, end, "on_trip")) == []
    assert told(made, at(0, begin, "on_trip"), at(15, (-17.0, -179.999), "on_trip")) == [("bike-1", 15)]


def test_the_row_says_all_that_rules_decide_by() -> None:
    fold = watched(TOWN_20)
    tell(fold, at(0, FAR, bike="far"), *ride(25, operator="south"))
    [message] = fold.told
    one = message.speeds
    assert one is not None
    [town] = [area.area_id for area in TOWN_20.speed_areas]
    assert (message.region, one.offset) == (region(HERE), [0])
    assert (one.vehicle_id, one.operator, one.vehicle_type) == (["bike-1"], ["south"], ["bicycle"])
    assert (one.from_areas, one.areas) == ([[town]], [[town]])
    assert (one.from_state, one.vehicle_state) == (["on_trip"], ["on_trip"])
    assert (one.from_ts, one.ts, one.cell) == ([T0], [T0 + 15_000], [cell((one.lat[0], one.lon[0]))])
    assert one.metres == pytest.approx([25 / 3.6 * 15 + 30], rel=1e-3)
    assert one.kmh == pytest.approx([25], rel=1e-2)


def test_other_limits_are_looked_for_from_the_next_record_on() -> None:
    fold = watched(mds(speed_rule(7, 2)))
    tell(fold, *ride(25))
    fold.take(TOWN_20)
    tell(fold, *ride(25, begin=100))
    fold.take(mds(speed_rule(7, 2)))
    tell(fold, *ride(25, begin=200))
    assert rows(fold) == [("bike-1", 115)]
