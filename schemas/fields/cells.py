"""Cell aggregates."""

from collections.abc import Mapping

from schemas.fields.keywords import CELL, COUNT, ID, LAT, LON, PERCENT, SHARE, Keywords, Structs, field

_OWNER = field(
    "Grows with each owner of the region. Ignore what is of a lower one than the region's greatest: it was on its way "
    "when its worker was stopped, and is out of date. 0: a version that did not say; it counts.",
    **COUNT,
)
_WINDOWS: Mapping[str, Keywords] = {
    "type": field("Tells this message from the others on the same topic."),
    "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
    "watermark": field(
        "Event time before which windows of the region are closed and were told, with this message at the latest."
    ),
    "window_ms": field("Length of a window, milliseconds.", minimum=1),
    "rows": field("Rows of windows that closed or were amended."),
    "owner": _OWNER,
}
_START = "Column: start of the window, milliseconds since the epoch, UTC."
_REVISION = "Column: 0 when the window closed, more when it was amended; the row that stands last in the topic counts."

FIELDS: Structs = {
    "CellsNow": {
        "type": field("Tells this message from the others on the same topic."),
        "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
        "as_of": field(
            "Event time to which all active sources have reported, milliseconds since the epoch, UTC."
        ),
        "watermark": field("Event time up to which windows of the region may close; 0 before the first."),
        "counts": field("Live counts that changed, absolute; those not named are as they were."),
        "owner": _OWNER,
        "more": field(
            "Whether the next of these messages of the region belongs to the same look: judge after the last."
        ),
        "ahead": field(
            "Later than as_of while sources are far apart: until all have come there, counts are of several times."
        ),
    },
    "CellsHealth": {
        "type": field("Tells this message from the others on the same topic."),
        "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
        "as_of": field(
            "Event time by which silence of sensors is judged, milliseconds since the epoch, UTC."
        ),
        "fleet_as_of": field("Event time by which silence of vehicles is judged."),
        "requests_as_of": field(
            "Event time by which silence of citizens' requests is judged; null where there are none."
        ),
        "metrics_as_of": field(
            "Event time up to which windows of sensors are whole: all who spoke lately have told theirs; null where "
            "there are none."
        ),
        "source": field("Partition of ub.sensors that speaks; -1: none, only time went on.", minimum=-1),
        "generation": field("Grows when ub.sensors was rebuilt and its offsets began anew.", **COUNT),
        "offset": field("Offset of ub.sensors up to which it holds; -1 before the first.", minimum=-1),
        "sensors": field("What is new of sensors; null: nothing."),
        "owner": _OWNER,
    },
    "CellsWindow": _WINDOWS,
    "CellsMetrics": _WINDOWS,
    "CellsRequests": _WINDOWS,
    "ClosedWindows": {
        "window_start": field(_START),
        "cell": field("Column: H3 cell.", **CELL),
        "operator": field("Column: operator.", **ID),
        "readings": field("Column: positions with ts in the window, each (vehicle, ts) once.", **COUNT),
        "arrivals": field("Column: vehicles that came to stand in the cell.", **COUNT),
        "departures": field("Column: vehicles that stopped standing in the cell.", **COUNT),
        "occupancy": field("Column: vehicles that stood in the cell at the window's end."),
        "revision": field(_REVISION, **COUNT),
    },
    "ClosedMetrics": {
        "window_start": field(_START),
        "cell": field("Column: H3 cell.", **CELL),
        "metric": field("Column: metric (schemas/metrics.py)."),
        "unit": field("Column: the metric's canonical unit, a UCUM code; the values are in it."),
        "readings": field("Column: distinct readings with ts in the window.", minimum=1),
        "total": field("Column: their sum."),
        "mean": field("Column: their mean."),
        "least": field("Column: the least of them."),
        "most": field("Column: the greatest of them."),
        "stddev": field("Column: their standard deviation as of a sample; null for one reading.", **COUNT),
        "median": field("Column: their median, within 1 % of the value."),
        "p95": field("Column: their 95th percentile, within 1 % of the value."),
        "bins": field("Column: buckets of the quantile sketch that are not empty, ascending."),
        "bin_counts": field(
            "Column: how many values each of them holds; sketches add bucket by bucket.", minimum=1
        ),
        "revision": field(_REVISION, **COUNT),
    },
    "ClosedRequests": {
        "window_start": field(_START),
        "cell": field("Column: H3 cell.", **CELL),
        "service_code": field("Column: category."),
        "opened": field("Column: requests opened for the first time.", **COUNT),
        "closed": field("Column: requests closed.", **COUNT),
        "reopened": field("Column: requests opened again.", **COUNT),
        "open_now": field("Column: requests open at the window's end.", **COUNT),
        "overdue": field("Column: those of them that are past their expected_datetime.", **COUNT),
        "resolution_rate": field("Column: closed / (closed + open_now); null where both are 0.", **SHARE),
        "median_s": field(
            "Column: median time from opening to closing, seconds; null where none closed.", **COUNT
        ),
        "rated": field("Column: ratings given.", **COUNT),
        "resolved_rate": field(
            "Column: share of those asked who say that it was resolved; null: none asked.", **SHARE
        ),
        "satisfaction": field("Column: mean satisfaction; null where none was asked.", minimum=1, maximum=5),
        "revision": field(_REVISION, **COUNT),
    },
    "CellsVehicles": {
        "type": field("Tells this message from the others on the same topic."),
        "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
        "source": field("Partition of ub.vehicles.", **COUNT),
        "generation": field("Grows when ub.vehicles was rebuilt and its offsets began again at 0.", **COUNT),
        "ground": field("Version of the areas that the source looks for; empty: none."),
        "complete": field(
            "Whether all its vehicles that stand in areas here were told by now, since the areas changed."
        ),
        "news": field("Vehicles that passed a line that is watched."),
        "moves": field("Moves that no vehicle makes."),
        "speeds": field("Moves that rules on speed may be about; null: none."),
        "trips": field("Trips that began where rules ask about them; null: none."),
        "trips_since": field(
            "From when on all such trips are told; with each new policy and once an hour of event time, else null."
        ),
    },
    "VehicleNews": {
        "offset": field(
            "Column: record of ub.vehicles that says so; null: none does, the vehicle is missing.", **COUNT
        ),
        "vehicle_id": field("Column: vehicle.", **ID),
        "operator": field("Column: its operator.", **ID),
        "vehicle_type": field("Column: its type (MDS)."),
        "ts": field("Column: since when, milliseconds since the epoch, UTC."),
        "cell": field("Column: H3 cell.", **CELL),
        "vehicle_state": field("Column: its state (MDS); `elsewhere`: it left the region, from `cell`."),
        "battery_percent": field("Column: charge; null where it is not known.", **PERCENT),
        "areas": field("Column: ids of the areas that it stands in, of those that rules speak of."),
    },
    "CellsEdges": {
        "type": field("Tells this message from the others on the same topic."),
        "region": field("H3 cell, a coarse parent: the region that all cells of this record lie in.", **CELL),
        "source": field("Partition of ub.vehicles.", **COUNT),
        "generation": field("Grows when ub.vehicles was rebuilt and its offsets began again at 0.", **COUNT),
        "offset": field("Offset of ub.vehicles up to which it holds; -1 before the first.", minimum=-1),
        "owner": field("Grows with each owner of the partition.", **COUNT),
        "change": field("How often this owner has taken other areas.", **COUNT),
        "ground": field("Version of the areas that the source looks for; empty: none."),
        "counts": field("Live counts that changed, absolute; those not named are as they were."),
    },
    "EdgeCounts": {
        "cell": field("Column: H3 cell.", **CELL),
        "operator": field("Column: operator.", **ID),
        "inside": field("Column: ids of the areas that these vehicles are in."),
        "outside": field(
            "Column: ids of those that they are not in, of the areas on whose edge the cell is."
        ),
        "available": field("Column: vehicles that are available.", **COUNT),
        "non_operational": field("Column: vehicles that are non_operational.", **COUNT),
        "reserved": field("Column: vehicles that are reserved.", **COUNT),
        "on_trip": field("Column: vehicles that are on_trip.", **COUNT),
        "non_contactable": field("Column: vehicles that are non_contactable.", **COUNT),
        "vehicle_type": field(
            "Column: their type (MDS); null: vehicles of all types. Null as a whole: no row is of one type."
        ),
    },
    "VehicleMoves": {
        "offset": field("Column: record of ub.vehicles with the later reading.", **COUNT),
        "vehicle_id": field("Column: vehicle.", **ID),
        "operator": field("Column: its operator.", **ID),
        "vehicle_type": field("Column: its type (MDS)."),
        "cell": field("Column: H3 cell of the later reading, or of the earlier one.", **CELL),
        "from_ts": field("Column: time of the earlier reading, milliseconds since the epoch, UTC."),
        "from_lat": field("Column: its latitude, WGS-84 degrees.", **LAT),
        "from_lon": field("Column: its longitude, WGS-84 degrees.", **LON),
        "ts": field("Column: time of the later reading, milliseconds since the epoch, UTC."),
        "lat": field("Column: its latitude, WGS-84 degrees.", **LAT),
        "lon": field("Column: its longitude, WGS-84 degrees.", **LON),
        "metres": field("Column: great-circle distance between them.", **COUNT),
        "limit_kmh": field("Column: speed that such a vehicle can have.", **COUNT),
    },
    "VehicleTrips": {
        "offset": field("Column: record of ub.vehicles with the first reading of the trip.", **COUNT),
        "operator": field("Column: operator of the vehicle.", **ID),
        "cell": field("Column: H3 cell in which it stood before.", **CELL),
        "ts": field("Column: time of that reading, milliseconds since the epoch, UTC."),
    },
    "TripsSince": {
        "area": field(
            "Column: id of a set of cells that rules ask about; those not named are asked about no more."
        ),
        "since": field(
            "Column: event time after which all trips that begin there are told, milliseconds since the epoch, UTC; "
            "0: all.",
            **COUNT,
        ),
    },
    "VehicleSpeeds": {
        "offset": field("Column: record of ub.vehicles with the later reading.", **COUNT),
        "vehicle_id": field("Column: vehicle.", **ID),
        "operator": field("Column: its operator.", **ID),
        "vehicle_type": field("Column: its type (MDS)."),
        "cell": field("Column: H3 cell of the later reading.", **CELL),
        "from_ts": field("Column: time of the earlier reading, milliseconds since the epoch, UTC."),
        "from_lat": field("Column: its latitude, WGS-84 degrees.", **LAT),
        "from_lon": field("Column: its longitude, WGS-84 degrees.", **LON),
        "from_state": field("Column: the vehicle's state then (MDS)."),
        "from_areas": field("Column: ids of the areas that it was in then, of those with speed limits."),
        "ts": field("Column: time of the later reading, milliseconds since the epoch, UTC."),
        "lat": field("Column: its latitude, WGS-84 degrees.", **LAT),
        "lon": field("Column: its longitude, WGS-84 degrees.", **LON),
        "vehicle_state": field("Column: the vehicle's state then (MDS)."),
        "areas": field("Column: ids of the areas that it was in then."),
        "metres": field("Column: great-circle distance between them.", **COUNT),
        "kmh": field(
            "Column: speed that it takes at the least, less what GPS may err, kilometres an hour.", **COUNT
        ),
    },
}
