"""An incidents fold of ub.cells with its log and its checkpoints, for the tests of each kind of alert."""

from abc import ABC, abstractmethod
from typing import ClassVar

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Output, Record, Restored
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, Database, restored


class CellsLog(ABC):
    """A subclass says how its fold is opened, and puts messages into the log by `fold_bytes`."""

    PARTITION: ClassVar[int] = 2

    def __init__(self) -> None:
        self.database = Database()
        self.log: list[bytes] = []
        self.outputs: list[Output] = []
        self.fold = self.open(restored())

    @abstractmethod
    def open(self, start: Restored) -> IncidentsState:
        """Return a fold that goes on from a checkpoint."""

    def fold_bytes(self, value: bytes) -> list[Alert]:
        """Fold a record; returns the alerts told."""
        self.log.append(value)
        self._apply(len(self.log) - 1)
        return self._take()

    def _apply(self, offset: int) -> None:
        self.fold.apply(Record(topics.CELLS, self.PARTITION, offset, self.log[offset], T0))

    def _take(self) -> list[Alert]:
        outputs = self.fold.take_outputs(at_checkpoint=False)
        self.outputs += outputs
        return [codec.alert.decode(output.value) for output in outputs if output.topic == topics.ALERTS]

    def checkpoint(self) -> None:
        """Store what changed, with the offset."""
        self.database.commit("incidents", len(self.log) - 1, self.fold.take_changes())

    def crash(self) -> list[Alert]:
        """Begin again from the checkpoint; returns the alerts told again."""
        start = self.database.restored("incidents", self.PARTITION)
        self.fold = self.open(start)
        for offset in range(start.offset + 1, len(self.log)):
            self._apply(offset)
        return self._take()
