"""The doctor on real services: all well, and each fault with its advice."""

import asyncio
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from deploy.endpoints import Endpoints
from streams.brokers import admin
from streams.brokers.topic_setup import say_misfits
from streams.doctor.brokers import check_kafka
from streams.doctor.check import Check
from streams.doctor.database import check_database, connected, limited
from streams.doctor.examination import run
from streams.doctor.running import check_refused, check_room
from streams.fold.contract import Ledger
from streams.settings import Settings
from streams.store.migrate import migrate
from tests.conftest import Database
from tests.integration.store_rows import rejected, sensors, vehicles
from tests.integration.store_support import write
from tests.unit.incidents.counts.mds import START, document, geography, policy, rule, square
from tests.unit.incidents.joint.streets import Watched as joint_detectors  # noqa: N813
from tests.unit.incidents.joint.streets import rows
from tests.waiting import eventually

pytestmark = pytest.mark.integration


PATIENT_S = 60.0
"""What is well answers in time, however busy the machine is."""


@pytest.fixture
def settings(stack: Endpoints, fresh_kafka: str, migrated: Database) -> Settings:
    return Settings(
        mqtt_host=stack.mqtt_host,
        mqtt_port=stack.mqtt_port,
        kafka_bootstrap=fresh_kafka,
        database_url=SecretStr(migrated.writer_url),
    )


def faults(checks: list[Check]) -> dict[str, Check]:
    assert all(check.advice for check in checks if not check.ok)
    return {check.name: check for check in checks if not check.ok}


def checked(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in check_database(settings, PATIENT_S)}


def test_a_stack_that_is_ready_has_no_fault(settings: Settings) -> None:
    admin.create_topics(settings.kafka_bootstrap, settings)
    checks = run(settings, PATIENT_S)
    assert faults(checks) == {}
    assert [check.name for check in checks] == [
        *("settings", "policy file", "thresholds", "districts", "notifications"),
        *("MQTT broker", "MQTT sessions"),
        *(
            "Kafka",
            "Kafka topics",
            "gateways",
            "database",
            "clock",
            "TimescaleDB",
            "schema",
            "rights",
            "cells and windows",
            "stages",
            "room",
            "refused",
        ),
    ]


def test_a_new_stack_lacks_topics_and_migrations(settings: Settings, database: Database) -> None:
    new = settings.model_copy(update={"database_url": SecretStr(database.writer_url)})
    found = faults(run(new, PATIENT_S))
    assert set(found) == {"Kafka topics", "TimescaleDB", "schema"}
    assert "ub.vehicles is missing" in found["Kafka topics"].detail
    assert "gateway and worker create" in found["Kafka topics"].advice
    assert all("urbanbrain migrate" in found[name].advice for name in ("TimescaleDB", "schema"))


