"""The thresholds in force, in all cells of one partition of ub.cells.

A cell is judged once a window, when the window is whole (anomaly/gate.py). A window that is amended afterwards, or that
comes after a later one of its cell and metric, decides nothing: a look back would change what was told.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import get_args

import msgspec

from schemas.alerts import SEVERITIES, Alert, Severity
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.anomaly.book import HELD
from streams.incidents.anomaly.gate import Gate, Whole
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.lifecycle import RULE_GONE, SILENT_MS, Place, ended
from streams.incidents.messages import Metrics
from streams.incidents.showing import Seen, active
from streams.incidents.thresholds.alert import Window, bound, changed, measured, raised
from streams.incidents.thresholds.rules import Figure, Level, Threshold, step

Key = tuple[str, str]
"""Cell, and name of the threshold."""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """`levels`: since when, and whether it holds, by bound; `first`: the record in which the first of them began."""

    region: str
    version: str
    last: int
    levels: tuple[tuple[int | None, bool], ...]
    first: int
    alert: Alert | None


@dataclass(slots=True)
class _Series:
    region: str
    version: str
    last: int = -1
    levels: tuple[Level, ...] = ()
    first: int = 0
    alert: Alert | None = None
    window: Window | None = None
    """The newest, for those who ask (`seen`)."""


@dataclass(slots=True)
class _Region:
    """Whose threshold is gone, and a heap of when each is forgotten, if nothing is measured until then."""

    gone: set[Key] = field(default_factory=set)
    forget_at: list[tuple[int, Key]] = field(default_factory=list)


_saved = msgspec.msgpack.Decoder(_Saved)
_SILENT = "nothing was measured for a day"


class ThresholdBook:
    """What is at or beyond a bound, by cell and threshold. Parts: `held/FIGURE/REGION`, and `CELL/THRESHOLD`."""

    def __init__(self, thresholds: tuple[Threshold, ...], place: Callable[[str], Place]) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._place, self._names = place, CellNames(place)
        self._gates: dict[Figure, Gate] = {figure: Gate(figure) for figure in get_args(Figure)}
        self._series: dict[Key, _Series] = {}
        self._regions: dict[str, _Region] = {}
        self._unsaved: set[Key] = set()
        self.take(thresholds)

    def take(self, thresholds: tuple[Threshold, ...]) -> None:
        """Go by other thresholds from the next window on."""
        self._named = {one.name: one for one in thresholds}
        self._by: dict[tuple[Figure, str], list[Threshold]] = {}
        """By figure and metric."""
        for one in thresholds:
            self._by.setdefault((one.figure, one.metric), []).append(one)
        # All figures, whichever count now: windows that are held as a figure changes are judged by the new one.
        metrics = {one.metric for one in thresholds}
        for gate in self._gates.values():
            gate.metrics = metrics
        for region in self._regions.values():
            region.gone.clear()
        for key, series in self._series.items():
            if self._is_gone(key, series):
                self._regions[series.region].gone.add(key)

    def _is_gone(self, key: Key, series: _Series) -> bool:
        """Return whether no threshold goes on with a series. One of that name, of another metric, is another one."""
        threshold = self._named.get(key[1])
        told = None if series.alert is None else series.alert.evidence.threshold
        return threshold is None or (told is not None and told.metric != threshold.metric)

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, Metrics) or not self._by:
            return ""
        return self._names.problem(message.rows)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Hold closed windows back; yields the events of alerts about those that are whole now, oldest first."""
        if isinstance(message, Metrics):
            for gate in self._gates.values() if self._by else ():
                gate.put(message, record.offset)
        elif isinstance(message, CellsHealth):
            region = self._regions.setdefault(message.region, _Region())
            for key in sorted(region.gone):
                yield from self._drop(key, message.as_of, RULE_GONE, record)
            region.gone.clear()
            for figure, gate in self._gates.items():
                through = gate.go_on(message.region, message.metrics_as_of)
                for whole in () if through is None else through.windows:
                    yield from self._judge_all(figure, whole, record)
            now = min(gate.clock(message) for gate in self._gates.values())
            yield from self._forget(region, now, record)

    def _judge_all(self, figure: Figure, whole: Whole, record: Record) -> Iterator[Alert]:
        for metric, values in sorted(whole.values.items()):
            for cell, value in sorted(values.items()):
                unit = whole.units[metric]
                window = Window(cell, whole.region, unit, whole.start, whole.length_ms, value, whole.began)
                for threshold in self._by.get((figure, metric), ()):
                    yield from self._judge(threshold, window, record)

    def _judge(self, threshold: Threshold, window: Window, record: Record) -> Iterator[Alert]:
        key = window.cell, threshold.name
        place = self._place(window.cell)
        if threshold.zones and place.zone not in threshold.zones:
            why = f"{threshold.name} does not hold in {place.zone}"
            yield from self._drop(key, window.start, why, record, threshold.version)
            return
        series = self._series.get(key)
        if series is not None and window.start >= (over := series.last + SILENT_MS):
            # In a backlog nobody had told that time went on.
            yield from self._drop(key, over, _SILENT, record)
            series = None
        if series is None:
            series = self._series[key] = _Series(window.region, "")
            self._remember(key, series, window.start)
        if window.start <= series.last:
            return
        if series.version != threshold.version:
            series.version, series.levels = threshold.version, _begun(threshold, series.alert, window.value)
        series.last, series.window = window.start, window
        self._unsaved.add(key)
        if all(level.since is None for level in series.levels):
            series.first = window.began
        series.levels = tuple(
            step(level, threshold, limit, window.value, window.start, window.end)
            for level, (_, limit) in zip(series.levels, threshold.bounds, strict=True)
        )
        yield from self._told(series, threshold, window, place, record)

    def _told(
        self, series: _Series, threshold: Threshold, window: Window, place: Place, record: Record
    ) -> Iterator[Alert]:
        """Yield the event of a series whose severity changed, if it did."""
        alert, severity = series.alert, _severity(threshold, series.levels)
        if severity is None:
            if alert is not None:
                series.alert = None
                yield ended(
                    alert, window.start, f"{measured(threshold, window)} again", record, threshold.version
                )
            return
        if alert is None:
            since = min(one.since for one in series.levels if one.holds and one.since is not None)
            alert = raised(threshold, window, severity, since, place, record, series.first)
        elif alert.severity != severity:
            alert = changed(alert, threshold, window, severity, record)
        else:
            return
        series.alert = alert
        yield alert

    def _drop(
        self, key: Key, at: int, why: str, record: Record, version: str | None = None
    ) -> Iterator[Alert]:
        series = self._series.pop(key, None)
        if series is None:
            return
        self._unsaved.add(key)
        if series.alert is not None:
            yield ended(series.alert, at, why, record, version)

    def _remember(self, key: Key, series: _Series, last: int) -> None:
        region = self._regions.setdefault(series.region, _Region())
        heappush(region.forget_at, (last + SILENT_MS, key))

    def _forget(self, region: _Region, now: int, record: Record) -> Iterator[Alert]:
        """Clear and forget that of which nothing was measured for a day, by the time of its region."""
        waiting, due = region.forget_at, set()
        while waiting and waiting[0][0] <= now:
            _, key = heappop(waiting)
            series = self._series.get(key)
            if series is None:
                continue
            if series.last + SILENT_MS > now:
                self._remember(key, series, series.last)
            else:
                due.add(key)
        for key in sorted(due):  # the heap of whoever begins again is in another order
            yield from self._drop(key, now, _SILENT, record)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the threshold that judges an alert's subject; None where none does."""
        found = self._named.get(alert.subject or "") if alert.kind == "threshold" else None
        return None if found is None else found.version

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest window of a cell, as a threshold sees it."""
        series = self._series.get((alert.cell, alert.subject or "")) if alert.kind == "threshold" else None
        threshold = self._named.get(alert.subject or "")
        if series is None or series.window is None or threshold is None:
            return None
        bounds = ", ".join(f"{severity} {bound(threshold, severity)}" for severity, _ in threshold.bounds)
        return Seen(measured(threshold, series.window), bounds, active(series.alert))

    def take_parts(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by name; None where it was forgotten."""
        parts = {f"{cell}/{name}": self._encoded((cell, name)) for cell, name in self._unsaved}
        self._unsaved.clear()
        for figure, gate in self._gates.items():
            parts |= {f"{HELD}/{figure}/{region}": part for region, part in gate.take_parts().items()}
        return parts

    def _encoded(self, key: Key) -> bytes | None:
        series = self._series.get(key)
        if series is None:
            return None
        levels = tuple((level.since, level.holds) for level in series.levels)
        return msgspec.msgpack.encode(
            _Saved(series.region, series.version, series.last, levels, series.first, series.alert)
        )

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a part; returns the alert in it that is open."""
        cell, _, threshold = name.partition("/")
        if cell == HELD:
            figure, _, region = threshold.partition("/")
            self._gates[msgspec.convert(figure, Figure)].restore(region, data)
            return None
        key, saved = (cell, threshold), _saved.decode(data)
        levels = tuple(Level(since, holds) for since, holds in saved.levels)
        series = _Series(saved.region, saved.version, saved.last, levels, saved.first, saved.alert)
        self._series[key] = series
        self._remember(key, series, saved.last)
        if self._is_gone(key, series):
            self._regions[saved.region].gone.add(key)
        return saved.alert


def _begun(threshold: Threshold, alert: Alert | None, value: float) -> tuple[Level, ...]:
    """Return the levels of a threshold that is new, or was changed: with an open alert what it is beyond goes on."""
    return tuple(
        Level(alert.starts_at, holds=True)
        if alert is not None and threshold.reaches(value, limit)
        else Level()
        for _, limit in threshold.bounds
    )


def _severity(threshold: Threshold, levels: tuple[Level, ...]) -> Severity | None:
    holding = [severity for level, (severity, _) in zip(levels, threshold.bounds, strict=True) if level.holds]
    return max(holding, key=SEVERITIES.index, default=None)
