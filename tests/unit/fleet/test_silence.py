"""Bikes that are not heard of any more: missing after ten minutes of event time, forgotten after two more."""

from dataclasses import replace

import pytest

from streams.fleet.silence import Silence
from streams.fleet.vehicles import Vehicles
from tests.pipeline import T0
from tests.unit.fleet.road import CONFIG, HERE, NEXT, Fleet, at, cell

A = cell(HERE)


def test_the_next_step_is_due_when_somebody_may_be_missing_who_is_here_or_is_heard_of_late() -> None:
    silence, vehicles = Silence(stale_after_ms=1_000, amend_horizon_ms=100, most=10), Vehicles()
    vehicles.top = 2
    vehicles["ts"][1] = 5_000
    assert silence.next_due(vehicles, 4_500) == 5_400, "who comes with 4.4 s is here until then"
    assert silence.next_due(vehicles, 5_500) == 6_000
    assert [silence.soon(vehicles, at).tolist() for at in (5_999, 6_000)] == [[], [1]]


def test_where_there_is_room_nobody_is_crowded_out() -> None:
    silence, vehicles = Silence(stale_after_ms=1_000, amend_horizon_ms=100, most=2), Vehicles()
    vehicles.top = 2
    vehicles["ts"][:] = 5_000
    assert silence.crowded_out(vehicles, 6_000).tolist() == []


def test_a_silent_bike_is_missing_from_the_moment_its_time_was_over() -> None:
    """
    bike-1  A ......... 600 s ........ missing
    bike-2                                  B   carries event time on
    """
    fleet = Fleet()
    fleet.feed(at(0), at(1, NEXT, bike="bike-2"))
    fleet.feed(at(620, NEXT, bike="bike-2"))
    fleet.checkpoint()
    fleet.checkpoint()
    [event] = [event for event in fleet.events if event.vehicle_id == "bike-1"]
    assert (event.event_type, event.ts, event.last_ts) == ("comms_lost", T0 + 600_000, T0)
    assert (event.cell, event.operator) == (A, "north")
    row = fleet.vehicle()
    assert row is not None
    assert (row["vehicle_state"], row["ts"]) == ("missing", T0 + 600_000)
    assert (A, "north") not in fleet.live()
    assert fleet.windows()[10, A] == (0, 0, 1), "it left the cell in the window in which it was missing"


def test_a_bike_that_reports_in_time_is_not_missing() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(590), at(620, bike="bike-2"), at(1_000, bike="bike-2"))
    fleet.checkpoint()
    assert [event.vehicle_id for event in fleet.events] == []


def test_a_missing_bike_that_reports_again_arrives_again() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(1, NEXT, bike="bike-2"))
    fleet.feed(at(640, NEXT, bike="bike-2"))
    fleet.feed(at(650))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.live()[A, "north"] == {"available": 1}
    assert fleet.windows()[10, A] == (1, 1, 1)


def test_a_bike_missing_for_the_horizon_is_forgotten_and_its_row_deleted() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(1, NEXT, bike="bike-2"))
    fleet.checkpoint()
    assert fleet.vehicle() is not None
    fleet.feed(at(735, NEXT, bike="bike-2"))
    fleet.checkpoint()
    assert fleet.vehicle() is None


def test_a_forgotten_bike_may_come_back_with_another_operator() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(1, NEXT, bike="bike-2"))
    fleet.feed(at(735, NEXT, bike="bike-2"))
    fleet.feed(at(736, operator="south"))
    fleet.checkpoint()
    assert fleet.refused == []
    assert fleet.live()[A, "south"] == {"available": 1}


def test_silence_is_noticed_within_a_frame_as_it_is_between_frames() -> None:
    readings = [
        at(0),
        at(1, NEXT, bike="bike-2"),
        at(640, NEXT, bike="bike-2"),
        at(650),
        at(1_500, NEXT, bike="bike-2"),
        at(1_501),
    ]
    whole, single = Fleet(), Fleet()
    whole.feed(*readings)
    for reading in readings:
        single.feed(reading)
    for fleet in (whole, single):
        fleet.checkpoint()
        fleet.checkpoint()
    assert whole.windows() == single.windows()
    assert whole.events == single.events
    assert [event.vehicle_id for event in whole.events] == ["bike-1", "bike-1"]


def test_a_city_that_is_too_full_lets_the_longest_silent_go() -> None:
    fleet = Fleet(replace(CONFIG, most_vehicles=100))
    for number in range(101):
        fleet.feed(at(number, bike=f"bike-{number}"))
    fleet.feed(at(120, bike="bike-100"))
    fleet.checkpoint()
    gone = {event.vehicle_id for event in fleet.events}
    assert gone == {f"bike-{number}" for number in range(11)}, "a tenth of the most is free again"


def test_a_city_that_was_too_full_lets_no_more_go_than_it_must() -> None:
    """Those on their way out count no longer, though they are on file until the horizon has passed."""
    fleet = Fleet(replace(CONFIG, most_vehicles=100))
    for number in range(101):
        fleet.feed(at(number, bike=f"bike-{number}"))
    for second in range(10):
        fleet.feed(at(120 + second, bike="bike-100"))
        fleet.checkpoint()
    assert len(fleet.events) == 11


@pytest.mark.parametrize("frames", [1, 2])
def test_a_bike_reported_missing_and_heard_of_after_the_horizon_starts_anew(frames: int) -> None:
    readings = [
        at(0, state="missing"),
        at(5, NEXT, bike="bike-2"),
        at(140, NEXT, bike="bike-2"),
        at(141, operator="south"),
    ]
    fleet = Fleet()
    for number in range(0, len(readings), len(readings) // frames):
        fleet.feed(*readings[number : number + len(readings) // frames])
    fleet.checkpoint()
    assert fleet.refused == []
    assert fleet.live()[A, "south"] == {"available": 1}
