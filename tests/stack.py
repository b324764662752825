"""Which services the tests run on: UB_TEST_STACK=docker|native|external.

docker    containers (testcontainers); the default where a Docker engine answers
native    child processes (deploy/native); the default elsewhere
external  servers for tests that run already, at UB_TEST_MQTT=host:port, UB_TEST_KAFKA=host:port and
          UB_TEST_DATABASE_URL (a superuser; the passwords of the roles ub_writer and ub_reader are set anew)

Some tests start, stop and pause services of their own, always native ones. Where those are not installed, as where
Docker has the services, they are skipped.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from deploy.containers import ContainerStack, engine_answers
from deploy.endpoints import Endpoints, with_login
from deploy.native.programs import ProgramMissing
from deploy.native.stack import NativeStack
from deploy.roles import READER, WRITER, ensure_roles
from streams.brokers.admin import wait_for_kafka
from streams.brokers.probe import probe_mqtt

KINDS = ("docker", "native", "external")


class StackError(Exception):
    """UB_TEST_STACK or an address is wrong."""


def chosen_kind(environment: Mapping[str, str] = os.environ) -> str:
    """Return the kind of stack asked for."""
    kind = environment.get("UB_TEST_STACK", "")
    if not kind:
        return "docker" if engine_answers() else "native"
    if kind not in KINDS:
        raise StackError(f"UB_TEST_STACK={kind}: choose one of {', '.join(KINDS)}, or leave it unset")
    return kind


@contextmanager
def native_services_or_skip() -> Iterator[None]:
    """Skip a test that misses a program of the native stack, but where the tests run on that stack."""
    try:
        yield
    except ProgramMissing as missing:
        if chosen_kind() == "native":
            raise
        pytest.skip(str(missing))


@contextmanager
def running_stack(kind: str) -> Iterator[Endpoints]:
    """Run the stack while the context lasts."""
    if kind == "external":
        endpoints = external(os.environ)
        ensure_roles(
            endpoints.database_url,
            {WRITER: _password(endpoints.writer_url), READER: _password(endpoints.reader_url)},
        )
        wait_for_kafka(endpoints.kafka_bootstrap, 10.0)
        probe_mqtt(endpoints.mqtt_host, endpoints.mqtt_port)
        yield endpoints
    else:
        with ContainerStack() if kind == "docker" else NativeStack() as stack:
            yield stack.endpoints


def external(environment: Mapping[str, str]) -> Endpoints:
    """Return the addresses of servers that run already; StackError names each one that is missing."""
    names = ("UB_TEST_MQTT", "UB_TEST_KAFKA", "UB_TEST_DATABASE_URL")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise StackError(f"UB_TEST_STACK=external needs {', '.join(missing)}")
    mqtt, kafka, database = (environment[name] for name in names)
    host, colon, port = mqtt.rpartition(":")
    if not colon or not port.isdecimal():
        raise StackError(f"UB_TEST_MQTT={mqtt}: give host:port")
    return Endpoints(
        mqtt_host=host,
        mqtt_port=int(port),
        kafka_bootstrap=kafka,
        kafka_flavor=environment.get("UB_TEST_KAFKA_FLAVOR", "kafka"),
        database_url=database,
        writer_url=with_login(database, WRITER, secrets.token_urlsafe(18)),
        reader_url=with_login(database, READER, secrets.token_urlsafe(18)),
    )


def _password(url: str) -> str:
    return url.split("://", 1)[1].rpartition("@")[0].partition(":")[2]
