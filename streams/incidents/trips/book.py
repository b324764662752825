"""All rules on trips per vehicle and day, in the regions of one partition of ub.cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow, CellsVehicles
from streams.fold.contract import Record
from streams.incidents.book import Message, SilentIn
from streams.incidents.check_columns import problem_of_lengths
from streams.incidents.clocks import CLOCK, Clocks
from streams.incidents.counts.rules import ByOperator, Counts
from streams.incidents.lifecycle import COUNTS_OTHERS, RULE_GONE, ended
from streams.incidents.showing import Seen
from streams.incidents.sources_heard import ABOUT, Heard
from streams.incidents.trips.alert import Look, followed, raised
from streams.incidents.trips.counting import Counting
from streams.incidents.trips.judge import found_in
from streams.incidents.trips.rules import TripPolicy, TripRule
from streams.incidents.trips.series import (
    DAY_MS,
    HOUR_MS,
    Rate,
    Series,
    add_trip,
    advance,
    begin_anew,
    forget,
    rate_of,
)
from streams.incidents.trips.whole import ABOUT as SINCE
from streams.incidents.trips.whole import Whole

UNKNOWN_MS = HOUR_MS
"""Event time without a word of a region after which nothing is known of the time between."""
Key = tuple[str, str, str]
"""Region, rule and operator."""


@dataclass(frozen=True, slots=True)
class TripConfig:
    """The policies, and the file they are of."""

    policies: tuple[TripPolicy, ...]
    file: str


class _Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """All that is remembered of a rule and an operator. Its next alert does not begin before `not_before`.

    `about` says where and in which states it was counted (counting.py); empty in what earlier versions saved.
    `silent`: nothing was heard of the operator at the newest look; the day begins anew when it is heard again. It also
    begins with the first look at which the policy is in force, which may come after trips were told.
    """

    series: Series
    alert: Alert | None = None
    not_before: int = 0
    about: str = ""
    silent: bool = False

    @property
    def looked_at(self) -> bool:
        """Whether any vehicle was counted yet."""
        return self.series.until > 0


_entry = msgspec.msgpack.Decoder(_Entry)


class TripBook:
    """Trips and vehicles by region, rule and operator, by hour; judged when an hour of event time is over."""

    def __init__(self, config: TripConfig, silent: SilentIn | None) -> None:
        """`silent` says of which operators nothing is heard in a region: nothing is known of them then."""
        self._silent = silent
        self._cells: dict[str, dict[str, ByOperator]] = {}
        self._counting: dict[str, Counting] = {}
        self._entries: dict[Key, _Entry] = {}
        self._clocks = Clocks()
        self._heard = Heard()
        self._whole = Whole()
        self._unsaved: set[Key] = set()
        self._config, self._rules = config, _rules_of(config)

    def take(self, config: TripConfig) -> None:
        """Judge by other policies from now on; what is kept of rules that are gone goes at the next look."""
        self._config, self._rules = config, _rules_of(config)
        self._counting.clear()

    def meet(self, region: str, cell: str, counts: ByOperator) -> None:
        """Hear of a cell; `counts` is the map that its counts are kept in from now on."""
        self._cells.setdefault(region, {})[cell] = counts

    def move(self, region: str, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""
        if region in self._counting:
            self._counting[region].move(cell, operator, before, after)

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, CellsVehicles):
            return ""
        told = filter(None, (message.trips, message.trips_since))
        return next(filter(None, map(problem_of_lengths, told)), "")

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take trips in, or hear that time went on; yields the events of alerts."""
        if isinstance(message, CellsVehicles):
            self._whole.take(message)
        if not self._rules and not self._entries:
            return
        if isinstance(message, CellsNow):
            yield from self._look(message.region, message.as_of, record)
        elif isinstance(message, CellsVehicles) and message.trips is not None:
            self._trips(message)

    def _trips(self, message: CellsVehicles) -> None:
        region, rows = message.region, message.trips
        assert rows is not None
        counting = self._counting_of(region)
        heard = self._heard.newest(message)
        for offset, operator, cell, ts in zip(rows.offset, rows.operator, rows.cell, rows.ts, strict=True):
            if (message.generation, offset) <= heard:
                continue
            for rule in counting.takers(cell, operator):
                key = region, rule.rule_id, operator
                if key not in self._entries:
                    self._entries[key] = _Entry(Series(0, 0, 0), silent=True)
                add_trip(self._entries[key].series, ts)
                self._unsaved.add(key)
        self._heard.take(message, rows.offset)

    # ------------------------------------------------------------------ time

    def _look(self, region: str, as_of: int, record: Record) -> Iterator[Alert]:
        last, now = self._clocks.latest(region, 0), self._clocks.latest(region, as_of)
        yield from self._forget(region, now, record)
        vehicles = self._counting_of(region).vehicles
        if not vehicles:
            return
        known = region in self._clocks and now - last <= UNKNOWN_MS
        silent = self._silent(region) if self._silent is not None else frozenset[str]()
        for (rule_id, operator), count in sorted(vehicles.items()):
            policy, rule = self._rules[rule_id]
            if policy.in_force(now):
                heard = operator not in silent
                yield from self._count(policy, rule, operator, count, now, heard, known, record)
        self._clocks.reach(region, now)

    def _count(
        self,
        policy: TripPolicy,
        rule: TripRule,
        operator: str,
        count: int,
        now: int,
        heard: bool,
        known: bool,
        record: Record,
    ) -> Iterator[Alert]:
        """Let time go on for a rule and an operator, who has so many vehicles from now on.

        `heard`: its feed is not silent. `known`: the region was heard within the last hour.
        """
        key = rule.region, rule.rule_id, operator
        entry = self._entries.get(key)
        if not count and (entry is None or not entry.looked_at):
            return  # a vehicle that is gone was reported there
        if entry is None:
            entry = self._entries[key] = _Entry(Series(now, now, count))
            self._unsaved.add(key)
        entry.about = self._counting_of(rule.region).about[rule.rule_id]
        series, hour = entry.series, now // HOUR_MS * HOUR_MS
        if not (heard and known) or entry.silent:
            begin_anew(series, now)
            entry.silent = not heard
        elif series.until < hour:
            advance(series, hour)
            yield from self._judge(key, entry, policy, rule, hour, record)
        elif series.vehicles == count:
            return
        advance(series, now)
        series.vehicles = count
        self._unsaved.add(key)

    def _judge(
        self, key: Key, entry: _Entry, policy: TripPolicy, rule: TripRule, hour: int, record: Record
    ) -> Iterator[Alert]:
        forget(entry.series, hour)
        rate = self._rate(entry, rule, hour)
        if rate is None:
            return
        look = Look(policy, rule, key[2], rate, self._config.file, record)
        found = found_in(rule, rate)
        alert = entry.alert
        if alert is not None and (found is None or found.kind != alert.kind):
            entry.alert = None
            yield followed(alert, look, None)
        if found is None:
            return
        if entry.alert is None:
            entry.alert = raised(look, found, max(hour, entry.not_before))
            entry.not_before = entry.alert.starts_at + 1
            yield entry.alert
        elif found.severity != entry.alert.severity:
            entry.alert = followed(entry.alert, look, found.severity)
            yield entry.alert

    def _rate(self, entry: _Entry, rule: TripRule, hour: int) -> Rate | None:
        """Return the rate of the day up to a whole hour; None unless all vehicles and trips of it are known."""
        begins = self._whole.begins(rule.region, rule.area)
        return None if begins is None or begins > hour - DAY_MS else rate_of(entry.series, hour)

    def _forget(self, region: str, now: int, record: Record) -> Iterator[Alert]:
        """End what is kept of rules that are gone, not in force any more, or no longer about an operator there.

        A rule that counts in other cells or states now begins anew, too: a rate of both together would be of neither.
        """
        vehicles, about = self._counting_of(region).vehicles, self._counting_of(region).about
        for key in sorted(key for key in self._entries if key[0] == region):
            policy, _ = self._rules.get(key[1], (None, None))
            entry = self._entries[key]
            if not entry.looked_at:
                forget(entry.series, now)
            gone = entry.looked_at and key[1:] not in vehicles
            begins = policy is not None and now < policy.begin and not entry.looked_at
            if policy is None or gone or not (begins or policy.in_force(now)):
                alert = self._entries.pop(key).alert
                self._unsaved.add(key)
                if alert is not None:
                    yield ended(alert, now, RULE_GONE, record)
            elif entry.about not in ("", about[key[1]]):
                alert = self._entries.pop(key).alert
                self._unsaved.add(key)
                if alert is not None:
                    yield ended(alert, now, COUNTS_OTHERS, record, policy.version)

    def _counting_of(self, region: str) -> Counting:
        found = self._counting.get(region)
        if found is None:
            cells = self._cells.get(region, {})
            found = self._counting[region] = Counting(self._config.policies, region, cells)
        return found

    # ------------------------------------------------------------------ what people may ask

    def version(self, alert: Alert) -> str | None:
        """Return the version of the policy that an alert's rule is of; None where there is no such rule."""
        found = self._rules.get("" if alert.evidence.trips is None else alert.evidence.trips.rule_id)
        return None if found is None else found[0].version

    def seen(self, alert: Alert) -> Seen | None:
        """Return what the day up to the newest hour says of an alert's rule and operator."""
        found = alert.evidence.trips
        if found is None:
            return None
        entry = self._entries.get((alert.region, found.rule_id, found.operator))
        rule = self._rules.get(found.rule_id)
        if entry is None or rule is None:
            return Seen("nothing known", "", "quiet")
        hour = entry.series.until // HOUR_MS * HOUR_MS
        rate = self._rate(entry, rule[1], hour)
        value = "less than a day is known" if rate is None else f"{rate.per_vehicle:.2f} trips a vehicle"
        bound = rule[1].minimum if alert.kind == "too_few_trips" else rule[1].maximum
        limit = f"at {'least' if alert.kind == 'too_few_trips' else 'most'} {bound:g}"
        return Seen(value, limit, "within" if entry.alert is None else entry.alert.severity)

    # ------------------------------------------------------------------ what a checkpoint keeps

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = {
            **dict(self._heard.take_parts()),
            **dict(self._whole.take_parts()),
            **dict(self._clocks.take_parts()),
        }
        for key in self._unsaved:
            known = self._entries.get(key)
            parts["/".join(("of", *key))] = None if known is None else msgspec.msgpack.encode(known)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back what was saved; returns the alert in it that is open."""
        about, _, subject = name.partition("/")
        if about == CLOCK:
            self._clocks.restore(subject, data)
        elif about == ABOUT:
            region, source = subject.rsplit("/", 1)
            self._heard.restore(region, source, data)
        elif about == SINCE:
            region, source = subject.rsplit("/", 1)
            self._whole.restore(region, source, data)
        else:
            region, rule_id, operator = subject.rsplit("/", 2)
            entry = self._entries[region, rule_id, operator] = _entry.decode(data)
            return entry.alert
        return None


def _rules_of(config: TripConfig) -> dict[str, tuple[TripPolicy, TripRule]]:
    return {rule.rule_id: (policy, rule) for policy in config.policies for rule in policy.rules}
