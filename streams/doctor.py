"""`urbanbrain doctor`: look at every setting and service that a process needs; say what to do about each fault.

Each check is a function from settings (and what was learned before) to a Check. None waits longer
than TIMEOUT_S for an answer, and none raises.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import class_row
from rich.table import Table
from rich.text import Text

from streams.brokers import admin
from streams.brokers.kafka_login import kafka_login_of
from streams.brokers.mqtt_login import login_of
from streams.brokers.probe import MqttBroker, probe_mqtt
from streams.counted import counted
from streams.errors import MigrationError, PolicyError, ServiceUnavailable, SettingsError, UrbanBrainError
from streams.files.districts import load_districts
from streams.files.policy import read_policy, zones_without
from streams.files.thresholds import read_thresholds
from streams.notify.service import load_receivers
from streams.settings import Settings, load, misspelt
from streams.store.attendance import QUIET_S, STANDS_STILL, Seen, alone, sentence
from streams.store.fullest import FULLEST, Fullest
from streams.store.migrate import missing
from streams.store.receivers_now import AT_WORK, NOT_TAKEN, NotTaken
from streams.store.session import address_of, unavailable
from streams.store.view_rows import Stored
from streams.store.views import STAGES, STORED
from streams.times import to_second
from streams.topics import kafka_topics

TIMEOUT_S = 3.0
CLOCK_TOLERANCE_S = 2.0
_FULL = 0.95
"""The share of what a partition may keep from which on it is full: some are given up a few at a time."""

_SESSION_ADVICE = (
    "let the broker keep sessions (Mosquitto: `persistence true`, no `persistent_client_expiration` below an "
    "hour), or messages are lost while the gateway restarts"
)
_RIGHTS_ADVICE = "use ub_writer's UB_DATABASE_URL, or run `urbanbrain migrate`, which grants it its rights"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `advice` says what to do and is empty when all is well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def run_from_environment() -> list[Check]:
    """Read the settings and run all checks; wrong settings are a finding, and then the only one."""
    try:
        settings = load()
    except SettingsError as error:
        return [Check("settings", False, str(error), "correct the variable in the environment or in .env")]
    return run(settings)


def run(settings: Settings) -> list[Check]:
    """Run all checks, in the order in which faults should be repaired."""
    return [
        check_settings(settings),
        *_guarded("policy file", lambda: [check_policy_file(settings)]),
        *_guarded("thresholds", lambda: [check_thresholds_file(settings)]),
        *_guarded("districts", lambda: [check_districts_file(settings)]),
        *_guarded("notifications", lambda: [check_notify_file(settings)]),
        *_guarded("MQTT broker", lambda: check_mqtt(settings)),
        *_guarded("Kafka", lambda: check_kafka(settings)),
        *_guarded("database", lambda: check_database(settings)),
    ]


def check_settings(settings: Settings) -> Check:
    """Say which settings differ from their defaults (names only: values may be secrets)."""
    names = sorted(f"UB_{name.upper()}" for name in settings.model_fields_set)
    unknown = misspelt()
    if unknown:
        return Check(
            "settings",
            False,
            f"no such setting: {', '.join(unknown)}",
            "correct the spelling (docs/operations.md lists all), or unset it",
        )
    return Check("settings", True, f"set: {', '.join(names)}" if names else "all at their defaults")


def check_policy_file(settings: Settings) -> Check:
    """The policy file, where one is set, is one that a worker would accept."""
    if settings.policy_file is None:
        return Check("policy file", True, f"none; every cell has capacity {settings.default_capacity}")
    try:
        policy, findings = read_policy(settings, settings.policy_file)
        findings.raise_errors()
    except PolicyError as error:
        return Check("policy file", False, str(error), "correct the file, or unset UB_POLICY_FILE")
    except SettingsError as error:
        return Check("policy file", False, str(error), "correct the variable in the environment or in .env")
    on_numbers = sum(len(one.rules) for one in policy.counts) + sum(len(one.rules) for one in policy.trips)
    on_vehicles = sum(len(one.rules) for one in policy.stays) + sum(len(one.rules) for one in policy.speeds)
    zones, rules = counted(len(policy.zones), "zone"), counted(on_numbers, "rule")
    found = f"{zones}, {rules} on numbers, {on_vehicles} on single vehicles"
    noted = f"; note: {findings.noted}" if findings.noted else ""
    return Check("policy file", True, f"{settings.policy_file}: {found}{noted}")


def check_thresholds_file(settings: Settings) -> Check:
    """The file of thresholds, where one is set, is one that a worker would accept."""
    if settings.thresholds_file is None:
        return Check("thresholds", True, "none; no alerts of kind threshold")
    try:
        thresholds = read_thresholds(settings.thresholds_file)
        policy, _ = read_policy(settings, settings.policy_file)
    except (PolicyError, SettingsError) as error:
        return Check("thresholds", False, str(error), "correct the file, or unset UB_THRESHOLDS_FILE")
    if wrong := "; ".join(zones_without(replace(policy, thresholds=thresholds))):
        return Check("thresholds", False, wrong, "correct the name there, or in UB_POLICY_FILE")
    return Check("thresholds", True, f"{settings.thresholds_file}: {len(thresholds)}")


def check_districts_file(settings: Settings) -> Check:
    """The file of districts, where one is set, is one that a worker would accept."""
    if settings.districts_file is None:
        return Check("districts", True, "none; a request has the district that its events name")
    try:
        load_districts(settings)
    except SettingsError as error:
        return Check("districts", False, str(error), "correct the file, or unset UB_DISTRICTS_FILE")
    return Check("districts", True, f"{settings.districts_file} is valid")


def check_notify_file(settings: Settings) -> Check:
    """The file of receivers, where one is set, is one that `urbanbrain notify` would accept."""
    if settings.notify_file is None:
        return Check("notifications", True, "none; alerts are on MQTT, Kafka and in the tables")
    try:
        receivers = load_receivers(settings, os.environ)
    except SettingsError as error:
        return Check("notifications", False, str(error), "correct the file, or unset UB_NOTIFY_FILE")
    return Check("notifications", True, f"{settings.notify_file}: {counted(len(receivers), 'receiver')}")


def check_mqtt(settings: Settings) -> list[Check]:
    """The broker accepts our MQTT v5 session, and what it offers is enough for the gateway."""
    broker = probe_mqtt(settings.mqtt_host, settings.mqtt_port, login_of(settings), TIMEOUT_S)
    where = f"{settings.mqtt_host}:{settings.mqtt_port}"
    found = f"{where} accepts MQTT v5 {'over TLS' if settings.mqtt_tls else 'without TLS'}"
    return [Check("MQTT broker", True, found), judge_mqtt(broker, settings)]


def judge_mqtt(broker: MqttBroker, settings: Settings) -> Check:
    """Compare what the broker offers with what the gateway and the alerts rely on."""
    name = "MQTT sessions"
    if not broker.session_kept:
        return Check(name, False, "the broker forgets a session when its connection ends", _SESSION_ADVICE)
    if not broker.retain:
        advice = "allow retained messages (Mosquitto: `retain_available true`): open alerts are retained"
        return Check(name, False, "the broker refuses retained messages", advice)
    if broker.max_packet is not None and broker.max_packet <= settings.max_payload_bytes:
        return Check(
            name,
            False,
            f"the broker cuts connections at {broker.max_packet} bytes, before the gateway's own limit "
            f"UB_MAX_PAYLOAD_BYTES={settings.max_payload_bytes}: oversized payloads are lost without a report",
            "raise the broker's `max_packet_size` above UB_MAX_PAYLOAD_BYTES, or lower the latter",
        )
    limit = "no limit" if broker.max_packet is None else f"{broker.max_packet} bytes"
    return Check(name, True, f"kept and retained messages allowed; packets: {limit}")


def check_kafka(settings: Settings) -> list[Check]:
    """The cluster answers, and our topics are there with the partitions that the settings ask for."""
    known = admin.topic_partitions(settings.kafka_bootstrap, TIMEOUT_S, kafka_login_of(settings))
    how = " over TLS" if settings.kafka_tls else ""
    answered = Check(
        "Kafka", True, f"{settings.kafka_bootstrap} answers{how}, {counted(len(known), 'topic')}"
    )
    wanted = kafka_topics(settings.source_partitions, settings.region_partitions)
    problems = admin.mismatches(wanted, known)
    if problems:
        advice = (
            "gateway and worker create what is missing when they start; they never change an existing topic"
        )
        return [answered, Check("Kafka topics", False, "; ".join(problems), advice)]
    return [answered, Check("Kafka topics", True, f"all {len(wanted)} with the expected partitions")]


def check_database(settings: Settings) -> list[Check]:
    """The database answers, has TimescaleDB and our schema, lets us write, and agrees about the time."""
    url = settings.database_url.get_secret_value()
    with _connected(url) as connection:
        user = connection.info.user
        found = [
            Check("database", True, f"{address_of(url)} answers, PostgreSQL {_version(connection)}, {user}")
        ]
        found.append(check_clock(connection))
        found.append(check_timescale(connection))
        schema = check_schema(url)
        found.append(schema)
        if schema.ok:
            found += [check_rights(connection), check_stages(connection), check_room(connection, settings)]
            found += check_operators(connection, settings)
            found += check_deliveries(connection, settings)
    return found


def check_clock(connection: psycopg.Connection[Any]) -> Check:
    """The clocks of this machine and of the database agree: both stamp readings."""
    asked = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    answered = time.time()
    assert row is not None
    ahead = row[0] - (asked + answered) / 2
    detail = f"the database's is {ahead:+.1f} s from this machine's"
    # it looked at its clock at any time in between
    if abs(ahead) > CLOCK_TOLERANCE_S + (answered - asked) / 2:
        return Check(
            "clock", False, detail, "synchronize the clocks of both machines by NTP (chrony, timesyncd)"
        )
    return Check("clock", True, detail)


def check_timescale(connection: psycopg.Connection[Any]) -> Check:
    """The extension is installed in this database; which edition it is decides what it can do."""
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    if row is None:
        return Check(
            "TimescaleDB",
            False,
            "the extension is not installed in this database",
            "run `urbanbrain migrate` with the owner's UB_DATABASE_URL; the server needs the package too",
        )
    licence = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    edition = "Community" if licence is not None and licence[0] == "timescale" else "Apache"
    return Check("TimescaleDB", True, f"{row[0]}, {edition} edition")


def check_schema(url: str) -> Check:
    """Every migration of this program is applied, and none of a newer one."""
    try:
        pending = asyncio.run(asyncio.wait_for(missing(url), TIMEOUT_S))
    except MigrationError as error:
        return Check("schema", False, str(error), "run the program that belongs to this database")
    except TimeoutError:
        return Check(
            "schema", False, f"no answer within {TIMEOUT_S:g} s", "look for locks in pg_stat_activity"
        )
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("schema", False, _first_line(error), _RIGHTS_ADVICE)
    if pending:
        advice = "run `urbanbrain migrate` with the owner's UB_DATABASE_URL"
        return Check("schema", False, f"not applied: {', '.join(pending)}", advice)
    return Check("schema", True, "every migration is applied")


def check_rights(connection: psycopg.Connection[Any]) -> Check:
    """We may write every table of schema ub, and stage batches in temporary tables."""
    rows = connection.execute(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'ub'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'schema_migration'
          AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
               AND has_table_privilege(oid, 'UPDATE'))
        ORDER BY relname
        """
    ).fetchall()
    refused = [name for (name,) in rows]
    temporary = connection.execute(
        "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
    ).fetchone()
    if temporary is None or not temporary[0]:
        refused.append("temporary tables")
    if refused:
        return Check(
            "rights",
            False,
            f"{connection.info.user} may not write {', '.join(refused)}",
            "connect as ub_writer, or run `urbanbrain migrate`, which grants it its rights",
        )
    return Check("rights", True, f"{connection.info.user} may write schema ub")


