"""One stage's folds and the grid behind them, with partials on their way and crashes, for the audit to look at.

What tests/pipeline.py is for the fleet, this is for any stage whose fold is made by `open_fold`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

import polars as pl

from streams import topics
from streams.audit import books
from streams.audit.compare import Comparison
from streams.audit.records import LogRecord, Refusals
from streams.audit.rules import Rules
from streams.audit.schema import TABLES
from streams.audit.stage import Question, Stage, case_of
from streams.fold.contract import Fold, Record, Restored
from streams.grid.state import GridState
from tests.pipeline import FAR_FUTURE, GRID, Database, geometry, restored

Rows = Mapping[str, Sequence[Any]]
OpenFold = Callable[[Restored, Rows | None], Fold]


class Tables(Database):
    """With the tables of sensors and requests."""

    KEYS: ClassVar[dict[str, tuple[str, ...]]] = {
        **Database.KEYS,
        "sensor_state": ("sensor_id", "metric"),
        "request": ("service_request_id",),
    }

    def rows(self, table: str, partition: int) -> Rows | None:
        """Return the columns of what a partition owns."""
        rows = [row for row in self.tables[table].values() if row["partition"] == partition]
        return {key: [row[key] for row in rows] for key in rows[0]} if rows else None


class Road:
    """`sources` folds of a stage whose own table is `own`, and one grid fold."""

    def __init__(
        self, stage: Stage[Any, Any], own: str, open_fold: OpenFold, rules: Rules, sources: int
    ) -> None:
        self.stage, self.rules = stage, rules
        self._own, self._open_fold = own, open_fold
        self._grid_config = replace(GRID, amend_horizon_ms=rules.horizon_ms)
        self.database = Tables()
        self.folds = {p: open_fold(restored(p), None) for p in range(sources)}
        self.grid = GridState(self._grid_config, geometry, restored())
        self.logs: dict[int, list[bytes]] = {p: [] for p in range(sources)}
        self.outbox: dict[int, list[bytes]] = {p: [] for p in range(sources)}
        self.partials: list[bytes] = []
        self.refused: list[bytes] = []
        self.grid_applied = -1
        self.wall = 1

    def feed(self, partition: int, value: bytes) -> None:
        """Append a record to the log of a source and fold it."""
        self.logs[partition].append(value)
        self._fold(partition, len(self.logs[partition]) - 1)

    def _fold(self, partition: int, offset: int) -> None:
        value = self.logs[partition][offset]
        self.folds[partition].apply(Record(self.stage.topic, partition, offset, value, FAR_FUTURE))

    def publish(self, partition: int, *, at_checkpoint: bool) -> None:
        """Publish what a fold has to say; its partials wait to be delivered."""
        for output in self.folds[partition].take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.PARTIALS:
                self.outbox[partition].append(output.value)
            elif output.topic == topics.REJECTED:
                self.refused.append(output.value)

    def checkpoint(self, partition: int) -> None:
        """Publish and store a fold."""
        self.publish(partition, at_checkpoint=True)
        name = f"{self.stage.name}/{partition}"
        self.database.commit(name, len(self.logs[partition]) - 1, self.folds[partition].take_changes())

    def crash(self, partition: int) -> None:
        """Lose a fold's memory, load its checkpoint and fold the rest of its log again."""
        start = self.database.restored(f"{self.stage.name}/{partition}", partition)
        self.folds[partition] = self._open_fold(start, self.database.rows(self._own, partition))
        for offset in range(start.offset + 1, len(self.logs[partition])):
            self._fold(partition, offset)

    def deliver(self, partition: int) -> None:
        """Move the partials of a source to the end of the grid's log."""
        self.partials += self.outbox[partition]
        self.outbox[partition] = []

    def run_grid(self) -> None:
        """Fold the partials that the grid has not seen yet."""
        for at in range(self.grid_applied + 1, len(self.partials)):
            self.grid.apply(Record(topics.PARTIALS, 0, at, self.partials[at], 0))
            self._publish_grid(at_checkpoint=False)
        self.grid_applied = len(self.partials) - 1

    def _publish_grid(self, *, at_checkpoint: bool) -> None:
        self.grid.idle(self.wall)
        for output in self.grid.take_outputs(at_checkpoint=at_checkpoint):
            assert output.topic != topics.REJECTED, output.value

    def idle(self, wall_ms: int) -> None:
        """Let wall time pass, in which nobody says anything."""
        self.wall += wall_ms
        self._publish_grid(at_checkpoint=False)

    def checkpoint_grid(self) -> None:
        """Publish and store the grid."""
        self._publish_grid(at_checkpoint=True)
        self.database.commit("grid", self.grid_applied, self.grid.take_changes())

    def crash_grid(self) -> None:
        """Lose the grid's memory; it folds the partials since its checkpoint again when it runs."""
        start = self.database.restored("grid", 0)
        self.grid = GridState(self._grid_config, geometry, start)
        self.grid.idle(self.wall)
        self.grid_applied = start.offset

    def settle(self) -> None:
        """Let everything reach the tables: all sources fall silent, those never heard too: every window closes."""
        for partition in self.folds:
            self.checkpoint(partition)
            self.deliver(partition)
        self.run_grid()
        self.idle(6 * self._grid_config.idle_timeout_ms + 1)
        self.checkpoint_grid()

    # ------------------------------------------------------------------ what the audit says

    def offsets(self) -> dict[int, int]:
        """Return the last offset that the tables reflect, by partition."""
        return {p: self.database.offsets.get(f"{self.stage.name}/{p}", -1) for p in self.folds}

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables as the audit reads them from a database."""
        ledgers = [
            {
                "stage": self.stage.name,
                "topic": self.stage.topic,
                "partition": int(name.partition("/")[2]),
                **asdict(ledger),
            }
            for name, ledger in self.database.ledgers.items()
            if name.startswith(self.stage.name)
        ]
        frames = {"ledger": pl.DataFrame(ledgers, schema=TABLES["ledger"].schema)}
        for name in self.stage.tables:
            rows = [
                {c: _shown(row[c]) for c in TABLES[name].schema}
                for row in self.database.tables[name].values()
            ]
            frames[name] = pl.DataFrame(rows, schema=TABLES[name].schema)
        return frames

    def audited(
        self, tables: Mapping[str, pl.DataFrame], offsets: Mapping[int, int], low: Mapping[int, int] | None
    ) -> list[Comparison]:
        """Audit tables, which reflect the log up to `offsets`; all of them at rest where `low` is None."""
        intake, refusals = self.stage.intake(), Refusals()
        for partition, log in self.logs.items():
            for offset, value in enumerate(log):
                intake.add(LogRecord(self.stage.topic, partition, offset, FAR_FUTURE, value))
        for offset, value in enumerate(self.refused):
            refusals.add(LogRecord(topics.REJECTED, 0, offset, 0, value))
        kept = dict.fromkeys(TABLES, 90)
        case = case_of(self.stage, intake.taken(), offsets, low, Question(tables, self.rules, kept, limit=5))
        stages = [(self.stage.name, self.stage.topic, case.partitions)]
        return [
            books.judge_ledger(stages, tables["ledger"], 5),
            *(judge(case) for judge in self.stage.tables.values()),
            books.judge_refusals(stages, {self.stage.topic: offsets}, refusals.frame(), 5),
        ]


def _shown(value: Any) -> Any:
    """Return an array as PostgreSQL shows it."""
    return "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else value
