"""A moment as the city sees it: the local clock, the day of the week, the season and the sun."""

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin

from sensors_sim.rhythm import USUAL, Calendar, local
from sensors_sim.zones import offset_h

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Moment:
    """ts in milliseconds since the epoch; hour 0 to 24 and day_of_year 1 to 366 by the local clock.

    offset_h  by how many hours that clock is ahead of UTC
    """

    ts: int
    hour: float
    day_of_year: int
    offset_h: float
    working: bool
    """People go to work: Monday to Friday, but for holidays."""

    @classmethod
    def at(cls, ts: int, calendar: Calendar = USUAL) -> "Moment":
        """Return the moment `ts`."""
        now = local(ts, calendar.zone)
        hour = now.hour + now.minute / 60 + now.second / 3600
        return cls(ts, hour, now.timetuple().tm_yday, offset_h(now), calendar.works(now.date()))

    def sun_elevation(self, lat: float, lon: float) -> float:
        """Return degrees of the sun above the horizon, good to a degree or so.

        Declination after Cooper 1969; the equation of time (some 15 minutes) is left out.
        """
        declination = radians(23.45) * sin(2 * pi * (284 + self.day_of_year) / 365)
        solar_hour = self.hour - self.offset_h + lon / 15
        angle = radians(15 * (solar_hour - 12))
        up = sin(radians(lat)) * sin(declination) + cos(radians(lat)) * cos(declination) * cos(angle)
        return degrees(asin(up))
