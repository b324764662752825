"""The views of sensors and requests, read as another service does, and where they differ from what was sent."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests import figures
from tests.e2e import hotline, measurements
from tests.e2e.weeks import MINUTE_MS, Weeks

VIEWS = [("minute", MINUTE_MS), ("hour", 60 * MINUTE_MS)]
"""Ends of the names of views of metrics, and the length of a row in milliseconds."""


def read(weeks: Weeks, statement: str) -> list[dict[str, Any]]:
    """Ask as another service does."""
    with psycopg.connect(weeks.city.database.reader_url, row_factory=dict_row) as reader:
        return reader.execute(statement.encode()).fetchall()


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def metric_differences(weeks: Weeks, view: str, length_ms: int) -> dict[Any, Any]:
    """Return the rows of api.cell_metric_minute or _hour that are not as a computation over the readings has them."""
    expected = {
        key: figures.of_values(values)
        for key, values in measurements.windows(weeks.readings, length_ms).items()
    }
    rows = read(weeks, f"SELECT * FROM api.cell_metric_{view} WHERE boundary IS NOT NULL")
    found = {(ms(row[view]), row["hex"], row["metric"], row["unit"]): row for row in rows}
    return differing(found, expected)


def request_differences(weeks: Weeks) -> dict[Any, Any]:
    """Return the rows of ub.request that are not as the events leave them."""
    times = ("opened_at", "first_opened_at", "updated_at", "closed_at", "expected_datetime", "rated_at")
    found = {
        row["service_request_id"]: row | {name: row[name] and ms(row[name]) for name in times}
        for row in weeks.city.query("SELECT *, to_hex(cell) AS hex FROM ub.request")
    }
    expected = {
        case.row["service_request_id"]: case.row | {"hex": case.cell, "owner": hotline.OWNER}
        for case in weeks.cases
    }
    return differing(found, expected)


def request_window_differences(weeks: Weeks) -> dict[Any, Any]:
    """Return the cells and categories whose windows do not add up to what happened there."""
    expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    now = max(case.row["updated_at"] for case in weeks.cases)
    for case in weeks.cases:
        row = case.row
        kinds = Counter(event["event"] for event in case.events)
        still = row["status"] == "open"
        expected[case.cell, row["service_code"]] += Counter(
            opened=1,
            reopened=kinds["opened"] - 1,
            closed=kinds["closed"],
            rated=kinds["rated"],
            open_now=still,
            overdue=still and (row["expected_datetime"] or now) < now - 10_000,  # the watermark has passed it
        )
    found = {
        (row["hex"], row["service_code"]): row
        for row in read(
            weeks,
            "SELECT hex, service_code, sum(opened)::int AS opened, sum(reopened)::int AS reopened, "
            "sum(closed)::int AS closed, sum(rated)::int AS rated, "
            "(array_agg(open_now ORDER BY window_start DESC))[1] AS open_now, "
            "(array_agg(overdue ORDER BY window_start DESC))[1] AS overdue "
            "FROM api.cell_request_window GROUP BY 1, 2",
        )
    }
    names = ("opened", "reopened", "closed", "rated", "open_now", "overdue")
    return differing(found, {key: {name: counts[name] for name in names} for key, counts in expected.items()})


def differing(
    found: Mapping[Any, Mapping[str, Any]], expected: Mapping[Any, Mapping[str, Any]]
) -> dict[Any, tuple[Any, Any]]:
    """Return what was found and expected by key, where they differ in what is expected."""
    differences: dict[Any, tuple[Any, Any]] = {}
    for key in found.keys() | expected.keys():
        wanted, got = expected.get(key), found.get(key)
        if wanted is None or got is None:
            differences[key] = got, wanted
        elif got_ := {n: got[n] for n in wanted if got[n] != wanted[n]}:
            differences[key] = got_, {name: wanted[name] for name in got_}
    return differences
