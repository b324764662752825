"""Cells that fill: a pace that would make them full is seen, whether or not it goes on; what chance brings is not."""

import numpy as np
import pytest

from sensors_sim.truth.filling import MINUTE_MS, TOLD_AFTER_MS, Filling, Inflow


def inflows(*occupancy: int) -> list[Inflow]:
    """Return what is said of one cell with so many bikes at the ends of the minutes."""
    filling = Filling()
    for minute, bikes in enumerate(occupancy):
        filling.look(minute * MINUTE_MS, np.array([bikes]))
        filling.look(minute * MINUTE_MS + 5_000, np.array([99]))  # once a minute is enough
    return list(filling.inflows())


def test_a_crowd_that_comes_is_seen_from_its_first_minute_on_though_it_stops() -> None:
    (inflow,) = inflows(10, 10, 13, 17, 20, 20, 20, 20, 20, 20)
    assert inflow.cell == 0
    assert inflow.from_ms <= 1 * MINUTE_MS
    assert 4 * MINUTE_MS + TOLD_AFTER_MS <= inflow.to_ms <= 7 * MINUTE_MS + TOLD_AFTER_MS
    assert inflow.pace == pytest.approx(10 / 3)


@pytest.mark.parametrize(
    "occupancy",
    [
        [30] * 25,
        [30, 33, 36, 34, 37, 33, 36, 30, 35, 31],  # they come and go
        list(range(5, 24)),  # one a minute: 53 in half an hour
        [10, 13, 15, 17, 17, 17, 17],  # seven may come by chance
    ],
)
def test_what_comes_and_goes_or_comes_slowly_is_no_inflow(occupancy: list[int]) -> None:
    assert inflows(*occupancy[:20]) == []


def test_a_cell_that_fills_twice_is_told_twice_and_one_that_comes_up_later_was_empty() -> None:
    filling = Filling()
    for minute, bikes in enumerate([0, 4, 8, 12, *[12] * 40, 16, 20, 24]):
        filling.look(minute * MINUTE_MS, np.array([0, bikes][: 1 + (minute > 0)]))
    first, second = filling.inflows()
    assert (first.cell, second.cell) == (1, 1)
    assert first.to_ms < second.from_ms
