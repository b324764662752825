"""Districts of a city: which one holds a place.

UB_DISTRICTS_FILE is a GeoJSON FeatureCollection (RFC 7946: WGS-84 degrees, longitude first). Each feature is a Polygon
or MultiPolygon with the property `name`. A place on a border belongs to the district that stands first in the file.
"""

import json
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import shapely

from schemas.requests import MAX_NAME
from streams.errors import SettingsError
from streams.fold.outlines import POLYGONS, drawn, is_on_earth
from streams.printable import is_printable


class Districts:
    """Names and areas, in the order of the file."""

    def __init__(self, names: Sequence[str] = (), areas: Sequence[Any] = ()) -> None:
        self._names = list(names)
        self._areas = list(areas)
        shapely.prepare(self._areas)
        self._tree = shapely.STRtree(self._areas)

    @classmethod
    def parse(cls, document: str | None, source: str = "UB_DISTRICTS_FILE") -> Self:
        """Build the districts from a GeoJSON text (None: there are none); SettingsError names what is wrong.

        `source` is its name in errors.

        An outline that crosses itself is repaired where that leaves an area.
        """
        if document is None:
            return cls()
        try:
            collection = json.loads(document)
        except (ValueError, RecursionError) as error:  # also what a number of 5,000 digits gives
            why = error if document.strip() else "it is empty"
            raise SettingsError(
                f"{source}: not JSON ({why}); a GeoJSON FeatureCollection is expected"
            ) from None
        features = collection.get("features") if isinstance(collection, dict) else None
        if not isinstance(features, list) or collection.get("type") != "FeatureCollection":
            raise SettingsError(f"{source}: a GeoJSON FeatureCollection is expected")
        named = [_district(feature, f"{source}, feature {i}") for i, feature in enumerate(features)]
        return cls([name for name, _ in named], [area for _, area in named])

    @property
    def names(self) -> Sequence[str]:
        """All names, in the order of the file; one may stand there twice."""
        return self._names

    def of(self, lat: float, lon: float) -> str | None:
        """Return the name of the district that holds a place in degrees, or None."""
        return self.of_all([lat], [lon])[0]

    def of_all(self, lat: Sequence[float], lon: Sequence[float]) -> list[str | None]:
        """Return the name of the district that holds each of n places in degrees, None where none does."""
        if not self._areas:
            return [None] * len(lat)
        place, area = self._tree.query(shapely.points(lon, lat), predicate="intersects")
        first = np.full(len(lat), len(self._areas))
        np.minimum.at(first, place, area)
        return list(map([*self._names, None].__getitem__, first.tolist()))


def _district(feature: Any, where: str) -> tuple[str, Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(feature.get("geometry"), dict):
        raise SettingsError(f"{where}: a GeoJSON Feature with geometry and properties is expected")
    name = properties.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not is_printable(name):
        raise SettingsError(
            f"{where}: name is {name!r}; a text of 1 to {MAX_NAME} printable characters is expected"
        )
    return name, _area(feature["geometry"], f"{where} ({name})")


def _area(geometry: dict[str, Any], where: str) -> Any:
    if geometry.get("type") not in POLYGONS:
        raise SettingsError(
            f"{where}: geometry {geometry.get('type')!r}; Polygon or MultiPolygon is expected"
        )
    try:
        _, area = drawn(geometry)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}; correct the outline") from None
    if area.is_empty or not area.area > 0:
        raise SettingsError(f"{where}: the outline holds no area; correct it")
    if not is_on_earth(area):
        west, south, east, north = area.bounds
        raise SettingsError(
            f"{where}: the outline reaches from {west:g}, {south:g} to {east:g}, {north:g}; "
            "WGS-84 degrees, longitude first, are expected"
        )
    return area
