"""deploy/compose.yaml and the Dockerfile name things that exist. What needs an engine is not tested here."""

import re
import shutil
import string
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from deploy import containers
from streams import supervise
from streams.console.hosts import names_allowed
from streams.gateway import bridge
from streams.settings import Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
ROOT = DEPLOY.parent
OURS = ("migrate", "gateway", "worker", "console", "notify")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(content, dict)
    return content


def test_every_image_is_pinned_to_a_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.search(r":[a-z]*\d+\.\d+\.\d+", service["image"]), f"{name}: {service['image']}"


def test_our_own_image_is_built_on_a_pinned_one() -> None:
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1, "what is built on one Python runs on the same"
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", bases[0])


def test_tests_run_on_the_broker_and_the_database_of_production(compose: dict[str, Any]) -> None:
    assert compose["services"]["mosquitto"]["image"] == containers.MOSQUITTO_IMAGE
    assert compose["services"]["timescaledb"]["image"] == containers.TIMESCALE_IMAGE


def test_one_service_builds_the_image_and_all_of_ours_wait_for_it(compose: dict[str, Any]) -> None:
    """Two would export one name at the same time: "failed to solve: image …: already exists"."""
    services = compose["services"]
    assert [name for name in services if "build" in services[name]] == ["migrate"]
    for name in OURS:
        assert services[name]["image"] == services["migrate"]["image"]
        assert services[name]["pull_policy"] == "never"
        assert name == "migrate" or "migrate" in services[name]["depends_on"]


def test_no_log_grows_without_bound(compose: dict[str, Any]) -> None:
    """Docker's default, json-file, never drops a line; `local` keeps five files of 20 MB."""
    for name, service in compose["services"].items():
        assert service.get("logging") == {"driver": "local"}, name


def test_our_processes_are_given_the_time_that_they_take_to_end(compose: dict[str, Any]) -> None:
    """Docker kills after 10 s where nothing else is said."""
    leave = 5 + 5 + 1  # MqttSource.close waits twice, KafkaSink.close once
    longest = max(supervise._GRACE_S, bridge.DRAIN_S + leave)
    for name in OURS:
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) > longest


@pytest.mark.parametrize("name", ["mosquitto", "kafka", "timescaledb"])
def test_services_that_store_are_given_time_to_put_it_on_disk(compose: dict[str, Any], name: str) -> None:
    """What Docker kills recovers from its log at the next start; meanwhile all others wait."""
    assert compose["services"][name]["stop_grace_period"] == "1m"


def test_no_volume_hides_what_the_image_has_made(compose: dict[str, Any]) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    (home,) = re.findall(r"^WORKDIR (/var/\S+)$", dockerfile, re.MULTILINE)
    assert f"--home-dir {home} " in dockerfile
    made = re.findall(r"^RUN mkdir (\S+)", dockerfile, re.MULTILINE)
    for name in OURS:
        for volume in compose["services"][name].get("volumes", []):
            source, target = volume.split(":")[:2]
            assert source not in compose["volumes"] or target in [f"{home}/{folder}" for folder in made]
    worker = compose["services"]["worker"]
    assert f"worker:{worker['environment']['UB_DATA_DIR']}" in worker["volumes"]


