"""JSON encoding and decoding of the wire types. One typed decoder per type, built once."""

from typing import Any

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow, CellsWindow
from schemas.partials import FleetPartial
from schemas.rejected import Rejected
from schemas.vehicles import VehicleFrame, VehiclePosition

_encoder = msgspec.json.Encoder()

position = msgspec.json.Decoder(VehiclePosition)
positions = msgspec.json.Decoder(list[VehiclePosition])
vehicle_frame = msgspec.json.Decoder(VehicleFrame)
fleet_partial = msgspec.json.Decoder(FleetPartial)
cells = msgspec.json.Decoder(CellsNow | CellsWindow)
alert = msgspec.json.Decoder(Alert)
rejected = msgspec.json.Decoder(Rejected)


def encode(value: Any) -> bytes:
    """Return `value` as JSON bytes; None fields are written as null."""
    return _encoder.encode(value)
