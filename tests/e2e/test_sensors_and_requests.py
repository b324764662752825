"""Sensors and citizens' requests walk the whole road: from MQTT to the views, the bad ones to the rejected."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from tests import figures
from tests.contract.wire import Contract
from tests.e2e import hotline, measurements
from tests.e2e.city import City
from tests.e2e.conftest import CityMaker
from tests.e2e.tables import ledger
from tests.e2e.views import (
    VIEWS,
    differing,
    metric_differences,
    ms,
    read,
    request_differences,
    request_window_differences,
)
from tests.e2e.weeks import Weeks, everything_refused, refused, tell

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def weeks(a_city: CityMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    districts = tmp_path_factory.mktemp("city") / "districts.geojson"
    districts.write_text(hotline.districts_file())
    with a_city(UB_DISTRICTS_FILE=str(districts)) as city:
        processes = [city.start_gateway(), city.start_worker()]
        readings = measurements.measurements(seed=3, sensors=40, minutes=25)
        told = Weeks(city, processes, readings, hotline.cases(seed=4, count=300, days=20))
        tell(told)
        yield told


# ------------------------------------------------------------------ sensors


def test_the_newest_reading_of_every_sensor_is_shown_in_the_unit_of_its_metric(weeks: Weeks) -> None:
    names = ("value", "unit", "hex", "owner")
    found = {
        (row["sensor_id"], row["metric"]): (ms(row["ts"]), *(row[name] for name in names))
        for row in read(weeks, "SELECT * FROM api.sensor_latest")
    }
    assert found == measurements.newest(weeks.readings)


@pytest.mark.parametrize(("view", "length_ms"), VIEWS)
def test_metrics_of_cells_are_those_of_a_computation_over_the_readings(
    weeks: Weeks, view: str, length_ms: int
) -> None:
    assert metric_differences(weeks, view, length_ms) == {}


# ------------------------------------------------------------------ requests


def test_every_request_is_on_file_as_its_events_leave_it(weeks: Weeks) -> None:
    assert request_differences(weeks) == {}


def test_open_requests_are_shown_with_what_is_overdue(weeks: Weeks) -> None:
    now = max(case.row["updated_at"] for case in weeks.cases)
    expected = {
        row["service_request_id"]: {
            "overdue": row["expected_datetime"] is not None and row["expected_datetime"] < now,
            "district": row["district"],
            "hex": case.cell,
        }
        for case in weeks.cases
        if (row := case.row)["status"] == "open"
    }
    found = {row["service_request_id"]: row for row in read(weeks, "SELECT * FROM api.request_open")}
    assert differing(found, expected) == {}
    assert {row["overdue"] for row in expected.values()} == {True, False}


def test_the_figures_of_the_hotline_are_those_of_a_computation_over_the_requests(weeks: Weeks) -> None:
    groups = defaultdict(list)
    for case in weeks.cases:
        row = case.row
        day = datetime.fromtimestamp(row["first_opened_at"] / 1000, UTC).date()
        groups[day, row["district"], row["service_code"], row["agency_responsible"]].append(row)
    now = max(case.row["updated_at"] for case in weeks.cases)
    expected = {key: figures.of_requests(group, now) for key, group in groups.items()}
    found = {
        (row["day"], row["district"], row["service_code"], row["agency_responsible"]): row
        for row in read(weeks, "SELECT * FROM api.request_kpi")
    }
    assert differing(found, expected) == {}
    assert {district for _, district, _, _ in groups} == {"西区", "东区", "别的区", None}


def test_windows_of_requests_add_up_to_what_happened_in_each_cell(weeks: Weeks) -> None:
    weeks.city.eventually(lambda: request_window_differences(weeks), until=lambda found: not found)


# ------------------------------------------------------------------ nothing is lost


def test_every_bad_one_is_on_file_with_its_reason(weeks: Weeks) -> None:
    assert refused(weeks.city) == everything_refused(weeks)


@pytest.mark.parametrize("stage", ["sensing", "requests"])
def test_the_ledger_balances(weeks: Weeks, stage: str) -> None:
    good = {"sensing": len(weeks.readings), "requests": len(hotline.in_order(weeks.cases))}[stage]
    again, bad = weeks.duplicates[stage], weeks.refused[stage].total()
    assert ledger(weeks.city, stage) == {
        "received": good + again + bad,
        "applied": good,
        "superseded": again,
        "rejected": bad,
    }


def test_no_process_ended(weeks: Weeks) -> None:
    assert all(process.running for process in weeks.processes)
    assert "starting again in" not in weeks.city.logs()  # of a worker that ended
    assert "Traceback" not in weeks.city.logs()


def test_every_record_is_as_the_contract_says(weeks: Weeks) -> None:
    contract = Contract()
    faults = [
        fault for r in weeks.kafka for fault in contract.kafka_faults(r.topic, r.key, r.headers, r.value)
    ]
    assert faults == []
    topics = {record.topic for record in weeks.kafka}
    assert topics >= {"ub.sensors", "ub.requests", "ub.partials", "ub.cells", "ub.rejected"}


@pytest.mark.parametrize("processes", [1, 2])
def test_everything_counts_once_though_a_worker_process_is_killed(city: City, processes: int) -> None:
    told = Weeks(
        city,
        [city.start_gateway(), city.start_worker(processes)],
        measurements.measurements(seed=6, sensors=24, minutes=15),
        [case for case in hotline.cases(seed=7, count=200, days=10) if not case.row["district"]],
    )
    readings, events = told.readings, hotline.in_order(told.cases)
    parts = 4
    killed: set[int] = set()  # they are children still until the supervisor has looked
    with city.publisher() as publisher:
        for part in range(parts):
            publisher.publish(measurements.arrays(some(readings, part, parts)))
            publisher.publish(hotline.arrays(some(events, part, parts)))
            if part in (1, 2):
                for stage in ("sensing", "requests"):
                    city.eventually(lambda s=stage: ledger(city, s)["received"])
                [victim, *_] = city.eventually(lambda: sorted(set(told.processes[1].children()) - killed))
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
    for view, length_ms in VIEWS:
        city.eventually(
            lambda v=view, ms=length_ms: metric_differences(told, v, ms), 60.0, until=lambda found: not found
        )
    for differences in (request_differences, request_window_differences):
        city.eventually(lambda look=differences: look(told), 60.0, until=lambda found: not found)
    for stage, sent in (("sensing", len(readings)), ("requests", len(events))):
        # what a stage tells the grid is told before it is stored
        balance = city.eventually(
            lambda s=stage: ledger(city, s), until=lambda found, n=sent: found["applied"] >= n
        )
        assert balance["applied"] == sent
        assert balance["received"] == sent + balance["superseded"]
        assert balance["rejected"] == 0


def some[T](items: Sequence[T], part: int, parts: int) -> Sequence[T]:
    """Return one of several parts of equal length."""
    return items[len(items) * part // parts : len(items) * (part + 1) // parts]