def test_every_command_of_ours_exists(compose: dict[str, Any]) -> None:
    for name in OURS:
        (command,) = compose["services"][name]["command"]
        asked = [sys.executable, "-c", "from streams.cli import main; main()", command, "--help"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"urbanbrain {command}: {done.stderr}"


def test_every_ub_variable_is_a_setting(compose: dict[str, Any]) -> None:
    names = {name for service in OURS for name in compose["services"][service]["environment"]}
    assert names
    for name in names:
        assert name.startswith("UB_")
        assert name.removeprefix("UB_").lower() in Settings.model_fields


def test_a_setting_for_all_reaches_all(compose: dict[str, Any]) -> None:
    """As UB_TIMEZONE: workers judge by it, and the console shows by it."""
    for name in OURS:
        assert compose["x-settings"].keys() <= compose["services"][name]["environment"].keys()


def test_the_console_reads_as_a_role_that_may_not_write(compose: dict[str, Any]) -> None:
    assert "//ub_reader:" in compose["services"]["console"]["environment"]["UB_DATABASE_URL"]


def test_the_console_answers_to_names_of_the_loopback_only(compose: dict[str, Any]) -> None:
    environment = compose["services"]["console"]["environment"]
    allows = names_allowed(environment["UB_CONSOLE_HOST"], environment["UB_CONSOLE_HOSTS"])
    (asked,) = re.findall(r"http://([^/]+)/health", str(compose["services"]["console"]["healthcheck"]))
    assert [allows(host) for host in (asked, "localhost:8080", "[::1]:8080")] == [True] * 3
    assert not allows("rebound.example:8080")


def test_every_secret_is_in_the_example_and_the_example_has_no_other() -> None:
    wanted = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    given = re.findall(r"^([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
    assert wanted
    assert sorted(given) == sorted(wanted)


def test_names_on_the_broker_are_secrets_that_it_looks_at(compose: dict[str, Any]) -> None:
    """No ACL keeps a publisher from connecting by the name of a gateway, which ends the gateway's session."""
    services = compose["services"]
    for service in ("gateway", "worker"):
        name, setting = f"{service.upper()}_ID", f"UB_{service.upper()}_ID"
        assert services[service]["environment"][setting] == f"${{{name}:-{service}-0}}"
        assert services["mosquitto"]["environment"][name] == f"${{{name}:-}}"
        assert f"\n{name}={service}-change-me\n" in (DEPLOY / ".env.example").read_text()


def test_nothing_but_mqtt_listens_beyond_the_loopback_of_the_host(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports.pop("mosquitto") == ["1883:1883"]
    assert ports
    for name, published in ports.items():
        assert all(port.startswith("127.0.0.1:") for port in published), name


def test_all_come_back_after_a_failure_but_a_migration_that_fails_is_told(compose: dict[str, Any]) -> None:
    """`up` waits for `migrate` to end: restarted without a limit, one that always fails would never be told."""
    restarts = {name: service["restart"] for name, service in compose["services"].items()}
    assert re.fullmatch(r"on-failure:[1-9]", restarts.pop("migrate"))
    assert set(restarts.values()) == {"unless-stopped"}


def test_what_others_wait_for_says_whether_it_is_well(compose: dict[str, Any]) -> None:
    for name in ("mosquitto", "kafka", "timescaledb", "console"):
        assert "healthcheck" in compose["services"][name], name


def test_the_image_has_the_version_of_the_program(compose: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert compose["services"]["migrate"]["image"] == f"urbanbrain:{version}"
    page = (ROOT / "docs" / "operations.md").read_text()
    assert f"docker tag urbanbrain:{version} urbanbrain:before" in page


def test_limits_of_memory_are_those_of_the_page(compose: dict[str, Any]) -> None:
    """A worker, gateway and console may be killed at any time. What stores has no limit here: see there."""
    limits = {name: s["mem_limit"] for name, s in compose["services"].items() if "mem_limit" in s}
    assert set(limits) == {"gateway", "worker", "console"}
    page = (ROOT / "docs" / "operations.md").read_text()
    for name, limit in limits.items():
        assert f"{name} `{limit}`" in page


def test_the_commands_of_the_pages_name_services_and_files_that_exist(compose: dict[str, Any]) -> None:
    text = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    commands = re.findall(r"docker compose (?:--file (\S+)|…)((?: --profile \w+)*) ([a-z]+)([^`\n#]*)", text)
    assert len(commands) > 10
    for file, _, command, rest in commands:
        assert not file or (ROOT / file).exists(), file
        assert command in ("build", "down", "exec", "logs", "restart", "run", "stop", "up"), command
        words = [word for word in rest.split() if not word.startswith("-")]
        if command in ("exec", "run"):
            assert words[0] in compose["services"], rest
        elif command != "up" or words[:1] != ["…"]:
            assert set(words) <= compose["services"].keys(), rest


def test_every_dependency_and_volume_is_defined(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in compose["services"][needed]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in compose["volumes"]


def test_the_health_check_of_mqtt_shows_no_password_in_the_list_of_processes(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """As an argument any user of the host could read it; the file that the client reads belongs to root alone."""
    kind, check = compose["services"]["mosquitto"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    client = tmp_path / "bin" / "mosquitto_sub"
    client.parent.mkdir()
    client.write_text('#!/bin/sh\necho "$@"\ncat "$XDG_CONFIG_HOME/mosquitto_sub"\n')
    client.chmod(0o755)
    asked = subprocess.run(
        ["/bin/sh", "-c", check.replace("$$", "$").replace("/dev/shm", str(tmp_path))],
        env={"PATH": f"{client.parent}:/usr/bin:/bin", "MQTT_ADMIN_PASSWORD": 's#e "c\\n%s'},
        capture_output=True,
        text=True,
        check=True,
    )
    arguments, *options = asked.stdout.splitlines()
    assert arguments == "-t $SYS/broker/uptime -C 1 -W 3"
    assert options == ["-u admin", '-P s#e "c\\n%s']
    assert (tmp_path / "mosquitto_sub").stat().st_mode & 0o777 == 0o600


def start_broker(
    source: Path, data: Path, programs: Path, *, hashes: str = "true", publishers: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run start.sh with programs of the broker that do nothing; `hashes` is the one for its passwords."""
    programs.mkdir()
    for name, does in (("mosquitto", "true"), ("mosquitto_passwd", hashes), ("chown", "true")):
        (programs / name).symlink_to(shutil.which(does) or "")
    secrets = ("MQTT_GATEWAY_PASSWORD", "MQTT_WORKER_PASSWORD", "MQTT_ADMIN_PASSWORD")
    return subprocess.run(
        ["/bin/sh", str(source / "start.sh")],
        env={
            **dict.fromkeys(secrets, "x"),
            "MQTT_PUBLISHERS": publishers,
            "CONFIG": str(source / "mosquitto.conf"),
            "PASSWORDS": str(data / "passwords"),
            "PATH": f"{programs}:/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_broker_reads_files_of_its_own_whatever_the_umask_of_the_checkout(tmp_path: Path) -> None:
    """It changes to its own user before it reads them, and Mosquitto means to refuse files that others can read."""
    source, data = tmp_path / "config", tmp_path / "data"
    shutil.copytree(DEPLOY / "mosquitto", source)
    data.mkdir()
    started = start_broker(source, data, tmp_path / "bin")
    assert started.returncode == 0, started.stderr
    config = (source / "mosquitto.conf").read_text()
    for option, name in (("password_file", "passwords"), ("acl_file", "acl")):
        assert f"\n{option} /mosquitto/data/{name}\n" in config
        assert (data / name).stat().st_mode & 0o077 == 0, name
    assert (data / "acl").read_text() == (source / "acl").read_text()


def test_the_acl_may_stand_where_the_passwords_are_written(tmp_path: Path) -> None:
    """As in /etc/mosquitto: it was emptied before it was read."""
    shutil.copytree(DEPLOY / "mosquitto", tmp_path / "config")
    started = start_broker(tmp_path / "config", tmp_path / "config", tmp_path / "bin")
    assert started.returncode == 0, started.stderr
    assert (tmp_path / "config" / "acl").read_text() == (DEPLOY / "mosquitto" / "acl").read_text()


def test_passwords_that_could_not_be_hashed_stay_on_no_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    started = start_broker(DEPLOY / "mosquitto", data, tmp_path / "bin", hashes="false")
    assert started.returncode == 1
    assert list(data.iterdir()) == []


def test_a_publisher_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    """One of its two passwords would not do, and nothing would say which."""
    data = tmp_path / "data"
    data.mkdir()
    accounts = "hello:one mobike:two hello:three"
    started = start_broker(DEPLOY / "mosquitto", data, tmp_path / "bin", publishers=accounts)
    assert started.returncode == 1
    assert started.stderr == "MQTT_PUBLISHERS: the name hello is there twice; leave one of its entries out\n"
    assert list(data.iterdir()) == []
    others = start_broker(
        DEPLOY / "mosquitto", data, tmp_path / "bin-2", publishers="hello:one hello-2:two o:3"
    )
    assert others.returncode == 0, others.stderr


def start_database(folder: Path, **passwords: str) -> subprocess.CompletedProcess[str]:
    """Run start.sh with an entry point of the image that says with what it is called."""
    entry_point = folder / "docker-entrypoint.sh"
    if not entry_point.exists():
        entry_point.write_text('#!/bin/sh\necho "becomes $*"\n')
        entry_point.chmod(0o755)
    given = {"POSTGRES_PASSWORD": "x", "WRITER_PASSWORD": "y", "READER_PASSWORD": "z"} | passwords
    return subprocess.run(
        ["/bin/sh", str(DEPLOY / "timescaledb" / "start.sh"), "postgres"],
        env={"PATH": f"{folder}:/usr/bin:/bin", **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_database_starts_by_the_script_that_looks_at_its_passwords(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    database = compose["services"]["timescaledb"]
    assert f"./timescaledb/start.sh:{database['entrypoint'][-1]}:ro" in database["volumes"]
    assert database["command"] == ["postgres"], (
        "Compose drops the image's where the entry point is another one"
    )
    assert {"POSTGRES_PASSWORD", "WRITER_PASSWORD", "READER_PASSWORD"} <= database["environment"].keys()
    assert start_database(tmp_path).stdout == "becomes postgres\n"


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "WRITER_PASSWORD", "READER_PASSWORD"])
def test_the_database_does_not_start_with_a_password_of_the_example(tmp_path: Path, name: str) -> None:
    """As the broker; before the image makes the database, as it never tries again to give it its roles."""
    started = start_database(tmp_path, **{name: "change-me"})
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.startswith(
        f"{name} is still change-me; choose a password of your own (openssl rand "
    )


def test_a_password_with_which_the_database_starts_is_the_same_in_a_url(tmp_path: Path) -> None:
    """`openssl rand -base64` gives some with a slash: the database was made, and nothing could log in."""
    refused = ""
    for character in "a1" + string.punctuation + string.whitespace:
        password = f"ab{character}cd"
        started = start_database(tmp_path, WRITER_PASSWORD=password)
        if started.returncode:
            assert started.stderr.startswith(
                "WRITER_PASSWORD has a character that means something else in a URL"
            )
            refused += character
            continue
        url = f"postgresql://ub_writer:{password}@timescaledb:5432/urbanbrain"
        assert conninfo_to_dict(url)["password"] == password
        parts = urlsplit(url)
        assert (parts.password, parts.hostname, parts.port) == (password, "timescaledb", 5432)
    assert set(refused) == set("[]/?#@%:" + string.whitespace)


@pytest.mark.parametrize("rules", [ROOT / ".gitignore", DEPLOY / "Dockerfile.dockerignore"])
def test_a_copy_of_the_secrets_is_neither_committed_nor_in_the_image(tmp_path: Path, rules: Path) -> None:
    """Docker reads patterns otherwise than Git, but not ours of these files."""
    lines = [line for line in rules.read_text().splitlines() if ".env" in line]
    (tmp_path / ".gitignore").write_text("\n".join(lines))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    names = (".env", ".env.old", ".env~")
    secret = {f"{folder}/{name}" for folder in ("deploy", "deploy/notify") for name in names}
    asked = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", *secret, "deploy/.env.example"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(asked.stdout.splitlines()) == secret


def test_everything_that_the_image_copies_exists_and_is_not_ignored() -> None:
    allowed = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = [
        source
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in allowed
