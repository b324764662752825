"""What is asked of Kafka as topics are created."""

import gc
import os
import threading

import h3
import msgspec
import pytest

from schemas import codec
from streams import topics
from streams.brokers import admin
from streams.errors import ServiceUnavailable
from streams.incidents.grouping.incident import begun
from streams.incidents.grouping.members import member_of
from tests.pipeline import T0
from tests.unit.alerts.events import alert
from tests.unit.incidents.grouping.grouped import CENTRE, REGION, config

_DEFAULT = 1_048_588
"""Kafka's, of `max.message.bytes`."""


@pytest.mark.parametrize("spec", topics.kafka_topics(1, 1), ids=lambda spec: spec.name)
def test_topics_take_all_that_producers_may_send(spec: topics.TopicSpec) -> None:
    configs = admin._options(spec)["configs"]
    assert isinstance(configs, dict)
    assert int(configs["max.message.bytes"]) > topics.LARGEST_RECORD


def test_an_incident_of_20_000_alerts_is_more_than_kafka_takes_by_default_and_far_less_than_our_topics_do() -> (
    None
):
    cells = sorted(h3.grid_disk(CENTRE, 82))
    members = [
        member_of(
            msgspec.structs.replace(
                alert("raised"), alert_id=f"{i:08d}-0000-5000-8000-000000000000", cell=cells[i]
            )
        )
        for i in range(20_000)
    ]
    incident = begun("i", REGION, members, None, T0, config())
    assert _DEFAULT < len(codec.encode(incident)) < topics.LARGEST_RECORD / 4


def test_who_waits_for_kafka_says_so_once_though_nothing_refuses_him(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A gateway or worker that starts waits for half a minute: a log without a word looks as if it hung."""
    monkeypatch.setattr(admin, "_ATTEMPT_S", 0.1)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        admin.wait_for_kafka("127.0.0.1:9", timeout_s=1.0)
    (line,) = [record.getMessage() for record in caplog.records if record.name == admin.__name__]
    assert line.startswith("waiting: Kafka at 127.0.0.1:9 does not answer")


def test_who_asks_a_kafka_that_is_away_leaves_no_thread_and_no_open_file_behind() -> None:
    """A worker asks every twenty seconds, for as long as it is away."""

    def held() -> tuple[set[threading.Thread], int]:
        gc.collect()
        return set(threading.enumerate()), len(os.listdir("/proc/self/fd"))

    before = held()
    for _ in range(3):
        with pytest.raises(ServiceUnavailable), admin.admin_client("127.0.0.1:9", timeout_s=0.1):
            pass
    assert held() == before
