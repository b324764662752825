"""The flows of all cells of one partition, window by window, and the alerts about cells that fill.

Windows decide, not live counts: their flows are exact, however often live counts are told. A window is judged when it
has closed and all of it was told. It may come in several messages, as each operator's rows come by themselves. A window
that is amended later corrects the flows with which later windows are judged, and decides nothing itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.forecast.alert import KIND, View, cleared, expected, raised, rules_version
from streams.incidents.forecast.cell import NONE, Cell, decoded
from streams.incidents.forecast.fleets import Fleet, Fleets
from streams.incidents.forecast.inflow import LONGEST, Expectation, expect
from streams.incidents.forecast.watch import ForecastRule, Outlook, filled, step
from streams.incidents.lifecycle import SILENT_MS, ended
from streams.incidents.messages import Windows
from streams.incidents.policy import Policy, Rule
from streams.incidents.showing import Seen, active
from streams.times import to_second

SETTLES = 2
"""The first windows of a region do not count: a vehicle that is heard of for the first time seems to arrive."""

Row = tuple[int, str, str, int, int, int, int]
"""Window start, cell, operator, arrivals, departures, occupancy, revision."""


class _Progress(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """How far a region is: the starts of its `first` window, the `newest`, and the newest that was `told` in full.

    `fleets`: by operator. Earlier versions saved neither `told` nor `fleets`.
    """

    first: int
    newest: int = -1
    told: int = -1
    fleets: dict[str, Fleet] = msgspec.field(default_factory=dict)


_progress = msgspec.msgpack.Decoder(_Progress)
_IS_PROGRESS = tuple(msgspec.msgpack.encode((0,) * fields)[0] for fields in (2, 3, 4))
"""First bytes of a saved _Progress, an array of two to four: a saved cell is longer."""


class ForecastBook:
    """The cells of one partition."""

    def __init__(
        self, rule: ForecastRule, policy: Policy, centre: Callable[[int], tuple[float, float]]
    ) -> None:
        """`centre` returns (lat, lon) of a cell; ValueError where it is none."""
        self._rule, self._policy, self._centre = rule, policy, centre
        self._names = CellNames(lambda cell: centre(int(cell, 16)))
        self._cells: dict[str, Cell] = {}
        self._open: set[str] = set()
        self._regions: dict[str, _Progress] = {}
        self._moving: dict[str, set[str]] = {}
        """By region, the cells in which somebody came or left in its newest window; not saved (`_moving_in`)."""
        self._fleets: dict[str, Fleets] = {}
        """By region, made when they are asked for (`_fleets_of`)."""
        self._unsaved: set[str] = set()
        self._version = rules_version(policy.version, rule)

    def take(self, policy: Policy) -> None:
        """Go by other capacities from now on. Cells that fill, or have an alert, are judged with the next window."""
        self._policy, self._version = policy, rules_version(policy.version, self._rule)
        for cell in self._cells.values():
            cell.rule = None

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, Windows):
            return ""
        if message.window_ms <= 0:
            return f"windows of {message.window_ms} ms; a positive length is expected"
        return self._names.problem(message.rows)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take closed windows in, oldest first; yields the events of alerts."""
        if isinstance(message, CellsHealth):
            yield from self._go_on(message, record)
        if not isinstance(message, Windows):
            return
        c = message.rows
        columns = zip(
            *(c.window_start, c.cell, c.operator, c.arrivals, c.departures, c.occupancy, c.revision),
            strict=True,
        )
        for start, of_window in groupby(sorted(columns), key=itemgetter(0)):
            region = self._regions.get(message.region) or self._begin(message.region, start)
            if region.told < region.newest < start:  # a later window begins: the newest was told in full
                yield from self._judge_told(region, message, record)
            rows = list(of_window)
            moved = self._put(message, rows)
            if start < region.newest:
                continue
            if start > region.newest:
                region.newest = start
                self._moving[message.region] = set()
                self._unsaved.add(message.region)
            self._moving_in(message.region).update(
                row[1] for row in rows if start in self._cells[row[1]].sums
            )
            if start == region.told:  # rows of a window that was judged already, of cells that come late
                yield from self._judge_all(moved, start, message, record)
            elif start < message.watermark:
                yield from self._judge_told(region, message, record)

    def _begin(self, name: str, start: int) -> _Progress:
        region = self._regions[name] = _Progress(start)
        self._fleets[name] = Fleets(region.fleets)
        return region

    def _go_on(self, message: CellsHealth, record: Record) -> Iterator[Alert]:
        """Clear the alerts of a region whose vehicles were silent for a day of its event time."""
        region = self._regions.get(message.region)
        if region is None or message.fleet_as_of - region.newest < SILENT_MS:
            return
        for name in sorted(self._open_in(message.region)):
            cell = self._cells[name]
            assert cell.alert is not None, "an open alert is kept"
            yield ended(cell.alert, message.fleet_as_of, "nothing is heard of the vehicles for a day", record)
            cell.alert, cell.outlook = None, Outlook()
            self._unsaved.add(name)
            self._open.discard(name)

    def _open_in(self, region: str) -> set[str]:
        return {name for name in self._open if self._cells[name].region == region}

    def _put(self, message: Windows, rows: list[Row]) -> set[str]:
        """Take the rows of one window in; returns the cells in which vehicles came or left, amended rows excepted."""
        first, told, fleets = set(), self._regions[message.region].told, self._fleets_of(message.region)
        for start, name, operator, arrivals, departures, occupancy, revision in rows:
            cell = self._cells.get(name)
            if cell is None:
                cell = self._cells[name] = self._new(name, message.region)
            stood = cell.standing_of(operator)
            if cell.keep(start, operator, (arrivals, departures), occupancy, message.window_ms):
                self._unsaved.add(name)
                amended_at = told + message.window_ms if start <= told else None
                if fleets.stand(operator, cell.standing_of(operator) - stood, amended_at):
                    self._unsaved.add(message.region)
            if revision == 0 and (arrivals or departures):
                first.add(name)
        return first

    def _new(self, name: str, region: str) -> Cell:
        return Cell(region, *self._centre(int(name, 16)))

    def _rule_of(self, cell: Cell) -> Rule:
        if cell.rule is None:
            cell.rule = self._policy.rule_at(cell.lat, cell.lon)
        return cell.rule

    def _look_up(self, cells: Iterable[Cell]) -> None:
        """Find the rules of cells that have none yet, of all at once: a city's first window has thousands."""
        without = [cell for cell in cells if cell.rule is None]
        rules = self._policy.rules_at([cell.lat for cell in without], [cell.lon for cell in without])
        for cell, rule in zip(without, rules, strict=True):
            cell.rule = rule

    def _judge_told(self, region: _Progress, message: Windows, record: Record) -> Iterator[Alert]:
        """Judge the newest window of a region, told in full: the cells that moved in it, or have an open alert."""
        region.told = region.newest
        self._unsaved.add(message.region)
        self._fleets_of(message.region).close(region.told + message.window_ms)
        moved = self._moving_in(message.region) | self._open_in(message.region)
        yield from self._judge_all(moved, region.told, message, record)

    def _fleets_of(self, region: str) -> Fleets:
        """Return the fleets of a region. After a restart those of all regions are derived from the counts of cells."""
        if region not in self._fleets:
            standing: dict[str, list[dict[str, int]]] = {name: [] for name in self._regions}
            for cell in self._cells.values():
                standing[cell.region].append({name: count for name, (count, _) in cell.occupancy.items()})
            for name in self._regions.keys() - self._fleets.keys():
                self._fleets[name] = Fleets.of(self._regions[name].fleets, standing[name])
        return self._fleets[region]

    def _moving_in(self, region: str) -> set[str]:
        """Return the cells in which somebody came or left in the newest window of a region.

        They are noted as windows come: to look for them in all cells of a partition would take long. That is done once,
        after a restart.
        """
        if region not in self._moving:
            for name in self._regions:
                self._moving.setdefault(name, set())
            for name, cell in self._cells.items():
                known = self._regions.get(cell.region)
                if known is not None and known.newest in cell.sums:
                    self._moving[cell.region].add(name)
        return self._moving[region]

    def _judge_all(
        self, cells: Iterable[str], start: int, message: Windows, record: Record
    ) -> Iterator[Alert]:
        settled = self._regions[message.region].first + SETTLES * message.window_ms
        stirring = sorted(name for name in cells if self._cells[name].stirs(start))
        self._look_up([self._cells[name] for name in stirring])
        for name in stirring:
            yield from self._judge(name, start, settled, message, record)

    def _judge(
        self, name: str, start: int, settled: int, message: Windows, record: Record
    ) -> Iterator[Alert]:
        """Look at a cell at the end of a window; yield the event of its alert, if there is one.

        Flows of windows before `settled` do not count (SETTLES).
        """
        cell, window_ms = self._cells[name], message.window_ms
        at, rule, occupancy = start + window_ms, self._rule_of(cell), cell.standing()
        before = cell.outlook
        found, outlook = None, filled(before, occupancy, rule.raise_at, rule.clear_below)
        if outlook is None:
            if before.expecting or cell.fills(start):
                found = self._expect(cell, start, settled, message)
            outlook = step(before, found, at, window_ms, self._rule)
        cell.newest = occupancy, "" if found is None else expected(found, rule.raise_at, window_ms)
        if outlook == before:
            return
        cell.outlook = outlook
        self._unsaved.add(name)
        if outlook.expecting == before.expecting:
            return
        by_operator = {name: count for name, (count, _) in sorted(cell.occupancy.items()) if count}
        place = (name, cell.region, cell.lat, cell.lon)
        view = View(*place, at, window_ms, occupancy, by_operator, rule, self._policy.name, record)
        if cell.alert is not None:
            reason = "it is full" if outlook.full else "it is not expected to fill any more"
            event = cleared(cell.alert, view, reason, self._version)
            cell.alert = None
            self._open.discard(name)
        else:
            assert found is not None, "what is expected has an expectation"
            event = cell.alert = raised(view, found, cell.not_before, self._version)
            self._open.add(name)
        cell.not_before = event.starts_at + 1
        yield event

    def _expect(self, cell: Cell, start: int, settled: int, message: Windows) -> Expectation | None:
        """Return when a cell will be full, by its flows up to the window that begins at `start`."""
        window_ms = message.window_ms
        known_from = self._fleets_of(message.region).known_from(cell.occupancy)
        first = max(settled, start - (LONGEST - 1) * window_ms, known_from)
        flows = [cell.sums.get(window, NONE) for window in range(first, start + window_ms, window_ms)]
        room = self._rule_of(cell).raise_at - cell.standing()
        return expect(flows, room, self._rule.sure, self._rule.horizon_ms / window_ms)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the capacities and of what is expected; None for other kinds of alerts."""
        return self._version if alert.kind == KIND else None

    def seen(self, alert: Alert) -> Seen | None:
        """Return how many stood in an alert's cell at the newest look, and what was expected then."""
        cell = self._cells.get(alert.cell) if alert.kind == KIND else None
        if cell is None or cell.newest is None:
            return None
        rule, outlook, (occupancy, when) = self._rule_of(cell), cell.outlook, cell.newest
        when = when or ("it is full" if outlook.full else "not expected to fill")
        limit = (
            f"{rule.raise_at} within {self._rule.horizon_ms / 60_000:g} min, nine times in ten if it goes on"
        )
        state = active(cell.alert, "full" if outlook.full else "quiet")
        if outlook.doubted_at is not None:
            state += f", in doubt since {to_second(outlook.doubted_at)}"
        return Seen(f"{counted(occupancy, 'bike')}, {when}", limit, state)

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return the cells, and the progress of the regions, that changed since the last call."""
        parts: dict[str, bytes | None] = {}
        for name in self._unsaved:
            cell = self._cells.get(name)
            parts[name] = msgspec.msgpack.encode(self._regions[name]) if cell is None else cell.encoded()
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a cell or a region's progress; returns the open alert."""
        if data[0] in _IS_PROGRESS:
            self._regions[name] = _progress.decode(data)
            return None
        cell = self._cells[name] = decoded(data, *self._centre(int(name, 16)))
        if cell.alert is not None:
            self._open.add(name)
        return cell.alert