def check_stages(connection: psycopg.Connection[Any]) -> Check:
    """Workers look after the stages that no deployment does without, if they ever ran."""
    try:
        with connection.cursor(row_factory=class_row(Seen)) as cursor:
            seen = [one for one in cursor.execute(STAGES).fetchall() if one.stage in STANDS_STILL]
        with connection.cursor(row_factory=class_row(Stored)) as newest:
            stored = newest.execute(STORED).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("stages", False, _first_line(error), _RIGHTS_ADVICE)
    if left := alone(seen):
        advice = (
            "start the worker again that has them in its UB_STAGES, or see in its log why it ends; "
            "a worker that runs is seen here within half a minute"
        )
        return Check("stages", False, sentence(left), advice)
    if stored is not None and stored.ago_s > QUIET_S:
        detail = f"no worker has stored anything since {to_second(stored.at)} UTC, {stored.ago_s:.0f} s ago"
        return Check(
            "stages", False, detail, "start the worker again, or see in its log why it ends or waits"
        )
    if not seen:
        return Check("stages", True, f"neither {' nor '.join(STANDS_STILL)} has run yet")
    return Check("stages", True, f"workers look after {', '.join(one.stage for one in seen)}")


def check_room(connection: psycopg.Connection[Any], settings: Settings) -> Check:
    """No partition keeps nearly as many vehicles or series as it may: then those longest silent are given up."""
    try:
        with connection.cursor(row_factory=class_row(Fullest)) as cursor:
            found = cursor.execute(FULLEST).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        return Check("room", False, _first_line(error), _RIGHTS_ADVICE)
    except psycopg.errors.QueryCanceled:
        return Check("room", True, f"unknown: the tables are too large to be counted in {TIMEOUT_S:g} s")
    return judge_room(found, settings)


