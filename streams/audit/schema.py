"""The tables that an audit compares: their keys and columns. Left out are as_of, revision, newest_at and updated_at:
they tell of processing, not of the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

import polars as pl

_I, _F, _S = pl.Int64(), pl.Float64(), pl.String()
_MS: LiteralString = "(extract(epoch FROM {0}) * 1000)::bigint AS {0}"


@dataclass(frozen=True, slots=True)
class Table:
    """What of a table is compared; `times` are read as milliseconds since the epoch."""

    name: LiteralString
    key: tuple[LiteralString, ...]
    values: Mapping[LiteralString, pl.DataType]
    key_types: tuple[pl.DataType, ...]
    times: tuple[LiteralString, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """All columns with their types."""
        return {**dict(zip(self.key, self.key_types, strict=True)), **self.values}

    @property
    def query(self) -> LiteralString:
        """Return the COPY statement."""
        names: list[LiteralString] = [*self.key, *self.values]
        columns: list[LiteralString] = [_MS.format(n) if n in self.times else n for n in names]
        selected = ", ".join(columns)
        return "COPY (SELECT " + selected + " FROM ub." + self.name + ") TO STDOUT (FORMAT csv)"  # noqa: S608 - literals


_COUNTS = ("available", "non_operational", "reserved", "on_trip", "non_contactable", "occupancy")
_LEDGER = ("received", "applied", "superseded", "rejected")
_FLOWS = ("readings", "arrivals", "departures", "occupancy")
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
        Table("rejected_count", ("partition", "topic", "reason"), {"count": _I}, (_I, _S, _S)),
    )
}
