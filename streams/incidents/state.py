"""The incidents fold: live cells and closed windows of metrics in; alerts out, to Kafka, MQTT and the tables."""

from collections.abc import Callable

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold import Changes, Output, Record, Restored
from streams.incidents.anomaly.alert import Place
from streams.incidents.anomaly.series import AllSeries, AnomalyConfig, Metrics
from streams.incidents.change import problem_of_change
from streams.incidents.counts.book import CountBook, CountConfig
from streams.incidents.counts.rules import NONE, Counts
from streams.incidents.lifecycle import Sighting, transition
from streams.incidents.policy import Policy, Rule
from streams.incidents.saturation import Watch, step
from streams.incidents.telling import announce, rows
from streams.refusals import refusal

STAGE = "incidents"
Centre = Callable[[int], tuple[float, float]]
"""Return (lat, lon) of a cell's centre."""


class _Windows(msgspec.Struct, frozen=True, tag="window"):
    """Closed windows of the fleet: they decide nothing here, so nothing of them is read."""


class _Requests(msgspec.Struct, frozen=True, tag="requests"):
    """Closed windows of citizens' requests."""


class _Saved(msgspec.Struct, array_like=True, frozen=True):
    """All that the fold remembers of one cell. Earlier versions saved those standing alone, not by state."""

    region: str
    by_operator: dict[str, Counts | int]
    since: int | None
    alert: Alert | None
    not_before: int


_cells = msgspec.json.Decoder(CellsNow | Metrics | _Windows | _Requests)
_saved = msgspec.msgpack.Decoder(_Saved)


class _Cell:
    """One cell under watch. Its next alert does not begin before `not_before`: ids are made of beginnings."""

    __slots__ = ("alert", "by_operator", "by_state", "lat", "lon", "not_before", "region", "rule", "watch")

    def __init__(self, region: str, centre: tuple[float, float], rule: Rule) -> None:
        self.region = region
        self.lat, self.lon = centre
        self.rule = rule
        self.by_operator: dict[str, int] = {}
        self.by_state: dict[str, Counts] = {}
        self.watch = Watch()
        self.alert: Alert | None = None
        self.not_before = 0


