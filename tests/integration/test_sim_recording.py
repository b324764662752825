"""Record and replay through real brokers: what is played is what was recorded, byte for byte and in time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep, time
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from kafka import KafkaProducer
from paho.mqtt.enums import CallbackAPIVersion

from deploy.native.programs import ProgramMissing
from deploy.native.tansu import Tansu
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.sources.contract import Report
from streams.audit import recording as audit_recording
from streams.brokers.admin import create_topics
from streams.settings import Settings

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SIM = (sys.executable, "-c", "from sensors_sim.cli import sim; sim()")
MOST_LATE_MS = 100.0
"""Of two seconds: what is played at another pace, or later and later, is later than that; a busy machine is not."""


def run(*arguments: str) -> dict[str, Any]:
    """Run a command of the simulator to its end and return its summary."""
    done = subprocess.run(
        [*SIM, *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@contextmanager
def recorded(path: Path, messages: int, *arguments: str) -> Iterator[None]:
    """Record so many messages while the block runs; it begins when the recorder listens."""
    process = subprocess.Popen(
        [*SIM, "record", str(path), "--messages", str(messages), *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "recording" in process.stderr.readline()
        yield
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def messages_of(path: Path) -> list[Recorded]:
    return list(Recording(path).read(Report()))


def publish(address: tuple[str, int], operator: str, n: int) -> None:
    """Send n messages within two seconds, some of them no JSON."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect(*address)
    client.loop_start()
    for i in range(n):
        payload = (
            b"\xff\x00" if i % 50 == 7 else b'[{"vehicle_id":"b-%d", "ts":%d}]' % (i, int(time() * 1000))
        )
        info = client.publish(f"ub/v1/{operator}/vehicles" + ("/x/position" if i % 3 else ""), payload, qos=1)
        sleep(2 / n)
    info.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def test_two_replays_over_mqtt_are_the_recording_byte_for_byte_and_in_time(
    mqtt: tuple[str, int], tmp_path: Path
) -> None:
    where = ("--mqtt", f"{mqtt[0]}:{mqtt[1]}", "--topic", "ub/v1/recorded/#")
    with recorded(tmp_path / "r", 400, *where):
        publish(mqtt, "recorded", 400)
    original = messages_of(tmp_path / "r")
    for again in ("a", "b"):
        with recorded(tmp_path / again, 400, *where):
            summary = run("replay", str(tmp_path / "r"), *where[:2])
        assert summary["messages_acknowledged"] == 400
        assert summary["timing_error_ms"]["median"] < MOST_LATE_MS
        played = messages_of(tmp_path / again)
        assert [(m.topic, m.payload) for m in played] == [(m.topic, m.payload) for m in original]
        apart = sorted(
            abs((m.at - played[0].at) - (o.at - original[0].at))
            for m, o in zip(played, original, strict=True)
        )
        assert apart[200] < 2 * MOST_LATE_MS * 1_000  # there and back through the broker


def test_a_replay_over_kafka_has_partitions_keys_headers_times_and_bytes(
    fresh_kafka: str, tmp_path: Path
) -> None:
    settings = Settings(source_partitions=3, region_partitions=1)
    create_topics(fresh_kafka, settings)
    producer = KafkaProducer(bootstrap_servers=fresh_kafka, enable_idempotence=True, acks="all")
    for i in range(60):
        producer.send(
            "ub.vehicles" if i % 4 else "ub.requests",
            value=b"\xff" if i == 5 else None if i == 7 else b'{"vehicle_id":["b-%d"],"ts":[%d]}' % (i, i),
            key=b"k-%d" % i if i % 2 else None,
            headers=[("ce_id", b"%d" % i)],
            partition=i % 3,
            timestamp_ms=1_772_406_000_000 + i,
        )
    producer.flush()
    producer.close()
    where = ("--kafka", fresh_kafka)
    with recorded(tmp_path / "r", 60, *where, "--from-beginning"):
        pass
    original = sorted(messages_of(tmp_path / "r"), key=place)
    for_audit = sorted(audit_recording.read(tmp_path / "r"), key=lambda r: (r.topic, r.partition, r.offset))
    assert [(r.topic, r.partition, r.offset, r.timestamp, r.value) for r in for_audit] == [
        (m.topic, m.partition, m.offset, m.timestamp, m.payload or b"") for m in original
    ]
    (tmp_path / "second").mkdir()
    second = Tansu(tmp_path / "second")
    try:
        second.start()
        create_topics(second.bootstrap, settings)
        assert (
            run("replay", str(tmp_path / "r"), "--kafka", second.bootstrap, "--speed", "max")["messages"]
            == 60
        )
        with recorded(tmp_path / "again", 60, "--kafka", second.bootstrap, "--from-beginning"):
            pass
    except ProgramMissing as missing:
        pytest.skip(str(missing))
    finally:
        second.stop()
    again = sorted(messages_of(tmp_path / "again"), key=place)
    assert [said(m) for m in again] == [said(m) for m in original]


def place(message: Recorded) -> tuple[str, int, int]:
    """Topic, partition, offset."""
    return message.topic, message.partition or 0, message.offset or 0


def said(message: Recorded) -> tuple[object, ...]:
    """Everything but the arrival."""
    return (*place(message), message.timestamp, message.key, message.headers, message.payload)
