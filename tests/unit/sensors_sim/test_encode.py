from datetime import timedelta

import msgspec
import pytest

from schemas import codec
from schemas.requests import CitizenRequest
from schemas.sensors import SENSOR_STATUSES, SensorReading
from schemas.vehicles import VEHICLE_STATES, VehiclePosition
from sensors_sim.batch import NO_BATTERY, Positions
from sensors_sim.columns import Mixed
from sensors_sim.encode import arrays, singles
from sensors_sim.requests.events import Event, Events
from sensors_sim.scenario import shipped
from sensors_sim.sensors.contract import Readings


def some_readings() -> Positions:
    scenario = shipped("commuter").with_(bikes=300, duration=timedelta(minutes=3))
    return scenario.fleet().step(scenario.end_ms)


def expected(readings: Positions, row: int) -> VehiclePosition:
    battery = int(readings.battery[row])
    return VehiclePosition(
        vehicle_id=str(readings.vehicle_id[row]),
        ts=int(readings.ts[row]),
        lat=float(readings.lat[row]),
        lon=float(readings.lon[row]),
        vehicle_state=VEHICLE_STATES[readings.state[row]],
        battery_percent=None if battery == NO_BATTERY else battery,
    )


def test_arrays_decode_to_the_readings_of_their_operator_in_order() -> None:
    readings = some_readings()
    for code, operator in enumerate(readings.operators):
        sent = [m for m in arrays(readings, 70) if m.topic == f"ub/v1/{operator}/vehicles"]
        decoded = [position for m in sent for position in codec.positions.decode(m.payload)]
        mine = [row for row in range(len(readings)) if readings.operator[row] == code]
        assert decoded == [expected(readings, row) for row in mine]
        assert [m.readings for m in sent] == [len(codec.positions.decode(m.payload)) for m in sent]
        assert {m.readings for m in sent[:-1]} <= {70}


def test_singles_go_to_the_topic_of_their_vehicle() -> None:
    readings = some_readings()
    sent = list(singles(readings))
    assert len(sent) == len(readings)
    for message in sent[:50]:
        position = codec.position.decode(message.payload)
        operator = position.vehicle_id.partition("-")[0]
        assert message.topic == f"ub/v1/{operator}/vehicles/{position.vehicle_id}/position"
        assert message.readings == 1


def test_operator_type_and_an_unknown_battery_are_left_out() -> None:
    readings = some_readings()
    first = next(iter(arrays(readings, 1)))
    assert set(msgspec.json.decode(first.payload)[0]) == {
        "vehicle_id", "ts", "lat", "lon", "vehicle_state", "battery_percent"
    }  # fmt: skip
    readings.battery[:] = NO_BATTERY
    assert "battery_percent" not in msgspec.json.decode(next(iter(arrays(readings, 1))).payload)[0]


def test_no_reading_no_message() -> None:
    assert list(arrays(some_readings().take(slice(0, 0)), 500)) == []


def expected_readings(world_readings: Readings) -> list[SensorReading]:
    sensors = world_readings.sensors
    return [
        SensorReading(
            sensor_id=str(sensors.sensor_id[sensor]),
            kind=sensors.kind,
            metric=sensors.metrics[metric],
            value=float(value),
            ts=int(ts),
            lat=float(sensors.lat[sensor]),
            lon=float(sensors.lon[sensor]),
            status=SENSOR_STATUSES[status],
            capacity=sensors.capacity[sensor],
        )
        for sensor, metric, value, ts, status in zip(
            world_readings.sensor,
            world_readings.metric,
            world_readings.value,
            world_readings.ts,
            world_readings.status,
            strict=True,
        )
    ]


def test_readings_of_sensors_decode_to_what_was_measured_on_the_topic_of_their_owner() -> None:
    capacities = 0
    world = shipped("commuter").world()
    for part in (part for _ in range(10) for part in world.step()):
        sent = list(arrays(part, 50))
        decoded = [reading for m in sent for reading in codec.sensor_readings.decode(m.payload)]
        assert decoded == expected_readings(part)
        assert {m.topic for m in sent} <= {f"ub/v1/{part.sensors.owner}/sensors"}
        assert {m.about for m in sent} <= {"sensors"}
        capacities += sum(reading.capacity is not None for reading in decoded)
        alone = list(singles(part))[:3]
        assert [codec.sensor_reading.decode(m.payload) for m in alone] == decoded[:3]
        assert [m.topic for m in alone] == [
            f"ub/v1/{part.sensors.owner}/sensors/{reading.sensor_id}" for reading in decoded[:3]
        ]
    assert capacities > 0


def test_events_of_requests_decode_to_what_happened_and_leave_out_what_they_do_not_say() -> None:
    events = [
        Event(
            "r-1", "opened", 5, service_code="noise", lat=31.2, lon=121.5, description="loud", district="d"
        ),
        Event("r-1", "closed", 7),
    ]
    (sent,) = arrays(Events.of("hotline", events), 500)
    assert (sent.topic, sent.about, sent.readings) == ("ub/v1/hotline/requests", "requests", 2)
    assert codec.requests.decode(sent.payload) == [
        CitizenRequest("r-1", "opened", 5, "noise", 31.2, 121.5, "loud", district="d"),
        CitizenRequest("r-1", "closed", 7),
    ]
    assert msgspec.json.decode(sent.payload)[1] == {"service_request_id": "r-1", "event": "closed", "ts": 7}
    assert [m.topic for m in singles(Events.of("hotline", events))] == ["ub/v1/hotline/requests"] * 2


def test_mixed_columns_are_sent_part_by_part() -> None:
    events = Events.of("hotline", [Event("r-1", "closed", 7)])
    mixed = Mixed.of([some_readings(), events])
    assert [m.payload for m in arrays(mixed, 500)] == [
        m.payload for part in mixed.parts for m in arrays(part, 500)
    ]


def test_columns_that_have_no_form_on_the_wire_are_refused() -> None:
    class Other:
        ts = Events.of("x", []).ts

        def __len__(self) -> int:
            return 1

        def take(self, rows: slice) -> "Other":
            return self

    with pytest.raises(TypeError, match="Other has no form on the wire"):
        list(arrays(Other(), 1))