class IncidentsState:
    """Fold over one partition of ub.cells."""

    def __init__(
        self, policy: Policy, centre: Centre, restored: Restored, anomalies: AnomalyConfig | None = None
    ) -> None:
        """Without `anomalies` metrics decide nothing; what is saved of them stays as it is."""
        self._policy = policy
        self._centre = centre
        self._generation = restored.generation
        self._cells: dict[str, _Cell] = {}
        self._pending: set[str] = set()
        self._unsaved: set[str] = set()
        self._events: list[Alert] = []
        self._to_tell: list[Output] = []
        self._counts = CountBook(_count_config(policy))
        self._newest = 0
        self._series = None if anomalies is None else AllSeries(anomalies, self._place)
        for name, data in restored.parts.items():
            about, _, subject = name.partition("/")
            if about == "cell":
                self._restore(subject, _saved.decode(data))
            elif about == "count":
                self._counts.restore(subject, data)
            elif self._series is not None:
                self._series.restore(subject, data)

    def problem_of_policy(self, policy: Policy) -> str:
        """Return why another policy cannot be taken without a restart, or nothing: see change.py."""
        return problem_of_change(self._policy, policy, self._newest)

    def take_policy(self, policy: Policy) -> None:
        """Go by another policy from the next record on."""
        self._policy = policy
        self._counts.take(_count_config(policy))

    def apply(self, record: Record) -> None:
        """Fold one record of ub.cells in."""
        try:
            message = _cells.decode(record.value)
        except (msgspec.DecodeError, RecursionError) as error:
            self._to_tell.append(refusal(STAGE, self._generation, record, "bad_frame", str(error)))
            return
        if isinstance(message, CellsNow):
            self._apply_now(message, record)
        elif isinstance(message, Metrics) and self._series is not None:
            self._apply_metrics(self._series, message, record)

    def _apply_metrics(self, series: AllSeries, message: Metrics, record: Record) -> None:
        problem = series.problem(message)
        if problem:
            self._to_tell.append(refusal(STAGE, self._generation, record, "bad_frame", problem))
            return
        for told in series.apply(message, record):
            left = told.before if told.event.status == "active" else told.event
            standing = None if left is None else series.standing(left)
            self._tell(told.event, told.before, standing, alone=series.alone(told.event))

    def _place(self, cell: str) -> Place:
        lat, lon = self._centre(int(cell, 16))
        return Place(lat, lon, self._policy.rule_at(lat, lon).zone)

    def _apply_now(self, message: CellsNow, record: Record) -> None:
        problem = self._problem(message)
        if problem:
            self._to_tell.append(refusal(STAGE, self._generation, record, "bad_frame", problem))
            return
        self._newest = max(self._newest, message.as_of)
        touched = self._put(message)
        waiting = {cell for cell in self._pending if self._cells[cell].region == message.region}
        for cell in sorted(touched | waiting):
            self._judge(cell, message.as_of, record)
        for event, before in self._counts.judge(message.region, message.as_of, record):
            left = before if event.status == "active" else event
            standing = None if left is None else self._counts.standing(left)
            self._tell(event, before, standing, alone=self._counts.alone(event))

    def _problem(self, message: CellsNow) -> str:
        """Return what makes a message unusable, or nothing."""
        columns = message.counts
        lengths = {len(getattr(columns, name)) for name in columns.__struct_fields__}
        if len(lengths) > 1:
            return f"columns of {', '.join(map(str, sorted(lengths)))} values; equal lengths expected"
        for cell in sorted(set(columns.cell) - self._cells.keys()):
            try:
                self._centre(int(cell, 16))
            except ValueError:
                return f"{cell[:32]!r} is no H3 cell"
        return ""

    def _put(self, message: CellsNow) -> set[str]:
        c = message.counts
        states = zip(c.available, c.non_operational, c.reserved, c.on_trip, c.non_contactable, strict=True)
        for cell, operator, counts in zip(c.cell, c.operator, states, strict=True):
            known = self._cells.get(cell)
            if known is None:
                known = self._cells[cell] = self._new(cell, message.region)
            self._counts.move(known.region, cell, operator, known.by_state.get(operator, NONE), counts)
            known.by_state[operator] = counts
            known.by_operator[operator] = _standing(counts)
        touched = set(c.cell)
        self._unsaved |= touched
        return touched

    def _new(self, cell: str, region: str) -> _Cell:
        lat, lon = self._centre(int(cell, 16))
        made = _Cell(region, (lat, lon), self._policy.rule_at(lat, lon))
        self._counts.meet(region, cell, made.by_state)
        return made

    def _tell(
        self, event: Alert, before: Alert | None, standing: Alert | None = None, *, alone: bool = True
    ) -> None:
        self._to_tell.append(announce(event, before, standing, alone=alone))
        self._events.append(event)

    def _judge(self, name: str, as_of: int, record: Record) -> None:
        cell = self._cells[name]
        watch = step(cell.watch, sum(cell.by_operator.values()), as_of, cell.rule)
        if watch == cell.watch and watch.quiet:
            return
        sighting = Sighting(
            name,
            cell.region,
            cell.lat,
            cell.lon,
            as_of,
            cell.by_operator,
            record.topic,
            record.partition,
            record.offset,
        )
        event = transition(cell.alert, watch, sighting, cell.rule, self._policy, cell.not_before)
        cell.watch = watch
        self._unsaved.add(name)
        (self._pending.discard if watch.since is None or watch.severity else self._pending.add)(name)
        if event is not None:
            self._tell(event, cell.alert)
            cell.alert = event if event.status == "active" else None
            cell.not_before = event.starts_at + 1

    def idle(self, wall_ms: int) -> None:
        """Only event time decides here."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return the alerts to announce."""
        out, self._to_tell = self._to_tell, []
        return out

    def take_changes(self) -> Changes:
        """Return alert rows and the cells that changed."""
        changes = Changes()
        for name in self._unsaved:
            cell = self._cells[name]
            saved = _Saved(cell.region, {**cell.by_state}, cell.watch.since, cell.alert, cell.not_before)
            changes.parts[f"cell/{name}"] = msgspec.msgpack.encode(saved)
        self._unsaved.clear()
        changes.parts.update({f"count/{name}": part for name, part in self._counts.take_parts().items()})
        if self._series is not None:
            parts = self._series.take_parts()
            changes.parts.update({f"anomaly/{name}": part for name, part in parts.items()})
        changes.rows += rows(self._events)
        self._events = []
        return changes

    def _restore(self, name: str, saved: _Saved) -> None:
        cell = self._cells[name] = self._new(name, saved.region)
        for operator, counts in saved.by_operator.items():
            cell.by_state[operator] = (counts, 0, 0, 0, 0) if isinstance(counts, int) else counts
            cell.by_operator[operator] = _standing(cell.by_state[operator])
        cell.alert, cell.not_before = saved.alert, saved.not_before
        cell.watch = Watch(saved.since, saved.alert.severity if saved.alert else None)
        if saved.since is not None and saved.alert is None:
            self._pending.add(name)


def _count_config(policy: Policy) -> CountConfig:
    return CountConfig(policy.counts, policy.name, policy.time_zone, policy.default.min_duration_ms)


def _standing(counts: Counts) -> int:
    """Return how many vehicles stand in the cell: those on a trip take up no room."""
    available, non_operational, reserved, _, non_contactable = counts
    return available + non_operational + reserved + non_contactable
