"""The doctor's judgements, without services."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from rich.console import Console

from schemas.gateways import GatewayAtWork
from streams.brokers.mqtt_offer import Offer
from streams.brokers.probe import MqttBroker
from streams.brokers.topic_setup import Setup
from streams.doctor import brokers, examination
from streams.doctor.brokers import check_gateways, judge_gateways, judge_mqtt
from streams.doctor.check import Check
from streams.doctor.database import check_clock, check_database, check_filled
from streams.doctor.examination import guarded, render, run, run_from_environment
from streams.doctor.files import (
    check_districts_file,
    check_notify_file,
    check_policy_file,
    check_settings,
    check_thresholds_file,
)
from streams.settings import Settings
from streams.topics import gateway_topic, kafka_topics

GOOD = MqttBroker(session_kept=True)
NOW = 1_772_406_060_000


@pytest.mark.parametrize(
    ("broker", "says"),
    [
        (MqttBroker(False), "forgets a session"),
        (MqttBroker(True, Offer(session_s=0)), "keeps no session"),
        (MqttBroker(True, Offer(session_s=3_599)), "for 3,599 seconds"),
        (MqttBroker(True, Offer(qos=0)), "QoS 0 only"),
        (MqttBroker(True, Offer(retain=False)), "refuses retained"),
        (MqttBroker(True, Offer(wildcards=False)), "refuses subscriptions with wildcards"),
        (MqttBroker(True, Offer(shared=False)), "refuses shared subscriptions"),
        (MqttBroker(True, Offer(largest=1_000_000)), "UB_MAX_PAYLOAD_BYTES=1000000"),
    ],
)
def test_a_broker_that_would_lose_something_is_a_fault_with_advice(broker: MqttBroker, says: str) -> None:
    check = judge_mqtt(broker, Settings(mqtt_share="gateways"))
    assert not check.ok
    assert says in check.detail
    assert check.advice


def test_a_broker_that_keeps_everything_is_well() -> None:
    assert judge_mqtt(GOOD, Settings()).ok
    assert judge_mqtt(MqttBroker(True, Offer(qos=1, shared=False)), Settings()).ok


def test_a_broker_that_keeps_a_session_less_long_than_asked_is_well_and_said_to() -> None:
    check = judge_mqtt(MqttBroker(True, Offer(session_s=28_800)), Settings())
    assert check.ok
    assert check.detail.startswith("kept for 28800 s (of 604800)")


@pytest.mark.parametrize("found", [{}, {"ub.cells": {}}])
def test_that_kafka_does_not_say_how_topics_are_set_up_is_told(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Setup]
) -> None:
    """As where an ACL does not let us describe them; "ok" said that they had been looked at."""
    known = {spec.name: spec.partitions for spec in kafka_topics(8, 4)}
    monkeypatch.setattr(brokers.admin, "topic_partitions", lambda *_: known)
    settings = Settings(source_partitions=8, region_partitions=4)
    monkeypatch.setattr(brokers, "setups", lambda *_: found)
    assert brokers.check_kafka(settings)[-1].detail.endswith(
        "expected partitions; Kafka does not say how they are set up (it takes the right to describe their "
        "configuration)"
    )
    monkeypatch.setattr(brokers, "setups", lambda *_: {"ub.cells": {"cleanup.policy": "delete"}})
    assert brokers.check_kafka(settings)[-1].detail.endswith("expected partitions")


def test_topics_with_other_partitions_are_named_with_one_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {spec.name: spec.partitions for spec in kafka_topics(3, 4)}
    del known["ub.cells"]
    monkeypatch.setattr(brokers.admin, "topic_partitions", lambda *_: known)
    check = brokers.check_kafka(Settings(source_partitions=5, region_partitions=4))[-1]
    assert (
        "topic ub.vehicles has 3 partitions, the settings ask for 5; topic ub.sensors has 3" in check.detail
    )
    assert "topic ub.cells is missing" in check.detail
    assert (check.detail + check.advice).count("UB_SOURCE_PARTITIONS") == 1


def test_gateways_are_at_work_that_said_so_within_a_minute() -> None:
    assert judge_gateways([], NOW) == Check("gateways", True, "none is known to have been at work")
    seen = [GatewayAtWork("south", NOW - 60_000), GatewayAtWork("north", NOW + 5_000)]
    assert judge_gateways(seen, NOW) == Check("gateways", True, "at work: north, south")


def test_a_gateway_that_is_gone_is_missed_though_others_are_at_work() -> None:
    check = judge_gateways([GatewayAtWork("north", NOW), GatewayAtWork("south", NOW - 61_000)], NOW)
    assert not check.ok
    assert check.detail == "south has not been at work since 2026-03-01 22:59:59 UTC, 61 s ago"
    assert "urbanbrain gateway --leave" in check.advice


def test_a_gateway_whose_clock_is_ahead_may_be_gone_for_as_long() -> None:
    check = judge_gateways([GatewayAtWork("north", NOW), GatewayAtWork("south", NOW + 3_600_000)], NOW)
    assert not check.ok
    assert (
        check.detail
        == "south: its clock is 3600 s ahead of the one here, so whether it is at work is not known"
    )
    assert judge_gateways([GatewayAtWork("south", NOW + 60_000)], NOW).ok


@pytest.mark.parametrize(
    "at", [-(10**18), 10**18, -(10**400)], ids=["long ago", "far ahead", "beyond a float"]
)
def test_a_time_that_is_none_is_not_that_of_a_gateway(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    settings = Settings()
    stands = {gateway_topic(settings.gateway_id): b'{"gateway_id":"north","at":%d}' % at}
    monkeypatch.setattr(brokers, "retained", lambda *_: stands)
    assert check_gateways(settings) == [Check("gateways", True, "none is known to have been at work")]


def test_a_gateway_that_is_at_work_and_gets_no_further_is_a_fault() -> None:
    seen = [GatewayAtWork("north", NOW, 29), GatewayAtWork("south", NOW, 30)]
    check = judge_gateways(seen, NOW)
    assert not check.ok
    assert check.detail == "south is at work, but for 30 s Kafka has not confirmed what it sent"
    assert judge_gateways(seen[:1], NOW).ok


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"{", "not JSON"),
        (b"[]", "is a list of 0; a GeoJSON FeatureCollection, MDS policies"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_a_policy_file_that_cannot_be_used_is_a_fault(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "zones.geojson"
    if content is not None:
        path.write_bytes(content)
    check = check_policy_file(Settings(policy_file=path))
    assert not check.ok
    assert says in check.detail
    assert "UB_POLICY_FILE" in check.advice


def test_vehicle_types_that_do_not_exist_are_a_fault_without_a_policy_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UB_POLICY_VEHICLE_TYPES", "bicycle,ufo")
    (check,) = run_from_environment()
    assert not check.ok
    assert "UB_POLICY_VEHICLE_TYPES 'bicycle,ufo': name one or more of bicycle" in check.detail


def test_a_file_of_receivers_that_cannot_be_used_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "receivers.toml"
    path.write_text("[[receiver]]")
    check = check_notify_file(Settings(notify_file=path))
    assert not check.ok
    assert "name is None" in check.detail
    assert "UB_NOTIFY_FILE" in check.advice


def test_a_token_that_is_not_set_is_to_be_set(tmp_path: Path) -> None:
    path = tmp_path / "receivers.toml"
    path.write_text('[[receiver]]\nname = "a"\nurl = "https://a.example"\nbearer_env = "NOT_SET"')
    check = check_notify_file(Settings(notify_file=path))
    assert "NOT_SET, which is not set; set it for this process" in check.detail
    assert "the file" not in check.advice


def test_districts_that_cannot_be_read_are_no_fault_of_the_file_of_receivers(tmp_path: Path) -> None:
    path = tmp_path / "receivers.toml"
    path.write_text('[[receiver]]\nname = "a"\nurl = "https://a.example"\nmatch = ["district=Pudong"]')
    check = check_notify_file(Settings(notify_file=path, districts_file=tmp_path / "none"))
    assert (check.ok, check.detail) == (False, "not known without the districts")
    assert "UB_NOTIFY_FILE" not in check.advice


def test_a_file_of_receivers_is_well_or_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "receivers.toml"
    path.write_text('[[receiver]]\nname = "a"\nurl = "https://a.example"')
    assert check_notify_file(Settings(notify_file=path)).detail.endswith("1 receiver")
    assert check_notify_file(Settings()).ok


def test_a_file_of_thresholds_is_well_faulty_or_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text('[[threshold]]\nname = "full"\nmetric = "free_spaces"\nat_most = 0')
    assert check_thresholds_file(Settings(thresholds_file=path)).detail.endswith("thresholds.toml: 1")
    assert check_thresholds_file(Settings()).ok
    path.write_text('[[threshold]]\nname = "full"\nmetric = "free_spaces"\nat_most = 0\nzones = ["Habour"]')
    check = check_thresholds_file(Settings(thresholds_file=path))
    assert (check.ok, "no zone of UB_POLICY_FILE is named 'Habour'" in check.detail) == (False, True)
    path.write_text("[[threshold]]")
    check = check_thresholds_file(Settings(thresholds_file=path))
    assert (check.ok, "threshold.0.name" in check.detail) == (False, True)
    assert "UB_THRESHOLDS_FILE" in check.advice
    assert check_policy_file(Settings(thresholds_file=path)).ok


def test_a_readable_policy_file_is_well(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    assert check_policy_file(Settings(policy_file=path)).ok


def test_a_misspelt_property_of_a_zone_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    square = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}'
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"capacty": 9}, "geometry": '
        f"{square}}}]}}"
    )
    check = check_policy_file(Settings(policy_file=path))
    assert check.ok
    assert "note: policy zones.geojson, features: properties ['capacty'] have no effect" in check.detail


def test_what_nobody_can_mend_in_a_file_is_not_noted(tmp_path: Path) -> None:
    """A GBFS feed names no operator: workers would warn of it at each start, and what is misspelt stood behind it."""
    path = tmp_path / "geofencing_zones.json"
    square = '{"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]]}'
    rules = '[{"ride_end_allowed": false, "ride_start_allowed": true, "ride_through_allowed": true}]'
    path.write_text(
        '{"version": "3.0", "data": {"geofencing_zones": {"type": "FeatureCollection", "features": [{"type": '
        f'"Feature", "properties": {{"rules": {rules}}}, "geometry": {square}}}]}}, "global_rules": []}}}}'
    )
    check = check_policy_file(Settings(policy_file=path))
    assert check.ok, check.detail
    assert "note" not in check.detail


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"{", "not JSON"),
        (b"[]", "FeatureCollection is expected"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_a_file_of_districts_that_cannot_be_used_is_a_fault(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "districts.geojson"
    if content is not None:
        path.write_bytes(content)
    check = check_districts_file(Settings(districts_file=path))
    assert not check.ok
    assert says in check.detail
    assert "UB_DISTRICTS_FILE" in check.advice


def test_a_readable_file_of_districts_is_well(tmp_path: Path) -> None:
    path = tmp_path / "districts.geojson"
    square = [[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [121.4, 31.2]]
    feature = {
        "type": "Feature",
        "properties": {"name": "黄浦区"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert check_districts_file(Settings(districts_file=path)).ok


@pytest.mark.parametrize(
    ("theirs", "answered", "ok"),
    [
        (101.9, 100.0, True),
        (102.1, 100.0, False),
        (97.9, 100.0, False),
        (100.0, 106.0, True),
        (109.0, 106.0, False),
    ],
)
def test_the_time_that_an_answer_takes_is_no_fault_of_a_clock(
    theirs: float, answered: float, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database looked at its clock at any time since it was asked, at 100 s; two seconds are allowed."""
    times = iter((100.0, answered))
    monkeypatch.setattr("streams.doctor.database.time", SimpleNamespace(time=lambda: next(times)))
    database = SimpleNamespace(execute=lambda _query: SimpleNamespace(fetchone=lambda: (theirs,)))
    assert check_clock(cast(Any, database)).ok is ok