def test_a_topic_that_takes_less_than_a_frame_is_found_and_told_at_each_start(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    small = {"max.message.bytes": "100000", "cleanup.policy": "delete"}
    with admin.admin_client(settings.kafka_bootstrap) as client:
        made = {"num_partitions": settings.source_partitions, "replication_factor": -1, "configs": small}
        client.create_topics({"ub.vehicles": made})
    admin.create_topics(settings.kafka_bootstrap, settings)
    found = faults(check_kafka(settings, PATIENT_S))["Kafka topics"]
    assert found.detail == (
        "topic ub.vehicles takes 100000 bytes at once, and frames have up to UB_FRAME_MAX_BYTES=256000, and 10000 "
        "around them; raise its max.message.bytes, or lower the setting"
    )
    say_misfits(settings)
    assert caplog.messages == [found.detail]
    assert faults(check_kafka(settings.model_copy(update={"frame_max_bytes": 90_000}), PATIENT_S)) == {}


def test_a_role_without_rights_is_found(settings: Settings, migrated: Database) -> None:
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute("REVOKE INSERT ON ub.alert FROM ub_writer")
    found = faults(check_database(settings, PATIENT_S))
    assert found["rights"].detail == "ub_writer may not write alert"
    assert "urbanbrain migrate" in found["rights"].advice
    asyncio.run(migrate(migrated.owner_url, lambda _line: None))
    assert faults(check_database(settings, PATIENT_S)) == {}


def test_a_server_that_only_reads_is_found(settings: Settings, migrated: Database) -> None:
    """As a standby does that the address leads to after a failover."""
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {migrated.name} SET default_transaction_read_only = on".encode())
    found = faults(check_database(settings, PATIENT_S))["rights"]
    assert found.detail == "the server only reads"
    assert "target_session_attrs=read-write" in found.advice


def test_a_role_that_lost_all_rights_is_told_to_be_granted_them(
    settings: Settings, migrated: Database
) -> None:
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute("REVOKE ALL ON SCHEMA ub FROM ub_writer")
    assert "urbanbrain migrate" in faults(check_database(settings, PATIENT_S))["schema"].advice
    asyncio.run(migrate(migrated.owner_url, lambda _line: None))
    assert faults(check_database(settings, PATIENT_S)) == {}


def test_a_stage_that_nobody_looks_after_is_found_and_one_that_never_ran_is_none(
    settings: Settings, migrated: Database
) -> None:
    def found() -> Check:
        return checked(settings)["stages"]

    assert (found().name, found().ok, found().detail) == (
        "stages",
        True,
        "neither grid nor incidents has run yet",
    )
    write(migrated, stage="sensing")
    write(migrated, stage="grid")
    assert (found().ok, found().detail) == (True, "workers look after grid")
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute("UPDATE ub.checkpoint SET updated_at = 'yesterday', seen_at = 'yesterday'")
    assert found().detail.startswith("no worker looks after grid since ")
    assert "UB_STAGES" in faults([found()])["stages"].advice
    write(migrated, stage="incidents")
    assert not found().ok
    write(migrated, stage="grid")
    assert (found().ok, found().detail) == (True, "workers look after grid, incidents")
    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute("REVOKE SELECT ON api.stage FROM ub_writer")
    assert "urbanbrain migrate" in faults([found()])["stages"].advice


def test_who_holds_a_lock_that_a_worker_waits_for_is_named(settings: Settings, migrated: Database) -> None:
    """A VACUUM FULL, or a session that somebody left open: the worker's log cannot know."""
    for stage in ("grid", "incidents"):
        write(migrated, stage=stage, ledger=Ledger(1, 1))
    with (
        psycopg.connect(migrated.owner_url) as holder,
        psycopg.connect(migrated.writer_url, autocommit=True) as worker,
        ThreadPoolExecutor() as pool,
    ):
        holder.execute("UPDATE ub.ledger SET updated_at = 'yesterday'")
        assert checked(settings)["stages"].ok
        holder.commit()
        assert "its log" in faults([checked(settings)["stages"]])["stages"].advice
        holder.execute("LOCK TABLE ub.cell_now")
        waiting = pool.submit(worker.execute, "DELETE FROM ub.cell_now")
        try:
            found = eventually(
                lambda: checked(settings)["stages"], until=lambda check: "lock" in check.detail
            )
        finally:
            holder.rollback()
        waiting.result()
        assert found.detail.endswith(f"wait for a lock of pid {holder.info.backend_pid} (ub_owner, unnamed)")
        assert "pg_terminate_backend" in found.advice


def test_workers_that_store_nothing_any_more_are_found_as_the_console_finds_them(
    settings: Settings, migrated: Database
) -> None:
    """A minute after the last sign of any worker; that of one stage among others is missed after three."""
    booked = Ledger(received=1, applied=1)
    for stage in ("fleet", "grid", "incidents"):
        write(migrated, stage=stage, ledger=booked if stage == "fleet" else None)
    assert checked(settings)["stages"].ok
    with psycopg.connect(migrated.owner_url) as connection:
        for table in ("ledger", "checkpoint"):
            connection.execute(f"UPDATE ub.{table} SET updated_at = now() - interval '70 s'")
        connection.execute("UPDATE ub.checkpoint SET seen_at = now() - interval '70 s'")
    found = faults([checked(settings)["stages"]])["stages"]
    assert re.fullmatch(r"no worker has stored anything since [-0-9: ]{19} UTC, 7\d s ago", found.detail)
    assert "start the worker again" in found.advice


def test_a_partition_that_keeps_nearly_all_the_vehicles_it_may_is_found(
    settings: Settings, migrated: Database
) -> None:
    small = settings.model_copy(update={"max_vehicles_per_partition": 20})
    assert checked(small)["room"].detail == "nothing is kept yet"
    write(migrated, vehicles({"vehicle_id": "elsewhere"}))
    write(migrated, vehicles(*({"vehicle_id": f"b{n}", "partition": 3} for n in range(18))))
    assert checked(small)["room"] == Check("room", True, "at most 18 vehicles in a partition")
    write(migrated, vehicles({"vehicle_id": "one more", "partition": 3}))
    found = faults([checked(small)["room"]])["room"]
    assert found.detail == (
        "partition 3 keeps 19 vehicles; beyond UB_MAX_VEHICLES_PER_PARTITION=20 those longest silent are "
        "counted as missing early"
    )
    assert found.advice == "raise UB_MAX_VEHICLES_PER_PARTITION for all workers"


def test_a_partition_that_keeps_nearly_all_the_series_it_may_is_found(
    settings: Settings, migrated: Database
) -> None:
    watched = joint_detectors()
    watched.close(rows(0))  # flow and speed of seven streets
    write(migrated, parts=watched.fold.take_changes().parts, stage="incidents", partition=1)
    write(migrated, sensors(*({"sensor_id": f"s{n}"} for n in range(15))), stage="sensing")
    small = settings.model_copy(update={"max_series_per_partition": 14})
    assert checked(small)["room"].detail == (
        "partition 0 keeps 15 series of sensors; beyond UB_MAX_SERIES_PER_PARTITION=14 those longest silent "
        "are forgotten; partition 1 keeps 14 series watched for anomalies; beyond UB_MAX_SERIES_PER_PARTITION=14 "
        "those longest silent are forgotten"
    )
    assert checked(settings)["room"].ok


def test_tables_that_are_too_large_to_be_counted_are_no_fault(settings: Settings, migrated: Database) -> None:
    with psycopg.connect(migrated.owner_url) as other, connected(migrated.writer_url, 1.0) as connection:
        other.execute("LOCK TABLE ub.vehicle_state")
        with limited(connection, 1.0):
            found = check_room(connection, settings, 1.0)
    assert found == Check("room", True, "unknown: the tables are too large to be counted in 1 s")


def test_what_was_refused_in_the_last_hour_is_told_with_its_reasons(
    settings: Settings, migrated: Database
) -> None:
    assert checked(settings)["refused"] == Check("refused", True, "nothing in the last hour")
    now = round(time.time() * 1000)
    outside = {"reason": "out_of_bounds", "received_at": now - 59 * 60_000}
    write(
        migrated,
        rejected(
            {"sequence": 1, "received_at": now},
            {"sequence": 2, **outside, "count": 1_000},
            {"sequence": 3, **outside, "count": 500},
            {"sequence": 4, **outside, "received_at": now - 61 * 60_000},
        ),
    )
    found = checked(settings)["refused"]
    assert (found.ok, found.detail) == (True, "in the last hour 1,500 out_of_bounds, 1 not_json")
    assert "FROM api.rejected" in found.advice


def test_refusals_that_are_too_many_to_be_counted_are_no_fault(
    settings: Settings, migrated: Database
) -> None:
    with psycopg.connect(migrated.owner_url) as other, connected(migrated.writer_url, 1.0) as connection:
        other.execute("LOCK TABLE ub.rejected")
        with limited(connection, 1.0):
            found = check_refused(connection, 1.0)
    assert found == Check("refused", True, "unknown: too much to be counted in 1 s")


def test_operators_that_policies_name_and_of_which_no_vehicle_is_known_are_told(
    settings: Settings, migrated: Database, tmp_path: Path
) -> None:
    """MDS names providers by UUID: such a policy would be in force, and judge nobody."""
    there, gone = rule(7, 1, maximum=5), rule(8, 1, maximum=5)
    uuid = "63f13c48-34ff-49d2-aca7-cf6a5b6171c3"
    file = tmp_path / "policies.json"
    file.write_text(
        document(
            [
                policy(1, there, provider_ids=["hello", uuid]),
                policy(2, gone, provider_ids=["before"], end_date=START + 1),
            ],
            [geography(1, square(10, 10, 3))],
        )
    )
    named = settings.model_copy(update={"policy_file": file})
    assert "operators" not in checked(settings)
    assert checked(named)["operators"] == Check("operators", True, "2 named by policies")
    write(migrated, vehicles({"operator": "hello"}, {"vehicle_id": "m", "operator": "meituan"}))
    found = checked(named)["operators"]
    assert (found.ok, found.detail) == (
        True,
        f"policies name {uuid}, of whom no vehicle is known; known operators: hello, meituan",
    )
    assert "ub/v1/{operator}/vehicles" in found.advice
    file.write_text("{")
    assert "operators" not in checked(named)


def test_the_readers_login_is_told_from_the_writers(settings: Settings, migrated: Database) -> None:
    reader = settings.model_copy(update={"database_url": SecretStr(migrated.reader_url)})
    assert "ub_writer's UB_DATABASE_URL" in faults(check_database(reader, PATIENT_S))["schema"].advice


def test_services_that_are_away_are_three_faults_and_soon_told() -> None:
    nowhere = Settings(
        mqtt_port=9,
        kafka_bootstrap="127.0.0.1:9",
        database_url=SecretStr("postgresql://u:secret@127.0.0.1:9/x"),
    )
    begun = time.monotonic()
    found = faults(run(nowhere))
    assert set(found) == {"MQTT broker", "Kafka", "database"}
    assert time.monotonic() - begun < 25, "services are waited for at a start for 30 s"
    assert "UB_DATABASE_URL" in found["database"].advice
    assert "secret" not in found["database"].detail


def test_a_broker_that_accepts_and_says_nothing_is_a_fault_within_the_time_out() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        port = mute.getsockname()[1]
        settings = Settings(
            mqtt_port=port,
            kafka_bootstrap=f"127.0.0.1:{port}",
            database_url=SecretStr(f"postgresql://u@127.0.0.1:{port}/x"),
        )
        begun = time.monotonic()
        found = faults(run(settings, 1.0))
        assert set(found) == {"MQTT broker", "Kafka", "database"}
        assert time.monotonic() - begun < 30  # it never says anything
