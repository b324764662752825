"""The tables of citizens' requests against the batch: what is named, what is as good as equal, what may still move."""

from collections.abc import Mapping, Sequence
from typing import Any

import h3.api.basic_int as h3
import polars as pl
import pytest

from streams import topics
from streams.audit import books
from streams.audit.compare import Comparison
from streams.audit.requests.batch import RequestsPartition, request_window
from streams.audit.requests.moving import moving
from streams.audit.requests.stage import REQUESTS
from streams.audit.stage import Case, Question
from streams.audit.windows import FOREVER
from tests.unit.audit.audit_logs import HERE, MINUTE, T0, THERE
from tests.unit.audit.judging import KEPT, as_stored, changed, found
from tests.unit.audit.request_logs import RULES, one, opened, said

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))
CITY = [
    opened(
        "r",
        10,
        due_s=100,
        description="dark",
        agency_responsible="works",
        address="1 Street",
        district="North",
    ),
    opened("q", 70),
    said("r", "closed", 130),
    said("r", "rated", 140, resolved=False, satisfaction=2),
    opened("p", 400, "noise", THERE),
]


def right(partitions: Sequence[RequestsPartition]) -> dict[str, pl.DataFrame]:
    """Return the tables as they must be."""
    return as_stored(
        {
            "ledger": books.ledger([("requests", topics.REQUESTS, partitions)]),
            "request": pl.concat([partition.rows for partition in partitions]),
            "request_window": request_window(partitions, RULES),
        }
    )


def judged(
    name: str,
    partitions: Sequence[RequestsPartition],
    tables: Mapping[str, pl.DataFrame],
    *,
    low: Mapping[int, int] | None = None,
) -> Comparison:
    if name == "ledger":
        return books.judge_ledger([("requests", topics.REQUESTS, partitions)], tables[name], 10)
    may_move = None if low is None else moving(partitions, low, RULES)
    return REQUESTS.tables[name](Case(partitions, may_move, Question(tables, RULES, KEPT, 10)))


@pytest.mark.parametrize("name", ["ledger", "request", "request_window"])
def test_right_tables_have_no_difference(name: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    comparison = judged(name, partitions, tables)
    assert (comparison.compared, comparison.moving, found(comparison)) == (len(tables[name]), 0, [])
    assert comparison.compared > 0


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("opened", 1, "0"),
        ("closed", 2, "1"),
        ("reopened", 1, "0"),
        ("open_now", 0, "1"),
        ("overdue", 1, "0"),
        ("resolution_rate", 0.4, "0.5"),
        ("median_s", 60.0, "1"),
        ("rated", 0, "1"),
        ("resolved_rate", 1.0, "0.0"),
        ("satisfaction", None, "2.0"),
        ("region", "8", "8"),
    ],
)
def test_a_wrong_figure_of_a_window_is_named(column: str, value: Any, expected: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    third = pl.col("window_start") == T0 + 2 * MINUTE
    tables["request_window"] = changed(tables["request_window"], third, **{column: pl.lit(value)})
    (line,) = found(judged("request_window", partitions, tables))
    where = (
        f"request_window: window_start 2026-01-01T00:02:00.000Z window_s 60 cell {A:x} service_code lamp: "
    )
    assert line.startswith(f"{where}expected {column} {expected}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("owner", "other"),
        ("partition", 5),
        ("status", "open"),
        ("service_code", "noise"),
        ("agency_responsible", None),
        ("district", "South"),
        ("description", ""),
        ("address", "2 Street"),
        ("lat", 31.0),
        ("cell", B),
        ("opened_at", T0),
        ("first_opened_at", T0),
        ("updated_at", T0),
        ("closed_at", None),
        ("expected_datetime", T0),
        ("reopened", 1),
        ("satisfaction", 5),
        ("resolved", True),
        ("rated_at", None),
    ],
)
def test_a_wrong_state_of_a_request_is_named(column: str, value: Any) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["request"] = changed(
        tables["request"], pl.col("service_request_id") == "r", **{column: pl.lit(value)}
    )
    (line,) = found(judged("request", partitions, tables))
    assert line.startswith(f"request: service_request_id r: expected {column} ")


def test_a_missing_row_and_one_too_many_are_named() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["request"] = changed(
        tables["request"], pl.col("service_request_id") == "q", service_request_id=pl.lit("ghost")
    )
    lines = found(judged("request", partitions, tables))
    assert [line.split(":")[1] for line in lines] == [" service_request_id ghost", " service_request_id q"]
    assert ["is missing" in line for line in lines] == [False, True]


@pytest.mark.parametrize(("open_now", "rate", "differences"), [(1, 0.0, 0), (0, None, 1), (1, None, 1)])
def test_a_window_whose_counts_were_taken_back_has_the_stocks_of_the_row_before(
    open_now: int, rate: float | None, differences: int
) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    windows = tables["request_window"]
    empty = changed(
        windows.head(1), pl.lit(True), window_start=T0 + 3 * MINUTE, cell=A, service_code=pl.lit("lamp")
    )
    empty = changed(empty, pl.lit(True), opened=0, closed=0, rated=0, overdue=0, open_now=open_now)
    empty = changed(
        empty, pl.lit(True), **{name: pl.lit(None) for name in ("median_s", "resolved_rate", "satisfaction")}
    )
    empty = changed(empty, pl.lit(True), resolution_rate=pl.lit(rate)).select(windows.columns)
    tables["request_window"] = pl.concat([windows, empty.cast(windows.schema)])  # type: ignore[arg-type]
    assert len(found(judged("request_window", partitions, tables))) == differences


def test_requests_that_retention_deleted_are_not_missed_and_open_ones_are() -> None:
    day = 86_400
    log = [opened("old", 1), said("old", "closed", 5), opened("still", 9), opened("new", 91 * day)]
    partitions = [one(*log)]
    tables = right(partitions)
    tables["request"] = tables["request"].filter(pl.col("service_request_id") == "new")
    (line,) = found(judged("request", partitions, tables))
    assert "service_request_id still: the row is missing" in line


# ------------------------------------------------------------------ what may still move


def bounds(partitions: Sequence[RequestsPartition], low: int) -> list[tuple[int, str, int]]:
    windows = moving(partitions, {0: low}, RULES).windows
    assert windows["upto"].unique().to_list() in ([], [FOREVER])
    rows = windows.select("cell", "service_code", "since").rows()
    return sorted((cell, code, (since - T0) // MINUTE) for cell, code, since in rows)


def test_an_event_on_its_way_concerns_every_place_and_category_of_its_request_from_its_window_on() -> None:
    partitions = [
        one(opened("r", 10), opened("q", 20, "noise"), said("r", "updated", 70, THERE, service_code="bin"))
    ]
    assert bounds(partitions, 1) == sorted((cell, code, 1) for cell in (A, B) for code in ("lamp", "bin"))
    assert bounds(partitions, 2) == []


def test_time_that_is_on_its_way_concerns_what_comes_due_in_it() -> None:
    partitions = [one(opened("r", 10, due_s=100), opened("q", 50, "noise"), opened("p", 200, "bin", THERE))]
    assert bounds(partitions, 1) == sorted([(A, "lamp", 1), (B, "bin", 3)])


def test_a_row_that_may_move_is_not_judged_and_every_other_one_is() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["request_window"] = tables["request_window"].with_columns(pl.col("opened") + 1)
    comparison = judged("request_window", partitions, tables, low={0: 3})
    assert (comparison.moving, comparison.differing) == (1, 3)
    assert not any("noise" in line for line in found(comparison))
