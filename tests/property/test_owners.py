"""Named invariant: whoever owned a partition, and told what, a listener ends with what one owner would have told."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.state import FleetState
from streams.fold.contract import Fold, Restored
from streams.requests.districts import Districts
from streams.requests.state import RequestsState
from streams.sensing.state import SensingState
from tests.pipeline import T0, frame
from tests.property import request_days, rides, sensing_days
from tests.property.owners import Deed, Partition, Rows, days, thrown
from tests.unit.requests import desk
from tests.unit.sensing import station

CELLS = Cells(rides.LOCATOR)
SWIFT = replace(rides.SHORT, amend_horizon_ms=15_000, stale_after_ms=30_001)
"""All that can happen to a bike happens within a minute."""
PLACES = (rides.PLACES[0], rides.PLACES[2])
MANY = settings(max_examples=300)


def fleet(log: list[bytes]) -> Partition:
    def open_fold(start: Restored, rows: Rows | None) -> Fold:
        return FleetState(SWIFT, CELLS, start, rows)

    return Partition(topics.VEHICLES, "vehicle_state", open_fold, log)


def sensing(log: list[bytes]) -> Partition:
    def open_fold(start: Restored, rows: Rows | None) -> Fold:
        return SensingState(sensing_days.NARROW, station.Squares(), start, rows)

    return Partition(topics.SENSORS, "sensor_state", open_fold, log)


def requests(log: list[bytes]) -> Partition:
    def open_fold(start: Restored, rows: Rows | None) -> Fold:
        return RequestsState(request_days.NARROW, desk.Squares(), Districts.parse(None), start, rows)

    return Partition(topics.REQUESTS, "request", open_fold, log)


def minutes_of_bikes(dice: Random) -> rides.Log:
    """Return readings mostly in order: a count that is told and stays as it was is what is hard to get right."""
    ts, log = T0 + 30_000, []
    for _ in range(dice.randint(4, 14)):
        ts += dice.choice((500, 1_500, 3_000, 3_000, 5_000, 5_000, 31_000 if dice.random() < 0.2 else 1_000))
        lat, lon = dice.choice(PLACES)
        log.append(
            {
                "vehicle_id": f"bike-{dice.randint(0, 3)}",
                "operator": "north",
                "ts": ts - dice.choice((0, 0, 0, 0, 0, 3_000, 6_500)),
                "lat": lat,
                "lon": lon,
                "vehicle_state": dice.choice(("available",) * 5 + ("on_trip",)),
            }
        )
    return log


@settings(max_examples=1_000)
@given(st.integers(0, 1 << 32))
def test_the_fleet_ends_with_what_one_owner_would_have_told(seed: int) -> None:
    """By dice: Hypothesis draws too little that is alike for two bikes to meet in a window of a cell."""
    dice = Random(seed)
    records = [frame([reading]) for reading in minutes_of_bikes(dice)]
    assert fleet(records).run(thrown(dice)) == fleet(records).run([])


def positions(*readings: tuple[int, float, tuple[float, float]]) -> list[bytes]:
    """Return frames of one reading each: number of the bike, seconds, place."""
    return [
        frame(
            [
                {
                    "vehicle_id": f"bike-{number}",
                    "operator": "north",
                    "ts": T0 + round(seconds * 1000),
                    "lat": lat,
                    "lon": lon,
                    "vehicle_state": "available",
                }
            ]
        )
        for number, seconds, (lat, lon) in readings
    ]


def test_an_owner_that_slept_takes_nothing_back_when_it_wakes_up_at_rest() -> None:
    records = positions((0, 0.0, PLACES[1]), (1, 20.5, PLACES[0]), (2, 23.5, PLACES[0]), (3, 32.0, PLACES[1]))
    day: list[Deed] = [("fold", 3), ("checkpoint", 1), ("store", 1), ("fold", 1), ("take over", 1)]
    assert fleet(records).run(day) == fleet(records).run([])


def test_a_count_told_by_an_owner_that_died_is_withdrawn_though_the_next_one_dies_too() -> None:
    """The second owner finds in what waits what the first one counted; the third one finds something else."""
    records = positions(
        (0, 0.0, rides.PLACES[0]),
        (0, 21.0, rides.PLACES[2]),  # the first owner counts it as leaving the first place, and dies
        (0, 18.0, rides.PLACES[3]),  # it left that one before
        (1, 40.0, rides.PLACES[0]),
    )
    stored: list[Deed] = [("checkpoint", 1), ("store", 1)]
    day: list[Deed] = [("fold", 2), *stored, ("checkpoint", 1), ("die", 1), ("fold", 1), *stored, ("die", 1)]
    assert fleet(records).run(day) == fleet(records).run([])


def test_what_a_former_owner_told_further_on_is_put_right_though_nothing_counts_there() -> None:
    """It was about to find that bike 3 reports twice, and died; the next one counts provisionally before that."""
    records = positions((1, 0.0, PLACES[0]), (2, 3.0, PLACES[0]), (3, 12.0, PLACES[1]), (3, 12.0, PLACES[1]))
    stored: list[Deed] = [("checkpoint", 1), ("store", 1)]
    day: list[Deed] = [
        ("fold", 1),
        *stored,
        ("fold", 3),
        ("checkpoint", 1),
        ("die", 1),
        ("fold", 2),
        *stored,
        *stored,
    ]
    assert fleet(records).run(day) == fleet(records).run([])


@MANY
@given(sensing_days.logs(30), st.integers(1, 3), days())
def test_sensing_ends_with_what_one_owner_would_have_told(
    log: list[dict[str, Any]], size: int, day: list[Deed]
) -> None:
    records = [station.frame(log[at : at + size]) for at in range(0, len(log), size)]
    assert sensing(records).run(day) == sensing(records).run([])


@MANY
@given(request_days.logs(60), st.integers(1, 3), days())
def test_requests_end_with_what_one_owner_would_have_told(
    log: list[dict[str, Any]], size: int, day: list[Deed]
) -> None:
    records = [desk.frame(log[at : at + size]) for at in range(0, len(log), size)]
    assert requests(records).run(day) == requests(records).run([])
