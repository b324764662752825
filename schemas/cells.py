"""What Kafka `ub.cells` tells the incidents stage and other services of a region.

Cell aggregates come from the grid stage, news of single vehicles from the fleet stage. What the grid stage tells says
by whom: `owner` grows with each owner of the region. What a former one had on its way has a lower number, and is to be
ignored: all that it knew its successor tells anew. 0: by a version that did not say.
"""

import msgspec

from schemas.partials import SensorHealth, SlotCounts


class CellsNow(msgspec.Struct, frozen=True, tag="now"):
    """Live occupancy of the (cell, operator) pairs that changed, summed over all sources.

    `as_of` is the event time to which all active sources have reported (their least newest_ts).
    `more`: the next of these messages of the region belongs to the same look; before it nothing is to be judged.
    `ahead` is later than `as_of` while sources are far apart, as those of a backlog that are read one after the other:
    until all have come there counts are of several times, and nothing is to be judged. Else it is `as_of`, or 0 by a
    version that did not say.
    """

    region: str
    as_of: int
    watermark: int
    counts: SlotCounts
    owner: int = 0
    more: bool = False
    ahead: int = 0

    @property
    def of_several_times(self) -> bool:
        """Whether the counts are of several times, and nothing is to be judged by them."""
        return self.ahead > self.as_of


class ClosedWindows(msgspec.Struct, frozen=True):
    """Closed windows, columns of equal length: one row per (window_start, cell, operator).

    `occupancy` is the number of vehicles standing in the cell at the window's end;
    `revision` is 0 when the window closed and grows by one each time late data amended the row.
    """

    window_start: list[int]
    cell: list[str]
    operator: list[str]
    readings: list[int]
    arrivals: list[int]
    departures: list[int]
    occupancy: list[int]
    revision: list[int]


class CellsWindow(msgspec.Struct, frozen=True, tag="window"):
    """Windows that closed or were amended."""

    region: str
    watermark: int
    window_ms: int
    rows: ClosedWindows
    owner: int = 0


class ClosedMetrics(msgspec.Struct, frozen=True):
    """Closed windows of metrics, columns of equal length: one row per (window_start, cell, metric).

    Values are in the metric's canonical unit. `stddev` is that of a sample, null for one reading; `median` and `p95`
    come from the sketch, to within 1 % of the value. `bins` and `bin_counts` are that sketch, for merging windows.
    """

    window_start: list[int]
    cell: list[str]
    metric: list[str]
    unit: list[str]
    readings: list[int]
    total: list[float]
    mean: list[float]
    least: list[float]
    most: list[float]
    stddev: list[float | None]
    median: list[float]
    p95: list[float]
    bins: list[list[int]]
    bin_counts: list[list[int]]
    revision: list[int]


class CellsMetrics(msgspec.Struct, frozen=True, tag="metrics"):
    """Windows of metrics that closed or were amended."""

    region: str
    watermark: int
    window_ms: int
    rows: ClosedMetrics
    owner: int = 0


class ClosedRequests(msgspec.Struct, frozen=True):
    """Closed windows of citizens' requests, columns of equal length: one row per (window_start, cell, service_code).

    `open_now` and `overdue` hold at the window's end. `resolution_rate` is closed / (closed + open_now), `median_s` the
    median time to close in seconds, `satisfaction` the mean rating 1..5, `resolved_rate` the share of those asked who
    said that it was resolved; null where there is nothing to divide.
    """

    window_start: list[int]
    cell: list[str]
    service_code: list[str]
    opened: list[int]
    closed: list[int]
    reopened: list[int]
    open_now: list[int]
    overdue: list[int]
    resolution_rate: list[float | None]
    median_s: list[float | None]
    rated: list[int]
    resolved_rate: list[float | None]
    satisfaction: list[float | None]
    revision: list[int]


class CellsRequests(msgspec.Struct, frozen=True, tag="requests"):
    """Windows of citizens' requests that closed or were amended."""

    region: str
    watermark: int
    window_ms: int
    rows: ClosedRequests
    owner: int = 0


class VehicleNews(msgspec.Struct, frozen=True):
    """Vehicles that passed a line that somebody watches, columns of equal length, in the order of their log.

    A row says all that counts of its vehicle as of `ts`. `areas` are ids of those that it stands in, of the areas that
    rules speak of. `offset` is the record of ub.vehicles that says so; null where no reading does: of a vehicle that is
    missing, and of all that stand in areas when these have changed. A vehicle that left the region is `elsewhere`
    there, in the cell that it left.
    """

    offset: list[int | None]
    vehicle_id: list[str]
    operator: list[str]
    vehicle_type: list[str]
    ts: list[int]
    cell: list[str]
    vehicle_state: list[str]
    battery_percent: list[int | None]
    areas: list[list[str]]


class VehicleMoves(msgspec.Struct, frozen=True):
    """Moves of vehicles faster than they can be, columns of equal length, in the order of their log.

    From (from_lat, from_lon) at `from_ts` to (lat, lon) at `ts`, successive readings. `cell` is where the vehicle is
    now, or came from where that lies in the region of this message and the former does not.
    """

    offset: list[int]
    vehicle_id: list[str]
    operator: list[str]
    vehicle_type: list[str]
    cell: list[str]
    from_ts: list[int]
    from_lat: list[float]
    from_lon: list[float]
    ts: list[int]
    lat: list[float]
    lon: list[float]
    metres: list[float]
    limit_kmh: list[float]


