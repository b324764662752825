"""The native stack: what survives a crash of a service, and that nothing survives a crash of ours."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.native.directory import PREFIX
from deploy.native.mosquitto import Mosquitto
from deploy.native.postgres import Postgres
from deploy.native.stack import NativeStack
from deploy.native.tansu import Tansu
from streams.brokers.admin import topic_partitions, wait_for_kafka

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def native(stack_kind: str) -> Iterator[NativeStack]:
    """A stack of this module's own, whose services it may crash."""
    if stack_kind != "native":
        pytest.skip(f"UB_TEST_STACK={stack_kind}: the native stack's programs need not be installed")
    with NativeStack() as stack:
        yield stack


def test_a_umask_that_closes_files_to_others_keeps_no_service_out(stack_kind: str) -> None:
    """Ours run as users of their own where we are root."""
    if stack_kind != "native":
        pytest.skip(f"UB_TEST_STACK={stack_kind}: the native stack's programs need not be installed")
    before = os.umask(0o077)
    try:
        with NativeStack() as stack:
            assert stack.mosquitto.pid
    finally:
        os.umask(before)


def test_committed_rows_survive_a_crash_and_a_restart_of_the_database(native: NativeStack) -> None:
    postgres: Postgres = native.postgres
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE survives AS SELECT generate_series(1, 1000) AS n")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url, connect_timeout=2)
    postgres.start()
    postgres.restart()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT count(*) FROM survives").fetchone() == (1000,)


def test_the_database_listens_on_the_loopback_interface_with_passwords_only(native: NativeStack) -> None:
    with psycopg.connect(native.postgres.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
    wrong = native.postgres.url.replace("://ub_owner:", "://ub_owner:wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_roles_of_services_can_log_in(native: NativeStack) -> None:
    for url, role in ((native.endpoints.writer_url, "ub_writer"), (native.endpoints.reader_url, "ub_reader")):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_messages_for_an_absent_session_survive_a_restart_beyond_the_brokers_own_default(
    native: NativeStack,
) -> None:
    """Mosquitto's default keeps 1,000 messages for an absent client and drops the rest."""
    sent = 3_000
    broker: Mosquitto = native.mosquitto
    absent = client("absent", broker, clean=False)
    absent.subscribe("ub/test/queue", qos=1)
    until(absent, lambda: absent.subscribed)
    absent.disconnect()
    publisher = client("publisher", broker, clean=True)
    infos = [publisher.publish("ub/test/queue", str(n), qos=1) for n in range(sent)]
    until(publisher, lambda: all(info.is_published() for info in infos))
    publisher.disconnect()
    broker.restart()
    back = client("absent", broker, clean=False)
    until(back, lambda: len(back.received) == sent)
    assert back.received == [str(n).encode() for n in range(sent)]
    back.disconnect()


def test_a_payload_of_several_megabytes_passes_the_broker(native: NativeStack) -> None:
    reader = client("reader", native.mosquitto, clean=True)
    reader.subscribe("ub/test/large", qos=1)
    until(reader, lambda: reader.subscribed)
    reader.publish("ub/test/large", bytes(5_000_000), qos=1)
    until(reader, lambda: bool(reader.received))
    assert len(reader.received[0]) == 5_000_000
    reader.disconnect()


def test_a_restarted_tansu_is_another_cluster_with_an_empty_log(native: NativeStack) -> None:
    tansu: Tansu = native.tansu
    before = wait_for_kafka(tansu.bootstrap)
    for again in (tansu.restart, lambda: (tansu.kill(), tansu.start())):
        again()
        assert wait_for_kafka(tansu.bootstrap) != before
        assert topic_partitions(tansu.bootstrap) == {}


HOLDER = """
import pathlib, sys, time
from deploy.native.stack import NativeStack
with NativeStack(pathlib.Path(sys.argv[1])) as stack:
    print(stack.directory, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_survives_the_end_of_ours(stack_kind: str, how: signal.Signals) -> None:
    if stack_kind != "native":
        pytest.skip(f"UB_TEST_STACK={stack_kind}: the native stack's programs need not be installed")
    # Not tmp_path: pytest closes it to other users, and PostgreSQL does not run as root.
    parent = Path(os.environ.get("TMPDIR", "/tmp")) / f"ub-holder-{os.getpid()}-{how.name}"
    parent.mkdir()
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, parent], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        directory = holder.stdout.readline().strip()
        assert PREFIX in directory
        assert {"mosquitto", "postgres", "tansu"} <= {name for name, _ in descendants(holder.pid)}
        family = [pid for _, pid in descendants(holder.pid)]
        holder.send_signal(how)
        holder.wait(60)
        deadline = time.monotonic() + 60
        while left := [pid for pid in family if alive(pid)]:
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.05)
        assert Path(directory).exists() == (how == signal.SIGKILL)
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
        subprocess.run(["rm", "-rf", parent], check=True)


def descendants(pid: int) -> list[tuple[str, int]]:
    """Return (name, pid) of all processes below one; Tansu's name carries its version."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        name = Path(f"/proc/{child}/comm").read_text().strip()
        found += [(name.split("-")[0], int(child)), *descendants(int(child))]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class RecordingClient(mqtt.Client):
    """An MQTT v5 client that notes what it receives."""

    def __init__(self, name: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self.received: list[bytes] = []
        self.subscribed = False
        self.ready = False
        self.on_message = lambda _c, _u, message: self.received.append(message.payload)
        self.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self.on_connect = lambda *_: setattr(self, "ready", True)


def client(name: str, broker: Mosquitto, *, clean: bool) -> RecordingClient:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 600
    made = RecordingClient(name)
    made.connect(broker.host, broker.port, clean_start=clean, properties=properties)
    until(made, lambda: made.ready)
    return made


def until(client: mqtt.Client, condition: object, timeout_s: float = 30.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        client.loop(0.05)
