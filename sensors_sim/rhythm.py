"""The rhythm of a city: how many trips start at an hour, and between which kinds of places.

Pure tables over the local hour. The totals follow what operators of dockless bikes report for
Chinese cities (four to five trips a bike and working day, two peaks); the split between kinds of
places is ours. A flow table has origins as rows and destinations as columns, in the order home,
metro, office, leisure; it is scaled to a sum of 1. Over a
whole day as many bikes come to a kind of place as leave it, or the city would run dry.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

import numpy as np

from sensors_sim.batch import Floats

SHANGHAI = timezone(timedelta(hours=8), "UTC+8")
"""Local time of Pudong, all year round; other cities have zones of their own."""

WORKDAY = np.array([
    .04, .02, .01, .01, .02, .06, .20, .46, .60, .36, .22, .24,
    .28, .24, .20, .19, .25, .42, .50, .34, .24, .18, .11, .07,
])  # fmt: skip
"""Trips a bike and hour, at the middle of each hour: 5.3 wanted a day, of which some find no room."""

WEEKEND = np.array([
    .06, .04, .02, .01, .01, .03, .07, .13, .19, .25, .29, .30,
    .30, .29, .30, .31, .32, .32, .30, .27, .23, .18, .12, .08,
])  # fmt: skip
"""Trips a bike and hour on Saturday and Sunday; 4.4 wanted a day."""

_MORNING = np.array(
    [[0.06, 0.28, 0.08, 0.03], [0.17, 0.00, 0.18, 0.02], [0.10, 0.09, 0.03, 0.02], [0.04, 0.02, 0.02, 0.00]]
)
_MIDDAY = np.array(
    [[0.08, 0.09, 0.03, 0.12], [0.09, 0.00, 0.06, 0.05], [0.03, 0.06, 0.04, 0.10], [0.10, 0.05, 0.10, 0.00]]
)
_EVENING = _MORNING.T
_NIGHT = np.array(
    [[0.10, 0.16, 0.05, 0.08], [0.17, 0.00, 0.04, 0.04], [0.06, 0.04, 0.02, 0.03], [0.12, 0.04, 0.03, 0.00]]
)
_DAY_OFF = np.array(
    [[0.10, 0.15, 0.02, 0.16], [0.15, 0.00, 0.02, 0.07], [0.02, 0.02, 0.01, 0.02], [0.16, 0.07, 0.02, 0.00]]
)

_FLOW_OF_HOUR = (*(_NIGHT,) * 5, *(_MORNING,) * 5, *(_MIDDAY,) * 6, *(_EVENING,) * 5, *(_NIGHT,) * 3)

STANDING_AT_NIGHT = np.array([0.72, 0.06, 0.17, 0.05])
"""Share of the fleet that stands at each kind of place before the morning."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are working days: Monday to Friday, but for the dates named here; by the clock of `zone`."""

    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    zone: tzinfo = SHANGHAI

    def works(self, day: date) -> bool:
        """Say whether people go to work on that day."""
        return day in self.working_days or (day.weekday() < 5 and day not in self.holidays)


USUAL = Calendar()
"""Weeks without a holiday."""


@dataclass(frozen=True)
class Demand:
    """What riders want at one moment.

    trips_per_s   trips that start, per bike of the fleet and second
    from_kind     float64[4], share of the trips by kind of origin
    to_kind       float64[4, 4], running sum over destinations, one row per kind of origin
    """

    trips_per_s: float
    from_kind: Floats
    to_kind: Floats


def local(ts: int, zone: tzinfo = SHANGHAI) -> datetime:
    """Return the local time of `ts`, milliseconds since the epoch."""
    return datetime.fromtimestamp(ts / 1000, UTC).astimezone(zone)


def at_hour(ts: int, hour: int, zone: tzinfo = SHANGHAI) -> int:
    """Return when clocks show `hour` (24: the next midnight) on the local day of `ts`; both in milliseconds."""
    day = local(ts, zone).date() + timedelta(days=hour // 24)
    return int(datetime.combine(day, time(hour % 24), zone).timestamp()) * 1000


def demand(ts: int, calendar: Calendar = USUAL) -> Demand:
    """Return the demand at `ts`, milliseconds since the epoch: rates change by the minute, flows by the hour."""
    return _of_minute(ts // 60_000, calendar)


@lru_cache(maxsize=16)
def _of_minute(minute: int, calendar: Calendar) -> Demand:
    now = local(minute * 60_000, calendar.zone)
    working = calendar.works(now.date())
    hour = now.hour + now.minute / 60
    table = WORKDAY if working else WEEKEND
    flow = _FLOW_OF_HOUR[now.hour] if working else _DAY_OFF
    flow = flow / flow.sum()
    from_kind = flow.sum(axis=1)
    return Demand(
        trips_per_s=float(np.interp(hour, np.arange(24) + 0.5, table, period=24)) / 3600,
        from_kind=from_kind,
        to_kind=np.cumsum(flow / from_kind[:, None], axis=1),
    )