class VehicleSpeeds(msgspec.Struct, frozen=True):
    """Moves faster than the areas with speed limits allow that the vehicle was in, columns of equal length.

    In the order of their log. From (from_lat, from_lon) in `from_areas` at `from_ts` to (lat, lon) in `areas` at `ts`,
    successive readings. `kmh` is what the distance takes at the least: `metres` less what GPS may err. Rules decide
    whether it is too fast; no rule allows less than what is told here.
    """

    offset: list[int]
    vehicle_id: list[str]
    operator: list[str]
    vehicle_type: list[str]
    cell: list[str]
    from_ts: list[int]
    from_lat: list[float]
    from_lon: list[float]
    from_state: list[str]
    from_areas: list[list[str]]
    ts: list[int]
    lat: list[float]
    lon: list[float]
    vehicle_state: list[str]
    areas: list[list[str]]
    metres: list[float]
    kmh: list[float]


class VehicleTrips(msgspec.Struct, frozen=True):
    """Trips that began in cells that rules ask about, columns of equal length, in the order of their log.

    A vehicle that stood (available, non_operational, reserved) is on a trip with its next reading, at `ts`. `cell` is
    where it stood.
    """

    offset: list[int]
    operator: list[str]
    cell: list[str]
    ts: list[int]


class TripsSince(msgspec.Struct, frozen=True):
    """From when on all trips that begin in an area are told, columns of equal length: after `since`, by event time.

    `area` is the id of a set of cells that rules ask about. Who was not asked before has not told the trips up to then.
    """

    area: list[str]
    since: list[int]


class CellsVehicles(msgspec.Struct, frozen=True, tag="vehicles"):
    """News of single vehicles of one partition of ub.vehicles (`source`) within one region.

    Rows of a source come in the order of (generation, offset), and all rows of a region and record in one message: who
    has seen (generation, offset) of a source in a region ignores all rows up to there, so repeats change nothing.
    `ground` is the version of the areas that the source looks for; `complete`: no other vehicles of the source stand in
    them in the region than those told with this version, up to this message. `speeds` and `trips` are null where
    there are none. `trips_since` names all areas that the source is asked about, with each new policy and once an hour
    of event time; else it is null.
    """

    region: str
    source: int
    generation: int
    ground: str
    complete: bool
    news: VehicleNews
    moves: VehicleMoves
    speeds: VehicleSpeeds | None = None
    trips: VehicleTrips | None = None
    trips_since: TripsSince | None = None


class EdgeCounts(msgspec.Struct, frozen=True):
    """Vehicles in cells on the edge of areas that rules count in, columns of equal length.

    A row counts the vehicles of an operator in a cell that are within the same of the areas whose outline may cross it:
    `inside` of these, `outside` of those (ids). What holds all of the cell may be named inside. Zeros: none any more.

    Where a rule counts by vehicle type, all cells of its area are told, and a row counts the vehicles of one type;
    `vehicle_type` is null in all other rows, which count those of any type, and as a whole where no row is of one.
    """

    cell: list[str]
    operator: list[str]
    inside: list[list[str]]
    outside: list[list[str]]
    available: list[int]
    non_operational: list[int]
    reserved: list[int]
    on_trip: list[int]
    non_contactable: list[int]
    vehicle_type: list[str | None] | None = None


class CellsEdges(msgspec.Struct, frozen=True, tag="edges"):
    """Live counts by position of one partition of ub.vehicles (`source`), where positions decide, within one region.

    Counts are absolute, as of (generation, offset): the newest one of a row counts, and repeats change nothing.
    `ground` is the version of the areas that the source looks for; its newest is that of the greatest (owner, change):
    `owner` grows with each owner of the partition, `change` as it takes other areas; either begins by telling all of a
    region. What was told with another ground than the newest, or in an earlier generation, is no more.
    """

    region: str
    source: int
    generation: int
    offset: int
    owner: int
    change: int
    ground: str
    counts: EdgeCounts


class CellsHealth(msgspec.Struct, frozen=True, tag="health"):
    """How sensors are, and the event time by which their silence, that of the fleet, and of requests is judged.

    `as_of` is the event time up to which all active sources of sensors have told all (their least watermark); while all
    of them are silent it goes on with the other streams of the region. `fleet_as_of` is the same of vehicles,
    `requests_as_of` of citizens' requests: null where there are none. All that was told up to these times comes before.
    `metrics_as_of`: windows of sensors that end by then are whole, as all sources that spoke lately have told theirs;
    null where there are none.
    `sensors` are as source partition `source` said at (generation, offset); what was said later counts. Null: nothing
    is new but the time.
    """

    region: str
    as_of: int
    fleet_as_of: int
    source: int
    generation: int
    offset: int
    sensors: SensorHealth | None
    owner: int = 0
    requests_as_of: int | None = None
    metrics_as_of: int | None = None
