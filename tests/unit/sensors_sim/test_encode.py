from datetime import timedelta

import msgspec

from schemas import codec
from schemas.vehicles import VEHICLE_STATES, VehiclePosition
from sensors_sim.batch import NO_BATTERY, Positions
from sensors_sim.encode import arrays, singles
from sensors_sim.scenario import shipped


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
