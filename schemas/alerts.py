"""Alerts: one condition on one subject, from the moment it is raised until it is cleared.

Life cycle names follow ThingsBoard (active/cleared x acknowledged/unacknowledged, severities);
`starts_at`/`ends_at` and `labels` follow Alertmanager.
"""

from typing import Literal

import msgspec

from schemas.outline import Outline

Severity = Literal["warning", "minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("warning", "minor", "major", "critical")
AlertKind = Literal[
    "oversaturation",
    "anomaly",
    "too_many",
    "too_few",
    "impossible_jump",
    "low_battery",
    "overstay",
    "no_parking",
    "outside_service_area",
    "sensor_silent",
    "sensor_stuck",
    "sensor_out_of_range",
    "sensor_drifting",
    "feed_silent",
    "saturation_expected",
    "hot_spot",
    "speeding",
    "too_few_trips",
    "too_many_trips",
    "threshold",
]
AlertStatus = Literal["active", "cleared"]
AlertAction = Literal["raised", "updated", "cleared"]


class Anomaly(msgspec.Struct, frozen=True):
    """What a detector found in a series: one metric of the cell, window by window.

    `aspect` is what of it is unusual: its `value`, or a figure made of it (streams/incidents/anomaly). `observed` is
    that figure, expected within `low` and `high`; `score` runs from 0 to 1.
    """

    metric: str
    unit: str
    window_start: int
    window_ms: int
    value: float
    aspect: str
    observed: float
    low: float
    high: float
    score: float
    detector: str
    detector_version: int


class PolicyRule(msgspec.Struct, frozen=True):
    """What a rule of an MDS policy counts in its geography, and by how many it is out of bounds (`excess`).

    `minimum` and `maximum` are the least and the most within bounds, in `units`: vehicles (`devices`), or per cent of
    one operator (`percent`: of those in the region; `utilization`: on a trip, of those there). Of these there are `of`,
    and `percent` is the share. `count` and `excess` are vehicles. `operators`: whose vehicles are counted, together
    where units are devices; none named: everybody's. `vehicle_types`: of which types; none named: of all. `in_doubt`:
    vehicles whose type nobody has told yet, which may be among those. `unheard`: operators of which nothing is heard;
    vehicles of theirs count where they were last. `outline`: of all its geographies together, for maps, so with fewer
    corners where it has many; null where it cannot do with few.
    """

    policy_id: str
    rule_id: str
    name: str
    geographies: list[str]
    cells: int
    states: list[str]
    operators: list[str]
    minimum: int | None
    maximum: int | None
    count: int
    excess: int
    in_effect: bool
    units: str = "devices"
    of: int | None = None
    percent: float | None = None
    vehicle_types: list[str] = []
    in_doubt: int = 0
    unheard: list[str] = []
    outline: Outline | None = None


class Jump(msgspec.Struct, frozen=True):
    """A vehicle that was at two places, one after the other, and cannot have got from one to the other in that time.

    The newest of `jumps` since the alert was raised. `metres` is the great-circle distance, `kmh` the speed that it
    takes, and `limit_kmh` the one that such a vehicle can have.
    """

    vehicle_id: str
    operator: str
    vehicle_type: str
    from_ts: int
    from_lat: float
    from_lon: float
    ts: int
    lat: float
    lon: float
    metres: float
    kmh: float
    limit_kmh: float
    jumps: int


class Battery(msgspec.Struct, frozen=True):
    """A vehicle whose battery is low: raised below `low_below`, cleared from `clear_at` on.

    As of `ts`, when it was in `vehicle_state`; `battery_percent` is null where the vehicle did not say.
    """

    vehicle_id: str
    operator: str
    vehicle_type: str
    ts: int
    vehicle_state: str
    battery_percent: int | None
    low_below: int
    clear_at: int


class StayBroken(msgspec.Struct, frozen=True):
    """A rule on how long a vehicle may stand in an area, and since when it has been counted against this one.

    `since`: it has been in the area, in a state of the rule, and the rule in effect. `limit_ms` is what it may.
    """

    vehicle_id: str
    operator: str
    vehicle_type: str
    vehicle_state: str
    policy_id: str
    rule_id: str
    name: str
    since: int
    limit_ms: int


class Health(msgspec.Struct, frozen=True):
    """What is wrong with a sensor or a feed: sensors of an owner, vehicles of an operator, or requests, in a region.

    Of a feed of sensors `sensors` are silent, `of` so many; those that are heard nonetheless are `heard`.
    What does not apply is null: a feed has no metric, and of a sensor that is silent nothing is repeated or refused.
    """

    feed: str
    sensors: int
    last_ts: int
    expected_ms: int
    patience_ms: int
    metric: str | None = None
    value: float | None = None
    repeated: int | None = None
    repeated_before: int | None = None
    refused: int | None = None
    residual: float | None = None
    residual_before: float | None = None
    of: int | None = None
    heard: list[str] | None = None


class Forecast(msgspec.Struct, frozen=True):
    """How fast a cell fills, as of the end of a window, and when it is expected to hold `raise_at` vehicles.

    `inflow_per_minute` is arrivals less departures over the last `windows`, the one with the largest inflow left out.
    In one case of ten it is full before `earliest_at`, in one of ten after `latest_at`, if the inflow goes on.
    """

    window_start: int
    window_ms: int
    windows: int
    inflow_per_minute: float
    expected_at: int
    earliest_at: int
    latest_at: int


class HotSpot(msgspec.Struct, frozen=True):
    """Requests of one category in the cells of a cylinder, from `begin` to `end`, and how many were expected there.

    `score` is the natural logarithm of the likelihood ratio between a rate of their own and the expected one. Such a
    score comes once in `recurrence_days` in the whole region, by the daily maxima of the category so far; null while
    fewer than 7 days with requests of it are known.
    """

    service_code: str
    cells: list[str]
    begin: int
    end: int
    count: int
    expected: float
    score: float
    detector: str
    detector_version: int
    recurrence_days: float | None = None


class Speeding(msgspec.Struct, frozen=True):
    """A vehicle that was faster between two readings than a rule allows where it was at both.

    The newest of `moves` since the alert was raised. `metres` is the great-circle distance, `kmh` the speed that it
    takes at the least, as some of the metres are taken for errors of GPS.
    """

    vehicle_id: str
    operator: str
    vehicle_type: str
    from_ts: int
    from_lat: float
    from_lon: float
    ts: int
    lat: float
    lon: float
    metres: float
    kmh: float
    limit_kmh: float
    moves: int
    policy_id: str
    rule_id: str
    name: str


class TripRate(msgspec.Struct, frozen=True):
    """Trips of an operator that began in a rule's geography from `begin` to `end`, a day, for each vehicle there.

    `vehicles` is their mean in these hours, in the rule's states. `minimum` and `maximum` are trips a vehicle and day.
    `outline` is as in PolicyRule.
    """

    policy_id: str
    rule_id: str
    name: str
    geographies: list[str]
    cells: int
    states: list[str]
    operator: str
    begin: int
    end: int
    trips: int
    vehicles: float
    per_vehicle: float
    minimum: float | None
    maximum: float | None
    outline: Outline | None = None


class Threshold(msgspec.Struct, frozen=True):
    """A bound on a metric of a cell, and the window that was at or beyond it when this was told.

    `value` is the `figure` (mean, least or most) of the readings in the cell and window, in `unit`. One of `at_least`
    and `at_most` is null. Values within `hysteresis` of the bound do not end it; `min_duration_ms` is how long it has
    to last.
    """

    name: str
    metric: str
    unit: str
    figure: str
    window_start: int
    window_ms: int
    value: float
    at_least: float | None
    at_most: float | None
    hysteresis: float
    min_duration_ms: int


class Evidence(msgspec.Struct, frozen=True):
    """The values that the decision rests on, and where in the log they can be read again.

    Those from occupancy to clear_below are of a cell that is full or fills, and null for all other kinds.
    `first_offset` is of the record with which the condition began, `offset` of the one that decided: `urbanbrain alerts
    replay` folds again.
    """

    occupancy: int | None
    capacity: int | None
    raise_at: int | None
    clear_below: int | None
    by_operator: dict[str, int]
    topic: str
    partition: int
    offset: int
    anomaly: Anomaly | None = None
    rule: PolicyRule | None = None
    jump: Jump | None = None
    battery: Battery | None = None
    stay: StayBroken | None = None
    health: Health | None = None
    first_offset: int | None = None
    forecast: Forecast | None = None
    hot_spot: HotSpot | None = None
    speeding: Speeding | None = None
    trips: TripRate | None = None
    threshold: Threshold | None = None


class Alert(msgspec.Struct, frozen=True):
    """The state of one alert after `action`. `alert_id` is the same for its whole life, and the
    same when the log is replayed; `sequence` numbers its events from 0. `subject` is what the alert is about where
    that is not the cell itself: a metric, a rule, a sensor, a vehicle.
    """

    alert_id: str
    sequence: int
    action: AlertAction
    kind: AlertKind
    severity: Severity
    status: AlertStatus
    acknowledged: bool
    cell: str
    region: str
    zone: str
    lat: float
    lon: float
    starts_at: int
    updated_at: int
    ends_at: int | None
    summary: str
    policy: str
    policy_version: str
    evidence: Evidence
    subject: str | None = None
