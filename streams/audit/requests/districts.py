"""The district of a place: the first one in UB_DISTRICTS_FILE (GeoJSON, property `name`) that holds it."""

import json
from typing import Any

import polars as pl
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from streams.errors import CannotAudit


class Districts:
    """The districts of a GeoJSON document; of none there are none. CannotAudit where it is something else."""

    def __init__(self, document: str | None) -> None:
        try:
            features = json.loads(document)["features"] if document else []
            self._areas = [
                (feature["properties"]["name"], _sound(shape(feature["geometry"]))) for feature in features
            ]
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError, ShapelyError) as error:
            raise CannotAudit(
                f"UB_DISTRICTS_FILE: not a FeatureCollection of named areas ({type(error).__name__}: {error}); give "
                "the file that the workers ran with"
            ) from None

    def of(self, places: pl.DataFrame) -> pl.Series:
        """Return the name of the district for each row with lat and lon, null where there is none."""
        points = shapely.points(places["lon"].to_numpy(), places["lat"].to_numpy())
        names: list[str | None] = [None] * len(places)
        for name, area in reversed(self._areas):
            for at in shapely.intersects(area, points).nonzero()[0].tolist():
                names[at] = name
        return pl.Series(names, dtype=pl.String)


def _sound(area: Any) -> Any:
    """Return an outline without crossings, its parts together: they may overlap."""
    if area.is_valid:
        return area
    pieces = [
        piece for part in shapely.get_parts(area) for piece in shapely.get_parts(shapely.make_valid(part))
    ]
    return shapely.union_all([piece for piece in pieces if piece.area > 0])
