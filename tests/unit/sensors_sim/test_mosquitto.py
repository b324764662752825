"""The publisher against Eclipse Mosquitto as it comes, in a private process on a free port."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion

from schemas import codec
from sensors_sim.cli import sim

pytestmark = pytest.mark.integration


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Port of a broker with default limits; only its queue is long enough for a slow subscriber."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline = monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert monotonic() < deadline, "mosquitto did not start"
                sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def test_a_subscriber_gets_every_reading_once_and_each_bike_in_order(broker: int) -> None:
    received: list[bytes] = []
    subscribed = threading.Event()
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    subscriber.on_connect = lambda client, *_: client.subscribe("ub/v1/+/vehicles", qos=1)
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.on_message = lambda _client, _data, message: received.append(message.payload)
    subscriber.connect("127.0.0.1", broker)
    subscriber.loop_start()
    try:
        assert subscribed.wait(60)
        result = CliRunner().invoke(
            sim,
            [
                "run",
                "metro-flood",
                "--for",
                "180",
                "--only",
                "bikes",
                "--speed",
                "max",
                "--mqtt",
                f"127.0.0.1:{broker}",
                "--json",
            ],
        )
        assert result.exit_code == 0, result.output
        summary = json.loads(result.stdout)
        deadline = monotonic() + 60
        while len(received) < summary["messages"] and monotonic() < deadline:
            sleep(0.02)
    finally:
        subscriber.disconnect()
        subscriber.loop_stop()
    assert len(received) == summary["messages"]
    assert summary["reconnects"] == 0
    newest: dict[str, int] = {}
    readings = 0
    for payload in received:
        for position in codec.positions.decode(payload):
            assert position.ts > newest.get(position.vehicle_id, 0)
            newest[position.vehicle_id] = position.ts
            readings += 1
    assert readings == summary["readings_sent"] == summary["readings_acknowledged"]
    assert 19_900 < len(newest) <= 20_000  # a few fell silent before the start
