"""The kinds of partials that the grid sums."""

from collections.abc import Mapping
from typing import Any

from schemas.partials import FleetPartial, RequestsPartial, SensingPartial
from streams.grid.flows import FLEET
from streams.grid.kind import Kind
from streams.grid.metrics import SENSING
from streams.grid.requests import REQUESTS

KIND_OF: Mapping[type, Kind[Any, Any]] = {
    FleetPartial: FLEET,
    SensingPartial: SENSING,
    RequestsPartial: REQUESTS,
}
"""By the type of partial."""
KINDS: Mapping[str, Kind[Any, Any]] = {kind.name: kind for kind in KIND_OF.values()}
"""By name."""
