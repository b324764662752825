"""A power cut, a storm: thousands of alerts of one incident. Twice as many are about twice the work, not four times."""

import dataclasses
from collections.abc import Callable, Sequence

import h3
import msgspec
import pytest

from schemas.alerts import Alert
from streams.grid.locate import neighbours
from streams.incidents.grouping.groups import Groups
from tests.pipeline import T0
from tests.unit.alerts.events import alert
from tests.unit.incidents.grouping.grouped import CENTRE, REGION, ROW, SECOND, Grouped
from tests.work import lines_run

FEW, TWICE = 150, 300
LINGER_S = 100
DISTRICT = sorted(h3.grid_disk(CENTRE, 4))
SPARSE = [
    cell
    for cell in h3.grid_disk(CENTRE, 50)
    if h3.cell_to_center_child(h3.cell_to_parent(cell, 8), 9) == cell
]
"""Cells none of which touches another: each alert is an incident of its own."""
CORRIDOR = h3.grid_path_cells(CENTRE, h3.grid_ring(CENTRE, TWICE)[0])
Deed = Callable[[Grouped, list[Alert]], object]


def raised(n: int, cells: Sequence[str]) -> list[Alert]:
    """Return alerts that began at times of their own."""
    return [
        msgspec.structs.replace(
            alert("raised"), alert_id=f"a{i}", cell=cells[i % len(cells)], region=REGION, starts_at=T0 + i
        )
        for i in range(n)
    ]


def cleared(one: Alert, second: int) -> Alert:
    at = T0 + second * SECOND
    return msgspec.structs.replace(one, action="cleared", status="cleared", updated_at=at, ends_at=at)


def storm(n: int, cells: Sequence[str]) -> tuple[Grouped, list[Alert]]:
    """Return a city in which so many alerts were raised at once."""
    city, alerts = Grouped(LINGER_S), raised(n, cells)
    city.fold(10, alerts)
    return city, alerts


def all_at_once(city: Grouped, alerts: list[Alert]) -> None:
    city.fold(20, [cleared(one, 20) for one in alerts])


def all_forgotten(city: Grouped, alerts: list[Alert]) -> None:
    all_at_once(city, alerts[1:])
    city.quiet(20 + LINGER_S)


def some_forgotten(city: Grouped, alerts: list[Alert]) -> None:
    """Of an incident with many a few are cleared, and forgotten."""
    city.fold(20, [cleared(one, 20) for one in alerts[:3]])
    city.quiet(20 + LINGER_S)


def one_more(city: Grouped, _alerts: list[Alert]) -> None:
    city.fold(20, [msgspec.structs.replace(alert("raised"), cell=CENTRE, region=REGION)])


def cleared_by_a_clock_that_is_behind(city: Grouped, alerts: list[Alert]) -> None:
    """Some began after others ended: what hung together is looked at anew."""
    ends = alerts[len(alerts) // 2].starts_at
    city.fold(
        20,
        [
            msgspec.structs.replace(one, action="cleared", status="cleared", ends_at=ends)
            for one in alerts
            if one.starts_at <= ends
        ],
    )


@pytest.mark.parametrize(
    "cells", [[CENTRE], ROW[:2], DISTRICT, SPARSE], ids=["cell", "cells", "district", "sparse"]
)
@pytest.mark.parametrize(
    "deed", [all_at_once, all_forgotten, some_forgotten, one_more, cleared_by_a_clock_that_is_behind]
)
def test_what_becomes_of_twice_as_many_alerts_is_twice_the_work(deed: Deed, cells: Sequence[str]) -> None:
    few, many = storm(FEW, cells), storm(TWICE, cells)
    assert lines_run(lambda: deed(*many)) < 2.5 * lines_run(lambda: deed(*few))


@pytest.mark.parametrize(
    "cells", [[CENTRE], ROW[:2], CORRIDOR, SPARSE], ids=["cell", "cells", "corridor", "sparse"]
)
def test_raising_twice_as_many_at_once_is_twice_the_work(cells: Sequence[str]) -> None:
    assert lines_run(lambda: storm(TWICE, cells)) < 2.5 * lines_run(lambda: storm(FEW, cells))


class Neighbours:
    """Cells that touch, and how often somebody asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, cell: str) -> tuple[str, ...]:
        self.asked += 1
        return neighbours(cell)


@pytest.mark.parametrize("rings", [4, 8])
def test_as_one_of_many_is_forgotten_only_those_around_it_are_looked_at(rings: int) -> None:
    """Each alert of a large incident is, ten minutes after it was cleared: all of them would be looked at for each."""
    near, city = Neighbours(), Grouped(LINGER_S)
    city.groups = Groups(dataclasses.replace(city.config, near=near))
    city.raised(10, *h3.grid_disk(CENTRE, rings))
    city.cleared(20, CENTRE)
    near.asked = 0
    assert city.quiet(20 + LINGER_S) == []
    assert near.asked <= 15
