"""Sensors that go wrong: broken, stuck, drifting, silent. The city goes on as it is; what they say of it does not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from schemas.metrics import METRICS
from sensors_sim.batch import Bools, Floats, Ints
from sensors_sim.cells import cells_at
from sensors_sim.events.contract import ChangesReadings, Event, Name, Scene, minutes, since
from sensors_sim.sensors.contract import Readings, Sensors
from sensors_sim.tables import Refused, each, listed
from sensors_sim.truth.entry import Entry, Verdict
from sensors_sim.truth.feeds import missed_after_ms

Ids = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]

DAY = 6, 22
"""Hours in which there is traffic on every road."""

OFF_SCALE = -9_999.0
"""What many devices send for "no value"; it is below the range of every metric of schemas/metrics.py."""


class Ailing(Event):
    """What the four have in common. An alert may come a while after it began, and stay for a while after it ended.

    ALERT    kind of alert that is due
    also     kinds that are no false alarm
    """

    __slots__ = ()

    ALERT: ClassVar[str]
    also: ClassVar[tuple[str, ...]] = ("anomaly",)
    verb: ClassVar[str]
    sensors: tuple[str, ...]

    @property
    def where(self) -> str:
        """The sensors."""
        return listed(self.sensors, 5)

    def explain(self) -> str:
        """Say in one sentence what happens."""
        is_are = "is" if len(self.sensors) == 1 else "are"
        return f"from {since(self.begins_s)} {self.where} {is_are} {self.verb} for {minutes(self.lasts_s)}"

    def check(self, scene: Scene) -> None:
        """The sensors must exist, and be named once: two alerts about one of them would be due."""
        each(*(partial(self._check_one, scene, number) for number in range(len(self.sensors))))

    def _check_one(self, scene: Scene, number: int) -> None:
        name = self.sensors[number]
        scene.sensor(name)
        if name in self.sensors[:number]:
            raise Refused("sensors", name, "it is named twice")

    def on_readings(self, scene: Scene) -> ChangesReadings:
        """Return what becomes of the readings of these sensors while it lasts."""
        first, last = scene.at(self.begins_s), scene.at(self.ends_s)
        rows_of: dict[str, list[int]] = {}
        for name in self.sensors:
            table, row = scene.sensor(name)
            rows_of.setdefault(table.kind, []).append(row)
        logic = self.started(first)

        def change(readings: Readings) -> Readings:
            mine = rows_of.get(readings.sensors.kind)
            if mine is None or len(readings) == 0:
                return readings
            ill: Bools = np.isin(readings.sensor, mine) & (readings.ts >= first) & (readings.ts < last)
            return logic(readings, np.flatnonzero(ill)) if ill.any() else readings

        return change

    def shows(self, scene: Scene, sensors: Sensors) -> bool:
        """Return whether sensors of that kind can be told by what they say: it lasts, and they were known before.

        Written from docs/semantics.md ("Sensors and feeds that are not well"), with its defaults.
        """
        raise NotImplementedError

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """An alert about each sensor is due if that can be seen, else tolerated; so are other kinds about its cell."""
        first = scene.at(self.begins_s)
        for name in self.sensors:
            table, row = scene.sensor(name)
            until = scene.at(self.ends_s) + table.every_s * 1000
            cell = tuple(cells_at(table.lat[row : row + 1], table.lon[row : row + 1]))
            why = f"{name} is {self.verb}"
            verdict: Verdict = "due" if self.shows(scene, table) else "may"
            yield Entry(verdict, self.ALERT, table.kind, cell, first, until, why, name)
            for kind in self.also:
                yield Entry("may", kind, table.kind, cell, first, until, why)

    def started(self, first: int) -> "Logic":
        """Return what changes the readings of the given rows; it begins at `first`, milliseconds since the epoch."""
        raise NotImplementedError


class Logic:
    """What becomes of readings, row by row."""

    def __call__(self, readings: Readings, ill: Ints) -> Readings:
        """Return the readings with those of the rows `ill` changed, or left out."""
        return replace(readings, value=self._values(readings, ill))

    def _values(self, readings: Readings, ill: Ints) -> Floats:
        value = readings.value.copy()
        value[ill] = self.say(readings, ill)
        return value

    def say(self, readings: Readings, ill: Ints) -> Floats:
        """Return the values that sensors say instead."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class SensorSilent(Ailing):
    """Nothing is heard of the sensors."""

    key: ClassVar[str] = "sensor-silent"
    expects: ClassVar[str] = "sensor_silent"
    ALERT: ClassVar[str] = "sensor_silent"
    also: ClassVar[tuple[str, ...]] = ()
    verb: ClassVar[str] = "silent"

    sensors: Ids
    begins_s: float
    lasts_s: float

    def shows(self, scene: Scene, sensors: Sensors) -> bool:
        """Ten gaps between readings are known, and it is longer than that may be."""
        return self.begins_s >= 11 * sensors.every_s and self.lasts_s * 1000 >= missed_after_ms(
            sensors.every_s
        )

    def started(self, first: int) -> Logic:
        """Return the silence."""
        return _Nothing()


