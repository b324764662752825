"""The tables of sensors against the batch: what is named, what may still move."""

from collections.abc import Mapping, Sequence
from typing import Any

import h3.api.basic_int as h3
import polars as pl
import pytest

from streams import topics
from streams.audit import books
from streams.audit.compare import Comparison
from streams.audit.sensing.batch import SensingPartition, sensor_window
from streams.audit.sensing.moving import moving
from streams.audit.sensing.stage import SENSING
from streams.audit.stage import Case, Question
from tests.unit.audit.audit_logs import HERE, MINUTE, RULES, T0, THERE
from tests.unit.audit.judging import KEPT, as_stored, changed, found
from tests.unit.audit.sensor_logs import measured, one

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))
CITY = [
    measured("a", 10, 20.0),
    measured("b", 20, 22.0),
    measured("b", 21, 40.0, "humidity"),
    measured("a", 70, 21.0),
    measured("c", 80, -5.0, place=THERE),
    measured("b", 200, 23.0),
]


def right(partitions: Sequence[SensingPartition]) -> dict[str, pl.DataFrame]:
    """Return the tables as they must be."""
    return as_stored(
        {
            "ledger": books.ledger([("sensing", topics.SENSORS, partitions)]),
            "sensor_state": pl.concat([partition.rows for partition in partitions]),
            "sensor_window": sensor_window(partitions, RULES),
        }
    )


def judged(
    name: str,
    partitions: Sequence[SensingPartition],
    tables: Mapping[str, pl.DataFrame],
    *,
    low: Mapping[int, int] | None = None,
    until: int | None = None,
) -> Comparison:
    if name == "ledger":
        return books.judge_ledger([("sensing", topics.SENSORS, partitions)], tables[name], 10)
    may_move = None if low is None else moving(partitions, low, RULES)
    return SENSING.tables[name](Case(partitions, may_move, Question(tables, RULES, KEPT, 10, until)))


@pytest.mark.parametrize("name", ["ledger", "sensor_state", "sensor_window"])
def test_right_tables_have_no_difference(name: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    comparison = judged(name, partitions, tables)
    assert (comparison.compared, comparison.moving, found(comparison)) == (len(tables[name]), 0, [])
    assert comparison.compared > 0


FIRST = (pl.col("window_start") == T0) & (pl.col("metric") == "temperature")
WINDOW = f"sensor_window: window_start 2026-01-01T00:00:00.000Z window_s 60 cell {A:x} metric temperature: "


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("readings", 3, "expected readings 2; found readings 3"),
        ("total", 42.0 + 1e-6, "expected total 42.0; found total 42.000001"),
        ("mean", 21.5, "expected mean 21.0; found mean 21.5"),
        ("least", 19.0, "expected least 20.0; found least 19.0"),
        ("most", 22.1, "expected most 22.0; found most 22.1"),
        ("stddev", 1.0, "expected stddev 1.41"),
        ("stddev", None, "expected stddev 1.41"),
        ("median", 21.9, "expected median 20.0"),
        ("p95", 21.9, "expected p95 20.0"),
        ("bins", "{1}", "expected bins {1187,1192}; found bins {1}"),
        ("bin_counts", "{2}", "expected bin_counts {1,1}; found bin_counts {2}"),
        ("unit", "K", "expected unit Cel; found unit K"),
        ("region", "8", "expected region"),
    ],
)
def test_a_wrong_figure_of_a_window_is_named(column: str, value: Any, said: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["sensor_window"] = changed(tables["sensor_window"], FIRST, **{column: pl.lit(value)})
    (line,) = found(judged("sensor_window", partitions, tables))
    assert line.startswith(WINDOW + said)


def test_the_last_digits_of_a_computed_figure_are_no_difference_and_those_of_a_place_are() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    windows, state = tables["sensor_window"], tables["sensor_state"]
    tables["sensor_window"] = windows.with_columns(pl.col("total", "mean", "stddev", "p95") * (1 + 1e-12))
    assert found(judged("sensor_window", partitions, tables)) == []
    tables["sensor_state"] = state.with_columns(pl.col("lat") * (1 + 1e-12))
    assert len(found(judged("sensor_state", partitions, tables))) == len(state)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "air"),
        ("owner", "other"),
        ("partition", 3),
        ("ts", T0),
        ("value", 99.0),
        ("unit", "K"),
        ("status", "fault"),
        ("cell", B),
        ("received_at", 0),
    ],
)
def test_a_wrong_state_of_a_sensor_is_named(column: str, value: Any) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    which = (pl.col("sensor_id") == "b") & (pl.col("metric") == "humidity")
    tables["sensor_state"] = changed(tables["sensor_state"], which, **{column: pl.lit(value)})
    (line,) = found(judged("sensor_state", partitions, tables))
    assert line.startswith(f"sensor_state: sensor_id b metric humidity: expected {column} ")


@pytest.mark.parametrize("name", ["sensor_state", "sensor_window"])
def test_a_missing_row_and_one_too_many_are_named(name: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables[name] = tables[name].with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("ghost")).otherwise("metric").alias("metric")
    )
    lines = found(judged(name, partitions, tables))
    assert sorted("is missing" in line for line in lines) == [False, True]
    assert sorted("this row must not exist" in line for line in lines) == [False, True]


def test_a_wrong_ledger_is_named() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["ledger"] = tables["ledger"].with_columns(pl.col("applied") - 1, pl.col("superseded") + 1)
    assert found(judged("ledger", partitions, tables)) == [
        "ledger: stage sensing topic ub.sensors partition 0: expected applied 6, superseded 0; "
        "found applied 5, superseded 1"
    ]


def test_a_window_that_a_reading_on_its_way_concerns_is_not_judged_and_every_other_one_is() -> None:
    partitions = [one(*CITY, measured("d", 75, 30.0))]
    tables = right(partitions)
    tables["sensor_window"] = tables["sensor_window"].with_columns(pl.col("readings") + 1)
    comparison = judged("sensor_window", partitions, tables, low={0: 5})
    assert (comparison.moving, comparison.differing) == (1, 4)
    assert not any(f"T00:01:00.000Z window_s 60 cell {A:x}" in line for line in found(comparison))


def test_a_row_is_missed_once_its_window_was_closed_and_not_before() -> None:
    partitions = [one(*CITY)]  # watermark 190 s: closed up to minute 3
    tables = right(partitions)
    for minute, missed in ((0, 2), (1, 2), (3, 0)):
        rest = tables["sensor_window"].filter(pl.col("window_start") != T0 + minute * MINUTE)
        live = judged("sensor_window", partitions, {"sensor_window": rest}, low={0: 5})
        assert live.differing == missed


def test_only_windows_that_end_in_time_are_compared() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["sensor_window"] = tables["sensor_window"].clear()
    assert judged("sensor_window", partitions, tables, until=T0 + MINUTE).differing == 2
    assert judged("sensor_window", partitions, tables, until=T0 + MINUTE - 1).differing == 0
