"""The tables that an audit compares: their keys and columns. Left out are as_of, revision, newest_at and updated_at
of the ledger: they tell of processing, not of the log. Left out is request.events, which only the fold reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import polars as pl

_I, _F, _S, _B = pl.Int64(), pl.Float64(), pl.String(), pl.Boolean()
_MS: LiteralString = "(extract(epoch FROM {0}) * 1000)::bigint AS {0}"


@dataclass(frozen=True, slots=True)
class Table:
    """What of a table is compared.

    times  are read as milliseconds since the epoch
    near   are computed: sums and quotients of floating point, equal to within 1e-9 of the value
    """

    name: LiteralString
    key: tuple[LiteralString, ...]
    values: Mapping[LiteralString, pl.DataType]
    key_types: tuple[pl.DataType, ...]
    times: tuple[LiteralString, ...] = ()
    near: tuple[LiteralString, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """All columns with their types."""
        return {**dict(zip(self.key, self.key_types, strict=True)), **self.values}

    @property
    def query(self) -> LiteralString:
        """Return the COPY statement."""
        names: list[LiteralString] = [*self.key, *self.values]
        selected = ", ".join([self._column(name) for name in names])
        return "COPY (SELECT " + selected + " FROM ub." + self.name + ") TO STDOUT (FORMAT csv)"  # noqa: S608 - literals

    def _column(self, name: LiteralString) -> LiteralString:
        if name in self.times:
            return _MS.format(name)
        if self.values.get(name) == pl.Boolean():  # COPY would say t and f
            return name + "::text"
        return name


def stacked(table: Table, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all frames, with the columns of a table."""
    nothing = pl.DataFrame(schema=table.schema)
    return pl.concat([nothing, *(frame.select(nothing.columns).cast(table.schema) for frame in frames)])  # type: ignore[arg-type]


_COUNTS = ("available", "non_operational", "reserved", "on_trip", "non_contactable", "occupancy")
_LEDGER = ("received", "applied", "superseded", "rejected")
_FLOWS = ("readings", "arrivals", "departures", "occupancy")
_MEASURED = ("total", "mean", "least", "most", "stddev", "median", "p95")
TABLES = {
    table.name: table
    for table in (
        Table("ledger", ("stage", "topic", "partition"), dict.fromkeys(_LEDGER, _I), (_S, _S, _I)),
        Table(
            "vehicle_state",
            ("vehicle_id",),
            {
                "operator": _S,
                "partition": _I,
                "ts": _I,
                "lat": _F,
                "lon": _F,
                "cell": _I,
                "settled_cell": _I,
                "vehicle_state": _S,
                "vehicle_type": _S,
                "battery_percent": _I,
                "received_at": _I,
            },
            (_S,),
            ("ts", "received_at"),
        ),
        Table(
            "vehicle_event",
            ("vehicle_id", "event_type", "at"),
            {"operator": _S, "vehicle_state": _S, "last_ts": _I, "lat": _F, "lon": _F, "cell": _I},
            (_S, _S, _I),
            ("at", "last_ts"),
        ),
        Table("cell_now", ("cell", "operator"), {"region": _S, **dict.fromkeys(_COUNTS, _I)}, (_I, _S)),
        Table(
            "cell_window",
            ("window_start", "window_s", "cell", "operator"),
            {"region": _S, **dict.fromkeys(_FLOWS, _I)},
            (_I, _I, _I, _S),
            ("window_start",),
        ),
        Table(
            "sensor_state",
            ("sensor_id", "metric"),
            {
                "kind": _S,
                "owner": _S,
                "partition": _I,
                "ts": _I,
                "value": _F,
                "unit": _S,
                "status": _S,
                "lat": _F,
                "lon": _F,
                "cell": _I,
                "received_at": _I,
            },
            (_S, _S),
            ("ts", "received_at"),
            near=("value",),
        ),
        Table(
            "sensor_window",
            ("window_start", "window_s", "cell", "metric"),
            {
                "unit": _S,
                "region": _S,
                "readings": _I,
                **dict.fromkeys(_MEASURED, _F),
                "bins": _S,
                "bin_counts": _S,
            },
            (_I, _I, _I, _S),
            ("window_start",),
            near=_MEASURED,
        ),
        Table(
            "request",
            ("service_request_id",),
            {
                "owner": _S,
                "partition": _I,
                "status": _S,
                "service_code": _S,
                "agency_responsible": _S,
                "district": _S,
                "description": _S,
                "address": _S,
                "lat": _F,
                "lon": _F,
                "cell": _I,
                "opened_at": _I,
                "first_opened_at": _I,
                "updated_at": _I,
                "closed_at": _I,
                "expected_datetime": _I,
                "reopened": _I,
                "satisfaction": _I,
                "resolved": _B,
                "rated_at": _I,
            },
            (_S,),
            ("opened_at", "first_opened_at", "updated_at", "closed_at", "expected_datetime", "rated_at"),
        ),
        Table(
            "request_window",
            ("window_start", "window_s", "cell", "service_code"),
            {
                "region": _S,
                **dict.fromkeys(("opened", "closed", "reopened", "open_now", "overdue"), _I),
                **dict.fromkeys(("resolution_rate", "median_s"), _F),
                "rated": _I,
                **dict.fromkeys(("resolved_rate", "satisfaction"), _F),
            },
            (_I, _I, _I, _S),
            ("window_start",),
            near=("resolution_rate", "median_s", "resolved_rate", "satisfaction"),
        ),
        Table("rejected_count", ("partition", "topic", "reason"), {"count": _I}, (_I, _S, _S)),
    )
}
WINDOWS = frozenset({"cell_window", "sensor_window", "request_window"})
"""Window tables; see windows.py."""
