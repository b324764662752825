"""Seeded sensors that report in the units of their makers, repeat and contradict themselves, and lie at times. Pure.

One in a hundred readings is out of range, has a unit that is none of its metric, or is a day old: the stage must
refuse it. As many come twice in one message, or with another value for the same time, which counts too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from schemas.sensors import SensorReading
from tests.chaos.plan import CITIES, LONG_AGO_MS, OPERATORS, PLACES, TICK_MS, Message, Plan

BAD_UNIT = "W"
OLD_FROM_TICK = 100
"""By then every partition has heard of the time, and what is a day old is too late in each of them."""
_ODD = 0.01
_MOVES = 0.1


@dataclass(frozen=True, slots=True)
class Series:
    """What a sensor measures: whole numbers `lowest`..`highest` of the last of `digits` decimals, sent in `unit`.

    In `canonical` a value is value * factor + offset. `impossible` is a value, as sent, that the metric cannot have.
    """

    kind: str
    metric: str
    canonical: str
    unit: str | None
    factor: str
    offset: str
    digits: int
    lowest: int
    highest: int
    impossible: float
    capacity: float | None = None

    def micros(self, value: float) -> int:
        """Return a value, as sent, in millionths of the canonical unit."""
        return int((Decimal(repr(value)) * Decimal(self.factor) + Decimal(self.offset)) * 10**6)


SERIES = (
    Series("traffic", "flow", "/h", "{vehicle}/h", "1", "0", 0, 0, 2_000, -1.0),
    Series("traffic", "speed", "km/h", "m/s", "3.6", "0", 2, 0, 3_000, 100.0),
    Series("air", "pm25", "ug/m3", "mg/m3", "1000", "0", 3, 1, 300, 6.0),
    Series("air", "no2", "ug/m3", None, "1", "0", 1, 10, 2_000, 6_000.0),
    Series("weather", "temperature", "Cel", "K", "1", "-273.15", 2, 25_815, 31_315, 400.0),
    Series("weather", "pressure", "hPa", "Pa", "0.01", "0", 0, 99_000, 103_000, 150_000.0),
    Series("noise", "laeq", "dB", "dB[SPL]", "1", "0", 1, 300, 900, 170.0),
    Series("crowd", "people_count", "1", "{person}", "1", "0", 0, 0, 5_000, -1.0),
    Series("water", "water_level", "m", "cm", "0.01", "0", 1, -3_000, 3_000, 200_000.0),
    Series("parking", "free_spaces", "1", None, "1", "0", 0, 0, 400, 401.0, capacity=400.0),
)
SERIES_OF = {series.metric: series for series in SERIES}


class Sensors:
    """The sensors of all operators: twice as many as there are readings a second."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = rng = random.Random(f"sensors {plan.seed}")
        self._places = [
            tuple(round(at + rng.uniform(-0.05, 0.05), 6) for at in CITIES[n % len(CITIES)])
            for n in range(PLACES // 10)
        ]
        self._place = [rng.choice(self._places) for _ in range(2 * plan.measurements)]

    def tick(self, number: int) -> Iterator[Message[SensorReading]]:
        """Yield what the sensors report within a tick; call for 0, 1, 2, … in turn."""
        readings: dict[str, list[SensorReading]] = {operator: [] for operator in OPERATORS}
        count = self._plan.measurements * TICK_MS // 1000
        for sensor in self._rng.sample(range(len(self._place)), count):
            readings[OPERATORS[sensor % len(OPERATORS)]] += self._report(sensor, number)
        for operator, mine in readings.items():
            if mine:
                yield Message(operator, tuple(mine), kind="sensors")

    def _report(self, sensor: int, number: int) -> Iterator[SensorReading]:
        """Yield the reading of a sensor, and another one where it is an odd one."""
        rng, plan, series = self._rng, self._plan, SERIES[sensor % len(SERIES)]
        if rng.random() < _MOVES:
            self._place[sensor] = rng.choice(self._places)
        lat, lon = self._place[sensor]
        reading = SensorReading(
            sensor_id=f"sensor-{sensor}",
            kind=series.kind,
            metric=series.metric,
            value=self._value(series),
            ts=plan.begin_ms + number * plan.tick_ms + rng.randrange(plan.tick_ms),
            lat=lat,
            lon=lon,
            unit=series.unit,
            capacity=series.capacity,
            owner=OPERATORS[sensor % len(OPERATORS)],
        )
        yield reading
        if rng.random() >= 5 * _ODD:
            return
        match rng.randrange(5):
            case 0:
                yield reading
            case 1:
                yield msgspec.structs.replace(reading, value=self._value(series))
            case 2:
                yield msgspec.structs.replace(reading, value=series.impossible)
            case 3:
                yield msgspec.structs.replace(reading, unit=BAD_UNIT)
            case _ if number >= OLD_FROM_TICK:
                yield msgspec.structs.replace(reading, ts=reading.ts - LONG_AGO_MS)
            case _:
                pass

    def _value(self, series: Series) -> float:
        return self._rng.randint(series.lowest, series.highest) / 10.0**series.digits
