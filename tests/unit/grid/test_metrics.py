"""Windows of metrics: figures are those of all readings of all sources together."""

import math
import statistics

import pytest

from schemas.cells import ClosedMetrics
from tests.unit.grid.partials import MINUTE, sensing
from tests.unit.grid.region import CELL, OTHER, Grid

SPEEDS = [50.0, 30.25, 61.5]


def told(grid: Grid) -> ClosedMetrics:
    """Return the rows of the only message on metrics."""
    [message] = grid.metrics
    return message.rows


def test_figures_of_one_window_are_those_of_its_readings() -> None:
    grid = Grid()
    grid.put(sensing((0, CELL, "speed", SPEEDS), reached=1))
    grid.tick()
    rows = told(grid)
    assert (rows.cell, rows.metric, rows.unit, rows.readings) == ([CELL], ["speed"], ["km/h"], [3])
    assert (rows.total, rows.mean, rows.least, rows.most) == ([141.75], [47.25], [30.25], [61.5])
    assert rows.stddev == [pytest.approx(statistics.stdev(SPEEDS), rel=1e-15)]
    assert rows.median == [pytest.approx(50.0, rel=0.01)]
    assert rows.p95 == [pytest.approx(50.0, rel=0.01)], "rank floor(0.95 x 2) of three"
    assert rows.revision == [0]


@pytest.mark.parametrize("value", [30.25, 50.0, 899_999.999999])
def test_a_quantile_of_equal_readings_is_what_they_all_say(value: float) -> None:
    """Their bucket stands for a value that none of them has."""
    grid = Grid()
    grid.put(sensing((0, CELL, "people_count", [value] * 3), reached=1))
    grid.tick()
    assert (told(grid).median, told(grid).p95) == ([value], [value])


def test_readings_of_two_sources_are_one_set() -> None:
    whole, apart = Grid(), Grid()
    whole.put(sensing((0, CELL, "pm25", [3.0, 12.5, 7.25, 3.0]), reached=1))
    apart.put(sensing((0, CELL, "pm25", [3.0, 12.5]), source=0, sources=2, reached=1))
    apart.put(sensing((0, CELL, "pm25", [7.25, 3.0]), source=1, sources=2, reached=1))
    for grid in (whole, apart):
        grid.tick()
    assert told(whole) == told(apart)
    assert sum(told(whole).bin_counts[0]) == 4
    assert told(whole).bins[0] == sorted(set(told(whole).bins[0])), "bins ascend, each is there once"


def test_one_reading_has_no_standard_deviation() -> None:
    grid = Grid()
    grid.put(sensing((0, CELL, "speed", [50.0]), reached=1))
    grid.tick()
    assert told(grid).stddev == [None]


def test_the_standard_deviation_of_equal_readings_far_from_zero_is_zero() -> None:
    """With floats the sum of squares would drown it."""
    grid = Grid()
    grid.put(sensing((0, CELL, "people_count", [899_999.999999] * 3), reached=1))
    grid.tick()
    assert told(grid).stddev == [0.0]


def test_values_below_zero_keep_their_sign() -> None:
    grid = Grid()
    grid.put(sensing((0, CELL, "temperature", [-10.0, -20.0, 5.0]), reached=1))
    grid.tick()
    rows = told(grid)
    assert (rows.least, rows.most, rows.total) == ([-20.0], [5.0], [-25.0])
    assert rows.median == [pytest.approx(-10.0, rel=0.01)]
    assert rows.stddev == [pytest.approx(math.sqrt(158 + 1 / 3))]


def test_metrics_of_one_cell_are_rows_of_their_own() -> None:
    grid = Grid()
    grid.put(
        sensing((0, CELL, "speed", [50.0]), (0, CELL, "flow", [900.0]), (0, OTHER, "speed", [1.0]), reached=1)
    )
    grid.tick()
    rows = told(grid)
    found = sorted(zip(rows.cell, rows.metric, rows.unit, strict=True))
    assert found == [(CELL, "flow", "/h"), (CELL, "speed", "km/h"), (OTHER, "speed", "km/h")]


def test_the_table_has_what_was_told() -> None:
    grid = Grid()
    grid.put(sensing((0, CELL, "speed", SPEEDS), reached=1))
    grid.checkpoint()
    [row] = grid.database.tables["sensor_window"].values()
    rows = told(grid)
    assert row["region"] == "82309ffffffffff"
    assert (row["window_s"], row["cell"]) == (MINUTE // 1000, int(CELL, 16))
    same = [name for name in ClosedMetrics.__struct_fields__ if name != "cell"]
    assert {name: row[name] for name in same} == {name: getattr(rows, name)[0] for name in same}
    assert len(row) == len(ClosedMetrics.__struct_fields__) + 2


def test_many_rows_are_told_in_records_that_a_broker_takes() -> None:
    """Kafka refuses records of more than a megabyte, and a worker would try for ever."""
    grid = Grid()
    rows = [(minute, CELL, "speed", [float(v) for v in range(10, 200, 2)]) for minute in range(2_500)]
    grid.put(sensing(*rows, reached=2_500))
    grid.tick()
    while grid.fold.has_more():
        grid.tick()
    records = [output.value for output in grid.outputs]
    assert max(map(len, records)) < 1_000_000
    assert sum(len(message.rows.cell) for message in grid.metrics) == 2_500
    assert len({output.id_ for output in grid.outputs}) == len(records)
