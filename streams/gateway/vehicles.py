"""Vehicle positions as a kind of the gateway's input."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from schemas import codec, envelope
from schemas.vehicles import VehicleFrame, VehiclePosition
from streams import topics
from streams.gateway.columns import collapse
from streams.gateway.kind import Allowed, Broken, Kind
from streams.gateway.packed import PackingOfPositions
from streams.gateway.rules import broken_number, measured_then, measured_there, quick_test


def _battery(position: VehiclePosition, _allowed: Allowed) -> Broken | None:
    return broken_number("battery_percent", position.battery_percent, 0, 100)


def _columns(positions: Sequence[VehiclePosition]) -> Sequence[list[Any]]:
    return (
        [position.vehicle_id for position in positions],
        [position.operator for position in positions],
        [position.ts for position in positions],
        [position.lat for position in positions],
        [position.lon for position in positions],
        [position.battery_percent for position in positions],
    )


def _batteries_in_order(percents: Sequence[int | None]) -> bool:
    return all(percent is None or 0 <= percent <= 100 for percent in set(percents))


def _frame(positions: Sequence[VehiclePosition], owner: str | list[str], received_at: int) -> VehicleFrame:
    return VehicleFrame(
        vehicle_id=[position.vehicle_id for position in positions],
        ts=[position.ts for position in positions],
        lat=[position.lat for position in positions],
        lon=[position.lon for position in positions],
        operator=owner,
        received_at=received_at,
        vehicle_state=collapse([position.vehicle_state for position in positions]),
        vehicle_type=collapse([position.vehicle_type for position in positions]),
        battery_percent=collapse([position.battery_percent for position in positions]),
    )


VEHICLES = Kind(
    name="vehicles",
    tail=("position",),
    id_field="vehicle_id",
    owner_field="operator",
    kafka_topic=topics.VEHICLES,
    envelope_type=envelope.VEHICLE_FRAME,
    one=codec.position,
    many=codec.positions,
    id_of=attrgetter("vehicle_id"),
    rules=(measured_then, measured_there, _battery),
    all_sound=quick_test(_columns, _batteries_in_order),
    frame=_frame,
    packing=PackingOfPositions(),
)
