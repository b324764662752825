"""departures_are_a_function_of_the_log: who falls silent, who must go because there are too many, and who comes back
does not depend on how the log is cut into frames, on when checkpoints fall, or on crashes between them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.road import CONFIG, FAR, HERE, NEXT, Fleet, at

FULL = replace(CONFIG, most_vehicles=6, allowed_lateness_ms=5_000)
READING = st.tuples(
    st.integers(0, 400),
    st.sampled_from((HERE, NEXT, FAR)),
    st.sampled_from(("available", "on_trip", "available", "missing")),
    st.integers(0, 11).map("bike-{}".format),
)
LOG = st.lists(READING, min_size=1, max_size=60)
DEED = st.sampled_from(("nothing", "nothing", "publish", "checkpoint", "publish and crash", "crash"))


def folded(log: Iterable[dict[str, Any]], sizes: list[int], deeds: list[str]) -> Fleet:
    """Fold a log in frames of these sizes (over and over), with these deeds between them."""
    fleet, readings, turn = Fleet(FULL), list(log), 0
    while readings:
        size, deed = sizes[turn % len(sizes)], deeds[turn % len(deeds)]
        fleet.feed(*readings[:size])
        readings, turn = readings[size:], turn + 1
        if deed.startswith("publish"):
            fleet.tell()
        if deed == "checkpoint":
            fleet.checkpoint()
        if deed.endswith("crash"):
            fleet.crash()
    fleet.checkpoint()
    fleet.checkpoint()
    return fleet


@given(LOG, st.lists(st.integers(1, 20), min_size=1, max_size=6), st.lists(DEED, min_size=1, max_size=6))
def test_departures_are_a_function_of_the_log(
    drawn: list[tuple[int, tuple[float, float], str, str]], sizes: list[int], deeds: list[str]
) -> None:
    second, log = 0, []
    for wait, place, state, bike in drawn:
        second += (
            wait // 8 if wait < 380 else 3 * wait
        )  # now and then it is quiet for as long as makes all silent
        log.append(at(second, place, state, bike=bike))
    single = folded(log, [1], ["nothing"])
    other = folded(log, sizes, deeds)
    assert {event.vehicle_id + str(event.ts) for event in other.events} == {
        event.vehicle_id + str(event.ts) for event in single.events
    }
    assert other.database.tables["vehicle_state"] == single.database.tables["vehicle_state"]
    assert other.live() == single.live()
    assert other.windows() == single.windows()
    assert other.fold.ledger == single.fold.ledger
