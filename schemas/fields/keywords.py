"""How a field is described, and the ranges that many fields share."""

from collections.abc import Mapping
from typing import Any

from schemas.limits import EARLIEST_MS, END_MS, NULL_ISLAND_DEG
from schemas.vehicles import ID_PATTERN

Keywords = dict[str, Any]
"""JSON Schema keywords. `description` goes to the field, the others to its values (a column's items)."""
Structs = Mapping[str, Mapping[str, Keywords]]
"""The fields of structs, by the names of both."""


def field(description: str, **values: Any) -> Keywords:
    """Return what is said of one field."""
    return {"description": description, **values}


ID = {"pattern": ID_PATTERN}
CELL = {"pattern": "^[0-9a-f]{15}$"}
LAT = {"minimum": -90, "maximum": 90}
LON = {"minimum": -180, "maximum": 180}
TS = {"minimum": EARLIEST_MS, "exclusiveMaximum": END_MS}
PERCENT = {"minimum": 0, "maximum": 100}
COUNT = {"minimum": 0}
SHARE = {"minimum": 0, "maximum": 1}

NO_NULL_ISLAND: Keywords = {
    "$comment": "A device without a fix reports 0,0, or close to it.",
    "properties": {
        name: {"type": "number", "exclusiveMinimum": -NULL_ISLAND_DEG, "exclusiveMaximum": NULL_ISLAND_DEG}
        for name in ("lat", "lon")
    },
    "required": ["lat", "lon"],
}
"""For `not`: what a position must not be."""
