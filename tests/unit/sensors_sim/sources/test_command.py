"""`sim replay --format` and `sim inspect`, on a small real broker and a small real server of feeds."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import time

import numpy as np
import pytest
from click.testing import CliRunner, Result

from schemas import codec
from sensors_sim import run
from sensors_sim.cli import sim
from tests.unit.sensors_sim.mqtt_fake import FakeBroker
from tests.unit.sensors_sim.sources import feed_samples as samples
from tests.unit.sensors_sim.sources.feed_samples import OSLO, T0, envelope, vehicle, vehicles_feed
from tests.unit.sensors_sim.sources.feed_server import FeedServer, answer
from tests.unit.sensors_sim.test_play import Wall
from tests.waiting import eventually


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sim, arguments, env={"UB_MQTT_HOST": None, "UB_MQTT_PORT": None})


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    samples.write_stations(tmp_path, np.random.default_rng(3), "2.3", "folder")
    return tmp_path


def test_replay_publishes_the_polls_of_a_folder_and_says_what_became_of_its_rows(stations: Path) -> None:
    with FakeBroker().running() as broker:
        result = call(
            "replay", str(stations), "--format", "gbfs", "--owner", "oslo", "--speed", "max", "--json",
            "--mqtt", f"127.0.0.1:{broker.port}",
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert {topic for topic, _ in broker.received} == {"ub/v1/oslo/sensors"}
    readings = [one for _, payload in broker.received for one in codec.sensor_readings.decode(payload)]
    assert len(readings) == summary["readings_acknowledged"] == summary["sent"]["sensors"] == 5 * 19 * 2
    assert summary["skipped"] == {"station_unknown": 5}
    assert summary["noted"].keys() == {"ahead_of_its_poll"}
    assert summary["figures"]["polls"] == 5
    assert "skipped 5 of 100 rows: station_unknown, first station_status-000.json station 20" in result.stderr
    assert "polls: 5, stations ids: 19" in result.stderr


def test_an_owner_takes_the_place_of_that_of_a_mapping(tmp_path: Path) -> None:
    mapping, table = tmp_path / "m.toml", tmp_path / "t.csv"
    mapping.write_text(samples.WIDE_TOML)
    table.write_text("station,year,month,day,hour,PM2.5,TEMP\nD,2013,3,1,0,4,33.1\n")
    result = call(
        "inspect", str(table), "--format", "csv", "--mapping", str(mapping), "--owner", "oslo", "--json"
    )
    assert json.loads(result.stdout)["owners"] == ["oslo"], result.stderr


def test_an_owner_is_refused_where_bikes_have_one(tmp_path: Path) -> None:
    result = call("inspect", str(tmp_path), "--format", "mobike-trips", "--owner", "oslo")
    assert (result.exit_code, result.stderr) == (
        1, "Error: --owner is for other formats; bikes of mobike-trips are those of mobike\n",
    )  # fmt: skip


def test_replay_keeps_the_time_between_polls(stations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall()
    monkeypatch.setattr(run, "monotonic", wall)
    monkeypatch.setattr(run, "sleep", wall.sleep)
    with FakeBroker().running() as broker:
        result = call("replay", str(stations), "--format", "gbfs", "--speed", "240", "--json",
                      "--mqtt", f"127.0.0.1:{broker.port}")  # fmt: skip
    # 4 minutes between the first poll and the last
    assert json.loads(result.stdout)["seconds"] == pytest.approx(1.0, abs=0.01)


def test_inspect_publishes_nothing_and_says_the_same(stations: Path) -> None:
    result = call("inspect", str(stations), "--format", "gbfs", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["readings"] == {"vehicles": 0, "sensors": 5 * 19 * 2, "requests": 0}
    assert found["owners"] == ["gbfs"]
    assert found["skipped"] == {"station_unknown": 5}
    assert (found["first_ts"], found["last_ts"]) == (T0 * 1000, (T0 + 240) * 1000)
    lines = call("inspect", str(stations), "--format", "gbfs").stdout
    assert lines.startswith("100 rows, to be published: 190 of sensors; by gbfs\n")
    assert "event time 2024-09-02 00:00:00 to 2024-09-02 00:04:00 UTC" in lines


def test_inspect_says_that_ids_rotate(tmp_path: Path) -> None:
    polls = [
        vehicles_feed("1.1", [vehicle("1.1", 100 * at + i, OSLO, 0) for i in range(20)], T0 + 60 * at)
        for at in range(4)
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, polls)))
    said = call("inspect", str(tmp_path / "p.jsonl"), "--format", "gbfs").stdout
    assert "most ids are seen in one poll only (60 of 80): they rotate" in said


def test_inspect_writes_the_zones_that_are_sound(tmp_path: Path) -> None:
    square = [[[10.0, 59.0], [10.1, 59.0], [10.1, 59.1], [10.0, 59.0]]]
    zones = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": square}, "properties": {"name": "Park"}},
        {"type": "Feature", "geometry": None, "properties": {}},
    ]}  # fmt: skip
    feed, out = tmp_path / "zones.json", tmp_path / "out.geojson"
    feed.write_text(json.dumps(envelope("2.3", T0, {"geofencing_zones": zones})))
    result = call("inspect", str(feed), "--format", "gbfs", "--zones", str(out))
    assert result.exit_code == 0, result.stderr
    (zone,) = json.loads(out.read_text())["features"]
    assert (zone["properties"]["name"], zone["geometry"]["coordinates"]) == ("Park", square)
    assert "skipped 1 of 2 rows: zone_without_geometry" in result.stdout


def test_inspect_polls_an_address_once() -> None:
    now = int(time())
    feed = vehicles_feed("2.3", [vehicle("2.3", 1, OSLO, now - 9)], now)
    with FeedServer({"/free_bike_status.json": [answer(feed)]}).running() as server:
        result = call("inspect", server.url("/free_bike_status.json"), "--format", "gbfs", "--json")
    assert json.loads(result.stdout)["readings"]["vehicles"] == 1
    assert server.times("/free_bike_status.json") == 2


SIM = """
from functools import partial
from sensors_sim.cli import sim
from sensors_sim.sources import formats
formats.Http = partial(formats.Http, timeout_s=3600.0)
sim()
"""
"""The simulator, which waits for an answer for an hour."""


def replaying(url: str, broker: FakeBroker, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", SIM, "replay"),
            *(url, "--format", "gbfs", "--owner", "oslo", *options),
            *("--json", "--quiet", "--mqtt", f"127.0.0.1:{broker.port}"),
        ],
        cwd=Path(__file__).parents[4],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_address_is_published_as_it_is_polled_until_a_signal(tmp_path: Path) -> None:
    now = int(time())
    feeds = [vehicles_feed("2.3", [vehicle("2.3", 1, OSLO, now - at)], now) for at in (9, 5)]
    token = tmp_path / "token"
    token.write_text("secret\n")
    with (
        FakeBroker().running() as broker,
        FeedServer({"/free_bike_status.json": [answer(feeds[0])]}).running() as server,
    ):
        process = replaying(server.url("/free_bike_status.json"), broker, "--token-file", str(token))
        try:
            eventually(lambda: len(broker.received) == 1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert summary["stopped"]
    assert summary["readings_acknowledged"] == 1
    assert {headers.get("Authorization") for headers in server.headers} == {"Bearer secret"}


def test_a_signal_ends_the_polling_of_a_server_that_does_not_answer() -> None:
    now = int(time())
    feeds = [{"name": name, "url": f"/{name}"} for name in ("free_bike_status", "station_status")]
    answers = {
        "/gbfs.json": [answer(envelope("2.3", now, {"en": {"feeds": feeds}}))],
        "/free_bike_status": [answer(vehicles_feed("2.3", [vehicle("2.3", 1, OSLO, now - 9)], now))],
    }
    served = FeedServer(answers, hanging=frozenset({"/station_status"}))
    with FakeBroker().running() as broker, served.running() as server:
        process = replaying(server.url("/gbfs.json"), broker)
        try:
            eventually(lambda: server.times("/station_status") == 1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, err
    assert json.loads(out)["readings_acknowledged"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("t.csv", "--format", "csv"), "--format csv needs --mapping FILE"),
        (("t.csv", "--format", "gbfs", "--mapping", "{file}"), "--mapping is for --format csv"),
        (("{file}", "--format", "csv", "--mapping", "{file}"), "is not TOML"),
        (("absent", "--format", "gbfs"), "absent does not exist; give a file, a folder, or an http://"),
        (("{folder}", "--format", "mobike-trips"), "is a folder; give one file"),
        (("{file}", "--format", "mobike-trips"), "is not a mobike-trips file"),
        (("{folder}", "--format", "gbfs"), "holds no feed"),
        (("http://127.0.0.1:9/x", "--format", "open311"), "an address is polled for gbfs and mds only"),
        (("http://127.0.0.1:9/x", "--format", "gbfs"), "no feed at http://127.0.0.1:9/x (no_answer"),
        (("{file}", "--format", "gbfs", "--owner", "a b"), "--owner 'a b': at most 32 letters, digits"),
        (("{file}", "--format", "gbfs", "--owner", "orders"), "and none of admin, alert-actions, alerts"),
        (
            ("{file}", "--format", "gbfs", "--memory", "m"),
            "--memory is for the address of a feed of --format gbfs",
        ),
        (("{file}", "--memory", "m"), "--memory is for feeds, with --format"),
        (("{file}", "--owner", "oslo"), "--owner is for feeds, with --format"),
        (("absent",), "does not exist"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    file = tmp_path / "feed.txt"
    file.write_text("hello, world")
    folder = tmp_path / "empty"
    folder.mkdir()
    given = [argument.format(file=file, folder=folder) for argument in arguments]
    with FakeBroker().running() as broker:
        result = call("replay", *given, "--mqtt", f"127.0.0.1:{broker.port}")
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.split())


def test_a_broker_that_is_away_is_noticed_before_a_large_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors_sim.sources.command.LOG_EVERY_S", 0.0)
    monkeypatch.setattr("sensors_sim.sources.held.HEARD", 1)
    file = samples.write_vehicles_table(tmp_path, np.random.default_rng(3))[0]
    mapping = tmp_path / "m.toml"
    mapping.write_text(samples.VEHICLES_TOML)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = call(
        "replay", str(file), "--format", "csv", "--mapping", str(mapping), "--mqtt", f"127.0.0.1:{port}"
    )
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: no MQTT broker at 127.0.0.1:{port}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["inspect", "replay"])
def test_how_far_a_large_file_is_read_is_said_before_anything_is_published(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors_sim.sources.command.LOG_EVERY_S", 0.0)
    monkeypatch.setattr("sensors_sim.sources.held.HEARD", 2)
    (tmp_path / "m.toml").write_text(
        "kind = 'sensors'\nowner = 'city'\n[columns]\nsensor_id = 'id'\nts = 'ts'\nlat = 'lat'\nlon = 'lon'\n"
        "[[measures]]\ncolumn = 'pm'\nmetric = 'pm25'\n"
    )
    file = tmp_path / "air.csv"
    file.write_text("id,ts,lat,lon,pm\n" + "a,2026-03-01T00:00:00Z,59.9,10.7,5\n" * 5)
    options = ("--format", "csv", "--mapping", str(tmp_path / "m.toml"))
    with FakeBroker().running() as broker:
        to = ("--mqtt", f"127.0.0.1:{broker.port}", "--speed", "max") if command == "replay" else ()
        said = call(command, str(file), *options, *to).stderr.splitlines()
        quiet = call(command, str(file), *options, *to, "--quiet").stderr if to else ""
    assert said[:2] == [f"reading {file}: 2 readings so far", f"reading {file}: 4 readings so far"]
    assert "so far" not in quiet
