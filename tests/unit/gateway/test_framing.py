"""Frames: full, lingering, cut to size; columns and their short form."""

import pytest

from schemas import codec
from schemas.vehicles import VehicleFrame, VehiclePosition
from streams.gateway.address import KINDS
from streams.gateway.framing import Frame, Framer, split_runs
from streams.gateway.receipt import Receipt
from streams.gateway.vehicles import VEHICLES


def _framer(
    *, max_readings: int = 4, max_bytes: int = 100_000, linger_ms: int = 30, look_ms: int = 0
) -> Framer:
    """Three partitions; the last character of an id is its partition."""
    return Framer(
        KINDS,
        3,
        lambda id_: int(id_[-1]),
        max_readings=max_readings,
        max_bytes=max_bytes,
        linger_ms=linger_ms,
        look_ms=look_ms,
    )


def _receipt(parts: int) -> Receipt:
    return Receipt(mid=1, qos=1, connection=0, size=10, parts=parts)


def _reading(vehicle_id: str, ts: int = 1, **more: object) -> VehiclePosition:
    return VehiclePosition(vehicle_id, ts, 1.5, 2.5, **more)  # type: ignore[arg-type]


def _add(framer: Framer, *ids: str, now_ms: int = 0, operator: str = "north") -> Receipt:
    receipt = _receipt(len(ids))
    framer.add(VEHICLES, operator, [_reading(id_) for id_ in ids], receipt, now_ms)
    return receipt


def _ids(frame: Frame) -> list[str]:
    return codec.vehicle_frame.decode(frame.value).vehicle_id


def test_a_frame_is_due_once_it_has_lingered() -> None:
    framer = _framer(linger_ms=30)
    _add(framer, "a0", now_ms=100)
    _add(framer, "b0", now_ms=120)
    assert framer.due(129) == []
    assert [_ids(frame) for frame in framer.due(130)] == [["a0", "b0"]]
    assert framer.due(1_000) == []


def test_a_frame_that_is_looked_at_now_and_then_is_due_when_its_time_is_nearest() -> None:
    """Else it would linger for half as long again, as its time is mostly over just after a look."""
    framer = _framer(linger_ms=30, look_ms=15)
    _add(framer, "a0", now_ms=100)
    assert framer.due(122) == []
    assert [_ids(frame) for frame in framer.due(123)] == [["a0"]]


def test_a_full_frame_is_due_at_once_and_the_rest_lingers() -> None:
    framer = _framer(max_readings=2, linger_ms=30)
    assert not framer.add(VEHICLES, "north", [_reading("a0")], _receipt(1), 100)
    assert framer.add(VEHICLES, "north", [_reading("b0"), _reading("c0"), _reading("a1")], _receipt(3), 100)
    assert framer.add(VEHICLES, "north", [_reading("b1"), _reading("d0")], _receipt(2), 100)
    assert [_ids(frame) for frame in framer.due(100)] == [["a0", "b0"], ["c0", "d0"], ["a1", "b1"]]
    _add(framer, "c0", now_ms=100)
    assert framer.due(100) == []
    assert [_ids(frame) for frame in framer.due(130)] == [["c0"]]


def test_a_clock_that_is_set_back_makes_frames_due_instead_of_holding_them() -> None:
    framer = _framer()
    _add(framer, "a0", now_ms=5_000)
    assert [_ids(frame) for frame in framer.due(1_000)] == [["a0"]]


def test_readings_are_grouped_by_partition_in_order_of_arrival() -> None:
    framer = _framer(max_readings=10)
    _add(framer, "a0", "a1", "b0", "b1")
    _add(framer, "c1", "a0")
    frames = framer.flush_all()
    assert {frame.partition: _ids(frame) for frame in frames} == {
        0: ["a0", "b0", "a0"],
        1: ["a1", "b1", "c1"],
    }
    assert [frame.readings for frame in frames] == [3, 3]
    assert framer.flush_all() == []


def test_a_frame_knows_how_many_readings_came_from_which_message() -> None:
    framer = _framer(max_readings=3)
    first = _add(framer, "a0", "b0", "a1")
    second = _add(framer, "c0", "d0")
    third = _add(framer, "b1")
    receipts = {tuple(_ids(frame)): frame.receipts for frame in framer.flush_all()}
    assert receipts == {
        ("a0", "b0", "c0"): ((first, 2), (second, 1)),
        ("d0",): ((second, 1),),
        ("a1", "b1"): ((first, 1), (third, 1)),
    }
    fourth = _add(framer, "e0")
    assert [frame.receipts for frame in framer.flush_all()] == [((fourth, 1),)]


def test_columns_of_one_value_are_written_as_that_value() -> None:
    framer = _framer()
    readings = [_reading("a0", 5, battery_percent=7), _reading("b0", 6, vehicle_state="on_trip")]
    framer.add(VEHICLES, "north", readings, _receipt(2), 1_000)
    (frame,) = framer.flush_all()
    assert codec.vehicle_frame.decode(frame.value) == VehicleFrame(
        vehicle_id=["a0", "b0"],
        ts=[5, 6],
        lat=[1.5, 1.5],
        lon=[2.5, 2.5],
        operator="north",
        received_at=1_000,
        vehicle_state=["available", "on_trip"],
        vehicle_type="bicycle",
        battery_percent=[7, None],
    )


def test_operators_share_a_frame_as_a_column() -> None:
    framer = _framer()
    _add(framer, "a0", "b0", operator="north", now_ms=1)
    _add(framer, "c0", operator="south", now_ms=2)
    (frame,) = framer.flush_all()
    columns = codec.vehicle_frame.decode(frame.value)
    assert columns.operator == ["north", "north", "south"]
    assert columns.received_at == frame.received_at == 2


def test_a_frame_above_the_size_limit_is_cut_until_it_fits() -> None:
    framer = _framer(max_readings=100, max_bytes=1_000)
    ids = [f"{n:060}0" for n in range(50)]
    receipt = _add(framer, *ids)
    frames = framer.flush_all()
    assert len(frames) > 1
    assert all(len(frame.value) <= 1_000 for frame in frames)
    assert [id_ for frame in frames for id_ in _ids(frame)] == ids
    assert sum(n for frame in frames for _, n in frame.receipts) == receipt.parts == 50


def test_a_reading_above_the_size_limit_has_a_frame_of_its_own() -> None:
    framer = _framer(max_bytes=10)
    _add(framer, "a0", "b0")
    assert [_ids(frame) for frame in framer.flush_all()] == [["a0"], ["b0"]]


def test_the_largest_reading_that_is_accepted_fits_the_smallest_frame_that_is_allowed() -> None:
    framer = _framer(max_bytes=1_000)
    reading = VehiclePosition(
        "v" * 63 + "0", 4_133_980_799_999, -89.99999999999999, -179.99999999999997,
        vehicle_state="non_operational", vehicle_type="scooter_standing", battery_percent=100,
    )  # fmt: skip
    framer.add(VEHICLES, "o" * 64, [reading], _receipt(1), 4_133_980_799_999)
    (frame,) = framer.flush_all()
    assert len(frame.value) <= 1_000


def test_runs_cannot_be_cut_beyond_their_end() -> None:
    with pytest.raises(ValueError, match="after 3 readings; the runs hold 2"):
        split_runs([("north", _receipt(2), [_reading("a0"), _reading("b0")])], 3)
