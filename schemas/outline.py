"""The outline of an area, as it stands in alerts and incidents."""

from typing import Literal

import msgspec


class Outline(msgspec.Struct, frozen=True):
    """GeoJSON (RFC 7946): polygons, rings, positions (longitude, latitude)."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[list[list[float]]]]