@pytest.mark.parametrize(
    ("filled", "ok", "says"),
    [
        ([], True, "no worker has filled the database yet"),
        (
            [("UB_H3_RESOLUTION", 9), ("UB_WINDOW_S", 60)],
            True,
            "the database was filled with UB_H3_RESOLUTION=9, UB_WINDOW_S=60",
        ),
        (
            [("UB_H3_RESOLUTION", 8), ("UB_WINDOW_S", 60)],
            False,
            "the settings say UB_H3_RESOLUTION=9, and the database was filled with UB_H3_RESOLUTION=8",
        ),
    ],
)
def test_settings_of_other_cells_than_the_database_has_are_a_fault(
    filled: list[tuple[str, int]], ok: bool, says: str
) -> None:
    database = SimpleNamespace(execute=lambda _query: SimpleNamespace(fetchall=lambda: filled))
    check = check_filled(cast(Any, database), Settings())
    assert (check.ok, check.detail) == (ok, says)
    assert ("set them to what they were" in check.advice) is not ok


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_MQTT_PROT", "1884")
    check = check_settings(Settings())
    assert not check.ok
    assert "UB_MQTT_PROT" in check.detail


def test_a_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_DATABASE_URL", "postgresql://u:secret@h/x")
    check = check_settings(Settings())
    assert check.ok
    assert "UB_DATABASE_URL" in check.detail
    assert "secret" not in check.detail


