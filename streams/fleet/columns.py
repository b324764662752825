"""One Kafka record of ub.vehicles as numpy columns, with the readings that cannot be used set apart.

Accepted: a VehicleFrame (columns), a JSON array of readings (rows), or one reading. Fields that a
row does not need are ignored here; the gateway is where the contract is strict.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec
from schemas.limits import EARLIEST_MS, END_MS
from schemas.rejected import Reason
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES, VehicleFrame
from streams.fold.frames import BadFrame, column_codes

UNKNOWN_BATTERY = -1

STATE_CODE: dict[str, int] = {name: code for code, name in enumerate(VEHICLE_STATES)}
TYPE_CODE: dict[str, int] = {name: code for code, name in enumerate(VEHICLE_TYPES)}


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A reading as an outside producer may put it on Kafka."""

    vehicle_id: str
    ts: int
    lat: float
    lon: float
    operator: str = "unknown"
    vehicle_state: str = "available"
    vehicle_type: str = "bicycle"
    battery_percent: int | None = None


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class Columns:
    """n readings of one record, in its order. Codes index VEHICLE_STATES and VEHICLE_TYPES; -1 is not in the list."""

    vehicle_id: list[str]
    operator: str | list[str]
    ts: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    state: NDArray[np.int8]
    type_: NDArray[np.int8]
    battery: NDArray[np.int16]
    received_at: int

    def __len__(self) -> int:
        return len(self.vehicle_id)

    def text(self, index: int) -> str:
        """Return one reading as JSON, for a refusal."""
        reading = {
            "vehicle_id": self.vehicle_id[index][:128],
            "operator": (self.operator if isinstance(self.operator, str) else self.operator[index])[:128],
            "ts": int(self.ts[index]),
            "lat": float(self.lat[index]),
            "lon": float(self.lon[index]),
        }
        return codec.encode(reading).decode()


def decode(value: bytes, timestamp: int) -> Columns | BadFrame:
    """Decode one record. `timestamp` stands in for `received_at` where the record has none."""
    try:
        if value.lstrip()[:1] == b"[":
            return _from_rows(_rows.decode(value), timestamp)
        try:
            return _from_frame(codec.vehicle_frame.decode(value))
        except msgspec.ValidationError as error:
            if b'"received_at"' in value:
                return BadFrame(str(error), 1)
            return _from_rows([_row.decode(value)], timestamp)
    except (msgspec.DecodeError, RecursionError, OverflowError, ValueError, TypeError) as error:
        return BadFrame(str(error), 1)


def _from_frame(frame: VehicleFrame) -> Columns | BadFrame:
    n = len(frame.vehicle_id)
    if not EARLIEST_MS <= frame.received_at < END_MS:
        return BadFrame(
            f"received_at {frame.received_at}: milliseconds between 2001 and 2100 expected", max(1, n)
        )
    for name in frame.__struct_fields__:
        column: Any = getattr(frame, name)
        if isinstance(column, list) and len(column) != n:
            return BadFrame(f"column {name} has {len(column)} values, vehicle_id has {n}", max(1, n))
    return Columns(
        vehicle_id=frame.vehicle_id,
        operator=frame.operator,
        ts=np.fromiter(frame.ts, np.int64, n),
        lat=np.fromiter(frame.lat, np.float64, n),
        lon=np.fromiter(frame.lon, np.float64, n),
        state=column_codes(frame.vehicle_state, STATE_CODE, n),
        type_=column_codes(frame.vehicle_type, TYPE_CODE, n),
        battery=_battery(frame.battery_percent, n),
        received_at=frame.received_at,
    )


def _from_rows(rows: list[_Row], timestamp: int) -> Columns:
    n = len(rows)
    return Columns(
        vehicle_id=[row.vehicle_id for row in rows],
        operator=[row.operator for row in rows],
        ts=np.fromiter((row.ts for row in rows), np.int64, n),
        lat=np.fromiter((row.lat for row in rows), np.float64, n),
        lon=np.fromiter((row.lon for row in rows), np.float64, n),
        state=column_codes([row.vehicle_state for row in rows], STATE_CODE, n),
        type_=column_codes([row.vehicle_type for row in rows], TYPE_CODE, n),
        battery=_battery([row.battery_percent for row in rows], n),
        received_at=timestamp,
    )


def _battery(values: int | list[int | None] | None, n: int) -> NDArray[np.int16]:
    """Percent; a value outside 0..100 is one that is not known."""
    if not isinstance(values, list):
        known = values is not None and 0 <= values <= 100
        return np.full(n, values if known else UNKNOWN_BATTERY, np.int16)
    try:
        column = np.fromiter(values, np.int64, n)
    except (TypeError, OverflowError):
        column = np.array(
            [v if v is not None and 0 <= v <= 100 else UNKNOWN_BATTERY for v in values], np.int64
        )
    return np.where((column >= 0) & (column <= 100), column, UNKNOWN_BATTERY).astype(np.int16)


def why_unusable(reading: Mapping[str, Any] | np.void) -> tuple[Reason, str]:
    """Return reason and detail for a reading whose values are not within their ranges."""
    lat, lon, ts = float(reading["lat"]), float(reading["lon"]), int(reading["ts"])
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return "number_out_of_range", f"lat {lat}, lon {lon}: not finite"
    if abs(lat) > 90 or abs(lon) > 180:
        return "coordinate_out_of_range", f"lat {lat}, lon {lon}: beyond 90 or 180 degrees"
    if not EARLIEST_MS <= ts < END_MS:
        return "time_out_of_range", f"ts {ts}: milliseconds between 2001-09-09 and 2100-12-31 expected"
    return "wrong_type", "vehicle_state or vehicle_type is not one of MDS 2.0's"
