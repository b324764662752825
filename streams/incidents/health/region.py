"""The sensors of one region: what is wrong with each, and whether a whole feed is silent instead.

A feed is all sensors of an owner (feeds.py). While most of them are silent there is one alert for all: it replaces
those of single sensors, and new ones are held back. When the feed speaks again, each sensor gets its usual time to
report too. While it is not known whether the feed is silent, an overdue sensor waits, but not for ever.
"""

from collections.abc import Callable, Iterable, Iterator

from schemas.alerts import Alert, AlertKind
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.health import findings
from streams.incidents.health.cases import Cases, Key
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.deadlines import Deadlines
from streams.incidents.health.drifts import Drifts
from streams.incidents.health.feeds import HOLD_MS, RECENT_MS, Feed, decided_at, fallen
from streams.incidents.health.findings import SENSORS
from streams.incidents.health.seen import of_feed, of_silence, of_values
from streams.incidents.health.sensors import Sensor, Series, rows
from streams.incidents.lifecycle import Place
from streams.incidents.showing import Seen

OF_SENSORS: tuple[AlertKind, ...] = (
    "sensor_silent",
    "sensor_stuck",
    "sensor_out_of_range",
    "sensor_drifting",
)


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
        self.owners: dict[str, Feed] = {}
        self._turned: set[str] = set()
        """Owners whose feed fell silent, or was heard again, with the record that is judged."""
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
            self._catch_up(name, sensor, clock)
            known = sensor.series.get(metric)
            if known is None or series.said >= known.said:
                if sensor.owner != owner:
                    self._leave(name, sensor)
                sensor.owner, sensor.cell = owner, cell
                sensor.series[metric] = series
                self.drifts.put(name, metric, series)
                touched.add(name)
        names = sorted(touched & self.known.keys())
        for name in names:
            self._enter(name)
            # What was just heard is newer than the clock, which goes on when all of its time was heard.
            yield from self._look(name, max(clock, self.known[name].last_ts), record)
        for owner in {self.known[name].owner for name in names}:
            self._look_again(self.owners[owner].held)

    def _catch_up(self, name: str, sensor: Sensor, clock: int) -> None:
        """Have an overdue sensor that is about to be heard be up to date before its silent feed takes note of it.

        Before a partition that was away has caught up well, it would be silent again at the next pause.
        """
        feed = self.owners.get(sensor.owner)
        if feed is None or name not in feed.missing:
            return
        at = feed.due(sensor)
        if at is not None and at <= clock:
            feed.missing[name] = clock - sensor.slowest().patience_ms // 2
            self.unsaved_owners.add(sensor.owner)

    def _enter(self, name: str) -> None:
        sensor = self.known[name]
        self.unsaved_sensors.add(name)
        feed = self.owners.setdefault(sensor.owner, Feed())
        feed.sensors.add(name)
        feed.last_ts = max(feed.last_ts, sensor.last_ts)
        for some in (feed.silent, feed.gone, feed.held):
            some.discard(name)  # if it is silent all the same, its time is over at once
        if sensor.last_ts > feed.missing.get(name, sensor.last_ts):
            del feed.missing[name]
            self.unsaved_owners.add(sensor.owner)
        patience = sensor.patience_ms
        (feed.warm.add if patience else feed.warm.discard)(name)
        if patience:
            feed.hurry_ms = min(feed.hurry_ms or patience, patience)
        at = feed.due(sensor)
        self._deadlines.set(name, self._forget_at(sensor, at) if at is None else at)

    def _look_again(self, names: Iterable[str]) -> None:
        """Have sensors looked at when the next judgement comes."""
        for name in names:
            self._deadlines.set(name, 0)

    def _look(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        """Judge a sensor by what was just said of it."""
        sensor = self.known[name]
        key = self._key("sensor_silent", name)
        open_alert, due = self._cases.find(key), self.owners[sensor.owner].due(sensor)
        over = due is not None and due <= clock  # what was heard is so old that its time is over again
        if open_alert is not None and heard_since(open_alert, sensor.last_ts) and not over:
            yield from self._cases.clear(key, "readings are heard again", clock, record)
        # A metric of which nothing came for so long that a sensor would be forgotten says nothing of it any more.
        alive = {m: s for m, s in sorted(sensor.series.items()) if s.last_ts + self._config.forget_ms > clock}
        ill = {metric: series for metric, series in alive.items() if series.stuck_since}
        for metric, series in ill.items():
            finding = findings.stuck(name, sensor, metric, series)
            yield from self._cases.raise_(self._key("sensor_stuck", name), finding, clock, record)
        if not ill:
            yield from self._cases.clear(
                self._key("sensor_stuck", name), "the value has changed", clock, record
            )
        ill = {metric: series for metric, series in alive.items() if series.refused_since}
        for metric, series in ill.items():
            finding = findings.out_of_range(name, sensor, metric, series)
            yield from self._cases.raise_(self._key("sensor_out_of_range", name), finding, clock, record)
        if not ill:
            key = self._key("sensor_out_of_range", name)
            yield from self._cases.clear(key, "readings are in range again", clock, record)

    def judge(self, clock: int, record: Record) -> Iterator[Alert]:
        """Yield the events that are due because time went on: feeds first, for they hold back their sensors."""
        due = self._deadlines.take(clock)
        for name in due:
            self._note(name, clock)
        for owner in sorted(self.owners):
            yield from self._judge_feed(owner, clock, record)
        decided: dict[str, int] = {}
        for name in due:
            if self.known[name].owner not in self._turned:  # of those all are looked at with the next record
                yield from self._judge_silence(name, clock, decided, record)
        self._turned.clear()
        yield from self.drifts.judge(clock, record)

    def _note(self, name: str, clock: int) -> None:
        """Count a sensor whose time may be over as one of which nothing is heard."""
        sensor = self.known[name]
        feed = self.owners[sensor.owner]
        at = feed.due(sensor)
        if at is None or at > clock or name in feed.missing:
            return
        feed.silent.discard(name)
        if clock > at + RECENT_MS:
            feed.gone.add(name)
        elif self._cases.find(self._feed(sensor.owner)) is None:
            feed.silent.add(name)
        else:
            feed.missing[name] = clock - sensor.slowest().patience_ms
            self.unsaved_owners.add(sensor.owner)

    def _judge_feed(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        feed, key = self.owners[name], self._feed(name)
        if self._cases.find(key) is not None:
            if 2 * len(feed.missing) <= len(feed.warm) - len(feed.gone):
                feed.awake_ms, feed.missing = clock, {}
                self._turn(name)
                why = "readings are heard again" if feed.counted else "none of its sensors is left"
                yield from self._cases.clear(key, why, clock, record)
            return
        missing = fallen(feed, self.known, clock, self._config)
        if missing:
            heard, patience = sorted(feed.counted - missing.keys()), clock - max(missing.values())
            feed.asleep_ms, feed.missing = clock, missing
            self._turn(name)
            for sensor in sorted(feed.sensors):
                alone = self._key("sensor_silent", sensor)
                yield from self._cases.clear(alone, f"so is the feed of {name}", clock, record)
            newest = max(missing, key=lambda sensor: (self.known[sensor].last_ts, sensor))
            finding = findings.owner_silent(name, len(missing), heard, self.known[newest], patience, clock)
            yield from self._cases.raise_(key, finding, clock, record)

    def _turn(self, owner: str) -> None:
        """A feed fell silent, or is heard again: all its sensors are to be looked at."""
        feed = self.owners[owner]
        for some in (feed.silent, feed.gone, feed.held):
            some.clear()
        self.unsaved_owners.add(owner)
        self._turned.add(owner)
        self._look_again(feed.sensors)

    def _judge_silence(
        self, name: str, clock: int, decided: dict[str, int], record: Record
    ) -> Iterator[Alert]:
        """Judge a sensor whose time may be over; `decided`: by owner, when it is known what its feed is up to."""
        sensor = self.known[name]
        feed = self.owners[sensor.owner]
        at = feed.due(sensor)
        forget_at = self._forget_at(sensor, at)
        if clock >= forget_at:
            yield from self._forget(name, "taken as removed for good", clock, record)
        elif at is None:
            self._deadlines.set(name, forget_at)
        elif at > clock:
            self._deadlines.set(name, at)
        elif self._cases.find(self._feed(sensor.owner)) is not None:
            self._deadlines.set(name, forget_at)
        else:
            if sensor.owner not in decided:
                decided[sensor.owner] = decided_at(feed, self.known, clock, self._config)
            most = at + max(HOLD_MS, sensor.slowest().patience_ms)
            until = min(decided[sensor.owner], most, (at + forget_at) // 2)
            if until > clock:
                feed.held.add(name)
                self._deadlines.set(name, until)
                return
            feed.held.discard(name)
            self._deadlines.set(name, forget_at if name in feed.gone else min(forget_at, at + RECENT_MS + 1))
            finding = findings.silent(name, sensor, clock)
            yield from self._cases.raise_(self._key("sensor_silent", name), finding, clock, record)

    def _forget_at(self, sensor: Sensor, silent_at: int | None) -> int:
        return self._config.forgotten_after(sensor.last_ts, silent_at or 0) + 1

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
        for kind in OF_SENSORS:
            yield from self._cases.clear(self._key(kind, name), why, clock, record)
            self._cases.forget(self._key(kind, name))
        sensor = self.known.pop(name)
        self.unsaved_sensors.add(name)
        self._deadlines.drop(name)
        self._leave(name, sensor)

    def _leave(self, name: str, sensor: Sensor) -> None:
        feed = self.owners.get(sensor.owner)
        if feed is None:
            return
        if name in feed.missing:
            self.unsaved_owners.add(sensor.owner)
        feed.leave(name)
        self._look_again(feed.held)
        if sensor.last_ts >= feed.last_ts:
            feed.last_ts = max((self.known[other].last_ts for other in feed.sensors), default=0)
            feed.hurry_ms = min((self.known[other].patience_ms for other in feed.warm), default=0)

    def seen(self, alert: Alert) -> Seen | None:
        """Return what is known of the sensor or feed that an alert is about; None where nothing is."""
        name, health = alert.subject or "", alert.evidence.health
        if alert.kind == "feed_silent":
            feed = self.owners.get(name)
            return None if feed is None else of_feed(feed, self._config, self._cases.find(self._feed(name)))
        sensor, known = self.known.get(name), self._cases.find(self._key(alert.kind, name))
        if sensor is None or health is None:
            return None
        if alert.kind == "sensor_drifting":
            return self.drifts.seen(name, health.metric or "", known)
        if alert.kind == "sensor_silent":
            return of_silence(sensor, self.owners[sensor.owner], known)
        return of_values(sensor, health.metric or "", alert.kind, known)

    def restore(self, name: str, sensor: Sensor) -> None:
        """Take back a sensor; see `settle`."""
        self.known[name] = sensor

    def settle(self) -> None:
        """All was taken back: find out when to look at whom."""
        for name in self.known:
            self._enter(name)
        self.unsaved_sensors.clear()
        for name, feed in self.owners.items():
            alert = self._cases.find(self._feed(name))
            if alert is not None and not feed.missing:  # saved by a version that did not keep who is missing
                feed.missing = dict.fromkeys(feed.warm, alert.starts_at)

    def _key(self, kind: AlertKind, name: str) -> Key:
        return kind, self._region, name

    def _feed(self, owner: str) -> Key:
        return "feed_silent", self._region, f"{SENSORS}:{owner}"
