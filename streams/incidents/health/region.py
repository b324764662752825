"""The sensors of one region: what is wrong with each, and whether a whole feed is silent instead.

A feed is all sensors of an owner. While nothing is heard of any of them that is one alert; what each of them would say
is held back until the feed speaks again, and then each has its usual time to do so too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from schemas.alerts import Alert, AlertKind
from schemas.cells import CellsHealth
from streams.fold import Record
from streams.incidents.health import findings
from streams.incidents.health.cases import Cases, Key
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.deadlines import Deadlines
from streams.incidents.health.drifts import Drifts
from streams.incidents.health.findings import SENSORS
from streams.incidents.health.sensors import Sensor, Series, rows
from streams.incidents.lifecycle import Place

_OF_SENSORS: tuple[AlertKind, ...] = (
    "sensor_silent",
    "sensor_stuck",
    "sensor_out_of_range",
    "sensor_drifting",
)


@dataclass(slots=True)
class Owner:
    """All sensors of an owner; `awake_ms`: its feed was silent until then; `hurry_ms`: no patience is shorter."""

    sensors: set[str] = field(default_factory=set)
    last_ts: int = 0
    awake_ms: int = 0
    hurry_ms: int = 0


def silent_after(owner: Owner) -> int:
    """Return the event time from which on the feed is silent: see Sensor.silent_after."""
    return owner.last_ts + owner.hurry_ms * 5 // 4


def heard_since(alert: Alert, last_ts: int) -> bool:
    """Return whether something was heard of that an alert calls silent, and not only told late.

    What is told late is at most a quarter of the patience newer than what was known when one and a quarter were over.
    """
    health = alert.evidence.health
    assert health is not None, "alerts on health have their figures"
    return last_ts > alert.updated_at - health.patience_ms


class Sensors:
    """The sensors of a region by id."""

    def __init__(
        self, region: str, config: HealthConfig, cases: Cases, place: Callable[[str], Place]
    ) -> None:
        self._region = region
        self._config = config
        self._cases = cases
        self._deadlines = Deadlines()
        self.known: dict[str, Sensor] = {}
        self.drifts = Drifts(region, self.known, place, cases)
        self.owners: dict[str, Owner] = {}
        self.unsaved_sensors: set[str] = set()
        self.unsaved_owners: set[str] = set()

    def put(self, message: CellsHealth, clock: int, record: Record) -> Iterator[Alert]:
        """Take in what is said of sensors; yields the events of alerts that it decides."""
        touched = set()
        for name, metric, owner, cell, series in rows(message):
            if series.last_ts == 0:
                yield from self._remove(name, metric, series, clock, record)
                continue
            sensor = self.known.get(name)
            if sensor is None:
                sensor = self.known[name] = Sensor(owner, cell)
            known = sensor.series.get(metric)
            if known is None or series.said >= known.said:
                if sensor.owner != owner:
                    self._leave(name, sensor)
                sensor.owner, sensor.cell = owner, cell
                sensor.series[metric] = series
                self.drifts.put(name, metric, series)
                touched.add(name)
        for name in sorted(touched & self.known.keys()):
            self._enter(name)
            yield from self._look(name, clock, record)

    def _enter(self, name: str) -> None:
        sensor = self.known[name]
        self.unsaved_sensors.add(name)
        owner = self.owners.setdefault(sensor.owner, Owner())
        owner.sensors.add(name)
        owner.last_ts = max(owner.last_ts, sensor.last_ts)
        patience = sensor.patience_ms
        if patience:
            owner.hurry_ms = min(owner.hurry_ms or patience, patience)
        self._schedule(name)

    def _schedule(self, name: str) -> None:
        sensor = self.known[name]
        at = sensor.silent_after(self.owners[sensor.owner].awake_ms)
        if at is not None:
            self._deadlines.set(name, at)

    def _look(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        """Judge a sensor by what was just said of it."""
        sensor = self.known[name]
        key = self._key("sensor_silent", name)
        open_alert = self._cases.find(key)
        if open_alert is not None and heard_since(open_alert, sensor.last_ts):
            yield from self._cases.clear(key, "readings are heard again", clock, record)
        ill = {metric: series for metric, series in sorted(sensor.series.items()) if series.stuck_since}
        for metric, series in ill.items():
            finding = findings.stuck(name, sensor, metric, series)
            yield from self._cases.raise_(self._key("sensor_stuck", name), finding, clock, record)
        if not ill:
            yield from self._cases.clear(
                self._key("sensor_stuck", name), "the value has changed", clock, record
            )
        ill = {metric: series for metric, series in sorted(sensor.series.items()) if series.refused_since}
        for metric, series in ill.items():
            finding = findings.out_of_range(name, sensor, metric, series)
            yield from self._cases.raise_(self._key("sensor_out_of_range", name), finding, clock, record)
        if not ill:
            key = self._key("sensor_out_of_range", name)
            yield from self._cases.clear(key, "readings are in range again", clock, record)

    def judge(self, clock: int, record: Record) -> Iterator[Alert]:
        """Yield the events that are due because time went on: feeds first, for they hold back their sensors."""
        for name in sorted(self.owners):
            yield from self._judge_feed(name, clock, record)
        for name in self._deadlines.take(clock):
            yield from self._judge_silence(name, clock, record)
        yield from self.drifts.judge(clock, record)

    def _judge_feed(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        owner, key = self.owners[name], self._feed(name)
        open_alert = self._cases.find(key)
        if open_alert is not None:
            if heard_since(open_alert, owner.last_ts) or not owner.sensors:
                owner.awake_ms = clock
                self.unsaved_owners.add(name)
                for sensor in owner.sensors:
                    self._schedule(sensor)
                yield from self._cases.clear(key, "readings are heard again", clock, record)
            return
        if not owner.hurry_ms or clock <= silent_after(owner):
            return
        warm = [sensor for sensor in owner.sensors if self.known[sensor].patience_ms]
        owner.hurry_ms = min((self.known[sensor].patience_ms for sensor in warm), default=0)
        if len(warm) < self._config.feed_sensors or clock <= silent_after(owner):
            return
        newest = max(warm, key=lambda sensor: (self.known[sensor].last_ts, sensor))
        finding = findings.owner_silent(name, len(warm), self.known[newest], owner.hurry_ms, clock)
        yield from self._cases.raise_(key, finding, clock, record)

    def _judge_silence(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        sensor = self.known[name]
        if clock > sensor.last_ts + self._config.forget_ms:
            yield from self._forget(name, "taken as removed for good", clock, record)
            return
        at = sensor.silent_after(self.owners[sensor.owner].awake_ms)
        if at is None:
            return
        if at > clock:
            self._deadlines.set(name, at)
            return
        owner = self.owners[sensor.owner]
        if clock - owner.last_ts > owner.hurry_ms // 2 and clock <= silent_after(owner):
            self._deadlines.set(name, silent_after(owner) + 1)  # perhaps all of them are: wait for that
            return
        self._deadlines.set(name, sensor.last_ts + self._config.forget_ms + 1)
        if self._cases.find(self._feed(sensor.owner)) is None:
            finding = findings.silent(name, sensor, clock)
            yield from self._cases.raise_(self._key("sensor_silent", name), finding, clock, record)

    def _remove(self, name: str, metric: str, series: Series, clock: int, record: Record) -> Iterator[Alert]:
        """Sensing has forgotten a series: so does this."""
        sensor = self.known.get(name)
        known = sensor.series.get(metric) if sensor is not None else None
        if sensor is None or known is None or series.said < known.said:
            return
        del sensor.series[metric]
        self.unsaved_sensors.add(name)
        if not sensor.series:
            yield from self._forget(name, "the sensor is forgotten", clock, record)

    def _forget(self, name: str, why: str, clock: int, record: Record) -> Iterator[Alert]:
        for kind in _OF_SENSORS:
            yield from self._cases.clear(self._key(kind, name), why, clock, record)
            self._cases.forget(self._key(kind, name))
        sensor = self.known.pop(name)
        self.unsaved_sensors.add(name)
        self._deadlines.drop(name)
        self._leave(name, sensor)

    def _leave(self, name: str, sensor: Sensor) -> None:
        owner = self.owners.get(sensor.owner)
        if owner is None:
            return
        owner.sensors.discard(name)
        if sensor.last_ts >= owner.last_ts:
            owner.last_ts = max((self.known[other].last_ts for other in owner.sensors), default=0)

    def restore(self, name: str, sensor: Sensor) -> None:
        """Take back a sensor; see `settle`."""
        self.known[name] = sensor

    def settle(self) -> None:
        """All was taken back: find out when to look at whom."""
        for name in self.known:
            self._enter(name)
        self.unsaved_sensors.clear()

    def _key(self, kind: AlertKind, name: str) -> Key:
        return kind, self._region, name

    def _feed(self, owner: str) -> Key:
        return "feed_silent", self._region, f"{SENSORS}:{owner}"
