"""Who reports when: sensors are wired to cabinets, and a cabinet sends all of its sensors at once.

Sensors of a cabinet lie side by side. Each cabinet has its own minute within the reporting period and its own
millisecond within the minute; so the load is even, and readings of one moment share a message.
"""

import numpy as np

from sensors_sim.batch import Codes, Ints
from sensors_sim.sensors.contract import Measured, Readings, Sensors
from sensors_sim.sensors.moment import MINUTE_MS

CABINET = 48
"""Sensors at most that share a cabinet. Smaller ones would make more and smaller messages, frames and partials."""


class Reporting:
    """The timetable of one kind."""

    def __init__(self, sensors: Sensors, rng: np.random.Generator) -> None:
        self._sensors = sensors
        self._minutes = max(1, sensors.every_s * 1000 // MINUTE_MS)
        cabinets = -(-len(sensors) // CABINET)
        cabinet = np.arange(len(sensors)) // CABINET
        minute = rng.permutation(cabinets)[cabinet] % self._minutes
        offset: Ints = rng.integers(0, MINUTE_MS, cabinets)[cabinet]
        self._due = [_by_time(np.flatnonzero(minute == m), offset) for m in range(self._minutes)]
        m = len(sensors.metrics)
        self._offset = [np.repeat(offset[rows], m) for rows in self._due]
        self._sensor = [np.repeat(rows, m) for rows in self._due]
        self._metric: list[Codes] = [np.tile(np.arange(m, dtype=np.uint8), len(rows)) for rows in self._due]

    def report(self, measured: Measured, minute_start: int) -> Readings:
        """Return the readings sent in the minute from `minute_start` (milliseconds) on, by time."""
        turn = minute_start // MINUTE_MS % self._minutes
        sensor = self._sensor[turn]
        return Readings(
            self._sensors,
            sensor,
            self._metric[turn],
            measured.value.T[self._due[turn]].ravel(),
            minute_start + self._offset[turn],
            measured.status[sensor],
        )


def _by_time(rows: Ints, offset: Ints) -> Ints:
    return rows[np.argsort(offset[rows], kind="stable")]
