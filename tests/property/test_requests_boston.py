"""A month of a real city's requests: windows, rejects and daily figures against a batch computation in Polars.

Each row of the file is an opening (with due date, category, agency, place) and, where it was closed, a closing that
names its request and nothing else. Closings that are dated before their own opening have no place in event time.
"""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from streams.requests.state import RequestsConfig
from tests.property.request_days import counts
from tests.realdata import real_file
from tests.unit.requests.desk import DAY, MINUTE, Desk, Squares

CONFIG = RequestsConfig(
    window_ms=15 * MINUTE,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=10 * MINUTE,
    forget_request_ms=90 * DAY,
    sources=1,
)
END_MS = 1_500_000_000_000
"""2017-07-14: all closings and all but a few due dates lie before it."""


@pytest.fixture(scope="module")
def requests() -> pl.DataFrame:
    """Return one row a request, times in milliseconds, UTC."""
    table = pl.read_csv(
        real_file("boston_311/boston_311_2015_june.csv.gz"), schema_overrides={"CASE_ENQUIRY_ID": pl.String}
    )
    times = {"OPEN_DT": "opened", "TARGET_DT": "due", "CLOSED_DT": "closed"}
    milliseconds = [
        pl.col(name)
        .str.to_datetime("%m/%d/%Y %I:%M:%S %p", time_unit="ms")
        .dt.replace_time_zone("America/New_York", ambiguous="earliest")
        .dt.epoch("ms")
        .alias(alias)
        for name, alias in times.items()
    ]
    cells = Squares().cells(table["LATITUDE"].to_list(), table["LONGITUDE"].to_list())
    return table.select(
        pl.col("CASE_ENQUIRY_ID").alias("name"),
        pl.col("TYPE").alias("code"),
        pl.col("Department").alias("agency"),
        pl.col("neighborhood").alias("district"),
        pl.col("LATITUDE").alias("lat"),
        pl.col("LONGITUDE").alias("lon"),
        *milliseconds,
    ).with_columns(pl.Series("cell", cells))


@pytest.fixture(scope="module")
def desk(requests: pl.DataFrame) -> Desk:
    """Return the fold after the whole log, which crashed now and then."""
    made = Desk(CONFIG)
    events = sorted(_events(requests), key=lambda event: int(event["ts"]))
    for number, at in enumerate(range(0, len(events), 100)):
        made.feed(*events[at : at + 100])
        if number % 10 == 9:
            made.checkpoint()
        if number % 50 == 49:
            made.crash_before_commit()
    clock = {"service_request_id": "clock", "event": "closed", "ts": END_MS, "lat": 0, "lon": 0}
    made.feed({**clock, "service_code": "clock"})
    made.checkpoint()
    return made


def _events(requests: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in requests.iter_rows(named=True):
        yield {
            "service_request_id": row["name"],
            "event": "opened",
            "ts": row["opened"],
            "service_code": row["code"],
            "lat": row["lat"],
            "lon": row["lon"],
            "expected_datetime": row["due"],
            "agency_responsible": row["agency"],
            "district": row["district"],
        }
        if row["closed"] is not None:
            yield {"service_request_id": row["name"], "event": "closed", "ts": row["closed"]}


def test_closings_dated_before_their_opening_are_the_only_rejects(requests: pl.DataFrame, desk: Desk) -> None:
    backwards = requests.filter(pl.col("closed") < pl.col("opened"))
    assert backwards.height > 0
    assert desk.reasons() == ["bad_event"] * backwards.height
    refused = {refusal.payload.split('"')[3] for refusal in desk.refused.values()}
    assert refused == set(backwards["name"])


def test_the_windows_are_those_of_a_batch(requests: pl.DataFrame, desk: Desk) -> None:
    sound = _without_backward_closings(requests)
    late = sound.filter(
        pl.col("due") < pl.min_horizontal(pl.col("closed").fill_null(END_MS), END_MS - 10_000)
    )
    changes = (
        _at(sound, "opened", opened=1, open_change=1),
        _at(sound, "closed", closed=1, open_change=-1, took=1),
        _at(late, "due", overdue_change=1),
        _at(late, "closed", overdue_change=-1),
    )
    expected: dict[tuple[int, int, str], dict[str, int]] = {}
    summed = pl.concat(changes, how="diagonal").group_by("start", "cell", "code").sum()
    for row in summed.iter_rows(named=True):
        key = (row.pop("start"), row.pop("cell"), row.pop("code"))
        values = {name: value for name, value in row.items() if value}
        if values:
            expected[key] = {"took": 0, **values}
    told = {key: row for key, row in counts(desk).items() if key[2] != "clock"}
    assert told == expected


def test_the_figures_of_each_day_district_category_and_agency_are_those_of_a_batch(
    requests: pl.DataFrame, desk: Desk
) -> None:
    rows = pl.DataFrame(
        [row for name, row in desk.rows.items() if name != "clock"], infer_schema_length=None
    ).rename(
        {"opened_at": "opened", "closed_at": "closed", "expected_datetime": "due", "service_code": "code"}
    )
    assert set(rows["status"]) == {"open", "closed"}
    told = _figures(rows.rename({"agency_responsible": "agency"}))
    expected = _figures(_without_backward_closings(requests))
    assert told.height > 1_000
    assert told.equals(expected)


def test_closings_counted_are_requests_closed(desk: Desk) -> None:
    closed = sum(row["closed"] for row in desk.counts.values())
    assert closed == sum(row["status"] == "closed" for row in desk.rows.values())


def _without_backward_closings(requests: pl.DataFrame) -> pl.DataFrame:
    closed = pl.when(pl.col("closed") >= pl.col("opened")).then("closed")
    return requests.with_columns(closed.alias("closed"))


def _at(table: pl.DataFrame, time: str, **amounts: int) -> pl.DataFrame:
    start = (pl.col(time) // CONFIG.window_ms * CONFIG.window_ms).alias("start")
    counted = [pl.lit(amount).alias(name) for name, amount in amounts.items()]
    return table.filter(pl.col(time).is_not_null()).select(start, "cell", "code", *counted)


def _figures(table: pl.DataFrame) -> pl.DataFrame:
    took = (pl.col("closed") - pl.col("opened")) / 3_600_000
    keys = ["day", "district", "code", "agency"]
    return (
        table.with_columns((pl.col("opened") // DAY).alias("day"))
        .group_by(keys)
        .agg(
            pl.len().alias("opened_that_day"),
            pl.col("closed").count().alias("closed_since"),
            took.median().alias("median_hours"),
            (pl.col("closed") <= pl.col("due")).mean().alias("on_time"),
        )
        .sort(keys)
    )
