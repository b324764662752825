"""What the fleet, sensing and requests stages tell the grid stage: absolute values per source partition, never deltas.

"In my partition, cell c now holds n, as of my offset o": a repeated, reordered or lost partial
can do no harm. `generation` grows when the source topic was rebuilt and its
offsets began again at 0; partials of one source are ordered by (generation, offset).
"""

import msgspec


class SlotCounts(msgspec.Struct, frozen=True):
    """Live counts, columns of equal length: one row per (cell, operator) that changed.

    The state columns count the vehicles whose newest position lies in the cell.
    """

    cell: list[str]
    operator: list[str]
    available: list[int]
    non_operational: list[int]
    reserved: list[int]
    on_trip: list[int]
    non_contactable: list[int]


class WindowCounts(msgspec.Struct, frozen=True):
    """Counts of tumbling event-time windows, one row per (window_start, cell, operator) that changed.

    readings    positions with ts in the window, each (vehicle, ts) once
    arrivals    vehicles that came to stand in the cell (from another cell, from a trip, or first seen)
    departures  vehicles that stopped standing there
    """

    window_start: list[int]
    cell: list[str]
    operator: list[str]
    readings: list[int]
    arrivals: list[int]
    departures: list[int]


class FleetPartial(msgspec.Struct, frozen=True, tag="fleet"):
    """One record of ub.partials: a source partition's changes within one region.

    `provisional`: windows count what may still be followed by earlier readings, as none came for a while. Of two words
    of one (generation, offset) on a window this one counts: it knows more.
    `more`: the next partial of this source in the region is of the same moment; until then counts are told by half.
    """

    region: str
    source: int
    sources: int
    generation: int
    offset: int
    newest_ts: int
    watermark: int
    window_ms: int
    now: SlotCounts
    windows: WindowCounts
    provisional: bool = False
    more: bool = False


class MetricCounts(msgspec.Struct, frozen=True):
    """Readings of tumbling event-time windows, one row per (window_start, cell, metric) that changed.

    Values are whole numbers of a millionth of the metric's canonical unit, so that sums do not depend on an order.
    `square_aa`, `square_ab`, `square_bb` are the sums of a a, a b and b b where a value is a * 2^20 + b, 0 <= b < 2^20:
    together the exact sum of squares. `bins` and `bin_counts` are the quantile sketch (streams/fold/sketch.py).
    """

    window_start: list[int]
    cell: list[str]
    metric: list[str]
    readings: list[int]
    total: list[int]
    square_aa: list[int]
    square_ab: list[int]
    square_bb: list[int]
    least: list[int]
    most: list[int]
    bins: list[list[int]]
    bin_counts: list[list[int]]


class SensorHealth(msgspec.Struct, frozen=True):
    """How sensors are, one row per (sensor, metric) of which there is news; columns of equal length.

    last_ts          newest event time heard of, readings out of range included; 0: forget the row
    expected_ms      usual gap between its readings, learned; 0: not yet known
    patience_ms      how long a silence is not unusual; 0: not yet known
    value            newest value, canonical unit
    repeated         readings in a row with that value, and `repeated_before` the longest such run before
    stuck_since      event time since which it repeats the value for longer than it ever did; 0: it does not
    refused          readings out of range of late
    refused_since    event time of the first of them; 0: none, or too few to matter
    period           start of the newest span of 20 minutes that is over, and `mean` of its readings; 0: none, or of a
                     metric that is not compared with that of neighbours
    """

    sensor_id: list[str]
    metric: list[str]
    owner: list[str]
    cell: list[str]
    last_ts: list[int]
    expected_ms: list[int]
    patience_ms: list[int]
    value: list[float]
    repeated: list[int]
    repeated_before: list[int]
    stuck_since: list[int]
    refused: list[int]
    refused_since: list[int]
    period: list[int]
    mean: list[float]


class SensingPartial(msgspec.Struct, frozen=True, tag="sensing"):
    """One record of ub.partials: a source partition's changed windows of metrics within one region, and its sensors."""

    region: str
    source: int
    sources: int
    generation: int
    offset: int
    newest_ts: int
    watermark: int
    window_ms: int
    windows: MetricCounts
    health: SensorHealth | None = None


class RequestCounts(msgspec.Struct, frozen=True):
    """Events of tumbling event-time windows, one row per (window_start, cell, service_code) that changed.

    opened, closed, reopened  events of that kind (an opening that reopens counts as reopened, not as opened)
    open_change      by how many the requests open there grew in the window (moves between cells or categories included)
    overdue_change   by how many the open requests past their expected_datetime grew in the window
    rated, satisfied_sum, resolved   ratings given, sum of their satisfaction (1..5), how many said resolved
    asked_resolved, asked_satisfied  ratings that answered the one and the other question
    bins, bin_counts  quantile sketch of the seconds from opening (or reopening) to closing, of what was closed
    """

    window_start: list[int]
    cell: list[str]
    service_code: list[str]
    opened: list[int]
    closed: list[int]
    reopened: list[int]
    open_change: list[int]
    overdue_change: list[int]
    rated: list[int]
    asked_resolved: list[int]
    resolved: list[int]
    asked_satisfied: list[int]
    satisfied_sum: list[int]
    bins: list[list[int]]
    bin_counts: list[list[int]]


class RequestsPartial(msgspec.Struct, frozen=True, tag="requests"):
    """One record of ub.partials: a source partition's changed windows of requests within one region."""

    region: str
    source: int
    sources: int
    generation: int
    offset: int
    newest_ts: int
    watermark: int
    window_ms: int
    windows: RequestCounts


Partial = FleetPartial | SensingPartial | RequestsPartial
