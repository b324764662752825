"""What thresholds would have told on stored windows: the book that runs live, shown each window when it was over."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from streams import topics
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place
from streams.incidents.messages import MetricRows, Metrics
from streams.incidents.thresholds.book import ThresholdBook
from streams.incidents.thresholds.rules import Threshold


@dataclass(frozen=True, slots=True)
class Measured:
    """A stored window of a metric of a cell (hex string), times in milliseconds."""

    start: int
    length_ms: int
    region: str
    cell: str
    metric: str
    unit: str
    mean: float
    least: float
    most: float

    @property
    def message(self) -> tuple[int, int, str]:
        """Which message it comes with."""
        return self.start, self.length_ms, self.region


def backtest(
    thresholds: tuple[Threshold, ...], place: Callable[[str], Place], rows: Iterable[Measured]
) -> Iterator[Alert]:
    """Yield the events of alerts. `rows` come by start, length and region; a window has what came late, too."""
    book = ThresholdBook(thresholds, place)
    for number, ((start, length_ms, region), group) in enumerate(groupby(rows, key=lambda row: row.message)):
        some = list(group)
        columns = MetricRows(
            window_start=[start] * len(some),
            cell=[row.cell for row in some],
            metric=[row.metric for row in some],
            unit=[row.unit for row in some],
            mean=[row.mean for row in some],
            least=[row.least for row in some],
            most=[row.most for row in some],
            revision=[0] * len(some),
        )
        end = start + length_ms
        record = Record(topics.CELLS, 0, number, b"", end)
        yield from book.apply(Metrics(region, end, length_ms, columns), record)
        whole = CellsHealth(region, end, 0, -1, 0, -1, None, metrics_as_of=end)
        yield from book.apply(whole, record)