def test_a_database_whose_certificate_is_refused_is_a_fault_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("connection failed: SSL error: certificate verify failed")

    monkeypatch.setattr(psycopg, "connect", refused)
    (check,) = guarded("database", lambda: check_database(Settings()))
    assert not check.ok
    assert "PostgreSQL at 127.0.0.1:5432/urbanbrain shows a certificate that is refused" in check.detail
    assert check.advice.startswith("set sslrootcert in UB_DATABASE_URL")


def test_wrong_settings_are_the_only_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_MQTT_PORT", "seven")
    (check,) = run_from_environment()
    assert not check.ok
    assert "UB_MQTT_PORT" in check.detail


def test_a_check_that_breaks_is_a_finding_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_settings: Settings, _timeout_s: float) -> list[Check]:
        raise ZeroDivisionError("oops")

    for name in ("check_mqtt", "check_kafka", "check_database"):
        monkeypatch.setattr(examination, name, breaks)
    found = [check for check in run(Settings()) if not check.ok]
    assert [check.detail for check in found] == ["ZeroDivisionError: oops"] * 3


def test_the_table_shows_each_fault_with_its_advice() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render([Check("a", True, "fine"), Check("b", False, "bad", "mend it")]))
    text = captured.get()
    assert "ok" in text
    assert "FAULT" in text
    assert "-> mend it" in text


def test_what_somebody_else_published_moves_no_terminal() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render([Check("gateways", True, "at work: a\x9b31m\u202e\nb")]))
    assert r"at work: a\x9b31m\u202e" in captured.get()
    assert len(captured.get().splitlines()) == 2
