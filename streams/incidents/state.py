"""The incidents fold: live cells and closed windows of metrics in; alerts out, to Kafka, MQTT and the tables."""

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold import Changes, Output, Record, Restored
from streams.incidents.anomaly.alert import Place
from streams.incidents.anomaly.series import AllSeries, AnomalyConfig
from streams.incidents.book import Book
from streams.incidents.cells import CellBook, Centre
from streams.incidents.change import problem_of_change
from streams.incidents.counts.book import CountBook, CountConfig
from streams.incidents.messages import decoder
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.policy import Policy
from streams.incidents.stays.book import StayBook, StayConfig
from streams.incidents.telling import rows
from streams.incidents.vehicles.book import VehicleBook
from streams.incidents.vehicles.config import VehiclesConfig
from streams.refusals import refusal

STAGE = "incidents"


class IncidentsState:
    """Fold over one partition of ub.cells: a book for each family of conditions, asked in order."""

    def __init__(
        self,
        policy: Policy,
        centre: Centre,
        restored: Restored,
        anomalies: AnomalyConfig | None = None,
        vehicles: VehiclesConfig | None = None,
    ) -> None:
        """Without `anomalies` metrics decide nothing, nor do `vehicles`; what is saved of them stays as it is."""
        self._policy = policy
        self._centre = centre
        self._generation = restored.generation
        self._open = OpenAlerts()
        self._events: list[Alert] = []
        self._to_tell: list[Output] = []
        self._newest = 0
        self._counts = CountBook(_count_config(policy))
        self._cells = CellBook(policy, centre, (self._counts,))
        self._books: dict[str, Book] = {"cell": self._cells, "count": self._counts}
        if anomalies is not None:
            self._books["anomaly"] = AllSeries(anomalies, self._place)
        self._stays = StayBook(_stay_config(policy), self._place)
        self._books["stay"] = self._stays
        if vehicles is not None:
            self._books["vehicle"] = VehicleBook(vehicles, self._place)
        self._restore(restored)

    def _restore(self, restored: Restored) -> None:
        for name, data in restored.parts.items():
            about, _, subject = name.partition("/")
            if about in self._books:
                alert = self._books[about].restore(subject, data)
                if alert is not None:
                    self._open.keep(alert)

    def problem_of_policy(self, policy: Policy) -> str:
        """Return why another policy cannot be taken without a restart, or nothing: see change.py."""
        return problem_of_change(self._policy, policy, self._newest)

    def take_policy(self, policy: Policy) -> None:
        """Go by another policy from the next record on."""
        self._policy = policy
        self._cells.take(policy)
        self._counts.take(_count_config(policy))
        self._stays.take(_stay_config(policy))

    def apply(self, record: Record) -> None:
        """Fold one record of ub.cells in."""
        try:
            message = decoder.decode(record.value)
        except (msgspec.DecodeError, RecursionError) as error:
            self._refuse(record, str(error))
            return
        problem = next(filter(None, (book.problem(message) for book in self._books.values())), "")
        if problem:
            self._refuse(record, problem)
            return
        if isinstance(message, CellsNow):
            self._newest = max(self._newest, message.as_of)
        for book in self._books.values():
            for event in book.apply(message, record):
                self._to_tell.append(self._open.tell(event))
                self._events.append(event)

    def _refuse(self, record: Record, problem: str) -> None:
        self._to_tell.append(refusal(STAGE, self._generation, record, "bad_frame", problem))

    def _place(self, cell: str) -> Place:
        lat, lon = self._centre(int(cell, 16))
        return Place(lat, lon, self._policy.rule_at(lat, lon).zone)

    def idle(self, wall_ms: int) -> None:
        """Only event time decides here."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return the alerts to announce."""
        out, self._to_tell = self._to_tell, []
        return out

    def take_changes(self) -> Changes:
        """Return alert rows and the parts of the books that changed."""
        changes = Changes()
        for about, book in self._books.items():
            changes.parts.update({f"{about}/{name}": part for name, part in book.take_parts().items()})
        changes.rows += rows(self._events)
        self._events = []
        return changes


def _count_config(policy: Policy) -> CountConfig:
    return CountConfig(policy.counts, policy.name, policy.time_zone, policy.default.min_duration_ms)


def _stay_config(policy: Policy) -> StayConfig:
    return StayConfig(policy.stays, policy.name, policy.time_zone)
