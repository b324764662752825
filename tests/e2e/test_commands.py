"""Commands that cannot do their work: one clear line, a non-zero exit, and never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors_sim.sources.mobike_sample import write_sample
from streams.brokers.admin import create_topics
from tests.conftest import Database
from tests.e2e.city import City
from tests.e2e.commands import NOTHING_THERE, Finished, clean_environment, run
from tests.e2e.conftest import CityMaker

pytestmark = pytest.mark.e2e

UP = ("up", "--stack", "external", "--seconds", "1")


def alone(directory: Path, *arguments: str, **settings: str) -> Finished:
    """Run a command where there is no service at all."""
    environment = {**clean_environment(), **NOTHING_THERE, **settings}
    return run(*arguments, environment=environment, directory=directory)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (("gateway", "--wait", "1"), "Kafka at 127.0.0.1:2"),
        (("worker", "--wait", "1"), "Kafka at 127.0.0.1:2"),
        (("migrate",), "PostgreSQL at 127.0.0.1:3/urbanbrain"),
        (("alerts", "list"), "PostgreSQL at 127.0.0.1:3/urbanbrain"),
        (("alerts", "tail"), "MQTT at 127.0.0.1:1"),
        (("sim", "run", "metro-flood", "--bikes", "10"), "MQTT broker at 127.0.0.1:1"),
        (("sim", "replay", "trips.csv", "--format", "mobike-trips"), "MQTT broker at 127.0.0.1:1"),
        (UP, "PostgreSQL at 127.0.0.1:3/urbanbrain"),
    ],
)
def test_a_command_says_which_service_is_away(tmp_path: Path, command: tuple[str, ...], names: str) -> None:
    write_sample(tmp_path / "trips.csv", seed=1, trips=10)
    line = alone(tmp_path, *command).failed_with_one_line()
    assert names in line
    assert "hidden" not in line


@pytest.mark.parametrize(
    "command", [("gateway",), ("worker",), ("migrate",), ("alerts", "list"), ("alerts", "tail"), UP]
)
def test_a_command_names_the_setting_that_is_wrong(tmp_path: Path, command: tuple[str, ...]) -> None:
    line = alone(tmp_path, *command, UB_CLEAR_RATIO="2").failed_with_one_line()
    assert "UB_CLEAR_RATIO 2.0 must be below UB_RAISE_RATIO 1.0" in line


@pytest.mark.parametrize("command", [("migrate",), ("alerts", "list"), UP, ("worker", "--wait", "1")])
def test_an_address_that_cannot_be_read_is_a_setting_that_is_wrong(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    line = alone(tmp_path, *command, UB_DATABASE_URL="nonsense:hidden@").failed_with_one_line()
    assert "UB_DATABASE_URL" in line
    assert "hidden" not in line


def test_a_policy_that_cannot_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "zones.geojson").write_text("{")
    line = alone(tmp_path, "worker", UB_POLICY_FILE="zones.geojson").failed_with_one_line()
    assert "zones.geojson" in line


def test_a_file_of_another_form_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "trips.csv").write_text("a,b\n1,2\n")
    line = alone(tmp_path, "sim", "inspect", "trips.csv", "--format", "mobike-trips").failed_with_one_line()
    assert "not a mobike-trips file" in line


def test_an_unknown_scenario_is_said_before_anything_starts(tmp_path: Path) -> None:
    assert "nonsense" in alone(tmp_path, *UP, "--scenario", "nonsense").failed_with_one_line()


# ------------------------------------------------------------------ services that are there, but not as they should be


def with_database(directory: Path, url: str, *arguments: str) -> Finished:
    return alone(directory, *arguments, UB_DATABASE_URL=url)


def test_a_database_without_our_schema_is_said(tmp_path: Path, database: Database) -> None:
    line = with_database(tmp_path, database.writer_url, "alerts", "list").failed_with_one_line()
    assert "urbanbrain migrate" in line


def test_a_role_that_may_not_migrate_is_said(tmp_path: Path, migrated: Database) -> None:
    line = with_database(tmp_path, migrated.writer_url, "migrate").failed_with_one_line()
    assert "owner" in line


def test_a_cell_that_is_none_is_said(tmp_path: Path, migrated: Database) -> None:
    done = with_database(tmp_path, migrated.writer_url, "alerts", "list", "--cell", "xyz")
    assert done.code != 0
    assert "Traceback" not in done.err
    assert "xyz" in done.err.splitlines()[-1]


def test_a_migration_may_be_run_again(tmp_path: Path, database: Database) -> None:
    first, second = (with_database(tmp_path, database.owner_url, "migrate") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "applied: " in first.out
    assert "nothing to do" in second.out


# ------------------------------------------------------------------ doctor


@pytest.fixture(scope="module")
def ready(a_city: CityMaker) -> Iterator[City]:
    """Services with topics and tables, and no process of ours."""
    with a_city() as city:
        create_topics(city.kafka_bootstrap, city.settings())
        yield city


def findings(done: Finished) -> dict[str, str]:
    """Return the faults by name, each with its advice."""
    found: dict[str, str] = {}
    name = ""
    for line in done.out.splitlines():
        mark, *words = line.split(maxsplit=1)
        if mark in ("ok", "FAULT"):
            name = words[0].split("  ")[0] if mark == "FAULT" else ""
        if name:
            found[name] = found.get(name, "") + line.strip() + "\n"
    return found


def test_the_doctor_finds_nothing_wrong_where_nothing_is(ready: City) -> None:
    done = ready.run("doctor")
    assert (done.code, findings(done)) == (0, {}), done


@pytest.mark.parametrize(
    ("setting", "name"),
    [("UB_MQTT_PORT", "MQTT broker"), ("UB_KAFKA_BOOTSTRAP", "Kafka"), ("UB_DATABASE_URL", "database")],
)
def test_the_doctor_finds_the_service_that_is_away(ready: City, setting: str, name: str) -> None:
    done = ready.run("doctor", settings={setting: NOTHING_THERE[setting]})
    assert done.code == 1
    assert done.err == ""
    (fault,) = findings(done).values()
    assert list(findings(done)) == [name]
    assert "does not answer" in fault
    assert "-> start the service, or correct UB_" in fault
    assert "hidden" not in fault


def test_the_doctor_finds_a_setting_that_is_wrong(ready: City) -> None:
    done = ready.run("doctor", settings={"UB_MQTT_PORT": "seven"})
    assert done.code == 1
    assert list(findings(done)) == ["settings"]
    assert "UB_MQTT_PORT='seven'" in done.out
