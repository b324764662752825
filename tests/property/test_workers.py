"""Named invariant: a commit that is refused for one partition costs the others of its worker nothing."""

import asyncio
import logging
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams import topics
from streams.fleet.state import FleetState
from streams.fold.contract import Fold, Restored
from tests.pipeline import T0, frame
from tests.property import rides
from tests.property.owners import Rows
from tests.property.test_owners import CELLS, SWIFT, fleet
from tests.property.workers import Workers


def open_fold(start: Restored, rows: Rows | None) -> Fold:
    return FleetState(SWIFT, CELLS, start, rows)


def records_of(dice: Random, partition: int) -> list[bytes]:
    """Return readings of two bikes that change places at each, and often come in another order."""
    ts, records = T0 + 30_000, []
    for _ in range(dice.randint(3, 9)):
        ts += dice.choice((1_000, 3_000, 5_000))
        lat, lon = dice.choice(rides.PLACES[1:4])
        reading = {
            "vehicle_id": f"bike-{dice.randint(0, 1)}-of-{partition}",
            "operator": "north",
            "ts": ts - dice.choice((0, 0, 4_000, 7_000)),
            "lat": lat,
            "lon": lon,
            "vehicle_state": "available",
        }
        records.append(frame([reading]))
    return records


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    log = logging.getLogger("streams")
    level = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(level)


@example(1_005)
@example(1_856)
@settings(max_examples=300)
@given(st.integers(0, 1 << 32))
def test_the_fleet_of_several_partitions_ends_with_what_one_owner_would_have_told(seed: int) -> None:
    """The examples: a worker that is refused tells, as it ends, what it would have to take back."""
    dice = Random(seed)
    logs = [records_of(dice, partition) for partition in (0, 1)]
    told = asyncio.run(Workers(topics.VEHICLES, "vehicle_state", open_fold, logs).live(dice))
    assert told == [fleet(log).run([]) for log in logs]
