"""Seven streets that lie together: flow and speed of each, as closed windows, for the incidents fold."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache

import numpy as np

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsMetrics, ClosedMetrics
from streams import topics
from streams.fold.contract import Restored
from streams.grid.locate import centre, rings
from streams.incidents.anomaly.watch import Rule
from streams.incidents.joint.book import JointConfig
from streams.incidents.policy import Rule as Capacity
from streams.incidents.policy import parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0
from tests.unit.incidents.cells_log import CellsLog

MIDDLE = "8930994a553ffff"
STREETS = (MIDDLE, *rings(MIDDLE, 1)[1])
REGION = "82309ffffffffff"
WINDOW = 600_000
"""Ten minutes: a day is 144 of them."""
WARM = 8 * 144
"""Windows after which both detectors judge."""
POLICY = parse(None, Capacity("default", 60, 1.0, 0.8, 120_000), "rules")
Row = tuple[int, str, str, float, int]
"""Window number, cell, metric, mean, revision."""


def around(cell: str) -> tuple[str, ...]:
    """Return the cells of the two rings around a cell."""
    return tuple(other for ring in rings(cell, 2)[1:] for other in ring)


@cache
def usual(number: int) -> Mapping[tuple[str, str], float]:
    """Return the means of a window by cell and metric: all streets fill together, and are slower then."""
    rng = np.random.default_rng(number)
    traffic = 300 + 150 * np.sin(number / 144 * 2 * np.pi) + rng.normal(0, 60)
    found = {}
    for place, cell in enumerate(STREETS):
        own = traffic + 40 * place + rng.normal(0, 20)
        found[cell, "flow"] = float(own)
        found[cell, "speed"] = float(70 - own / 15 + rng.normal(0, 0.5))
    return found


def rows(number: int, changes: Mapping[tuple[str, str], float] | None = None) -> list[Row]:
    """Return the rows of a window, with some means changed."""
    means = {**usual(number), **(changes or {})}
    return [(number, cell, metric, mean, 0) for (cell, metric), mean in means.items()]


def message(some: Sequence[Row], watermark: int) -> bytes:
    """Return a message of closed windows; `watermark` is the number of the first window that is open."""
    numbers, cells, metrics, means, revisions = ([row[i] for row in some] for i in range(5))
    n = len(some)
    columns = ClosedMetrics(
        [T0 + int(number) * WINDOW for number in numbers], cells, metrics, ["1"] * n, [1] * n, means, means, means,
        means, [None] * n, means, means, [[]] * n, [[]] * n, revisions,
    )  # fmt: skip
    return codec.encode(CellsMetrics(REGION, T0 + watermark * WINDOW, WINDOW, columns))


def settled(watermark: int) -> bytes:
    """Return the message which says that the windows before number `watermark` are whole."""
    at = T0 + watermark * WINDOW
    return codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None, metrics_as_of=at))


class Watched(CellsLog):
    """An incidents fold with joint detectors, and its log."""

    PARTITION = 3

    def __init__(self, detectors: tuple[str, ...] = ("spatial", "multivariate")) -> None:
        self.config = JointConfig(detectors, around, Rule(quiet_ms=3 * WINDOW))
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        return IncidentsState(POLICY, centre, start, joint=self.config)

    def close(self, some: Iterable[Row]) -> list[Alert]:
        """Close one window with all its rows in one message: it is whole."""
        listed = list(some)
        after = listed[0][0] + 1
        return self.fold_bytes(message(listed, after)) + self.fold_bytes(settled(after))

    def told(self) -> list[Alert]:
        """Return each event once, as often as it was published."""
        events = [codec.alert.decode(o.value) for o in self.outputs if o.topic == topics.ALERTS]
        return list({(event.alert_id, event.sequence): event for event in events}.values())


def warm() -> Watched:
    """Return a fold that was restarted after eight quiet days: thresholds are learnt after seven."""
    known, made = _eight_days(), Watched()
    made.log, made.database = list(known.log), deepcopy(known.database)
    made.crash()
    return made


@cache
def _eight_days() -> Watched:
    watched = Watched()
    for number in range(WARM):
        assert watched.close(rows(number)) == []
    watched.checkpoint()
    return watched
