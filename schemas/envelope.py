"""CloudEvents 1.0 envelope in the Kafka binary binding: attributes as `ce_*` headers.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from datetime import UTC, datetime

Headers = list[tuple[str, bytes]]

VEHICLE_FRAME = "ub.vehicles.frame.v1"
SENSOR_FRAME = "ub.sensors.frame.v1"
REQUEST_FRAME = "ub.requests.frame.v1"
VEHICLE_EVENT = "ub.vehicle_event.v1"
FLEET_PARTIAL = "ub.partials.fleet.v1"
SENSING_PARTIAL = "ub.partials.sensing.v1"
REQUESTS_PARTIAL = "ub.partials.requests.v1"
CELLS_NOW = "ub.cells.now.v1"
CELLS_WINDOW = "ub.cells.window.v1"
CELLS_METRICS = "ub.cells.metrics.v1"
CELLS_REQUESTS = "ub.cells.requests.v1"
CELLS_VEHICLES = "ub.cells.vehicles.v1"
CELLS_EDGES = "ub.cells.edges.v1"
CELLS_HEALTH = "ub.cells.health.v1"
ALERT = "ub.alert.v1"
ALERT_ACTION = "ub.alert_action.v1"
INCIDENT = "ub.incident.v1"
REJECTED = "ub.rejected.v1"


def headers(*, type_: str, source: str, id_: str, time_ms: int) -> Headers:
    """Return the CloudEvents headers of one record; `time_ms` is milliseconds since the epoch."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_type", type_.encode()),
        ("ce_source", source.encode()),
        ("ce_time", moment.replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    ]
