"""An incidents fold with MDS policies, its log, its checkpoints, and what an MQTT broker would retain."""

from collections.abc import Mapping, Sequence

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import Restored
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.policy import Policy
from streams.incidents.state import IncidentsState
from tests.unit.incidents.cells_log import CellsLog
from tests.unit.incidents.counts import mds

REGION = "r0.0"
Row = tuple[str, str, Sequence[int]]
"""Cell, operator, vehicles by state: available, non_operational, reserved, on_trip, non_contactable."""


class Counted(CellsLog):
    """A fold of ub.cells."""

    def __init__(self, policy: Policy, flaps: FlapConfig = NEVER) -> None:
        self.policy, self.flaps = policy, flaps
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        return IncidentsState(self.policy, lambda cell: mds.centre(f"{cell:012x}"), start, flaps=self.flaps)

    def look(
        self, as_of: int, *rows: Row, region: str = REGION, more: bool = False, ahead: int = 0
    ) -> list[Alert]:
        """Fold a live message; returns the alerts told."""
        columns = [[row[0] for row in rows], [row[1] for row in rows]]
        states = [[row[2][state] for row in rows] for state in range(5)]
        live = CellsNow(region, as_of, as_of, SlotCounts(*columns, *states), more=more, ahead=ahead)
        return self.fold_bytes(codec.encode(live))

    def crash(self, policy: Policy | None = None) -> list[Alert]:
        """Begin again from the checkpoint, perhaps with another policy; returns the alerts told again."""
        self.policy = policy or self.policy
        return super().crash()

    def retained(self) -> Mapping[str, str]:
        """Return the ids of alerts by the topic on which a broker retains them."""
        kept: dict[str, str] = {}
        for output in self.outputs:
            for message in output.mqtt:
                if message.topic.startswith(f"{topics.MQTT_ALERTS}/") and message.retain:
                    kept.pop(message.topic, None)
                    if message.payload:
                        kept[message.topic] = codec.alert.decode(message.payload).alert_id
        return kept
