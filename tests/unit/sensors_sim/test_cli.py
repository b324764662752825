"""The commands, against a small real broker."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas import codec
from schemas.requests import CitizenRequest
from schemas.sensors import SensorReading
from schemas.vehicles import VehiclePosition
from sensors_sim import publish
from sensors_sim.batch import Positions
from sensors_sim.bikes import Fleet
from sensors_sim.city import city_names
from sensors_sim.cli import sim
from sensors_sim.scenario import names
from sensors_sim.score.files import read_truth
from sensors_sim.sources.mobike_sample import write_sample
from tests.unit.sensors_sim.mqtt_fake import FakeBroker
from tests.waiting import eventually


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(sim, arguments, env={"UB_MQTT_HOST": None, "UB_MQTT_PORT": None, **environment})


SHORT = ("run", "quiet-sunday", "--bikes", "10", "--for", "60")


def test_list_names_every_scenario_with_a_line() -> None:
    lines = call("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == names()
    assert any(line.split()[:2] == ["oslo-match", "Oslo"] for line in lines)


def test_cities_are_listed_with_what_there_is_in_them() -> None:
    lines = call("cities").stdout.splitlines()
    assert [line.split()[0] for line in lines] == city_names()
    assert "Oslo: 30 metro stations, 13 work places" in lines[0]
    assert "Europe/Oslo, 8,600 bikes" in lines[0]


AUTUMN = """
summary = "The night in which clocks are put back"
city = "oslo"

[calendar]
start = 2025-10-26T00:30:00
duration = "5 h"

[[events]]
event = "bike-dump"
operator = "hello"
station = "Storo"
begins = "02:30"
within = "90 min"
bikes = 50
"""


def test_hours_that_come_twice_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "autumn.toml"
    file.write_text(AUTUMN)
    lines = call("show", str(file)).stdout.splitlines()
    assert "  happens   02:30 UTC+2 to 03:00 UTC+1, Storo: " in "\n".join(lines)


def test_a_run_tells_its_time_by_the_clock_of_the_city() -> None:
    with FakeBroker().running() as broker:
        result = call(
            "run", "oslo-match", "--bikes", "100", "--only", "bikes", "--for", "60", "--speed", "max",
            "--mqtt", f"127.0.0.1:{broker.port}", "--quiet",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "event time 2025-09-09 16:00:0" in result.stderr
    assert result.stderr.splitlines()[1].endswith("UTC+2")


def test_show_explains_when_and_where_the_flood_comes() -> None:
    shown = call("show", "metro-flood").stdout
    assert "Monday 2026-03-02 07:30 UTC+8" in shown
    assert "from minute 1 riders bring up to 450 bikes to Century Avenue" in shown
    oslo = call("show", "oslo-match").stdout
    assert "city      Oslo: 30 metro stations" in oslo
    assert "Tuesday 2025-09-09 16:00 UTC+2" in oslo
    assert "17:00 to 17:42, Ullevål stadion" in oslo
    quiet = call("show", "commuter").stdout
    assert "no alert is due" in quiet
    assert "9,000 people hear a concert" in quiet
    assert "120 traffic" in quiet


SILENT = """
summary = "Silent for a second, and broken for longer than the scenario lasts"

[calendar]
start = 2026-03-10T06:00:00
duration = "2 h"

[[events]]
event = "sensor-silent"
sensors = ["noise-00002"]
begins = "07:00"
lasts = "1 s"

[[events]]
event = "sensor-broken"
sensors = ["noise-00001"]
begins = "07:00"
lasts = "10 d"

