"""All series of one partition of ub.cells: each metric of each cell, window by window, with its detector and its alert.

A series is judged once a window, when the window is whole (gate.py). A window that is amended afterwards, or that comes
after a later one of its series, decides nothing: a look back would change what was told.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

import msgspec

from schemas.alerts import SEVERITIES, Alert
from streams.fold.contract import Record
from streams.incidents.anomaly.alert import Window, better, raised, rules_version, worse
from streams.incidents.anomaly.contract import Detector, Score
from streams.incidents.anomaly.family import for_subject, joint
from streams.incidents.anomaly.watch import Rule, Watch, over, step
from streams.incidents.anomaly.watch import restored as restored_watch
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.lifecycle import SILENT_MS, Place, ended
from streams.incidents.messages import Metrics
from streams.incidents.showing import Seen, active

GREATEST = 1e12
"""No metric comes near; larger values would overflow in squares."""
Key = tuple[str, str]
"""Cell and subject: what is judged of the cell, a metric or what is made of several (family.py)."""


@dataclass(frozen=True, slots=True)
class AnomalyConfig:
    """Which member of the family, when to alert, how many series to remember, and the time zone of the city."""

    detector: str = "records"
    rule: Rule = field(default_factory=Rule)
    most_series: int = 300_000
    zone: tzinfo = UTC


class Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """All that is remembered of a series. `known` is the state of `detector` at `version`."""

    region: str
    detector: str
    version: int
    known: msgspec.Raw
    last: int
    loud_at: int
    alert: Alert | None
    louds: tuple[int, ...] | None = None


@dataclass(slots=True)
class _Series:
    region: str
    detector: Detector[Any, Any]
    known: Any
    last: int = -1
    watch: Watch = field(default_factory=Watch)
    alert: Alert | None = None


_saved = msgspec.msgpack.Decoder(Saved)


class AllSeries:
    """The series of one partition."""

    def __init__(self, config: AnomalyConfig, place: Callable[[str], Place]) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._config = config
        self._place = place
        self._detectors: dict[str, Detector[Any, Any]] = {}
        self._series: dict[Key, _Series] = {}
        self._open: set[Key] = set()
        self._scores: dict[Key, tuple[Window, Score]] = {}
        """The newest of each open alert, for those who ask (`seen`)."""
        self._unsaved: set[Key] = set()

    def __len__(self) -> int:
        return len(self._series)

    def go_on(self, region: str, now: int, record: Record) -> list[Alert]:
        """Clear the alerts of a region in which nothing is measured for a day, by its own time."""
        return self._fall_quiet(region, now - SILENT_MS, record)

    def take(
        self, windows: Iterable[tuple[Window, Any]], region: str, reached: int, record: Record
    ) -> list[Alert]:
        """Judge windows of a region, each with the value of its detector; event time has reached `reached` there."""
        told = []
        for window, value in windows:
            series = self._known(window)
            if window.start > series.last:
                told += self._fall(series, (window.cell, window.subject), window.start, record)
                told += self._judge(series, window, value, record)
        told += self._fall_quiet(region, reached, record)
        return told + self._forget(record)

    def _known(self, window: Window) -> _Series:
        key = window.cell, window.subject
        series = self._series.get(key)
        if series is None:
            detector = self._detector(window.subject)
            series = self._series[key] = _Series(window.region, detector, detector.fresh())
        return series

    def _detector(self, subject: str) -> Detector[Any, Any]:
        known = self._detectors.get(subject)
        if known is None:
            known = self._detectors[subject] = for_subject(self._config.detector, subject, self._config.zone)
        return known

    def _judge(self, series: _Series, window: Window, value: Any, record: Record) -> list[Alert]:
        score = series.detector.score(series.known, window.start, value)
        series.detector.learn(series.known, window.start, value, score)
        series.last = window.start
        self._unsaved.add((window.cell, window.subject))
        before, series.watch = series.watch, step(series.watch, score, window.start, self._config.rule)
        if series.watch.severity is not None:
            self._scores[window.cell, window.subject] = window, score
        if series.watch.severity == before.severity:
            return []
        return [self._turn(series, window, score, record)]

    def _turn(self, series: _Series, window: Window, score: Score, record: Record) -> Alert:
        severity, alert, detector = series.watch.severity, series.alert, series.detector
        if severity is None:
            assert alert is not None, "a watch with a severity has an alert"
            event = ended(alert, window.start, self._quiet, record)
        elif alert is None:
            place = self._place(window.cell)
            event = raised(window, place, severity, score, detector, self._config.rule, record)
        elif SEVERITIES.index(severity) > SEVERITIES.index(alert.severity):
            event = worse(alert, window, severity, score, detector, record)
        else:
            event = better(alert, window.start, severity, record)
        return self._told(series, (window.cell, window.subject), event)

    @property
    def _quiet(self) -> str:
        return f"nothing new for {self._config.rule.quiet_ms / 60_000:g} min"

    def _told(self, series: _Series, key: Key, event: Alert) -> Alert:
        series.alert = event if event.status == "active" else None
        (self._open.discard if series.alert is None else self._open.add)(key)
        if series.alert is None:
            self._scores.pop(key, None)
        return event

    def _fall_quiet(self, region: str, reached: int, record: Record) -> list[Alert]:
        """Clear the alerts of a region whose series say nothing any more, or let their severity fall."""
        told = []
        for key in sorted(self._open):
            series = self._series[key]
            if series.region == region:
                told += self._fall(series, key, reached, record)
        return told

    def _fall(self, series: _Series, key: Key, at: int, record: Record) -> list[Alert]:
        """Clear the alert of a series that was quiet for long enough at an event time, or let its severity fall.

        With each window, too: in a backlog many are judged before event time is told to have gone on.
        """
        if series.alert is None:
            return []
        watch = over(series.watch, at, self._config.rule)
        if watch == series.watch:
            return []
        series.watch = watch
        self._unsaved.add(key)
        if watch.severity is None:
            event = ended(series.alert, at, self._quiet, record)
        else:
            event = better(series.alert, at, watch.severity, record)
        return [self._told(series, key, event)]

    def _forget(self, record: Record) -> list[Alert]:
        """Forget the series longest silent where there are too many; a few more than that, as it takes a sort."""
        most = self._config.most_series
        if len(self._series) <= most:
            return []
        told = []
        by_age = sorted(self._series, key=lambda key: (self._series[key].last, key))
        for cell, subject in by_age[: len(self._series) - most + most // 20]:
            series = self._series[cell, subject]
            if series.alert is not None:
                event = ended(
                    series.alert, series.last, "the series is forgotten: there are too many", record
                )
                told.append(self._told(series, (cell, subject), event))
            del self._series[cell, subject]
            self._unsaved.add((cell, subject))
        return told

    def version(self, alert: Alert) -> str | None:
        """Return the version of the detector and its rule; None for other kinds of alerts."""
        if alert.subject is None or not self._judges(alert):
            return None
        return rules_version(self._detector(alert.subject), self._config.rule)

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest score of a series with an open alert; others are not kept."""
        found = self._scores.get((alert.cell, alert.subject or "")) if self._judges(alert) else None
        if found is None:
            return None
        window, score = found
        series = self._series[alert.cell, window.subject]
        value = f"{score.aspect} {score.observed:.4g} {window.unit} (score {score.score:.2f})"
        expected = f"{score.low:.4g} to {score.high:.4g} (score {self._config.rule.raise_at:g})"
        return Seen(value, expected, active(series.alert))

    def _judges(self, alert: Alert) -> bool:
        """Return whether an alert is of this book, and not of another one's detector."""
        return alert.kind == "anomaly" and joint(alert.subject or "") == joint(self._config.detector)

    def take_parts(self) -> dict[str, bytes | None]:
        """Return the series that changed since the last call, by "cell/subject"; None where one was forgotten."""
        parts = {f"{cell}/{subject}": self._encoded((cell, subject)) for cell, subject in self._unsaved}
        self._unsaved.clear()
        return parts

    def _encoded(self, key: Key) -> bytes | None:
        series = self._series.get(key)
        if series is None:
            return None
        detector = series.detector
        known = msgspec.Raw(msgspec.msgpack.encode(series.known))
        return msgspec.msgpack.encode(
            Saved(
                *(series.region, detector.name, detector.version, known),
                *(series.last, series.watch.louds[0], series.alert, series.watch.louds),
            )
        )

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take a saved series in; returns its open alert, which stays, though another detector begins anew."""
        cell, _, subject = name.partition("/")
        saved, detector = _saved.decode(data), self._detector(subject)
        same = (saved.detector, saved.version) == (detector.name, detector.version)
        known = msgspec.msgpack.decode(saved.known, type=detector.state) if same else detector.fresh()
        severity = saved.alert.severity if saved.alert else None
        watch = restored_watch(severity, saved.loud_at, saved.louds)
        self._series[cell, subject] = _Series(saved.region, detector, known, saved.last, watch, saved.alert)
        if saved.alert is not None:
            self._open.add((cell, subject))
        return saved.alert


def problem_of_metrics(message: Message, names: CellNames) -> str:
    """Return what makes a message unusable, or nothing."""
    if not isinstance(message, Metrics):
        return ""
    for value in message.rows.mean:
        if not abs(value) <= GREATEST:
            return f"a mean of {value!r}; numbers up to {GREATEST:g} are expected"
    return names.problem(message.rows)
