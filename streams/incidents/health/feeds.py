r"""The feed of an owner: all sensors that it has in a region, and whether it is the feed that is silent.

    heard of    10 10 10 10  6  2  2  2  2  3  5  9 10      of 10 sensors, `share` 0.8
    told                        ^ feed_silent     ^ cleared: half of them are heard again

A feed is silent when a `share` of its sensors is (and at least `least` of them). It is also silent when nothing is
heard of any sensor for the shortest patience of those that were not overdue before. Sensors that have been silent for
longer than `RECENT_MS` do not count: a network that is taken down piece by piece is not a feed that falls silent. While
the feed is silent, none of its sensors has an alert of its own. The missing ones are kept by name, as the feed is back
when enough of them are heard again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from streams.incidents.health.config import HealthConfig
from streams.incidents.health.sensors import Sensor

RECENT_MS = 86_400_000
HOLD_MS = 1_800_000
"""How long an overdue sensor waits, at least, until it is known whether its whole feed is silent: this, or its patience
if that is longer."""


class SavedFeed(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A feed between checkpoints."""

    awake_ms: int
    asleep_ms: int
    missing: dict[str, int]


@dataclass(slots=True)
class Feed:
    """All sensors of an owner in a region.

    sensors    their names
    warm       those whose patience is known; the next three are among them
    silent     those that are overdue
    gone       those that have been overdue for longer than RECENT_MS, and do not count
    held       those that are overdue, and wait until it is known whether the feed is silent
    missing    while the feed is silent: the sensors that are not heard, each with the ts after which it is heard again
    asleep_ms  when the feed was last found silent
    awake_ms   when it was heard again: the patience of its sensors starts anew then
    hurry_ms   a lower bound of the patiences that count for the feed (`_shortest`); 0: there are none
    """

    sensors: set[str] = field(default_factory=set)
    warm: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    missing: dict[str, int] = field(default_factory=dict)
    last_ts: int = 0
    hurry_ms: int = 0
    asleep_ms: int = 0
    awake_ms: int = 0

    @property
    def counted(self) -> set[str]:
        """Those that make up the feed."""
        return self.warm - self.gone

    def silent_after(self) -> int:
        """Return the event time after which nothing was heard of any for too long: see Sensor.silent_after."""
        return self.last_ts + self.hurry_ms * 5 // 4

    def due(self, sensor: Sensor) -> int | None:
        """Return the event time from which on a sensor is silent; None: not known."""
        return sensor.silent_after(self._patient_from(sensor))

    def doubtful_after(self, sensor: Sensor) -> int | None:
        """Return the event time after which one has reason to wonder whether a sensor is silent."""
        return sensor.doubtful_after(self._patient_from(sensor))

    def _patient_from(self, sensor: Sensor) -> int:
        """Return when the feed awoke; whoever was gone before it fell asleep is given no time for that."""
        at = sensor.silent_after(0)
        return 0 if at is not None and at + RECENT_MS < self.asleep_ms else self.awake_ms

    def leave(self, name: str) -> None:
        """A sensor is of this owner no more."""
        for some in (self.sensors, self.warm, self.silent, self.gone, self.held):
            some.discard(name)
        self.missing.pop(name, None)


def enough(sensors: int, config: HealthConfig) -> int:
    """Return how many of a feed's sensors must be silent for the feed to be."""
    return max(config.feed_sensors, math.ceil(config.feed_share * sensors - 1e-9))


def fallen(feed: Feed, known: Mapping[str, Sensor], clock: int, config: HealthConfig) -> dict[str, int]:
    """Return of which sensors nothing is heard, if that makes the feed silent, and the ts beyond which one is again.

    What is told late of a sensor lies at most a quarter of its patience beyond what was known of it.
    """
    count = len(feed.warm) - len(feed.gone)
    if count < config.feed_sensors:
        return {}
    if feed.hurry_ms and clock > feed.silent_after():
        feed.hurry_ms = _shortest(feed, known)
        if feed.hurry_ms and clock > feed.silent_after():
            return dict.fromkeys(sorted(feed.counted), clock - feed.hurry_ms)
    if len(feed.silent) < enough(count, config):
        return {}
    return {name: clock - known[name].slowest().patience_ms for name in sorted(feed.silent)}


def _shortest(feed: Feed, known: Mapping[str, Sensor]) -> int:
    """Return the shortest patience in a feed; 0: nobody says how soon it is silent.

    Whoever was overdue when the feed was heard last is silent alone: others need not speak as often as that one.
    """
    return min(
        (
            sensor.patience_ms
            for sensor in map(known.__getitem__, feed.counted)
            if (sensor.doubtful_after(0) or 0) >= feed.last_ts
        ),
        default=0,
    )


def decided_at(feed: Feed, known: Mapping[str, Sensor], clock: int, config: HealthConfig) -> int:
    """Return when it will be known whether the feed is silent, where it may be; else a time that is over."""
    counted = feed.counted
    if len(counted) < config.feed_sensors:
        return clock
    times = []
    hurry = _shortest(feed, known)
    if hurry and clock - feed.last_ts > hurry // 2:
        times.append(feed.last_ts + hurry * 5 // 4 + 1)
    doubted = [known[name] for name in counted if clock > (feed.doubtful_after(known[name]) or clock)]
    dues = sorted(due for due in map(feed.due, doubted) if due is not None)
    need = enough(len(counted), config)
    if len(dues) >= need:
        times.append(dues[need - 1])
    return min((at for at in times if at > clock), default=clock)
