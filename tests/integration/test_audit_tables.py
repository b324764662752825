"""The audit over a real city: no difference where all is well, and every kind of wrong row is named."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql

from streams.brokers.admin import create_topics
from tests.e2e import hotline, measurements
from tests.e2e.city import City, Message
from tests.e2e.conftest import CityMaker, a_city  # noqa: F401 - a fixture
from tests.e2e.traffic import BEGIN_MS, array, arrays, reading, traffic
from tests.integration.audit_support import audited, changed, disordered, received

pytestmark = pytest.mark.integration

TABLES = {
    "ledger",
    "vehicle_state",
    "vehicle_event",
    "cell_now",
    "cell_window",
    "sensor_state",
    "sensor_window",
    "request",
    "request_window",
    "refusals",
    "rejected_count",
}
SETTINGS = {"UB_STALE_AFTER_S": "400", "UB_AMEND_HORIZON_S": "120"}


@pytest.fixture(scope="module")
def city(a_city: CityMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:  # noqa: F811 - the fixture
    """A city at rest that has seen repeats, disorder, silence, foreign owners, bad units, latecomers."""
    districts = tmp_path_factory.mktemp("city") / "districts.geojson"
    districts.write_text(hotline.districts_file())
    with a_city(**SETTINGS, UB_DISTRICTS_FILE=str(districts)) as city:
        readings = disordered(traffic(seed=11, bikes=300, minutes=30), seed=11)
        silent = reading("bike-silent", "alpha", BEGIN_MS + 1_000, 31.21, 121.51)
        foreign = reading("bike-11-0", "gamma", BEGIN_MS + 29 * 60_000, 31.21, 121.51)
        late = reading("bike-late", "alpha", BEGIN_MS + 2_000, 31.21, 121.51)
        city.start_gateway()
        city.start_worker(processes=2)
        with city.publisher() as publisher:
            publisher.publish([array("alpha", [silent]), *arrays(readings)])
            publisher.publish(
                [array("gamma", [foreign]), array("alpha", [late]), ("ub/v1/alpha/vehicles", b"{")]
            )
            measured, told = measurements_sent(), requests_sent()
            publisher.publish(measured)
            publisher.publish(told)
        received(city, len(readings) + 3)
        received(city, contents(measured), "sensing")
        received(city, contents(told), "requests")
        city.eventually(lambda: audited(city, "--complete")[0] == 0, 90.0)
        yield city


def measurements_sent() -> list[Message]:
    """Return readings of sensors: some twice, some in a unit, of an owner or of a time that cannot be."""
    good = measurements.measurements(seed=12, sensors=24, minutes=30)
    first, last = good[0], good[-1]
    bad = [
        {**last.message, "unit": "furlong/h"},
        {**last.message, "metric": "gold"},
        {**last.message, "value": 1e9},
        {**last.message, "ts": BEGIN_MS - 3_600_000},
    ]
    (other,) = set(measurements.OWNERS) - {first.owner}
    return [
        *measurements.arrays(good),
        *measurements.arrays(good[-200:]),
        *((f"ub/v1/{last.owner}/sensors", json.dumps([message]).encode()) for message in bad),
        (f"ub/v1/{other}/sensors", json.dumps([{**first.message, "ts": last.message["ts"]}]).encode()),
    ]


def requests_sent() -> list[Message]:
    """Return events of requests: some twice, some of nobody's request, of another owner, too late."""
    events = hotline.in_order(hotline.cases(seed=13, count=200, days=20))
    nobody = [{"service_request_id": f"nobody-{n}", "event": "closed", "ts": BEGIN_MS + n} for n in range(3)]
    return [
        *hotline.arrays(nobody),
        *hotline.arrays(events),
        *hotline.arrays(events[-1:]),
        *hotline.arrays([{**events[0], "ts": BEGIN_MS - 1}]),
        *hotline.arrays([{**events[-1], "ts": events[-1]["ts"] + 1}], owner="somebody"),
    ]


def contents(messages: Sequence[Message]) -> int:
    """Return how many readings or events are in messages."""
    return sum(len(json.loads(payload)) for _, payload in messages)


def test_a_city_at_rest_is_found_equal_in_every_table_and_row(city: City) -> None:
    code, report = audited(city, "--complete")
    assert (code, report["equal"], report["differences"]) == (0, True, [])
    assert set(report["tables"]) == TABLES
    assert all(table["compared"] > 0 and table["moving"] == 0 for table in report["tables"].values()), report
    assert report["tables"]["cell_window"]["compared"] == city.count("SELECT count(*) FROM ub.cell_window")
    for table in ("vehicle_state", "sensor_state", "sensor_window", "request", "request_window"):
        rows = city.query(
            sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier("ub", table)).as_string()
        )
        assert report["tables"][table]["compared"] == rows[0]["n"]


