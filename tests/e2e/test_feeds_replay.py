"""Real feeds, replayed through the whole road: the tables say what the feeds say, read with no code of ours."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.e2e.city import City
from tests.e2e.tables import ledger
from tests.realdata import real_file

pytestmark = pytest.mark.e2e

TIMEOUT_S = 120.0
SYSTEMS = ("tier_wolfsburg_20230811", "divvy_chicago_20250129", "kl_beam_zeus_2025")
STAGES = {"vehicles": "fleet", "sensors": "sensing", "requests": "requests"}
BOSTON = """
kind = "requests"
owner = "boston"
[columns]
service_request_id = "CASE_ENQUIRY_ID"
opened = "OPEN_DT"
closed = "CLOSED_DT"
expected_datetime = "TARGET_DT"
service_code = "TYPE"
lat = "LATITUDE"
lon = "LONGITUDE"
[time]
format = "%m/%d/%Y %I:%M:%S %p"
zone = "America/New_York"
"""


def replay(city: City, feed: Path, *options: str) -> dict[str, Any]:
    """Replay a feed as fast as it goes, and wait until every reading is in a ledger; return what it says of itself."""
    before = {about: ledger(city, stage)["received"] for about, stage in STAGES.items()}
    done = city.run(
        *("sim", "replay", str(feed), *options, "--speed", "max", "--json", "--quiet"), timeout_s=TIMEOUT_S
    )
    assert done.code == 0, done
    sent: dict[str, Any] = json.loads(done.out)
    for about, stage in STAGES.items():
        due = before[about] + sent["sent"][about]
        city.eventually(
            lambda s=stage: ledger(city, s)["received"], TIMEOUT_S, until=lambda n, due=due: n == due
        )
    return sent


def started(city: City) -> City:
    city.start_gateway()
    city.start_worker()
    return city


def test_288_polls_of_stations_end_as_the_last_word_of_each_station(city: City) -> None:
    feed = real_file("gbfs_oslo/station_status_first288.jsonl.gz")
    sent = replay(started(city), feed, "--format", "gbfs", "--owner", "oslo")
    assert ledger(city, "sensing") == {
        "received": sent["sent"]["sensors"], "applied": sent["sent"]["sensors"], "superseded": 0, "rejected": 0,
    }  # fmt: skip
    last = {
        (f"oslo-{status['station_id']}", metric): (min(status["last_reported"], at) * 1000, status[count])
        for at, status in _statuses(feed)
        for metric, count in (
            ("occupied_spaces", "num_bikes_available"),
            ("free_spaces", "num_docks_available"),
        )
    }
    assert _stations(city) == last


def _statuses(feed: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with (feed.parent / "station_information.csv").open(encoding="utf-8") as file:
        known = {row["station_id"] for row in csv.DictReader(file)}
    with gzip.open(feed, "rt") as lines:
        for line in lines:
            poll = json.loads(line)
            for status in poll["data"]["stations"]:
                if status["station_id"] in known:
                    yield poll["last_updated"], status


def _stations(city: City) -> dict[tuple[str, str], tuple[int, float]]:
    return {
        (row["sensor_id"], row["metric"]): (row["ms"], row["value"])
        for row in city.query(
            "SELECT sensor_id, metric, value, (extract(epoch FROM ts) * 1000)::bigint AS ms FROM api.sensor_latest"
        )
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_vehicle_and_station_of_a_system_is_in_the_tables(city: City, name: str) -> None:
    folder = real_file(f"gbfs_samples/{name}/free_bike_status.json").parent
    assert replay(started(city), folder, "--format", "gbfs")["skipped"] == {}
    bikes = json.loads((folder / "free_bike_status.json").read_text())["data"]["bikes"]
    status = folder / "station_status.json"
    stations = json.loads(status.read_text())["data"]["stations"] if status.exists() else []
    assert ledger(city)["rejected"] == ledger(city, "sensing")["rejected"] == 0
    assert {
        row["vehicle_id"].removeprefix(f"{row['operator']}-"): (row["lat"], row["lon"])
        for row in city.query("SELECT vehicle_id, operator, lat, lon FROM ub.vehicle_state")
    } == {bike["bike_id"]: (bike["lat"], bike["lon"]) for bike in bikes}
    assert len({sensor for sensor, _ in _stations(city)}) == len(stations)


def test_a_month_of_requests_ends_open_or_closed_as_the_file_says(city: City, tmp_path: Path) -> None:
    feed = real_file("boston_311/boston_311_2015_june.csv.gz")
    mapping = tmp_path / "boston.toml"
    mapping.write_text(BOSTON)
    replay(started(city), feed, "--format", "csv", "--mapping", str(mapping))
    assert ledger(city, "requests")["rejected"] == 0
    table = pl.read_csv(feed, schema_overrides={"CASE_ENQUIRY_ID": pl.String}).select(
        pl.col("CASE_ENQUIRY_ID").alias("id"),
        *(
            pl.col(column).str.to_datetime("%m/%d/%Y %I:%M:%S %p", time_unit="ms")
            .dt.replace_time_zone("America/New_York", ambiguous="earliest").dt.epoch("ms").alias(name)
            for column, name in (("OPEN_DT", "opened"), ("CLOSED_DT", "closed"))
        ),
    )  # fmt: skip
    sound = pl.when(pl.col("closed") >= pl.col("opened")).then("closed")
    expected = {row[0]: row[1:] for row in table.with_columns(sound.alias("closed")).iter_rows()}
    found = {
        row["service_request_id"]: (row["opened"], row["closed"])
        for row in city.query(
            "SELECT service_request_id, (extract(epoch FROM opened_at) * 1000)::bigint AS opened, "
            "(extract(epoch FROM closed_at) * 1000)::bigint AS closed FROM ub.request"
        )
    }
    assert found == expected
