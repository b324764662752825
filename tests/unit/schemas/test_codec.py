"""Wire types survive the wire; what is not one is refused by name."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest

from schemas import codec, envelope
from schemas.cells import (
    CellsHealth,
    CellsMetrics,
    CellsNow,
    CellsRequests,
    CellsWindow,
    ClosedMetrics,
    ClosedRequests,
    ClosedWindows,
)
from schemas.partials import (
    FleetPartial,
    MetricCounts,
    RequestCounts,
    RequestsPartial,
    SensingPartial,
    SensorHealth,
    SlotCounts,
    WindowCounts,
)
from schemas.rejected import REASONS, Rejected
from schemas.requests import REQUEST_EVENT_TYPES, CitizenRequest, RequestEventType, RequestFrame
from schemas.sensors import SENSOR_STATUSES, SensorFrame, SensorReading, SensorStatus
from schemas.vehicles import (
    COUNTED_STATES,
    GONE_STATES,
    ID_PATTERN,
    MAX_ID_LENGTH,
    STANDING_STATES,
    VEHICLE_STATES,
    VehicleFrame,
    VehiclePosition,
)

SLOTS = SlotCounts(["89309959d07ffff"], ["north"], [1], [2], [3], [4], [5])
METRICS = MetricCounts([0], ["c"], ["pm25"], [1], [2], [3], [4], [5], [6], [7], [[8, 9]], [[1, 2]])
REQUESTS = RequestCounts(
    [0], ["c"], ["s"], [1], [2], [3], [-4], [-5], [6], [7], [8], [9], [10], [[11]], [[12]]
)  # fmt: skip
CLOSED_METRICS = ClosedMetrics(
    [0], ["c"], ["pm25"], ["ug/m3"], [1], [2.5], [3.5], [4.5], [5.5], [None], [6.5], [7.5], [[8]], [[9]], [0]
)  # fmt: skip
CLOSED_REQUESTS = ClosedRequests(
    [0], ["c"], ["s"], [1], [2], [3], [4], [5], [None], [6.5], [7], [0.5], [None], [0]
)  # fmt: skip
HEALTH = SensorHealth(
    ["s"], ["pm25"], ["city"], ["c"], [1], [2], [3], [4.5], [5], [6], [7], [8], [9], [10], [11.5]
)  # fmt: skip
EXAMPLES: list[tuple[object, msgspec.json.Decoder[Any]]] = [
    (VehiclePosition("bike-1", 1, 31.2, 121.5, battery_percent=7), codec.position),
    (
        VehicleFrame(["a", "b"], [1, 2], [3.0, 4.0], [5.0, 6.0], "north", 9, battery_percent=[1, None]),
        codec.vehicle_frame,
    ),
    (
        SensorReading("s", "air", "pm25", 1.5, 1, 31.2, 121.5, "ug/m3", "fault", 3.5, "city"),
        codec.sensor_reading,
    ),
    (
        SensorFrame(["a", "b"], "pm25", [1.5, 2.5], [1, 2], 3.5, [4.5, 5.5], "air", "city", 9, [None, "1"]),
        codec.sensor_frame,
    ),
    (CitizenRequest("r", "rated", 1, resolved=False, satisfaction=2, owner="city"), codec.request),
    (
        RequestFrame([CitizenRequest("r", "closed", 1), CitizenRequest("r", "updated", 2)], 9),
        codec.request_frame,
    ),
    (
        FleetPartial("r", 1, 8, 0, 7, 5, 4, 60_000, SLOTS, WindowCounts([0], ["c"], ["o"], [1], [2], [3])),
        codec.partial,
    ),
    (SensingPartial("r", 1, 8, 0, 7, 5, 4, 60_000, METRICS, HEALTH), codec.partial),
    (RequestsPartial("r", 1, 8, 0, 7, 5, 4, 60_000, REQUESTS), codec.partial),
    (CellsNow("r", 1, 2, SLOTS), codec.cells),
    (CellsWindow("r", 1, 60_000, ClosedWindows([0], ["c"], ["o"], [1], [2], [3], [4], [5])), codec.cells),
    (CellsMetrics("r", 1, 60_000, CLOSED_METRICS), codec.cells),
    (CellsRequests("r", 1, 60_000, CLOSED_REQUESTS), codec.cells),
    (CellsHealth("r", 1, 2, 3, 4, 5, HEALTH), codec.cells),
    (Rejected("gateway-0", 1, "not_json", "", "t", "\ufffd\x00", 5), codec.rejected),
]


@pytest.mark.parametrize(("value", "decoder"), EXAMPLES, ids=lambda part: type(part).__name__)
def test_what_is_written_is_read_back(value: object, decoder: msgspec.json.Decoder[Any]) -> None:
    assert decoder.decode(codec.encode(value)) == value


@pytest.mark.parametrize("decoder", [codec.cells, codec.partial])
def test_messages_of_one_topic_tell_themselves_apart(decoder: msgspec.json.Decoder[Any]) -> None:
    tags = [json.loads(codec.encode(value))["type"] for value, reader in EXAMPLES if reader is decoder]
    assert len(set(tags)) == len(tags) > 2
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'later'"):
        decoder.decode(b'{"type":"later"}')


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b'{"vehicle_id":"a","ts":1,"lat":1,"lon":1,"colour":"red"}', "unknown field `colour`"),
        (b'{"vehicle_id":"a","ts":1,"lat":1}', "missing required field `lon`"),
        (b'{"vehicle_id":"a","ts":1.5,"lat":1,"lon":1}', "Expected `int`, got `float`"),
        (
            b'{"vehicle_id":"a","ts":1,"lat":1,"lon":1,"vehicle_state":"flying"}',
            "Invalid enum value 'flying'",
        ),
    ],
)
def test_a_position_that_breaks_the_contract_is_refused_by_name(value: bytes, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        codec.position.decode(value)


def test_lists_that_belong_together_agree() -> None:
    assert set(STANDING_STATES) < set(VEHICLE_STATES)
    assert not {"on_trip", "removed", "missing", "elsewhere"} & set(STANDING_STATES)
    assert (*COUNTED_STATES, *GONE_STATES) == VEHICLE_STATES
    assert f"{{1,{MAX_ID_LENGTH}}}" in ID_PATTERN
    assert len(REASONS) == len(set(REASONS))
    assert get_args(SensorStatus) == SENSOR_STATUSES
    assert get_args(RequestEventType) == REQUEST_EVENT_TYPES


def test_headers_are_those_of_cloudevents() -> None:
    time_ms = int(datetime(2026, 1, 1, 12, 30, 0, 7_000, tzinfo=UTC).timestamp() * 1000)
    found = dict(
        envelope.headers(type_=envelope.ALERT, source="urbanbrain/worker-0", id_="é/1", time_ms=time_ms)
    )
    assert found == {
        "ce_specversion": b"1.0",
        "ce_id": "é/1".encode(),
        "ce_type": b"ub.alert.v1",
        "ce_source": b"urbanbrain/worker-0",
        "ce_time": b"2026-01-01T12:30:00.007Z",
        "content-type": b"application/json",
    }


@pytest.mark.parametrize("time_ms", [0, 4_102_444_799_999])
def test_any_time_that_a_reading_may_have_can_be_written(time_ms: int) -> None:
    found = dict(envelope.headers(type_="t", source="s", id_="i", time_ms=time_ms))
    assert datetime.fromisoformat(found["ce_time"].decode()).timestamp() * 1000 == time_ms
