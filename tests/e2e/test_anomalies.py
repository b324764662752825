"""A metric of a cell becomes unusual: the alert reaches MQTT, Kafka and the tables, though workers are killed."""

import json
import os
import signal
from collections.abc import Iterable, Iterator

import h3
import pytest

from schemas import codec
from tests.contract.wire import Contract
from tests.e2e.city import City, Message
from tests.e2e.conftest import CityMaker
from tests.e2e.traffic import BEGIN_MS

pytestmark = pytest.mark.e2e

LAT, LON = 31.21, 121.51
CELL = h3.latlng_to_cell(LAT, LON, 9)
DAY = 1_440
SPIKE = DAY + 20


def pressures(minutes: Iterable[int]) -> Iterator[Message]:
    """Yield arrays of a pressure, a reading a minute: a saw of 500 to 509 kPa, 200 in the minute of the spike."""
    listed = list(minutes)
    for first in range(0, len(listed), 100):
        readings = [
            {
                "sensor_id": "pipe-1",
                "kind": "heating",
                "metric": "pipe_pressure",
                "value": 200.0 if minute == SPIKE else 500.0 + minute % 10,
                "ts": BEGIN_MS + minute * 60_000 + 5_000,
                "lat": LAT,
                "lon": LON,
            }
            for minute in listed[first : first + 100]
        ]
        yield "ub/v1/city/sensors", json.dumps(readings).encode()


def kill_a_worker(city: City, children: list[int]) -> None:
    city.eventually(lambda: city.count("SELECT count(*) FROM ub.checkpoint WHERE stage = 'incidents'"))
    os.kill(children[0], signal.SIGKILL)


def test_a_pressure_that_falls_is_told_once_and_cleared_though_workers_are_killed(a_city: CityMaker) -> None:
    with a_city(UB_ANOMALY_DETECTOR="records") as city:
        city.start_gateway()
        worker = city.start_worker()
        with city.publisher() as publisher:
            publisher.publish(pressures(range(DAY)))
            city.eventually(
                lambda: city.count("SELECT count(*) FROM ub.sensor_window"),
                60.0,
                until=lambda n: n >= DAY - 1,
            )
            kill_a_worker(city, city.eventually(worker.children))
            publisher.publish(pressures(range(DAY, SPIKE + 2)))
            [opened] = city.eventually(lambda: city.query("SELECT * FROM api.anomaly"), 60.0)
            assert (opened["hex"], opened["status"], opened["metric"]) == (CELL, "active", "pipe_pressure")
            assert (opened["observed"], opened["low"] > 490) == (200, True)
            [retained] = city.retained("ub/v1/alerts/+/anomaly/+")
            assert codec.alert.decode(retained.payload).alert_id == opened["alert_id"]
            kill_a_worker(city, city.eventually(worker.children))
            publisher.publish(pressures(range(SPIKE + 2, SPIKE + 60)))
            city.eventually(lambda: city.query("SELECT * FROM api.anomaly WHERE status = 'cleared'"), 60.0)
        events = city.query("SELECT action, sequence FROM ub.alert_event ORDER BY sequence")
        assert [(row["action"], row["sequence"]) for row in events] == [("raised", 0), ("cleared", 1)]
        records = city.alerts_told()
        told = {(one.alert_id, one.sequence) for one in (codec.alert.decode(r.value) for r in records)}
        assert sorted(told) == [(opened["alert_id"], 0), (opened["alert_id"], 1)]
        assert city.retained("ub/v1/alerts/#") == []
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again
        assert "2 events with the same evidence" in again.out
        other = city.run("alerts", "replay", opened["alert_id"], settings={"UB_ANOMALY_RAISE_AT": "0.6"})
        assert other.code == 2, other
        off = city.run("alerts", "replay", opened["alert_id"], settings={"UB_ANOMALY_DETECTOR": "off"})
        assert off.code == 2, off
        contract = Contract()
        faults = [contract.kafka_faults(r.topic, r.key, r.headers, r.value) for r in records]
        assert [fault for found in faults for fault in found] == []
