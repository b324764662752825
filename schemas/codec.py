"""JSON encoding and decoding of the wire types. One typed decoder per type, built once."""

from typing import Any

import msgspec

from schemas.alert_actions import AlertHandling
from schemas.alerts import Alert
from schemas.cells import (
    CellsEdges,
    CellsHealth,
    CellsMetrics,
    CellsNow,
    CellsRequests,
    CellsVehicles,
    CellsWindow,
)
from schemas.gateways import GatewayAtWork
from schemas.incidents import Incident
from schemas.partials import FleetPartial, Partial
from schemas.rejected import Rejected
from schemas.requests import CitizenRequest, RequestFrame
from schemas.sensors import SensorFrame, SensorReading
from schemas.vehicles import VehicleFrame, VehiclePosition

_encoder = msgspec.json.Encoder()

position = msgspec.json.Decoder(VehiclePosition)
positions = msgspec.json.Decoder(list[VehiclePosition])
vehicle_frame = msgspec.json.Decoder(VehicleFrame)
sensor_reading = msgspec.json.Decoder(SensorReading)
sensor_readings = msgspec.json.Decoder(list[SensorReading])
sensor_frame = msgspec.json.Decoder(SensorFrame)
request = msgspec.json.Decoder(CitizenRequest)
requests = msgspec.json.Decoder(list[CitizenRequest])
request_frame = msgspec.json.Decoder(RequestFrame)
partial = msgspec.json.Decoder(Partial)
fleet_partial = msgspec.json.Decoder(FleetPartial)
cells = msgspec.json.Decoder(
    CellsNow | CellsWindow | CellsMetrics | CellsRequests | CellsVehicles | CellsEdges | CellsHealth
)
alert = msgspec.json.Decoder(Alert)
alert_action = msgspec.json.Decoder(AlertHandling)
incident = msgspec.json.Decoder(Incident)
rejected = msgspec.json.Decoder(Rejected)
gateway_at_work = msgspec.json.Decoder(GatewayAtWork)


def encode(value: Any) -> bytes:
    """Return `value` as JSON bytes; None fields are written as null."""
    return _encoder.encode(value)
