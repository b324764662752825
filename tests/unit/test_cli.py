"""The command line: what there is, and what a command waits for before it begins."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.errors import ServiceUnavailable

ALL = [
    "alerts",
    "audit",
    "console",
    "doctor",
    "gateway",
    "incidents",
    "migrate",
    "notify",
    "policy",
    "sim",
    "up",
    "worker",
]


def test_help_lists_all_commands_and_each_has_its_own() -> None:
    listed = CliRunner().invoke(main, ["--help"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.partition("Commands:\n")[2].splitlines()] == ALL


@pytest.mark.parametrize("name", ALL)
def test_every_command_says_what_it_does(name: str) -> None:
    said = CliRunner().invoke(main, [name, "--help"])
    assert said.exit_code == 0
    assert said.output.startswith(f"Usage: main {name} ")


@pytest.mark.parametrize(
    "group", [[], ["alerts"], ["alerts", "silence"], ["incidents"], ["policy"], ["sim"]], ids=" ".join
)
def test_no_sentence_in_a_list_of_commands_is_cut_off(group: list[str]) -> None:
    listed = CliRunner().invoke(main, [*group, "--help"], terminal_width=80)
    assert listed.exit_code == 0
    assert "..." not in listed.output.partition("Commands:\n")[2]


def test_alerts_have_the_commands_of_all_their_modules() -> None:
    said = CliRunner().invoke(main, ["alerts", "--help"]).output
    assert all(f"\n  {name} " in said for name in ("list", "ack", "replay", "silence"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--bikes", "0"], "0 is not in the range x>=1"),
        (["up", "--processes", "0"], "0 is not in the range x>=1"),
        (["alerts", "replay", "04443a28", "--limit", "-1"], "-1 is not in the range x>=1"),
        (
            ["up", "--no-city", "--speed", "3", "--bikes", "9"],
            "--speed, --bikes: only for a city, and --no-city runs",
        ),
        (["audit", "--recording", "no/such.jsonl.gz"], "File 'no/such.jsonl.gz' does not exist"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_waited_for(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(("arguments", "setting"), [([], "0.5"), (["--wait", "0.5"], "300")])
def test_a_gateway_waits_for_kafka_as_long_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], setting: str
) -> None:
    waits: list[float] = []

    def away(bootstrap: str, timeout_s: float, login: object) -> str:
        waits.append(timeout_s)
        raise ServiceUnavailable("Kafka", bootstrap, "nobody")

    monkeypatch.setenv("UB_SERVICE_WAIT_S", setting)
    monkeypatch.setattr("streams.brokers.admin.wait_for_kafka", away)
    done = CliRunner().invoke(main, ["gateway", *arguments])
    assert (done.exit_code, waits) == (1, [0.5])


def test_a_docker_engine_that_does_not_answer_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.up.engine_answers", lambda: False)
    done = CliRunner().invoke(main, ["up", "--stack", "docker"])
    assert done.exit_code == 1
    assert "Error: no Docker engine answers (`docker info`); start it, or leave --stack out" in done.output


def test_a_command_that_is_not_there_is_refused() -> None:
    done = CliRunner().invoke(main, ["alert"])
    assert done.exit_code == 2
    assert "No such command 'alert'" in done.output


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    path = tmp_path / "zones.geojson"
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    feature = {"type": "Feature", "properties": {"name": "浦东"}, "geometry": square}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def program(*arguments: str, **changes: Any) -> "subprocess.CompletedProcess[str]":
    options = {"stdout": subprocess.PIPE, "env": dict(os.environ), **changes}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_escaped(zones: Path, encoding: str) -> None:
    done = program("policy", "check", str(zones), env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u6d66\u4e1c" in done.stdout


def test_json_is_json_in_any_encoding() -> None:
    script = "from streams.commands.listed import echo_json; echo_json({'zone': '浦东 🚲'})"
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            check=True,
            capture_output=True,
        )
        assert json.loads(done.stdout.decode(encoding)) == {"zone": "浦东 🚲"}


def test_a_disk_that_is_full_is_said_in_a_line(zones: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = program("policy", "check", str(zones), stdout=full)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: cannot write the output: No space left on device; make room there\n",
    )


FOLLOWED = """
from types import SimpleNamespace as heard
import sys
import msgspec
from schemas import codec
from streams.alerts.tail import Tail
from tests.unit.alerts.events import alert

def loop(self):
    one = msgspec.structs.replace(alert("raised"), zone="浦东 🚲")
    message = heard(payload=codec.encode(one), retain=True)
    client, anew, fine = heard(subscribe=lambda *_, **__: None), heard(session_present=False), heard(is_failure=False)
    self._on_connect(client, None, anew, fine, None)
    self._on_message(self._client, None, message)
    if "--json" not in sys.argv:
        assert self._over.wait(30)

def prepared(self, *values):
    made(self, *values)
    self._client.connect = lambda *_, **__: None
    self._client.disconnect = lambda properties: self._over.set()
    self._client.loop_forever = lambda: loop(self)

made, Tail.__init__ = Tail.__init__, prepared
from streams.cli import main
main(["alerts", "tail", *sys.argv[1:]])
"""


@pytest.fixture
def nobody() -> Iterator[int]:
    """A pipe that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    yield writes
    os.close(writes)


def test_who_has_read_enough_of_what_is_open_ends_the_command(nobody: int) -> None:
    """As `alerts tail | head` does, in which another thread than the first shows what is open."""
    done = subprocess.run(
        [sys.executable, "-c", FOLLOWED], stdout=nobody, stderr=subprocess.PIPE, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.decode().count("Traceback")) == (1, 0)


def test_what_is_listed_for_nobody_is_no_error() -> None:
    script = "from streams.commands.listed import *; t = table('a'); t.add_row('1'); show(t); echo_json({})"
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -c "{script}" >&-'], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_alert_as_it_came_is_json_in_any_encoding() -> None:
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-c", FOLLOWED, "--json"],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            check=True,
            capture_output=True,
        )
        assert json.loads(done.stdout.decode(encoding))["zone"] == "浦东 🚲"


def test_no_command_waits_for_what_others_import() -> None:
    script = (
        "import sys, click; from streams.cli import main; main.get_command(click.Context(main), 'alerts'); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'sensors_sim', 'kafka', 'numpy', 'faust'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