[[events]]
event = "sensor-silent"
sensors = ["noise-00003"]
begins = "06:30"
lasts = "1 h"
"""


def test_show_calls_due_what_the_truth_calls_due(tmp_path: Path) -> None:
    file = tmp_path / "silent.toml"
    file.write_text(SILENT)
    lines = call("show", str(file)).stdout.splitlines()
    assert [line for line in lines if line.startswith(("  due", "  may"))] == [
        "  due       sensor_silent (sensor-silent, noise-00003)",
        "  may       sensor_silent (sensor-silent, noise-00002): neither required nor false",
        "  may       sensor_out_of_range (sensor-broken, noise-00001): neither required nor false",
    ]
    assert any(line.startswith("  happens   06:30 to 07:30, noise-00003: ") for line in lines)
    days = "2026-03-10 07:00 to 2026-03-20 07:00"
    assert any(line.startswith(f"  happens   {days}, noise-00001: ") for line in lines)
    truth = json.loads(call("truth", str(file), "--bikes", "10").stdout)
    assert [entry["subject"] for entry in truth["due"]] == ["noise-00003"]


def test_run_sends_what_it_says_and_the_same_seed_sends_the_same_bytes() -> None:
    def payloads(seed: int) -> tuple[list[tuple[str, bytes]], dict[str, object]]:
        with FakeBroker().running() as broker:
            result = call(
                "run", "commuter", "--bikes", "300", "--seed", str(seed), "--for", "120", "--speed", "max",
                "--mqtt", f"127.0.0.1:{broker.port}", "--json",
            )  # fmt: skip
        assert result.exit_code == 0, result.output
        return broker.received, json.loads(result.stdout)

    sent, summary = payloads(7)
    told: dict[str, list[VehiclePosition | SensorReading | CitizenRequest]] = {
        about: [one for topic, payload in sent if topic.endswith(about) for one in decoder.decode(payload)]
        for about, decoder in (
            ("vehicles", codec.positions),
            ("sensors", codec.sensor_readings),
            ("requests", codec.requests),
        )
    }
    everything = [one for of_one in told.values() for one in of_one]
    assert summary["sent"] == {about: len(of_one) for about, of_one in told.items()}
    assert summary["readings_sent"] == summary["readings_acknowledged"] == len(everything)
    assert len(told["vehicles"]) > 600
    assert len(told["sensors"]) > 600
    assert summary["messages"] == len(sent)
    assert summary["first_ts"] == min(one.ts for one in everything)
    assert summary["last_ts"] == max(one.ts for one in everything)
    assert payloads(7)[0] == sent
    assert payloads(8)[0] != sent


def test_single_sends_each_reading_on_its_vehicles_or_sensors_topic() -> None:
    with FakeBroker().running() as broker:
        result = call("run", "commuter", "--bikes", "50", "--sensors", "50", "--for", "60", "--speed", "max",
                      "--only", "bikes,traffic", "--single",
                      UB_MQTT_HOST="127.0.0.1", UB_MQTT_PORT=str(broker.port))  # fmt: skip
    assert result.exit_code == 0, result.output
    sensors = [(topic, payload) for topic, payload in broker.received if "/sensors/" in topic]
    assert len(sensors) == 10 * 3
    for topic, payload in sensors:
        assert topic == f"ub/v1/city-traffic/sensors/{codec.sensor_reading.decode(payload).sensor_id}"
    for topic, payload in broker.received:
        if "/sensors/" not in topic:
            assert topic.endswith(f"/vehicles/{codec.position.decode(payload).vehicle_id}/position")


def test_run_writes_the_truth_about_what_it_published(tmp_path: Path) -> None:
    mine, truth = tmp_path / "mine.toml", tmp_path / "truth.json"
    mine.write_text(
        'summary = "one sensor is silent"\n[calendar]\nstart = 2026-03-02T07:00:00\nduration = "40 min"\n'
        "[populations]\nbikes = 30\nsensors = 50\n[faults]\nduplicate = 1.0\n"
        '[[events]]\nevent = "sensor-silent"\nsensors = ["noise-00001"]\nbegins = "07:15"\nlasts = "20 min"\n'
    )
    with FakeBroker().running() as broker:
        result = call("run", str(mine), "--speed", "max", "--truth", str(truth), "--json",
                      "--mqtt", f"127.0.0.1:{broker.port}")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["faults"]["duplicated"] > 0
    (due,) = json.loads(truth.read_text())["due"]
    assert (due["kind"], due["subject"], due["from"]) == (
        "sensor_silent",
        "noise-00001",
        "2026-03-01T23:15:00.000Z",
    )
    alone = call("truth", str(mine))
    assert json.loads(alone.stdout) == json.loads(truth.read_text())


def test_a_truth_that_is_there_survives_a_run_whose_broker_is_away(tmp_path: Path) -> None:
    good, new = tmp_path / "good.json", tmp_path / "new.json"
    good.write_text("of the run before")
    for truth in (good, new):
        result = call(*SHORT, "--truth", str(truth), "--mqtt", "127.0.0.1:1")
        assert result.exit_code == 1
        assert "no MQTT broker" in result.stderr
    assert good.read_text() == "of the run before"
    assert not new.exists()


@pytest.mark.parametrize("command", [("run", "--truth"), ("truth", "-o")])
def test_a_truth_that_cannot_be_written_is_refused_before_anything_is_sent(
    command: tuple[str, str], tmp_path: Path
) -> None:
    name, option = command
    nowhere = tmp_path / "nowhere" / "truth.json"
    with FakeBroker().running() as broker:
        result = call(name, *SHORT[1:], option, str(nowhere), UB_MQTT_PORT=str(broker.port))
    assert result.exit_code == 1
    assert f"cannot write the truth to {nowhere}: No such file or directory" in result.stderr
    assert broker.connections == 0


def test_only_publishes_the_populations_that_are_named() -> None:
    with FakeBroker().running() as broker:
        result = call("run", "commuter", "--only", "noise, water", "--for", "300", "--speed", "MAX", "--json",
                      "--mqtt", f"127.0.0.1:{broker.port}")  # fmt: skip
    assert result.exit_code == 0, result.output
    told = [reading for _, payload in broker.received for reading in codec.sensor_readings.decode(payload)]
    assert {reading.kind for reading in told} == {"noise", "water"}
    assert json.loads(result.stdout)["sent"] == {"vehicles": 0, "sensors": len(told), "requests": 0}


def test_replay_sends_a_file_in_order_and_reports_skipped_rows(tmp_path: Path) -> None:
    path = tmp_path / "trips.csv.gz"
    write_sample(path, seed=4, trips=500, bad_rows=6)
    with FakeBroker().running() as broker:
        result = call("replay", str(path), "--format", "mobike-trips", "--speed", "max",
                      "--mqtt", f"127.0.0.1:{broker.port}", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    positions = [p for _, payload in broker.received for p in codec.positions.decode(payload)]
    assert {topic for topic, _ in broker.received} == {"ub/v1/mobike/vehicles"}
    assert [p.ts for p in positions] == sorted(p.ts for p in positions)
    assert summary["readings_sent"] == len(positions)
    assert sum(summary["skipped"].values()) == 6
    assert "skipped 1 of 506 rows: end_before_start, first line" in result.stderr
    (times,) = [line for line in result.stderr.splitlines() if line.startswith("event time ")]
    assert times.endswith(" UTC")  # as `sim inspect` and the tables have it: a feed names no zone


def test_a_broker_that_is_away_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = call("run", "commuter", "--bikes", "10", "--mqtt", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: no MQTT broker at 127.0.0.1:{port}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (0x80, "(Unspecified error); the broker's log says why"),
        (0x83, "(Implementation specific error); the broker's log says why"),
        (0x87, "(Not authorized); check what this user may publish (the broker's ACL)"),
        (0x90, "(Topic name invalid); see which topics the broker allows"),
        (0x97, "(Quota exceeded); raise the limit of this user there, or publish more slowly (--speed)"),
        (0x99, "(Payload format invalid); see what the broker expects of payloads: these are JSON"),
    ],
)
def test_refused_readings_are_an_error(reason: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "_QUOTA_PAUSE_S", 0.0)  # it waits for a quota to come back
    with FakeBroker(puback_reason=reason).running() as broker:
        result = call("run", "commuter", "--bikes", "10", "--only", "bikes", "--for", "60", "--speed", "max",
                      "--mqtt", f"127.0.0.1:{broker.port}")  # fmt: skip
    assert result.exit_code == 1
    *_, line = result.stderr.splitlines()
    assert line.startswith("Error: the broker refused 1")
    assert line.endswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere"), "there is no scenario 'nowhere'; there are: accident"),
        (("run", "commuter", "--speed", "0"), "'0' is not a speed"),
        (("run", "commuter", "--speed", "nan"), "'nan' is not a speed"),
        (("run", "commuter", "--speed", "fast"), "'fast' is not a speed"),
        (
            ("run", "commuter", "--only", "bikes,trams"),
            "there is no population 'trams'; there are: bikes, weather",
        ),
        (("run", "commuter", "--only", ""), "there is no population ''"),
        (("run", "commuter", "--sensors", "3"), "10<=x<=100000"),
        *(
            ((*command, "--for", "1" + "0" * 20), "1" + "0" * 20 + " is not in the range")
            for command in (
                ("run", "commuter"),
                ("truth", "commuter"),
                ("score", "commuter"),
                ("plot", "commuter"),
            )
        ),
        *(
            ((command, "commuter", "--seed", str(2**63)), f"0<=x<={2**63 - 1}")
            for command in ("run", "truth", "score", "plot")
        ),
        (("run", "commuter", "--mqtt", "localhost"), "'localhost' is not an address"),
        (("run", "commuter", "--mqtt", "localhost:70000"), "'localhost:70000' is not an address"),
        (("replay", "absent.csv", "--format", "mobike-trips"), "does not exist"),
    ],
)
def test_a_wrong_argument_is_named(arguments: tuple[str, ...], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.split())


@contextmanager
def running(broker: FakeBroker, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`sim run commuter` in a process of its own."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from sensors_sim.cli import sim; sim()", "run", "commuter", *arguments),
            *("--quiet", "--json", "--mqtt", f"127.0.0.1:{broker.port}"),
        ],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_with_everything_acknowledged(number: signal.Signals, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    arguments = ("--bikes", "200", "--speed", "60", "--truth", str(truth))
    with FakeBroker().running() as broker, running(broker, *arguments) as process:
        eventually(lambda: len(broker.received) > 5)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert summary["stopped"]
    assert summary["messages"] == len(broker.received)
    assert summary["readings_acknowledged"] == summary["readings_sent"] > 0
    assert read_truth(truth).end == summary["last_ts"], "the truth is about what was sent"


def test_a_signal_ends_a_run_whose_fleet_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = [], Fleet.step

    def interrupted(fleet: Fleet, until: int) -> Positions:
        signal.raise_signal(signal.SIGINT)
        steps.append(until)
        return step(fleet, until)

    monkeypatch.setattr(Fleet, "step", interrupted)
    with FakeBroker().running() as broker:
        result = call(*SHORT, "--speed", "max", "--json", "--mqtt", f"127.0.0.1:{broker.port}")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["stopped"]
    assert (len(steps), broker.received) == (1, [])


def test_a_second_signal_ends_a_run_whose_broker_hangs_and_says_what_may_be_lost() -> None:
    hangs = FakeBroker(acknowledges=False)
    arguments = ("--bikes", "2000", "--speed", "max", "--in-flight", "3")
    with hangs.running() as broker, running(broker, *arguments) as process:
        eventually(lambda: len(broker.received) == 3)
        for number in (signal.SIGTERM, signal.SIGINT):  # two of the same kind could merge into one
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped before the broker acknowledged 3 messages; they may be lost" in err
