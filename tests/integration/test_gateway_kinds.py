"""Sensor readings and citizens' requests take the same road as vehicles: once, in order, on their partition."""

from collections import Counter

import pytest

from schemas.envelope import REJECTED, REQUEST_FRAME, SENSOR_FRAME, VEHICLE_FRAME
from schemas.requests import CitizenRequest
from streams.partition import Partitions
from streams.topics import requests_topic, sensors_topic
from tests.integration.gateway_support import (
    PARTITIONS,
    Reader,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
    running_gateway,
)

pytestmark = pytest.mark.integration

SENSORS, REQUESTS = 300, 200


def _sensor(number: int, ts: int, **more: object) -> dict[str, object]:
    return {
        "sensor_id": f"air-{number}", "kind": "air", "metric": "pm25", "value": number / 8,
        "ts": ts, "lat": 31.23, "lon": 121.47, **more,
    }  # fmt: skip


def _life(number: int, ts: int) -> list[dict[str, object]]:
    """The events of one request, from its opening to its rating."""
    id_ = {"service_request_id": f"r-{number}"}
    return [
        {**id_, "event": "opened", "ts": ts, "service_code": "heating", "lat": 31.23, "lon": 121.47,
         "description": "暖气 cold\n" * 20, "expected_datetime": ts + 10**10},
        {**id_, "event": "updated", "ts": ts + 1, "agency_responsible": "Heating Works", "owner": "city"},
        {**id_, "event": "closed", "ts": ts + 2},
        {**id_, "event": "rated", "ts": ts + 3, "resolved": True, "satisfaction": 4},
    ]  # fmt: skip


def _bad(ts: int) -> list[tuple[str, str, bytes]]:
    """(reason, topic, payload)"""
    many, one, requests = sensors_topic("city"), sensors_topic("city", "air-1"), requests_topic("city")
    return [
        ("topic_mismatch", one, array([_sensor(2, ts)])),
        ("topic_mismatch", many, array([_sensor(2, ts, owner="village")])),
        ("unknown_field", many, array([reading("v-1", ts)])),
        ("not_json", one, array([_sensor(1, ts)]).replace(b"0.125", b"NaN")),
        ("time_in_future", one, array([_sensor(1, ts + 10**8)])),
        ("null_island", many, array([_sensor(1, ts, lat=0, lon=0)])),
        ("out_of_bounds", "ub/v1/city/vehicles", array([reading("v-2", ts, lat=48.85, lon=2.35)])),
        ("out_of_bounds", many, array([_sensor(1, ts, lat=-31.23)])),
        ("out_of_bounds", requests, array([_life(1, ts)[0] | {"lon": -121.47}])),
        ("bad_topic", one + "/value", b"1"),
        ("bad_topic", requests + "/r-1", array(_life(1, ts))),
        ("bad_event", requests, array([{"service_request_id": "r", "event": "rated", "ts": ts}])),
        ("missing_field", requests, array([_life(1, ts)[2] | {"lat": 31.2}])),
        ("too_large", requests, array([_life(1, ts)[2] | {"status_notes": "x" * 4_001}])),
        ("number_out_of_range", requests, array([_life(1, ts)[3] | {"satisfaction": 6}])),
        ("empty", requests, b"[]"),
    ]


@pytest.mark.parametrize("share", [None, "all"])
def test_every_kind_arrives_once_and_in_order_among_bad_payloads(
    services: Services, share: str | None
) -> None:
    start = now_ms() - 3_600_000
    measured = [_sensor(n % SENSORS, start + n) for n in range(3_000)]
    lives = [_life(number, start + number) for number in range(REQUESTS)]
    steps = [life[step] for step in range(4) for life in lives]
    messages = [
        *((sensors_topic("city"), array(measured[n : n + 100])) for n in range(0, 2_000, 100)),
        *((sensors_topic("city", str(item["sensor_id"])), array([item])[1:-1]) for item in measured[2_000:]),
        *((requests_topic("city"), array(steps[n : n + 50])) for n in range(0, 600, 50)),
        *((requests_topic("city"), array([step])[1:-1]) for step in steps[600:]),
        ("ub/v1/city/vehicles", array([reading("v-1", start)])),
    ]
    bad = _bad(start)
    with (
        running_gateway(services, mqtt_share=share, bounds="120.8,30.6,122.3,31.9") as gateway,
        publisher(services) as client,
        Reader(services) as reader,
    ):
        publish_all(client, [*messages, *((topic, payload) for _, topic, payload in bad)])
        reader.read_until(
            lambda seen: (
                sum(len(frame.ts) for _, frame in seen.sensors) >= len(measured)
                and sum(len(frame.events) for _, frame in seen.requests) >= len(steps)
                and len(seen.rejected) >= len(bad)
                and len(seen.rows) >= 1
            ),
            "all readings, events and refusals",
        )
        assert gateway.terminate() == 0
        count = len(messages) + len(bad)
        assert gateway.lines(f"{count} messages, 3801 readings accepted, {len(bad)} rejected"), gateway.log
        assert gateway.lines(f"{count} acknowledged, 0 waiting")
        reader.read_to_the_end()

    types = {headers["ce_type"].decode() for headers in reader.headers}
    assert types == {VEHICLE_FRAME, SENSOR_FRAME, REQUEST_FRAME, REJECTED}
    assert Counter(item.reason for item in reader.rejected) == Counter(reason for reason, _, _ in bad)

    partitions = Partitions(PARTITIONS)
    seen: list[tuple[str, int, float]] = []
    for partition, frame in reader.sensors:
        assert {partitions[id_] for id_ in frame.sensor_id} == {partition}
        assert (frame.kind, frame.metric, frame.owner, frame.lat) == ("air", "pm25", "city", 31.23)
        seen += zip(frame.sensor_id, frame.ts, frame.value, strict=True)
    assert sorted(seen) == sorted((item["sensor_id"], item["ts"], item["value"]) for item in measured)
    newest: dict[str, int] = {}
    for id_, ts, _ in seen:
        assert newest.get(id_, 0) < ts
        newest[id_] = ts

    events: dict[str, list[CitizenRequest]] = {}
    for partition, batch in reader.requests:
        for event in batch.events:
            assert partitions[event.service_request_id] == partition
            events.setdefault(event.service_request_id, []).append(event)
    assert events == {
        f"r-{number}": [CitizenRequest(**step | {"owner": "city"}) for step in life]  # type: ignore[arg-type]
        for number, life in enumerate(lives)
    }