def judge_room(found: list[Fullest], settings: Settings) -> Check:
    """Compare what the fullest partitions keep with what they may."""
    series = ("UB_MAX_SERIES_PER_PARTITION", settings.max_series_per_partition, "are forgotten")
    vehicles = (
        "UB_MAX_VEHICLES_PER_PARTITION",
        settings.max_vehicles_per_partition,
        "are counted as missing early",
    )
    full, names = [], set()
    for one in found:
        name, most, then = vehicles if one.what == "vehicles" else series
        if one.number >= _FULL * most:
            full.append(
                f"partition {one.partition} keeps {one.number:,} {one.what}; beyond {name}={most:,} those "
                f"longest silent {then}"
            )
            names.add(name)
    if full:
        return Check("room", False, "; ".join(full), f"raise {' and '.join(sorted(names))} for all workers")
    most_of_all = ", ".join(f"{one.number:,} {one.what}" for one in found if one.number)
    return Check(
        "room", True, f"at most {most_of_all} in a partition" if most_of_all else "nothing is kept yet"
    )


def check_operators(connection: psycopg.Connection[Any], settings: Settings) -> list[Check]:
    """Operators that policies name are known: MDS names providers by UUID, MQTT topics perhaps otherwise."""
    try:
        policy, _ = read_policy(settings, settings.policy_file)
        known = {
            operator for (operator,) in connection.execute("SELECT DISTINCT operator FROM ub.vehicle_state")
        }
    except (PolicyError, SettingsError, psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
        return []  # said by the check of the file, of the rights and of the room
    now = round(time.time() * 1000)
    policies = [*policy.counts, *policy.stays, *policy.speeds, *policy.trips]
    named = {operator for one in policies if one.in_force(now) for operator in one.operators}
    if not named:
        return []
    if not known or named <= known:
        return [Check("operators", True, f"{len(named)} named by policies")]
    return [
        Check(
            "operators",
            True,
            f"policies name {', '.join(sorted(named - known))}, of whom no vehicle is known; known operators: "
            f"{', '.join(sorted(known))}",
            "unless they are about to start, write provider_ids as in MQTT topics, ub/v1/{operator}/vehicles",
        )
    ]


def check_deliveries(connection: psycopg.Connection[Any], settings: Settings) -> list[Check]:
    """A process notifies the receivers of the file, if one ever did, and they take what is due."""
    name = "deliveries"
    try:
        names = [one.name for one in load_receivers(settings, os.environ)]
        (known, at_work) = connection.execute(AT_WORK, (names,)).fetchall()[0]
        with connection.cursor(row_factory=class_row(NotTaken)) as cursor:
            failing = cursor.execute(NOT_TAKEN, (names,)).fetchall()
    except (SettingsError, psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
        return []  # no file, or said by the check of the file, of the rights and of the room
    if not known:
        return [Check(name, True, "`urbanbrain notify` has not run yet")]
    if not at_work:
        advice = "start it, or see in its log why it ended; what happened meanwhile is sent then"
        return [Check(name, False, "no `urbanbrain notify` runs: nobody is notified", advice)]
    if failing:
        found = [
            f"{one.receiver} has not taken {counted(one.number, 'notification')}, "
            f"due for {one.for_s / 60:.0f} min: {one.note}"
            for one in failing
        ]
        advice = (
            "look at the receiver, or correct its `url` or token and restart `urbanbrain notify`; what waits is sent "
            "once it answers"
        )
        return [Check(name, False, "; ".join(found), advice)]
    return [Check(name, True, "`urbanbrain notify` runs, and receivers take what is due")]


def render(checks: list[Check]) -> Table:
    """Return the findings as a table, the advice below each fault."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("FAULT", "bold red")
        detail = Text(check.detail)
        if check.advice:
            detail.append(f"\n-> {check.advice}", "yellow")
        table.add_row(mark, check.name, detail)
    return table


def _guarded(name: str, check: Callable[[], list[Check]]) -> list[Check]:
    """Run one group of checks; what it raises becomes its finding."""
    try:
        return check()
    except ServiceUnavailable as error:
        return [Check(name, False, str(error).partition(";")[0], error.way_out or _service_advice(name))]
    except UrbanBrainError as error:
        return [Check(name, False, str(error), _service_advice(name))]
    except Exception as error:  # a doctor does not fall ill: whatever it is, the other checks still run
        detail = f"{type(error).__name__}: {_first_line(error)}"
        return [Check(name, False, detail, "this check itself failed; please report it with this line")]


def _service_advice(name: str) -> str:
    """Return what to do when a service is away."""
    variables = {
        "MQTT broker": "UB_MQTT_HOST, UB_MQTT_PORT, UB_MQTT_USERNAME and UB_MQTT_PASSWORD",
        "Kafka": "UB_KAFKA_BOOTSTRAP",
        "database": "UB_DATABASE_URL",
    }
    return (
        f"start the service, or correct {variables.get(name, 'the setting')}; `urbanbrain up` starts its own"
    )


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=int(TIMEOUT_S),
            options=f"-c statement_timeout={int(TIMEOUT_S * 1000)}",
            application_name="urbanbrain doctor",
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error


def _version(connection: psycopg.Connection[Any]) -> str:
    number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
