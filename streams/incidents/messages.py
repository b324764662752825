"""Messages of ub.cells as they are read here: of each only what decides something."""

from collections.abc import Iterator

import msgspec

from schemas.cells import CellsEdges, CellsHealth, CellsNow, CellsVehicles


class MetricRows(msgspec.Struct, frozen=True):
    """The columns of ClosedMetrics that decide something here."""

    window_start: list[int]
    cell: list[str]
    metric: list[str]
    unit: list[str]
    mean: list[float]
    least: list[float]
    most: list[float]
    revision: list[int]


class Metrics(msgspec.Struct, frozen=True, tag="metrics"):
    """Closed windows of metrics."""

    region: str
    watermark: int
    window_ms: int
    rows: MetricRows
    owner: int = 0


class FlowRows(msgspec.Struct, frozen=True):
    """The columns of ClosedWindows that decide something here."""

    window_start: list[int]
    cell: list[str]
    operator: list[str]
    readings: list[int]
    arrivals: list[int]
    departures: list[int]
    occupancy: list[int]
    revision: list[int]


class Windows(msgspec.Struct, frozen=True, tag="window"):
    """Closed windows of the fleet."""

    region: str
    watermark: int
    window_ms: int
    rows: FlowRows
    owner: int = 0


class RequestRows(msgspec.Struct, frozen=True):
    """The columns of ClosedRequests that decide something here."""

    window_start: list[int]
    cell: list[str]
    service_code: list[str]
    opened: list[int]
    closed: list[int]
    reopened: list[int]
    rated: list[int]


class Requests(msgspec.Struct, frozen=True, tag="requests"):
    """Closed windows of citizens' requests."""

    region: str
    watermark: int
    window_ms: int
    rows: RequestRows
    owner: int = 0


def time_of(message: object) -> tuple[str, int] | None:
    """Return the region of a message and the event time that it reached; None where it does not say."""
    region, at = (
        getattr(message, "region", None),
        getattr(message, "as_of", getattr(message, "watermark", None)),
    )
    return None if region is None or at is None else (region, at)


def times_of_others(message: object) -> Iterator[tuple[type, int]]:
    """Yield the kinds of messages that may not come any more, each with the event time of its stream."""
    if not isinstance(message, CellsHealth):
        return
    yield Windows, message.fleet_as_of
    if message.requests_as_of is not None:
        yield Requests, message.requests_as_of
    if message.metrics_as_of is not None:
        yield Metrics, message.metrics_as_of


decoder = msgspec.json.Decoder(
    CellsNow | Metrics | Windows | Requests | CellsVehicles | CellsEdges | CellsHealth
)
