"""Vehicle positions: the single reading of a publisher and the columnar frame on Kafka.

Names follow the Mobility Data Specification (MDS) 2.0, sections "Vehicle States" and
"Vehicle Types": https://github.com/openmobilityfoundation/open-mobility-data-specification
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

VehicleState = Literal[
    "available",
    "non_operational",
    "reserved",
    "on_trip",
    "non_contactable",
    "missing",
    "elsewhere",
    "removed",
]
VehicleType = Literal["bicycle", "cargo_bicycle", "scooter_standing", "scooter_seated", "moped", "other"]

VEHICLE_STATES: tuple[VehicleState, ...] = (
    "available",
    "non_operational",
    "reserved",
    "on_trip",
    "non_contactable",
    "missing",
    "elsewhere",
    "removed",
)
VEHICLE_TYPES: tuple[VehicleType, ...] = (
    "bicycle",
    "cargo_bicycle",
    "scooter_standing",
    "scooter_seated",
    "moped",
    "other",
)
TYPES_OF_FORM_FACTORS: Mapping[str, VehicleType] = {
    "bicycle": "bicycle",
    "cargo_bicycle": "cargo_bicycle",
    "scooter": "scooter_standing",  # until 2.2
    "scooter_standing": "scooter_standing",
    "scooter_seated": "scooter_seated",
    "moped": "moped",
}
"""`form_factor` of GBFS (vehicle_types.json) to types of vehicles; car and other are other."""
STANDING_STATES: tuple[VehicleState, ...] = (
    "available",
    "non_operational",
    "reserved",
    "non_contactable",
)
"""States in which a vehicle stands on the street and takes up room: they make up a cell's occupancy."""
GONE_STATES: tuple[VehicleState, ...] = ("missing", "elsewhere", "removed")
"""States in which a vehicle is nowhere in the city."""
COUNTED_STATES: tuple[VehicleState, ...] = tuple(
    state for state in VEHICLE_STATES if state not in GONE_STATES
)
"""All others: the columns of live counts, in this order. They are the first of VEHICLE_STATES."""

MAX_ID_LENGTH = 64
ID_PATTERN = r"^[A-Za-z0-9_.:\-]{1,64}$"
"""Ids of vehicles, sensors and operators: safe in an MQTT topic, a URL and a log line."""


class VehiclePosition(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One position of one vehicle, as its operator publishes it on MQTT.

    `operator` may be left out: the MQTT topic names it. Where both are given they must agree.
    """

    vehicle_id: str
    ts: int
    lat: float
    lon: float
    operator: str | None = None
    vehicle_state: VehicleState = "available"
    vehicle_type: VehicleType = "bicycle"
    battery_percent: int | None = None


class VehicleFrame(msgspec.Struct, frozen=True):
    """Many positions of one Kafka partition, as columns of equal length n.

    A column whose n values are all the same may be written as that one value
    (`"operator": "hello"`). `received_at` is when the gateway had the newest of them in hand.
    Readings keep the order in which the gateway received them.
    """

    vehicle_id: list[str]
    ts: list[int]
    lat: list[float]
    lon: list[float]
    operator: str | list[str]
    received_at: int
    vehicle_state: str | list[str] = "available"
    vehicle_type: str | list[str] = "bicycle"
    battery_percent: int | list[int | None] | None = None
