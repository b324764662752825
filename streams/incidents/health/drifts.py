"""The metrics of one region whose sensors are compared with each other, and who of them drifts."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from schemas.alerts import Alert, Health
from streams.fold.contract import Record
from streams.incidents.health.cases import Cases, Finding, Key
from streams.incidents.health.drift import (
    LEAST_SHARE,
    OWN_TIMES,
    SETTLED,
    SPANS,
    TIMES,
    Trail,
    residuals,
    step,
)
from streams.incidents.health.findings import span
from streams.incidents.health.sensors import Sensor, Series
from streams.incidents.lifecycle import Place
from streams.incidents.showing import Seen, active

PERIOD_MS = 1_200_000
"""That of streams/sensing/health/means.py."""
_WAIT_MS = 900_000
"""After the end of a span: its means are told by the next readings."""
_SETTLED_MS = (SETTLED + 2) * PERIOD_MS + _WAIT_MS
"""Of time alone, where no span tells that a drift went no further: as long as the spans would take, and one more."""


class _Means(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Spans of a metric up to which all is judged, and the means by sensor of those that are not."""

    judged: int
    waiting: dict[int, dict[str, float]]


class _SavedTrail(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    residuals: dict[int, float]
    greatest: float
    before: float | None
    reached: float
    since: int
    home: float | None = None


_means = msgspec.msgpack.Decoder(_Means)
_trail = msgspec.msgpack.Decoder(_SavedTrail)
_encode = msgspec.msgpack.Encoder().encode


class Drifts:
    """By metric: means that wait to be judged, and the trails of its sensors."""

    def __init__(
        self, region: str, known: Mapping[str, Sensor], place: Callable[[str], Place], cases: Cases
    ) -> None:
        """`known` are the sensors of the region: a trail ends with its sensor."""
        self._region = region
        self._known = known
        self._place = place
        self._cases = cases
        self._waiting: dict[str, dict[int, dict[str, float]]] = {}
        self._judged: dict[str, int] = {}
        self._trails: dict[str, dict[str, Trail]] = {}
        self._drifting: set[tuple[str, str]] = set()
        """Metric and sensor of the trails with a drift that is open."""
        self._unsaved_means: set[str] = set()
        self._unsaved_trails: set[tuple[str, str]] = set()

    def put(self, name: str, metric: str, series: Series) -> None:
        """Take in what is told of a series, once for each span."""
        if series.period > self._judged.get(metric, 0):
            self._waiting.setdefault(metric, {}).setdefault(series.period, {})[name] = series.mean
            self._unsaved_means.add(metric)

    def judge(self, clock: int, record: Record) -> Iterator[Alert]:
        """Judge the spans that are over; yields the events of alerts."""
        yield from self._end_without_means(clock, record)
        for metric in sorted(self._waiting):
            waiting = self._waiting[metric]
            for period in sorted(p for p in waiting if p + PERIOD_MS + _WAIT_MS <= clock):
                told = waiting.pop(period)
                means = {name: mean for name, mean in told.items() if self._measures(name, metric)}
                self._judged[metric] = period
                self._unsaved_means.add(metric)
                yield from self._judge(metric, period, means, clock, record)

    def _judge(
        self, metric: str, period: int, means: Mapping[str, float], clock: int, record: Record
    ) -> Iterator[Alert]:
        trails = self._trails.setdefault(metric, {})
        for name in [name for name in trails if not self._measures(name, metric)]:
            del trails[name]
            self._drifting.discard((metric, name))
            self._unsaved_trails.add((metric, name))
        places = {name: self._place(self._known[name].cell) for name in means}
        now = residuals(means, {name: (place.lat, place.lon) for name, place in places.items()})
        for name in now:
            trails.setdefault(name, Trail())
            self._unsaved_trails.add((metric, name))
        for name in step(trails, period, PERIOD_MS, means, now):
            key: Key = ("sensor_drifting", self._region, name)
            trail = trails[name]
            if trail.before is not None:
                self._drifting.add((metric, name))
                finding = self._finding(name, metric, trail, period, means[name], now[name])
                yield from self._cases.raise_(key, finding, clock, record)
            else:
                yield from self._end(metric, name, "as near to its neighbours as it was", clock, record)

    def _measures(self, name: str, metric: str) -> bool:
        sensor = self._known.get(name)
        return sensor is not None and metric in sensor.series

    def _end_without_means(self, clock: int, record: Record) -> Iterator[Alert]:
        """End the drifts of metrics that are measured no more, or of which no span was judged for long."""
        for metric, name in sorted(self._drifting):
            trail = self._trails[metric][name]
            if not self._measures(name, metric):
                why = f"{metric} is not measured any more"
            elif clock - trail.since >= _SETTLED_MS:
                why = f"no further for {span(SETTLED * PERIOD_MS)}"
            else:
                continue
            trail.before, trail.residuals = None, {}
            self._unsaved_trails.add((metric, name))
            yield from self._end(metric, name, why, clock, record)

    def _end(self, metric: str, name: str, why: str, clock: int, record: Record) -> Iterator[Alert]:
        """A drift is over; so is its alert, if it is the last of its sensor."""
        self._drifting.discard((metric, name))
        if not any(other == name for _, other in self._drifting):
            yield from self._cases.clear(("sensor_drifting", self._region, name), why, clock, record)

    def _finding(
        self, name: str, metric: str, trail: Trail, period: int, mean: float, residual: float
    ) -> Finding:
        sensor = self._known[name]
        series = sensor.series[metric]
        assert trail.before is not None, "whoever drifts began somewhere"
        text = (
            f"{metric} of {name} of {sensor.owner} has moved from {trail.before:+.4g} to {residual:+.4g} against its "
            f"neighbours in {SPANS * PERIOD_MS // 3_600_000} h"
        )
        health = Health(
            feed="sensors",
            sensors=1,
            last_ts=series.last_ts,
            expected_ms=series.expected_ms,
            patience_ms=series.patience_ms,
            metric=metric,
            value=mean,
            residual=residual,
            residual_before=trail.before,
        )
        return Finding(period - SPANS * PERIOD_MS, sensor.cell, "minor", text, health)

    def seen(self, name: str, metric: str, alert: Alert | None) -> Seen | None:
        """Return how far a sensor is from its neighbours; `alert` is the one that is open."""
        trail = self._trails.get(metric, {}).get(name)
        if trail is None or not trail.residuals:
            return None
        now = trail.residuals[max(trail.residuals)]
        if trail.before is None:
            value = f"{metric} {now:+.4g}, moved by {now - trail.residuals[min(trail.residuals)]:+.4g}"
            limit = f"{OWN_TIMES * trail.greatest:.4g}, {TIMES:g} times the others, {LEAST_SHARE:.0%} of the value"
        else:
            value = f"{metric} {now:+.4g}, {abs(now - trail.before):.4g} from {trail.before:+.4g}"
            limit = f"cleared within {trail.reached / 2:.4g}, or no further for {span(SETTLED * PERIOD_MS)}"
        return Seen(value, limit, active(alert))

    def take_parts(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield what changed since the last call, by kind of part and name."""
        for metric in sorted(self._unsaved_means):
            saved = _Means(self._judged.get(metric, 0), self._waiting.get(metric, {}))
            yield f"means/{self._region}/{metric}", _encode(saved)
        self._unsaved_means.clear()
        for metric, name in sorted(self._unsaved_trails):
            t = self._trails[metric].get(name)
            data = None
            if t is not None:
                data = _encode(_SavedTrail(t.residuals, t.greatest, t.before, t.reached, t.since, t.home))
            yield f"trail/{self._region}/{metric}:{name}", data
        self._unsaved_trails.clear()

    def restore_means(self, metric: str, data: bytes) -> None:
        """Take back the means of a metric."""
        saved = _means.decode(data)
        self._judged[metric], self._waiting[metric] = saved.judged, saved.waiting

    def restore_trail(self, name: str, data: bytes) -> None:
        """Take back a trail, by "metric:sensor"."""
        metric, _, sensor = name.partition(":")
        saved = _trail.decode(data)
        self._trails.setdefault(metric, {})[sensor] = Trail(
            saved.residuals, saved.greatest, saved.before, saved.reached, saved.since, saved.home
        )
        if saved.before is not None:
            self._drifting.add((metric, sensor))
