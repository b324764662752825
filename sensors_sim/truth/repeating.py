"""Which of the sensors that are stuck can be told by what they said before.

noise   5 7 6 5 5 5 5 5 5   it said 5 before, and more, and less, and never as often in a row: due
spaces  9 7 6 5 5 5 5 5 5   the least it ever said, as in a car park that is full: tolerated
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from schemas.metrics import METRICS, Metric
from sensors_sim.sensors.contract import Readings
from sensors_sim.truth.entry import Entry

STUCK = "sensor_stuck"
CHANGES, IN_A_ROW, TIMES_LONGEST, LASTS_MS = 20, 12, 4, 1_800_000
MARGIN = 3
"""Readings more than are asked for: it begins and ends between two of them."""
BOUNDED = ("flow", "free_spaces", *(metric.name for metric in METRICS.values() if metric.kind == "air"))
"""Metrics that repeat the most or the least they ever said for long. This and the figures above: docs/semantics.md."""


@dataclass(slots=True)
class _Said:
    """What a sensor said of one metric: its last value, its runs of one value, and the extremes."""

    metric: Metric
    value: float
    since: int
    least: float
    most: float
    last: int = 0
    run: int = 0
    longest: int = 0
    changes: int = 0

    def say(self, value: float, ts: int) -> None:
        if value != self.value:
            lasted = self.last - self.since >= (2 if self.metric.kind == "traffic" else 1) * LASTS_MS
            unusual = lasted and self.known and self.run > max(IN_A_ROW, TIMES_LONGEST * self.longest)
            self.longest = max(self.longest, min(self.run, 2 * self.longest) if unusual else self.run)
            self.changes += 1
            self.value, self.since, self.run = value, ts, 0
        self.run += 1
        self.last = ts
        self.least, self.most = min(self.least, value), max(self.most, value)

    @property
    def known(self) -> bool:
        return self.changes >= CHANGES

    @property
    def may_stay(self) -> bool:
        """Whether it may well stay at its value."""
        bounded = self.metric.name in BOUNDED and self.value in (self.least, self.most)
        return bounded or self.value in (0.0, self.metric.lowest, self.metric.highest)


class Repeating:
    """Looks at what sensors say that are to be stuck; `judged` tells then whether that can be seen."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.kind == STUCK and entry.subject is not None:
                self._entries.setdefault(entry.subject, []).append(entry)
        self._said: dict[tuple[str, str], _Said] = {}
        self._needs: dict[Entry, dict[str, float]] = {}
        """By entry and metric: how often the value that it repeats must come; inf: it may stay, or little is known."""

    def look(self, readings: Readings) -> None:
        """Look at readings of one kind, as they are published."""
        if not self._entries:
            return
        names = readings.sensors.sensor_id[readings.sensor]
        for row in np.flatnonzero(np.isin(names, list(self._entries))).tolist():
            metric = METRICS[readings.sensors.metrics[readings.metric[row]]]
            value = float(readings.value[row])
            if metric.lowest <= value <= metric.highest:
                self._hear(str(names[row]), metric, int(readings.ts[row]), value)

    def _hear(self, name: str, metric: Metric, ts: int, value: float) -> None:
        said = self._said.setdefault((name, metric.name), _Said(metric, value, ts, value, value))
        said.say(value, ts)
        for entry in self._entries[name]:
            needs = self._needs.setdefault(entry, {})
            if entry.from_ms <= ts < entry.to_ms and metric.name not in needs:
                least = max(IN_A_ROW, TIMES_LONGEST * said.longest) + MARGIN
                needs[metric.name] = math.inf if said.may_stay or not said.known else least

    def judged(self, entry: Entry, every_s: Mapping[str, int]) -> Entry:
        """Return the entry; what cannot be seen is only tolerated. `every_s`: by sensor, how often it reports."""
        needs = self._needs.get(entry)
        if entry.verdict != "due" or entry.subject is None or not needs:
            return entry
        comes = (entry.to_ms - entry.from_ms) / (every_s[entry.subject] * 1000)
        full_road = needs.get("flow") == math.inf  # whose speed may stay, too
        return replace(entry, verdict="may") if full_road or comes < min(needs.values()) else entry
