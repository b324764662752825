"""Named invariant: whoever owned a partition, and told what, a listener ends with what one owner would have told."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.state import FleetState
from streams.fold import Fold, Restored
from streams.requests.districts import Districts
from streams.requests.state import RequestsState
from streams.sensing.state import SensingState
from tests.pipeline import frame
from tests.property import request_days, rides, sensing_days
from tests.property.owners import Deed, Partition, Rows, days
from tests.unit.requests import desk
from tests.unit.sensing import station

CELLS = Cells(rides.LOCATOR)
SWIFT = replace(rides.SHORT, amend_horizon_ms=15_000, stale_after_ms=30_001)
"""All that can happen to a bike happens within a minute."""
RIDES = rides.logs(
    steps=(500, 1_500, 3_000, 3_000, 5_000, 31_000), delays=st.sampled_from((0, 0, 0, 0, 3_000, 6_500))
)
"""Mostly in order: a count that is told and stays as it was is what is hard to get right."""
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


@MANY
@given(RIDES, st.integers(1, 3), days())
def test_the_fleet_ends_with_what_one_owner_would_have_told(
    log: rides.Log, size: int, day: list[Deed]
) -> None:
    mine = [{**reading, "operator": "north"} for reading in log]
    records = [frame(mine[at : at + size]) for at in range(0, len(mine), size)]
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