FIRST_WINDOW = (
    "(window_start, cell, operator) = "
    "(SELECT window_start, cell, operator FROM ub.cell_window ORDER BY 1, 2, 3 LIMIT 1)"
)
FIRST_METRIC = (
    "(window_start, cell, metric) = "
    "(SELECT window_start, cell, metric FROM ub.sensor_window WHERE readings > 1 ORDER BY 1, 2, 3 LIMIT 1)"
)
FIRST_CATEGORY = (
    "(window_start, cell, service_code) = "
    "(SELECT window_start, cell, service_code FROM ub.request_window WHERE closed > 0 ORDER BY 1, 2, 3 LIMIT 1)"
)
FIRST_SLOT = (
    "(cell, operator) = (SELECT cell, operator FROM ub.cell_now WHERE occupancy > 0 ORDER BY 1, 2 LIMIT 1)"
)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("cell_window", f"UPDATE ub.cell_window SET arrivals = arrivals + 1 WHERE {FIRST_WINDOW}"),
        ("cell_window", f"DELETE FROM ub.cell_window WHERE {FIRST_WINDOW}"),
        ("cell_now", f"UPDATE ub.cell_now SET occupancy = occupancy + 1 WHERE {FIRST_SLOT}"),
        ("cell_now", f"DELETE FROM ub.cell_now WHERE {FIRST_SLOT}"),
        ("vehicle_state", "UPDATE ub.vehicle_state SET lat = lat + 1e-9 WHERE vehicle_id = 'bike-11-5'"),
        ("vehicle_state", "UPDATE ub.vehicle_state SET vehicle_id = 'other' WHERE vehicle_id = 'bike-11-5'"),
        ("vehicle_event", "DELETE FROM ub.vehicle_event WHERE vehicle_id = 'bike-silent'"),
        (
            "ledger",
            "UPDATE ub.ledger SET applied = applied - 1, superseded = superseded + 1 "
            "WHERE stage = 'fleet' AND partition = 0",
        ),
        (
            "ledger",
            "UPDATE ub.ledger SET received = received + 1, applied = applied + 1 "
            "WHERE stage = 'sensing' AND partition = 0",
        ),
        ("sensor_state", "UPDATE ub.sensor_state SET value = value + 0.001 WHERE sensor_id = 'sensor-3'"),
        ("sensor_state", "UPDATE ub.sensor_state SET lon = lon + 1e-9 WHERE sensor_id = 'sensor-3'"),
        ("sensor_window", f"UPDATE ub.sensor_window SET stddev = stddev * 1.001 WHERE {FIRST_METRIC}"),
        (
            "sensor_window",
            f"UPDATE ub.sensor_window SET bin_counts[1] = bin_counts[1] + 1 WHERE {FIRST_METRIC}",
        ),
        ("sensor_window", f"DELETE FROM ub.sensor_window WHERE {FIRST_METRIC}"),
        ("request", "UPDATE ub.request SET district = 'elsewhere' WHERE service_request_id = 'r-7'"),
        ("request", "DELETE FROM ub.request WHERE service_request_id = 'r-7'"),
        ("request_window", f"UPDATE ub.request_window SET open_now = open_now + 1 WHERE {FIRST_CATEGORY}"),
        ("request_window", f"UPDATE ub.request_window SET median_s = NULL WHERE {FIRST_CATEGORY}"),
        ("request_window", f"DELETE FROM ub.request_window WHERE {FIRST_CATEGORY}"),
        (
            "rejected_count",
            "UPDATE ub.rejected_count SET count = count + 1 "
            "WHERE (topic, reason) = ('ub.vehicles', 'too_late')",
        ),
    ],
)
def test_a_wrong_row_is_found_and_named(city: City, table: str, change: LiteralString) -> None:
    with changed(city, table, change):
        code, report = audited(city, "--table", table)
    assert code == 1
    rows = 2 if "SET vehicle_id" in change else 1  # under another key: one too few, and one too many
    assert report["tables"][table]["differing"] == report["differing"] == len(report["differences"]) == rows
    for difference in report["differences"]:
        assert difference["table"] == table
        assert difference["expected"] != difference["found"]


def test_a_recording_gives_the_same_verdict_as_the_log(city: City, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    _, from_kafka = audited(city, "--save", str(path))
    code, from_file = audited(city, "--recording", str(path), "--complete")
    assert code == 0
    assert from_file["readings"] == from_kafka["readings"] > 0
    assert {name: table["compared"] for name, table in from_file["tables"].items()} == {
        name: table["compared"] + table["moving"] for name, table in from_kafka["tables"].items()
    }


def test_the_answer_for_people_says_what_was_compared(city: City) -> None:
    done = city.run("audit")
    assert done.code == 0, done
    assert "no difference" in done.out
    assert all(name in done.out for name in TABLES)


def test_only_windows_up_to_a_moment_are_compared(city: City) -> None:
    until = BEGIN_MS + 10 * 60_000
    _, report = audited(city, "--table", "cell_window", "--until", str(until))
    windows = city.query(
        "SELECT count(*) AS n FROM ub.cell_window WHERE window_start + window_s * interval '1 s' <= to_timestamp(%s)",
        until / 1000,
    )
    assert report["tables"]["cell_window"]["compared"] == windows[0]["n"]
    far = city.run("audit", "--until", "2090-01-01T00:00:00Z")
    assert far.code == 2
    assert "windows are closed up to" in far.err
    early = city.run("audit", "--until", "2000-01-01")
    assert early.code == 2
    assert "no window that ends by then, so none was compared" in early.err


def test_a_database_made_of_another_log_cannot_be_audited(city: City, fresh_kafka: str) -> None:
    create_topics(fresh_kafka, city.settings())
    done = city.run("audit", settings={"UB_KAFKA_BOOTSTRAP": fresh_kafka})
    assert done.code == 2
    assert "right Kafka" in done.err


def test_settings_of_other_cells_or_windows_are_refused(city: City) -> None:
    done = city.run("audit", settings={"UB_H3_RESOLUTION": "8", "UB_WINDOW_S": "300"})
    assert done.code == 2
    assert "UB_H3_RESOLUTION=8, UB_WINDOW_S=300, and the database was filled with" in done.err
    assert "audit with the settings of the workers" in done.err
