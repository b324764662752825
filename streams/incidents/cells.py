"""All cells under watch for oversaturation: who stands where, since when it is too many, and the open alerts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.clocks import CLOCK, Clocks
from streams.incidents.counts.rules import NONE, ByOperator, Counts
from streams.incidents.lifecycle import Place
from streams.incidents.policy import Policy, Rule
from streams.incidents.saturation import Watch, step
from streams.incidents.saturation_alert import Sighting, transition
from streams.incidents.showing import About, Seen, Waiting

Centre = Callable[[int], tuple[float, float]]
"""Return (lat, lon) of a cell's centre; ValueError where it is none."""


class Follower(Protocol):
    """A book that also needs the live counts of cells."""

    def meet(self, region: str, cell: str, counts: ByOperator) -> None:
        """Hear of a cell; `counts` is the map, by operator, that its counts are kept in from now on."""

    def move(self, region: str, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """All that is remembered of one cell. Earlier versions saved those standing alone, not by state."""

    region: str
    by_operator: dict[str, Counts | int]
    since: int | None
    alert: Alert | None
    not_before: int
    first_offset: int | None = None
    raise_at: int | None = None


_saved = msgspec.msgpack.Decoder(_Saved)


class _Cell:
    """One cell under watch. Its next alert does not begin before `not_before`: ids are made of beginnings.

    `first_offset` is that of the record with which the present condition began, `raise_at` its threshold then.
    """

    __slots__ = (
        *("alert", "by_operator", "by_state", "first_offset", "lat", "lon"),
        *("not_before", "raise_at", "region", "rule", "watch"),
    )

    def __init__(self, region: str, centre: tuple[float, float], rule: Rule) -> None:
        self.region = region
        self.lat, self.lon = centre
        self.rule = rule
        self.by_operator: dict[str, int] = {}
        self.by_state: dict[str, Counts] = {}
        self.watch = Watch()
        self.alert: Alert | None = None
        self.not_before = 0
        self.first_offset: int | None = None
        self.raise_at: int | None = None

    def standing(self) -> int:
        """Vehicles of all operators that stand there."""
        return sum(self.by_operator.values())

    def is_judged_otherwise(self) -> bool:
        """Return whether a cell that was restored was judged by another capacity than it has now."""
        return step(self.watch, self.standing(), self.watch.since or 0, self.rule) != self.watch

    def begin_anew(self) -> bool:
        """Start a condition that is no alert yet anew if its threshold has changed; returns whether it did."""
        if self.watch.quiet or self.alert is not None or self.raise_at in (None, self.rule.raise_at):
            return False
        self.watch = Watch()
        return True


class CellBook:
    """The cells of one partition."""

    def __init__(self, policy: Policy, centre: Centre, followers: Sequence[Follower]) -> None:
        self._policy = policy
        self._centre = centre
        self._names = CellNames(lambda cell: centre(int(cell, 16)))
        self._followers = followers
        self._cells: dict[str, _Cell] = {}
        self._pending: set[str] = set()
        self._unsaved: set[str] = set()
        self._clocks = Clocks()

    def take(self, policy: Policy) -> None:
        """Go by other capacities from now on; cells that have one are looked at with their region's next counts."""
        self._policy = policy
        cells = self._cells.values()
        rules = policy.rules_at([cell.lat for cell in cells], [cell.lon for cell in cells])
        for (name, cell), rule in zip(self._cells.items(), rules, strict=True):
            if rule != cell.rule:
                cell.rule = rule
                self._pending.add(name)
                if cell.begin_anew():
                    self._unsaved.add(name)

    def place(self, name: str) -> Place | None:
        """Return where a cell under watch is; None of others."""
        cell = self._cells.get(name)
        return None if cell is None else Place(cell.lat, cell.lon, cell.rule.zone)

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, CellsNow):
            return ""
        return self._names.problem(message.counts)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take the counts in; yields the events of alerts of cells that hold too many, or no longer do."""
        if not isinstance(message, CellsNow):
            return
        touched = self._put(message)
        if message.more:
            self._pending |= touched
            return
        looked_at = touched | {cell for cell in self._pending if self._cells[cell].region == message.region}
        if message.of_several_times:
            self._pending |= touched
            self._doubt(looked_at)
            return
        if not looked_at and message.region not in self._clocks:
            return
        as_of = self._clocks.reach(message.region, message.as_of)
        for cell in sorted(looked_at):
            event = self._judge(cell, as_of, record)
            if event is not None:
                yield event

    def _put(self, message: CellsNow) -> set[str]:
        c = message.counts
        self._meet(dict.fromkeys(cell for cell in c.cell if cell not in self._cells), message.region)
        states = zip(c.available, c.non_operational, c.reserved, c.on_trip, c.non_contactable, strict=True)
        for cell, operator, counts in zip(c.cell, c.operator, states, strict=True):
            known = self._cells[cell]
            before = known.by_state.get(operator, NONE)
            for follower in self._followers:
                follower.move(known.region, cell, operator, before, counts)
            known.by_state[operator] = counts
            known.by_operator[operator] = _standing(counts)
        touched = set(c.cell)
        self._unsaved |= touched
        return touched

    def _doubt(self, cells: Iterable[str]) -> None:
        """Start conditions that are no alert yet anew where counts of several times are below the threshold."""
        for name in cells:
            cell = self._cells[name]
            if cell.alert is None and not cell.watch.quiet and cell.standing() < cell.rule.raise_at:
                cell.watch = Watch()
                self._unsaved.add(name)

    def _meet(self, cells: Collection[str], region: str) -> None:
        """Make new cells, many at once: a city of 8,600 comes with its first counts."""
        places = [self._centre(int(cell, 16)) for cell in cells]
        rules = self._policy.rules_at([lat for lat, _ in places], [lon for _, lon in places])
        for cell, place, rule in zip(cells, places, rules, strict=True):
            self._new(cell, region, place, rule)

    def _new(self, cell: str, region: str, centre: tuple[float, float], rule: Rule) -> _Cell:
        made = self._cells[cell] = _Cell(region, centre, rule)
        for follower in self._followers:
            follower.meet(region, cell, made.by_state)
        return made

    def _judge(self, name: str, as_of: int, record: Record) -> Alert | None:
        cell = self._cells[name]
        watch = step(cell.watch, cell.standing(), as_of, cell.rule)
        if watch == cell.watch and watch.quiet:
            self._pending.discard(name)
            return None
        if cell.watch.since is None:
            cell.first_offset, cell.raise_at = record.offset, cell.rule.raise_at
        sighting = Sighting(
            name, cell.region, cell.lat, cell.lon, as_of, cell.by_operator, record, cell.first_offset
        )
        event = transition(cell.alert, watch, sighting, cell.rule, self._policy, cell.not_before)
        cell.watch = watch
        self._unsaved.add(name)
        if watch.since is None or watch.severity:
            self._pending.discard(name)
        else:
            self._pending.add(name)
        if event is not None:
            cell.alert = event if event.status == "active" else None
            cell.not_before = event.starts_at + 1
        return event

    def version(self, alert: Alert) -> str | None:
        """Return the version of the capacities; None for other kinds of alerts."""
        return self._policy.version if alert.kind == "oversaturation" else None

    def seen(self, alert: Alert) -> Seen | None:
        """Return how full an alert's cell is."""
        cell = self._cells.get(alert.cell)
        if cell is None or alert.kind != "oversaturation":
            return None
        rule = cell.rule
        bounds = f"{rule.raise_at} for {rule.min_duration_ms / 1000:g} s, cleared below {rule.clear_below}"
        return Seen(f"{cell.standing()} bikes", bounds, cell.watch.as_text)

    def waiting(self, region: str) -> Iterator[Waiting]:
        """Yield the cells of a region that hold too many, not yet for long enough."""
        for name in sorted(self._pending):
            cell = self._cells[name]
            if cell.region == region and cell.watch.since is not None and cell.alert is None:
                shown = f"{cell.rule.zone}, cell {name}"
                about: About = ("oversaturation", name, None)
                yield Waiting(about, shown, cell.watch.since, cell.rule.min_duration_ms)

    def take_parts(self) -> dict[str, bytes | None]:
        """Return the cells and the times of regions that changed since the last call."""
        parts: dict[str, bytes | None] = dict(self._clocks.take_parts())
        for name in self._unsaved:
            cell = self._cells[name]
            saved = _Saved(
                cell.region,
                {**cell.by_state},
                cell.watch.since,
                cell.alert,
                cell.not_before,
                cell.first_offset,
                cell.raise_at,
            )
            parts[name] = msgspec.msgpack.encode(saved)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a cell, or the time of a region; returns the cell's open alert."""
        about, _, region = name.partition("/")
        if about == CLOCK:
            self._clocks.restore(region, data)
            return None
        saved = _saved.decode(data)
        lat, lon = self._centre(int(name, 16))
        cell = self._new(name, saved.region, (lat, lon), self._policy.rule_at(lat, lon))
        for operator, counts in saved.by_operator.items():
            cell.by_state[operator] = (counts, 0, 0, 0, 0) if isinstance(counts, int) else counts
            cell.by_operator[operator] = _standing(cell.by_state[operator])
        cell.alert, cell.not_before = saved.alert, saved.not_before
        cell.first_offset, cell.raise_at = saved.first_offset, saved.raise_at
        cell.watch = Watch(saved.since, saved.alert.severity if saved.alert else None)
        if cell.begin_anew():
            self._unsaved.add(name)
        if (cell.watch.since is not None and saved.alert is None) or cell.is_judged_otherwise():
            self._pending.add(name)
        return saved.alert


def _standing(counts: Counts) -> int:
    """Return how many vehicles stand in the cell: those on a trip take up no room."""
    available, non_operational, reserved, _, non_contactable = counts
    return available + non_operational + reserved + non_contactable
