"""The folds of sensors joined in one process, without broker or database: readings in, events of alerts out."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Changes, Ledger, Output, Record, Restored
from streams.grid import locate
from streams.grid.state import GridConfig, GridState
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.health.config import HealthConfig
from streams.incidents.policy import Policy, Rule, parse
from streams.incidents.state import IncidentsState
from streams.sensing.state import SensingConfig, SensingState
from tests.pipeline import geometry

FAR_FUTURE = 4_000_000_000_000
GRID = GridConfig(
    window_ms=60_000, amend_horizon_ms=600_000, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a sensor."""

    sensor_id: str
    kind: str
    metric: str
    value: float
    ts: int
    lat: float = 31.23
    lon: float = 121.47
    owner: str = "city"


def frame(readings: Sequence[Reading]) -> bytes:
    """Return readings as the gateway writes them."""
    names = Reading.__dataclass_fields__
    columns: dict[str, Any] = {name: [getattr(r, name) for r in readings] for name in names}
    return msgspec.json.encode({**columns, "received_at": FAR_FUTURE})


@dataclass
class Stage:
    """One fold, its log, and what its last checkpoint stored: of rows those of one table, by key."""

    topic: str
    partition: int
    open_fold: Callable[[Restored, list[dict[str, Any]]], Any]
    table: str = "sensor_state"
    key: tuple[str, ...] = ("sensor_id", "metric")
    log: list[bytes] = field(default_factory=list)
    parts: dict[str, bytes] = field(default_factory=dict)
    rows: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    stored: int = -1
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.fold = self._opened()

    def _opened(self) -> Any:
        restored = Restored(self.partition, 0, self.stored, dict(self.parts), self.ledger)
        return self.open_fold(restored, list(self.rows.values()))

    def __deepcopy__(self, _memo: object) -> "Stage":
        """Return another one that starts from the checkpoint."""
        other = replace(self, log=list(self.log), parts=dict(self.parts), rows=dict(self.rows))
        other.crash()
        return other

    def feed(self, value: bytes) -> None:
        """Append a record and fold it."""
        self.log.append(value)
        self._apply(len(self.log) - 1)

    def _apply(self, offset: int) -> None:
        self.fold.apply(Record(self.topic, self.partition, offset, self.log[offset], FAR_FUTURE))

    def commit(self) -> None:
        """Make a checkpoint."""
        changes: Changes = self.fold.take_changes()
        self.stored, self.ledger = len(self.log) - 1, changes.ledger or Ledger()
        for name, value in changes.parts.items():
            if value is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = value
        for rows in changes.rows:
            if rows.table == self.table and not rows.delete:
                for values in zip(*rows.columns.values(), strict=True):
                    row = dict(zip(rows.columns, values, strict=True))
                    self.rows[tuple(row[name] for name in self.key)] = row

    def crash(self) -> None:
        """Start from the checkpoint, and read what came since."""
        self.fold = self._opened()
        for offset in range(self.stored + 1, len(self.log)):
            self._apply(offset)


class SensorRoad:
    """Sensing folds, a grid fold and an incidents fold."""

    def __init__(
        self,
        sources: int = 2,
        *,
        health: HealthConfig | None = None,
        policy: Policy | None = None,
        anomalies: AnomalyConfig | None = None,
    ) -> None:
        locator = locate.Locator(9, 2)
        sensing = SensingConfig(60_000, 10_000, 600_000, sources)
        policy = policy or parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")

        def open_sensing(restored: Restored, rows: list[dict[str, Any]]) -> SensingState:
            columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else None
            return SensingState(sensing, locator, restored, columns)

        def open_grid(restored: Restored, _: list[dict[str, Any]]) -> GridState:
            return GridState(GRID, geometry, restored)

        def open_incidents(restored: Restored, _: list[dict[str, Any]]) -> IncidentsState:
            return IncidentsState(policy, locate.centre, restored, anomalies, health=health or HealthConfig())

        self.sources = [Stage(topics.SENSORS, number, open_sensing) for number in range(sources)]
        self.grid = Stage(topics.PARTIALS, 0, open_grid)
        self.incidents = Stage(topics.CELLS, 0, open_incidents)
        self.events: dict[tuple[str, int], Alert] = {}
        self._wall = 0

    def partition(self, sensor_id: str) -> int:
        """Return the partition that a sensor's readings go to."""
        return zlib.crc32(sensor_id.encode()) % len(self.sources)

    def feed(self, readings: Iterable[Reading]) -> None:
        """Fold readings, in frames by partition."""
        by_partition: dict[int, list[Reading]] = defaultdict(list)
        for reading in readings:
            by_partition[self.partition(reading.sensor_id)].append(reading)
        for number, some in sorted(by_partition.items()):
            for first in range(0, len(some), 500):
                self.sources[number].feed(frame(some[first : first + 500]))

    def checkpoint(self, wall_ms: int = 1_000, *, commit: bool = True) -> list[Alert]:
        """Let all stages tell and store what they have; returns the new events of alerts."""
        for source in self.sources:
            self._pass_on(source, topics.PARTIALS, self.grid)
        told = self.tell(wall_ms)
        if commit:
            for stage in (*self.sources, self.grid, self.incidents):
                stage.commit()
        return told

    def sensing_tells(self) -> None:
        """Let the sources tell and store what they have, while the grid is behind."""
        for number in range(len(self.sources)):
            self.source_tells(number)

    def source_tells(self, number: int) -> None:
        """Let one source tell and store what it has."""
        self._pass_on(self.sources[number], topics.PARTIALS, self.grid)
        self.sources[number].commit()

    def tick(self) -> None:
        """Let the sources tell what they have without a checkpoint."""
        for source in self.sources:
            source.fold.idle(self._wall)
            self._pass_on(source, topics.PARTIALS, self.grid, at_checkpoint=False)

    def tell(self, wall_ms: int = 1_000) -> list[Alert]:
        """Let the grid and incidents tell what they have; returns the new events of alerts."""
        self._wall += wall_ms
        self.grid.fold.idle(self._wall)
        self._pass_on(self.grid, topics.CELLS, self.incidents)
        told = []
        for output in self.incidents.fold.take_outputs(at_checkpoint=True):
            assert output.topic == topics.ALERTS, output
            event = codec.alert.decode(output.value)
            before = self.events.setdefault((event.alert_id, event.sequence), event)
            assert before == event, "a replay tells the same"
            if before is event:
                told.append(event)
        return told

    def _pass_on(self, stage: Stage, topic: str, to: Stage, *, at_checkpoint: bool = True) -> None:
        outputs: list[Output] = stage.fold.take_outputs(at_checkpoint=at_checkpoint)
        for output in outputs:
            if output.topic == topic:
                to.feed(output.value)
