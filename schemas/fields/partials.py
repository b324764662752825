"""What the source stages tell the grid stage."""

from collections.abc import Mapping

from schemas.fields.keywords import CELL, COUNT, ID, Keywords, Structs, field


def _head(topic: str) -> Mapping[str, Keywords]:
    """Say what the partials of all stages have in common."""
    return {
        "type": field("Tells this message from those of the other stages on the same topic."),
        "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
        "source": field(f"Partition of {topic} that speaks.", **COUNT),
        "sources": field(f"Number of partitions of {topic}.", minimum=1),
        "generation": field(f"Grows when {topic} was rebuilt and its offsets began anew.", **COUNT),
        "offset": field(f"Offset of {topic} up to which the counts hold; -1 before the first.", minimum=-1),
        "newest_ts": field(
            "Newest event time of the source, milliseconds since the epoch; 0 before the first."
        ),
        "watermark": field("Event time up to which the source has told its windows; 0 before the first."),
        "window_ms": field("Length of a window, milliseconds.", minimum=1),
    }


_MILLIONTHS = "millionths of the metric's canonical unit"
_BINS = "Column: buckets of the quantile sketch that are not empty, ascending (streams/fold/sketch.py)."
_BIN_COUNTS = "Column: how many values each of them holds."
_START = "Column: start of the window, milliseconds since the epoch, UTC."

FIELDS: Structs = {
    "FleetPartial": {
        **_head("ub.vehicles"),
        "now": field("Live counts that changed."),
        "windows": field("Window counts that changed."),
        "provisional": field(
            "Whether windows count what earlier readings may still follow, as none came for a while: of two words of "
            "one offset on a window this one counts."
        ),
        "more": field("Whether the next partial of this source in the region goes on with the same moment."),
    },
    "SensingPartial": {
        **_head("ub.sensors"),
        "windows": field("Windows of metrics that changed."),
        "health": field("Sensors of which there is news; null: none."),
    },
    "SensorHealth": {
        "sensor_id": field("Column: sensor.", **ID),
        "metric": field("Column: metric (schemas/metrics.py)."),
        "owner": field("Column: who publishes it.", **ID),
        "cell": field("Column: H3 cell of its newest reading.", **CELL),
        "last_ts": field(
            "Column: newest event time heard of, readings out of range included; 0: the row is no more."
        ),
        "expected_ms": field("Column: usual gap between its readings, learned; 0: not yet known.", **COUNT),
        "patience_ms": field("Column: how long a silence is not unusual; 0: not yet known.", **COUNT),
        "value": field("Column: its newest value, in the metric's canonical unit."),
        "repeated": field("Column: readings in a row with that value.", **COUNT),
        "repeated_before": field("Column: the longest such row before.", **COUNT),
        "stuck_since": field("Column: event time since which it is stuck; 0: it is not.", **COUNT),
        "refused": field("Column: readings out of range of late.", **COUNT),
        "refused_since": field("Column: event time since which it is broken; 0: it is not.", **COUNT),
        "period": field(
            "Column: start of the newest 20 minutes that are over, milliseconds since the epoch; 0: none.",
            **COUNT,
        ),
        "mean": field("Column: mean of its readings in them; 0: none."),
    },
    "RequestsPartial": {**_head("ub.requests"), "windows": field("Windows of requests that changed.")},
    "SlotCounts": {
        "cell": field("Column: H3 cell.", **CELL),
        "operator": field("Column: operator.", **ID),
        "available": field("Column: vehicles that are available.", **COUNT),
        "non_operational": field("Column: vehicles that are non_operational.", **COUNT),
        "reserved": field("Column: vehicles that are reserved.", **COUNT),
        "on_trip": field("Column: vehicles that are on_trip; they do not stand in the cell.", **COUNT),
        "non_contactable": field("Column: vehicles that are non_contactable.", **COUNT),
    },
    "WindowCounts": {
        "window_start": field("Column: start of the window, milliseconds since the epoch, UTC."),
        "cell": field("Column: H3 cell.", **CELL),
        "operator": field("Column: operator.", **ID),
        "readings": field("Column: positions with ts in the window, each (vehicle, ts) once.", **COUNT),
        "arrivals": field("Column: vehicles that came to stand in the cell.", **COUNT),
        "departures": field("Column: vehicles that stopped standing in the cell.", **COUNT),
    },
    "MetricCounts": {
        "window_start": field(_START),
        "cell": field("Column: H3 cell.", **CELL),
        "metric": field("Column: metric."),
        "readings": field("Column: distinct readings with ts in the window.", minimum=1),
        "total": field(f"Column: their sum, {_MILLIONTHS}."),
        "square_aa": field(
            "Column: sum of a·a, where a value is a·2^20 + b millionths, 0 <= b < 2^20.", **COUNT
        ),
        "square_ab": field("Column: sum of a·b."),
        "square_bb": field("Column: sum of b·b.", **COUNT),
        "least": field(f"Column: the least of them, {_MILLIONTHS}."),
        "most": field(f"Column: the greatest of them, {_MILLIONTHS}."),
        "bins": field(_BINS),
        "bin_counts": field(_BIN_COUNTS, minimum=1),
    },
    "RequestCounts": {
        "window_start": field(_START),
        "cell": field("Column: H3 cell.", **CELL),
        "service_code": field("Column: category."),
        "opened": field("Column: requests opened for the first time.", **COUNT),
        "closed": field("Column: requests closed.", **COUNT),
        "reopened": field("Column: requests opened again.", **COUNT),
        "open_change": field("Column: by how many the open requests grew, moves between cells included."),
        "overdue_change": field("Column: by how many the open requests past their expected_datetime grew."),
        "rated": field("Column: ratings given.", **COUNT),
        "asked_resolved": field("Column: ratings that say whether it was resolved.", **COUNT),
        "resolved": field("Column: those that say yes.", **COUNT),
        "asked_satisfied": field("Column: ratings that say how satisfied the citizen is.", **COUNT),
        "satisfied_sum": field("Column: the sum of their satisfaction, 1 to 5 each.", **COUNT),
        "bins": field(_BINS),
        "bin_counts": field(_BIN_COUNTS, minimum=1),
    },
}
