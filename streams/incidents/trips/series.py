r"""Trips of one operator in one geography, and its vehicles there, by hour of event time: the last day of both.

hour  |  0  |  1  |  ...  |  23 |  24 |
      ^since                    ^ the first hour after a whole day: from its end on there is a rate
"""

from dataclasses import dataclass

import msgspec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Series(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`vehicles` are there from `until` on; before that they are in `vehicle_ms`, since `since`."""

    since: int
    until: int
    vehicles: int
    trips: dict[int, int] = {}
    vehicle_ms: dict[int, int] = {}


@dataclass(frozen=True, slots=True)
class Rate:
    """Trips that began in the day that ended at `end`, and the mean of vehicles in it."""

    end: int
    trips: int
    vehicles: float

    @property
    def per_vehicle(self) -> float:
        """Trips for each vehicle; 0 where there was none."""
        return self.trips / self.vehicles if self.vehicles else 0.0


def begin_anew(series: Series, at: int) -> None:
    """Forget what was before, as nothing is known of the time since.

    Not the trips that began afterwards: a fleet may tell of them before the grid tells that time has come so far. What
    is left of an earlier part of the hour counts in no rate.
    """
    series.since = series.until = at
    series.trips = {hour: count for hour, count in series.trips.items() if hour >= at // HOUR_MS}
    series.vehicle_ms = {}


def add_trip(series: Series, ts: int) -> None:
    """Count a trip; one that began before the time that is known counts for nothing."""
    if ts >= series.since:
        series.trips[ts // HOUR_MS] = series.trips.get(ts // HOUR_MS, 0) + 1


def advance(series: Series, to: int) -> None:
    """Let time go on, with the vehicles that are there."""
    while series.until < to:
        hour = series.until // HOUR_MS
        end = min(to, (hour + 1) * HOUR_MS)
        series.vehicle_ms[hour] = series.vehicle_ms.get(hour, 0) + series.vehicles * (end - series.until)
        series.until = end


def forget(series: Series, end: int) -> None:
    """Let go what is older than the day up to a whole hour."""
    for kept in (series.trips, series.vehicle_ms):
        for hour in [hour for hour in kept if hour < (end - DAY_MS) // HOUR_MS]:
            del kept[hour]


def rate_of(series: Series, end: int) -> Rate | None:
    """Return the rate of the day up to a whole hour; None while the time that is known is shorter."""
    if series.since > end - DAY_MS:
        return None
    hours = range((end - DAY_MS) // HOUR_MS, end // HOUR_MS)
    trips, vehicle_ms = (
        sum(kept.get(hour, 0) for hour in hours) for kept in (series.trips, series.vehicle_ms)
    )
    return Rate(end, trips, vehicle_ms / DAY_MS)
