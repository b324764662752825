"""The metrics of cells, each by itself: whole windows in, each value judged by the detector that is switched on."""

from collections.abc import Callable, Iterator, Mapping

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.anomaly.alert import Window
from streams.incidents.anomaly.gate import Gate, Whole
from streams.incidents.anomaly.series import AllSeries, AnomalyConfig, problem_of_metrics
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.lifecycle import Place
from streams.incidents.messages import Metrics
from streams.incidents.showing import Seen

HELD = "held"


class AnomalyBook:
    """What is held back, and all series. Parts: `held/REGION`, and `CELL/METRIC`."""

    def __init__(self, config: AnomalyConfig, place: Callable[[str], Place]) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._names, self._gate, self._series = CellNames(place), Gate(), AllSeries(config, place)

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
                values = (found for whole in through.windows for found in _alone(whole))
                yield from self._series.take(values, message.region, through.reached, record)
            yield from self._series.go_on(message.region, self._gate.clock(message), record)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the detector and its rule; None for alerts of others."""
        return self._series.version(alert)

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest score of an alert that is open; others are not kept."""
        return self._series.seen(alert)

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name."""
        held = {f"{HELD}/{name}": part for name, part in self._gate.take_parts().items()}
        return held | self._series.take_parts()

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a part; returns the alert in it that is open."""
        about, _, rest = name.partition("/")
        if about == HELD:
            self._gate.restore(rest, data)
            return None
        return self._series.restore(name, data)


def _alone(whole: Whole) -> Iterator[tuple[Window, float]]:
    """Yield each metric of each cell, with its mean."""
    for metric, values in sorted(whole.values.items()):
        for cell, mean in sorted(values.items()):
            unit = whole.units[metric]
            yield (
                Window(
                    cell, whole.region, metric, metric, unit, whole.start, whole.length_ms, mean, whole.began
                ),
                mean,
            )