@dataclass(frozen=True, slots=True)
class SensorStuck(Ailing):
    """The sensors repeat the value that they had when it began."""

    key: ClassVar[str] = "sensor-stuck"
    expects: ClassVar[str] = "sensor_stuck"
    ALERT: ClassVar[str] = "sensor_stuck"
    verb: ClassVar[str] = "stuck"

    sensors: Ids
    begins_s: float
    lasts_s: float

    def shows(self, scene: Scene, sensors: Sensors) -> bool:
        """The value can have changed 20 times, and repeats itself 12 times, and long enough; lamps do so all night.

        So do those that drive on an empty road: at night their speed hardly changes. What they said before the event
        decides, too (sensors_sim/truth/repeating.py).
        """
        least_s = (
            max(12 * sensors.every_s, 3_600 if sensors.kind == "traffic" else 1_800) + 2 * sensors.every_s
        )
        learns_s = 21 * sensors.every_s
        if sensors.kind == "street_light" or self.begins_s < learns_s or self.lasts_s < least_s:
            return False
        clocks = (scene.local(self.begins_s + at_s) for at_s in (-learns_s, 0.0, least_s))
        return sensors.kind != "traffic" or all(DAY[0] <= clock.hour < DAY[1] for clock in clocks)

    def started(self, first: int) -> Logic:
        """Return the repetition."""
        return _TheSame()


@dataclass(frozen=True, slots=True)
class SensorDrifting(Ailing):
    """The sensors say `by_h` more with every hour, in the unit of their metric; they stay within its range."""

    key: ClassVar[str] = "sensor-drifting"
    expects: ClassVar[str] = "sensor_drifting"
    ALERT: ClassVar[str] = "sensor_drifting"
    verb: ClassVar[str] = "drifting"

    sensors: Ids
    begins_s: float
    lasts_s: float
    by_h: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]

    def check(self, scene: Scene) -> None:
        """The sensors must exist, and the value must move."""
        each(lambda: Ailing.check(self, scene), self._check_moves)

    def _check_moves(self) -> None:
        if self.by_h == 0:
            raise Refused("by_h", self.by_h, "a number other than 0 is expected: it would not drift")

    def shows(self, scene: Scene, sensors: Sensors) -> bool:
        """Eight measure much the same, and it goes on for two hours and until their means are told, and is fast.

        Figures of air that fall are soon 0 and move no more, as do temperatures that leap to the end of their range.
        """
        fast = {"air": self.by_h >= 10, "weather": 3 <= abs(self.by_h) <= 50}.get(sensors.kind, False)
        return fast and len(sensors) >= 8 and self.lasts_s >= 10_800

    def started(self, first: int) -> Logic:
        """Return the drift."""
        return _More(first, self.by_h)


@dataclass(frozen=True, slots=True)
class SensorBroken(Ailing):
    """The sensors say something that cannot be; it is refused on its way (`out_of_range`)."""

    key: ClassVar[str] = "sensor-broken"
    expects: ClassVar[str] = "sensor_out_of_range"
    ALERT: ClassVar[str] = "sensor_out_of_range"
    also: ClassVar[tuple[str, ...]] = ("sensor_silent", "sensor_stuck", "anomaly")
    verb: ClassVar[str] = "broken"

    sensors: Ids
    begins_s: float
    lasts_s: float
    value: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)] = OFF_SCALE

    def check(self, scene: Scene) -> None:
        """The sensors must exist, and the value must be out of the range of what they measure."""
        Ailing.check(self, scene)
        for name in self.sensors:
            for metric in scene.sensor(name)[0].metrics:
                lowest, highest = METRICS[metric].lowest, METRICS[metric].highest
                if lowest <= self.value <= highest:
                    rule = f"a value out of range is expected; {metric} goes from {lowest:g} to {highest:g}"
                    raise Refused("value", self.value, rule)

    def shows(self, scene: Scene, sensors: Sensors) -> bool:
        """Three in a row are refused."""
        return self.lasts_s >= 3 * sensors.every_s

    def started(self, first: int) -> Logic:
        """Return the value."""
        return _Always(self.value)


class _Nothing(Logic):
    def __call__(self, readings: Readings, ill: Ints) -> Readings:
        return readings.take(np.delete(np.arange(len(readings)), ill))


class _Always(Logic):
    def __init__(self, value: float) -> None:
        self._value = value

    def say(self, readings: Readings, ill: Ints) -> Floats:
        return np.full(len(ill), self._value)


class _TheSame(Logic):
    """Remembers the first value of each sensor and metric."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int, int], float] = {}

    def say(self, readings: Readings, ill: Ints) -> Floats:
        kind = readings.sensors.kind
        rows = zip(
            readings.sensor[ill].tolist(),
            readings.metric[ill].tolist(),
            readings.value[ill].tolist(),
            strict=True,
        )
        return np.array(
            [self._first.setdefault((kind, sensor, metric), value) for sensor, metric, value in rows]
        )


class _More(Logic):
    def __init__(self, first: int, by_h: float) -> None:
        self._first, self._by_h = first, by_h

    def say(self, readings: Readings, ill: Ints) -> Floats:
        value = readings.value[ill] + self._by_h * (readings.ts[ill] - self._first) / 3_600_000
        lowest, highest = _range(readings.sensors, readings.metric[ill].astype(np.int64))
        room = readings.sensors.capacity[readings.sensor[ill]].astype(np.float64)  # None becomes NaN
        highest = np.fmin(highest, room)  # which passes over NaN
        return np.round(np.clip(value, lowest, highest), 3)


def _range(sensors: Sensors, metric: Ints) -> tuple[Floats, Floats]:
    """Return the range of each row's metric."""
    table = np.array([(METRICS[name].lowest, METRICS[name].highest) for name in sensors.metrics])
    return table[metric, 0], table[metric, 1]
