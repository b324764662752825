"""Other capacities while the log goes on: cells at rest are looked at too, and a crash tells the same."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.policy import Policy, parse
from tests.unit.incidents.counts.folding import Counted, Row
from tests.unit.incidents.counts.mds import DEFAULT, START, cell_at, square
from tests.unit.incidents.forecast.test_forecast_alerts import POLICY, Watched, fill

MINUTE = 60_000
A, B = cell_at(10, 10), cell_at(20, 20)
PLACES = {A: (10, 10), B: (20, 20)}


def zones(capacities: dict[str, int]) -> Policy:
    """A capacity for each of these cells; others hold 60."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": cell, "capacity": number},
            "geometry": square(*PLACES[cell]),
        }
        for cell, number in capacities.items()
    ]
    return parse(json.dumps({"type": "FeatureCollection", "features": features}), DEFAULT, "zones")


def bikes(cell: str, number: int) -> Row:
    return cell, "hello", (number, 0, 0, 0, 0)


def test_a_cell_at_rest_that_holds_less_now_is_told_after_the_minimum_duration() -> None:
    fold = Counted(zones({A: 30}))
    assert fold.look(START, bikes(A, 20), bikes(B, 20)) == []
    smaller = zones({A: 10})
    fold.fold.take_policy(smaller)
    assert fold.look(START + MINUTE) == []
    (alert,) = fold.look(START + 3 * MINUTE)
    assert (alert.kind, alert.cell, alert.policy_version) == ("oversaturation", A, smaller.version)
    assert (alert.starts_at, alert.evidence.capacity) == (START + MINUTE, 10)


def test_an_alert_of_a_cell_at_rest_that_holds_more_now_is_cleared() -> None:
    fold = Counted(zones({A: 10}))
    fold.look(START, bikes(A, 20))
    (alert,) = fold.look(START + 2 * MINUTE)
    larger = zones({A: 40})
    fold.fold.take_policy(larger)
    (cleared,) = fold.look(START + 3 * MINUTE)
    assert (cleared.alert_id, cleared.action, cleared.policy_version) == (
        alert.alert_id,
        "cleared",
        larger.version,
    )
    assert fold.look(START + 4 * MINUTE) == []


def test_an_alert_that_a_file_of_another_name_clears_names_that_file_with_its_version() -> None:
    fold = Counted(zones({A: 10}))
    fold.look(START, bikes(A, 20))
    fold.look(START + 2 * MINUTE)
    fold.checkpoint()
    larger = replace(zones({A: 40}), name="larger")
    fold.crash(larger)
    (cleared,) = fold.look(START + 3 * MINUTE)
    assert (cleared.action, cleared.policy, cleared.policy_version) == ("cleared", "larger", larger.version)


@pytest.mark.parametrize("crash", [False, True])
def test_what_was_too_many_by_the_former_capacity_counts_anew_by_this_one(crash: bool) -> None:
    """The minimum duration is two minutes; the cell holds more than it should by the former capacity at START."""
    fold = Counted(zones({A: 10}))
    fold.look(START, bikes(A, 12))
    fold.look(START + MINUTE, bikes(A, 22))
    fold.checkpoint()
    larger = zones({A: 20})
    if crash:
        fold.crash(larger)
    else:
        fold.fold.take_policy(larger)
    assert fold.look(START + 2 * MINUTE) == []
    [alert] = fold.look(START + 4 * MINUTE)
    assert alert.starts_at == START + 2 * MINUTE


def test_a_worker_that_begins_again_with_another_file_looks_at_cells_at_rest_too() -> None:
    fold = Counted(zones({A: 30, B: 10}))
    fold.look(START, bikes(A, 20), bikes(B, 20))
    fold.look(START + 2 * MINUTE)
    fold.checkpoint()
    assert fold.crash(zones({A: 10, B: 40})) == []
    (cleared,) = fold.look(START + 3 * MINUTE)
    (raised,) = fold.look(START + 5 * MINUTE)
    assert (cleared.cell, cleared.action, raised.cell, raised.action) == (B, "cleared", A, "raised")


def test_what_is_expected_to_be_full_goes_by_the_other_capacity() -> None:
    watched = Watched()
    for minute in range(3):
        watched.close((minute, "89309959d07ffff", "hello", 20 if minute == 0 else 0, 0, 20, 0))
    assert fill(watched, [4] * 2) == []
    watched.fold.take_policy(
        replace(POLICY, default=replace(POLICY.default, capacity=1000), version="larger")
    )
    assert fill(watched, [4] * 9, occupancy=28, start=5) == []


def test_an_expected_saturation_that_the_other_capacity_takes_back_names_its_version() -> None:
    watched = Watched()
    for minute in range(3):
        watched.close((minute, "89309959d07ffff", "hello", 20 if minute == 0 else 0, 0, 20, 0))
    [raised] = fill(watched, [4] * 4)
    watched.fold.take_policy(
        replace(POLICY, default=replace(POLICY.default, capacity=1000), version="larger")
    )
    [cleared] = fill(watched, [4] * 9, occupancy=36, start=7)
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")
    assert cleared.policy_version != raised.policy_version


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B]), st.integers(0, 40), st.integers(1, 40), st.sampled_from("lptc")),
        max_size=30,
    )
)
def test_a_crash_after_other_capacities_were_taken_changes_no_alert(
    steps: list[tuple[str, int, int, str]],
) -> None:
    """As a worker takes them: all is stored, then others judge. `l` look, `p` take other ones, `t` time, `c` crash."""
    straight, crashing = Counted(zones({A: 20, B: 20})), Counted(zones({A: 20, B: 20}))
    for minute, (cell, number, capacity, what) in enumerate(steps):
        at = START + minute * MINUTE
        if what == "l":
            assert straight.look(at, bikes(cell, number)) == crashing.look(at, bikes(cell, number))
        elif what == "t":
            assert straight.look(at) == crashing.look(at)
        elif what == "p":
            others = zones({cell: capacity})
            crashing.checkpoint()
            for fold in (straight, crashing):
                fold.policy = others
                fold.fold.take_policy(others)
        else:
            crashing.crash()
    for fold in (straight, crashing):
        fold.checkpoint()
    assert straight.database.tables == crashing.database.tables
