"""An incidents fold with thresholds of metrics, its log and its checkpoints."""

import json
from collections.abc import Sequence
from dataclasses import replace

import h3

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsMetrics, ClosedMetrics
from schemas.metrics import METRICS
from streams.fold.contract import Restored
from streams.grid.locate import centre
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.policy import Policy, Rule, parse
from streams.incidents.state import IncidentsState
from streams.incidents.thresholds.rules import Threshold
from tests.pipeline import T0
from tests.unit.incidents.cells_log import CellsLog

CELL, OTHER = "89309959d07ffff", "89309959d0fffff"
REGION = "82309ffffffffff"
MINUTE = 60_000
DAY = 1_440
"""Minutes."""
FULL = Threshold(
    "containers",
    "fill_level",
    (("warning", 80.0), ("major", 95.0)),
    hysteresis=5.0,
    min_duration_ms=2 * MINUTE,
)
Row = tuple[int, str, str, float, int]
"""Minute, cell, metric, mean, revision. The least reading is 1 below the mean, the greatest 2 above."""


def policy(*thresholds: Threshold, zones: Sequence[tuple[str, str]] = ()) -> Policy:
    """Return a policy with thresholds, and with zones, each with a name and the cell that it covers."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[lon, lat] for lat, lon in _closed(h3.cell_to_boundary(cell))]],
            },
        }
        for name, cell in zones
    ]
    document = json.dumps({"type": "FeatureCollection", "features": features})
    return replace(
        parse(document, Rule("default", 60, 1.0, 0.8, 120_000), "test"), thresholds=tuple(thresholds)
    )


def _closed(ring: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [*ring, ring[0]]


class Measured(CellsLog):
    """A fold of ub.cells."""

    def __init__(self, policy: Policy, flaps: FlapConfig = NEVER) -> None:
        self.policy, self.flaps = policy, flaps
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        return IncidentsState(self.policy, centre, start, flaps=self.flaps)

    def close(self, *rows: Row, watermark: int | None = None) -> list[Alert]:
        """Close windows, by default when the last is over, and say that they are whole; returns the alerts told."""
        until = max([row[0] for row in rows], default=0) + 1 if watermark is None else watermark
        return self.put(*rows, watermark=until) + self.health(until)

    def put(self, *rows: Row, watermark: int, region: str = REGION, owner: int = 0) -> list[Alert]:
        """Close windows, which others may follow; returns the alerts told."""
        minutes, cells, metrics, means, revisions = ([row[i] for row in rows] for i in range(5))
        n = len(rows)
        least, most = [mean - 1 for mean in means], [mean + 2 for mean in means]
        columns = ClosedMetrics(
            *([T0 + minute * MINUTE for minute in minutes], cells, metrics),
            *([METRICS[metric].unit for metric in metrics], [2] * n, means, means, least, most),
            *([None] * n, means, means, [[]] * n, [[]] * n, revisions),
        )
        message = CellsMetrics(region, T0 + watermark * MINUTE, MINUTE, columns, owner)
        return self.fold_bytes(codec.encode(message))

    def live(self, begin: int, *values: float, cell: str = CELL, metric: str = "fill_level") -> list[Alert]:
        """Close a window each minute; returns the alerts told."""
        told = []
        for minute, value in enumerate(values, begin):
            told += self.close((minute, cell, metric, value, 0))
        return told

    def health(
        self, minute: int, whole: int | None = None, region: str = REGION, owner: int = 0
    ) -> list[Alert]:
        """Hear that time went on, and up to where windows are whole, if not up to then; returns the alerts told."""
        as_of, until = (T0 + one * MINUTE for one in (minute, minute if whole is None else whole))
        message = CellsHealth(region, as_of, 0, -1, 0, -1, None, owner, metrics_as_of=until)
        return self.fold_bytes(codec.encode(message))

    def take(self, policy: Policy) -> None:
        """Go by another policy from the next record on, as a worker does: after a checkpoint."""
        self.checkpoint()
        self.policy = policy
        self.fold.take_policy(policy)

    def parts(self) -> set[str]:
        """Return what a checkpoint keeps of cells and thresholds."""
        self.checkpoint()
        return {name for name in self.database.parts["incidents"] if not name.startswith("threshold/held/")}
