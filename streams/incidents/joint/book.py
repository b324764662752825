"""The joint detectors of one partition: whole windows in, each judged by those that are switched on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.anomaly.alert import Window
from streams.incidents.anomaly.book import HELD
from streams.incidents.anomaly.gate import Gate, Whole
from streams.incidents.anomaly.series import AllSeries, AnomalyConfig, problem_of_metrics
from streams.incidents.anomaly.watch import Rule
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.joint.derive import Around, among_neighbours, together
from streams.incidents.lifecycle import Place
from streams.incidents.messages import Metrics
from streams.incidents.showing import Seen


@dataclass(frozen=True, slots=True)
class JointConfig:
    """Which joint detectors (family.py), who knows the cells around a cell, when to alert, how much to remember.

    most_series  of each detector
    """

    detectors: tuple[str, ...]
    around: Around
    rule: Rule = field(default_factory=Rule)
    most_series: int = 300_000


class JointBook:
    """What is held back, and a family of series for each detector.

    Parts: `held/REGION`, and `DETECTOR/CELL/SUBJECT`. Those of a detector that is switched off stay as they are saved.
    """

    def __init__(self, config: JointConfig, place: Callable[[str], Place]) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._around, self._names, self._gate = config.around, CellNames(place), Gate()
        self._series = {
            name: AllSeries(AnomalyConfig(name, config.rule, config.most_series), place)
            for name in config.detectors
        }

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        return problem_of_metrics(message, self._names)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Hold closed windows back; yields the events of alerts about those that are whole now."""
        if isinstance(message, Metrics):
            self._gate.put(message, record.offset)
        elif isinstance(message, CellsHealth):
            through = self._gate.go_on(message.region, message.metrics_as_of)
            if through is not None:
                whole = [window for window in through.windows if not window.late]
                for name, series in self._series.items():
                    judged = (found for window in whole for found in self._made(name, window))
                    yield from series.take(judged, message.region, through.reached, record)
            for series in self._series.values():
                yield from series.go_on(message.region, self._gate.clock(message), record)

    def _made(self, detector: str, whole: Whole) -> Iterator[tuple[Window, Any]]:
        return among_neighbours(whole, self._around) if detector == "spatial" else together(whole)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the detector and its rule; None for alerts of others."""
        return next(filter(None, (series.version(alert) for series in self._series.values())), None)

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest score of an alert that is open; others are not kept."""
        return next(filter(None, (series.seen(alert) for series in self._series.values())), None)

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name."""
        parts: dict[str, bytes | None] = {
            f"{HELD}/{name}": part for name, part in self._gate.take_parts().items()
        }
        for detector, series in self._series.items():
            parts |= {f"{detector}/{name}": part for name, part in series.take_parts().items()}
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a part; returns the alert in it that is open."""
        about, _, rest = name.partition("/")
        if about == HELD:
            self._gate.restore(rest, data)
            return None
        series = self._series.get(about)
        return None if series is None else series.restore(rest, data)
