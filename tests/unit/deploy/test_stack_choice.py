"""UB_TEST_STACK and the addresses of external servers."""

import pytest

from deploy.native.programs import ProgramMissing
from tests.stack import StackError, chosen_kind, external, native_services_or_skip

ADDRESSES = {
    "UB_TEST_MQTT": "broker.test:1884",
    "UB_TEST_KAFKA": "kafka.test:9092",
    "UB_TEST_DATABASE_URL": "postgresql://postgres:x@db.test/postgres",
}


def test_an_unknown_kind_of_stack_is_refused() -> None:
    with pytest.raises(StackError, match="UB_TEST_STACK=podman: choose one of docker, native, external"):
        chosen_kind({"UB_TEST_STACK": "podman"})


@pytest.mark.parametrize("kind", ["docker", "native", "external"])
def test_the_kind_asked_for_is_taken(kind: str) -> None:
    assert chosen_kind({"UB_TEST_STACK": kind}) == kind


def test_external_servers_come_from_the_environment() -> None:
    endpoints = external(ADDRESSES)
    assert (endpoints.mqtt_host, endpoints.mqtt_port) == ("broker.test", 1884)
    assert endpoints.kafka_bootstrap == "kafka.test:9092"
    assert endpoints.writer_url.startswith("postgresql://ub_writer:")
    assert endpoints.writer_url.endswith("@db.test/postgres")


def test_each_missing_address_is_named() -> None:
    with pytest.raises(StackError, match="needs UB_TEST_KAFKA, UB_TEST_DATABASE_URL"):
        external({"UB_TEST_MQTT": "broker.test:1884"})


def test_an_mqtt_address_without_a_port_is_refused() -> None:
    with pytest.raises(StackError, match=r"UB_TEST_MQTT=broker\.test: give host:port"):
        external({**ADDRESSES, "UB_TEST_MQTT": "broker.test"})


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("docker", pytest.skip.Exception), ("external", pytest.skip.Exception), ("native", ProgramMissing)],
)
def test_a_broker_that_is_not_installed_fails_tests_on_the_native_stack_only(
    monkeypatch: pytest.MonkeyPatch, kind: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("UB_TEST_STACK", kind)
    with pytest.raises(outcome, match="mosquitto is not installed"), native_services_or_skip():
        raise ProgramMissing("mosquitto", "Eclipse Mosquitto 2")
