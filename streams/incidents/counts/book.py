"""All rules of the policies under watch: counts by region, open alerts, and what a checkpoint keeps of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold.contract import Record
from streams.incidents.book import Message, SilentIn
from streams.incidents.clocks import CLOCK, Clocks
from streams.incidents.counts.alert import Look, followed, not_told, raised, vehicles
from streams.incidents.counts.counted import Counted, counted
from streams.incidents.counts.crowd import Crowd, Move
from streams.incidents.counts.doubt import ends, how_many, how_many_of, in_doubt
from streams.incidents.counts.entry import Entry, Key, decoded, encoded, key_of
from streams.incidents.counts.rules import ByOperator, CountPolicy, CountRule, Counts, Place
from streams.incidents.counts.shares import Fleets
from streams.incidents.counts.tally import Tally
from streams.incidents.counts.transit import in_transit
from streams.incidents.counts.watch import Bound, bound_of, bounds, severity, step
from streams.incidents.lifecycle import COUNTS_OTHERS, RULE_GONE, ended
from streams.incidents.mds.hours import local_time
from streams.incidents.saturation import Watch
from streams.incidents.showing import Seen, Waiting
from streams.printable import quoted


@dataclass(frozen=True, slots=True)
class CountConfig:
    """The policies, the file they are of, the city's time zone, and how long a bound must be broken for an alert.

    `ground` is the version of the areas in which fleets are to count by position for them.
    """

    policies: tuple[CountPolicy, ...]
    file: str
    zone: tzinfo
    min_duration_ms: int
    ground: str = ""


_GONE = "gone"
"""First part of the names of saved alerts whose rule is gone or elsewhere; others are of rules, or of clocks."""


class CountBook:
    """The rules of all policies in the regions of one partition."""

    def __init__(
        self,
        config: CountConfig,
        silent: SilentIn | None,
        by_other_areas: Callable[[str, str], bool],
    ) -> None:
        """`silent` returns the operators of which nothing is heard in a region: rules on too few of theirs must wait.

        `by_other_areas` returns whether vehicles of a region are counted by areas of another version than the given.
        """
        self._silent = silent
        self._by_other_areas = by_other_areas
        self._crowds: dict[str, Crowd] = {}
        self._tallies: dict[str, list[Tally]] = {}
        self._fleets: dict[str, Fleets] = {}
        self._entries: dict[Key, Entry] = {}
        self._abandoned: dict[str, Entry] = {}
        """Open alerts of rules that are gone or elsewhere now, by id, until the next look at their region."""
        self._clocks = Clocks()
        self._unsaved: set[Key] = set()
        self._abandoned_unsaved: set[str] = set()
        self._config, self._rules = config, _rules_of(config)

    def take(self, config: CountConfig) -> None:
        """Judge by other policies from now on; open alerts of rules that are gone are cleared at the next look."""
        self._config, self._rules = config, _rules_of(config)
        self._tallies.clear()
        self._fleets.clear()
        entries, abandoned = self._entries, self._abandoned
        self._entries, self._abandoned = {}, {}
        for key, entry in entries.items():
            self._sort_in(key, entry)
        for entry in abandoned.values():
            self._take_back(entry)

    def meet(self, region: str, cell: str, counts: ByOperator) -> None:
        """Hear of a cell; `counts` is the map that its counts are kept in from now on."""
        self._crowd(region).cells[cell] = counts

    def move(self, region: str, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a cell changed."""
        if region in self._fleets:
            self._move(region, self._crowd(region).cell_moved(cell, operator, before, after))
            self._fleets[region].move(operator, before, after)

    def part_moved(self, region: str, place: Place, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a part of a cell changed, of all sources together."""
        self._move(region, self._crowd(region).part_moved(place, operator, before, after))
        if region in self._fleets:
            self._fleets[region].part_moved(place.vehicle_type, operator, before, after)

    def _crowd(self, region: str) -> Crowd:
        crowd = self._crowds.get(region)
        if crowd is None:
            crowd = self._crowds[region] = Crowd()
        return crowd

    def _move(self, region: str, moves: Iterable[Move]) -> None:
        for place, operator, before, after in moves:
            for tally in self._tallies.get(region, ()):
                tally.move(place, operator, before, after)

    def problem(self, message: Message) -> str:
        """Return nothing: whoever counts has looked at the message (streams/incidents/cells.py)."""
        return ""

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Look at all rules of the region whose counts came; they were moved before."""
        if not isinstance(message, CellsNow) or message.more:
            return
        if message.of_several_times:
            self._doubt(message.region)
        else:
            yield from self._look(message.region, self._reached(message), record)

    def _reached(self, message: CellsNow) -> int:
        if self._tallies_of(message.region):
            return self._clocks.reach(message.region, message.as_of)
        return self._clocks.latest(message.region, message.as_of)

    def _doubt(self, region: str) -> None:
        """Start conditions that are no alert yet anew where counts of several times are within bounds."""
        for tally in self._active(region, self._clocks.latest(region, 0)):
            for number in range(len(tally.rules)):
                for one in counted(tally, number, self._fleets[region]):
                    found = ends(tally, number, one.limits, one.count, one.share)
                    for bound in bounds(one.limits):
                        if not any(severity(bound, *end) for end in found or ((one.count, one.limits),)):
                            self._hold((one.limits.rule_id, bound, one.operator))

    def _look(self, region: str, as_of: int, record: Record) -> Iterator[Alert]:
        """Look at all rules of a region at an event time; yield each event of an alert."""
        gone = [
            alert for entry in self._abandoned.values() if (alert := entry.alert) and alert.region == region
        ]
        for alert in sorted(gone, key=lambda one: (key_of(one), one.alert_id)):
            del self._abandoned[alert.alert_id]
            self._abandoned_unsaved.add(alert.alert_id)
            yield self._end_abandoned(alert, as_of, record)
        for tally in self._active(region, as_of):
            for number in range(len(tally.rules)):
                yield from self._judge(tally, number, as_of, record)

    def _active(self, region: str, as_of: int) -> Iterator[Tally]:
        """Yield the tallies of a region with the rules that are in effect at an event time."""
        tallies = self._tallies_of(region)
        if not tallies:
            return
        local = local_time(as_of, self._config.zone)
        for tally in tallies:
            in_force = tally.policy.in_force(as_of)
            active = tuple(in_force and rule.hours.hold(local) for rule in tally.rules)
            tally.set_active(active, self._crowd(region))
            yield tally

    def _end_abandoned(self, alert: Alert, as_of: int, record: Record) -> Alert:
        """End an alert whose rule is gone, or is about something else now: then its next alert is another one."""
        key = key_of(alert)
        policy, _ = self._rules.get(key[:2], (None, None))
        if policy is None:
            return ended(alert, as_of, RULE_GONE, record)
        if self._belongs(key, None):
            entry = self._entries.setdefault(key, Entry())
            entry.not_before = max(entry.not_before, alert.starts_at + 1)
            self._unsaved.add(key)
        return ended(alert, as_of, COUNTS_OTHERS, record, policy.version)

    def is_elsewhere(self, alert: Alert) -> bool:
        """Return whether an alert's rule is about other places, or operators, than the alert that is shown."""
        if alert.kind not in ("too_many", "too_few"):
            return False
        key = key_of(alert)
        return key[:2] in self._rules and not self._belongs(key, alert)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the policy that an alert's rule is of; None where there is no such rule."""
        return next((tally.policy.version for tally, _ in self._of(alert)), None)

    def seen(self, alert: Alert) -> Seen | None:
        """Return how many vehicles an alert's rule counts."""
        for tally, number in self._of(alert):
            rule, key = tally.rules[number], key_of(alert)
            _, bound, operator = key
            counts = (tally.riding if rule.units == "utilization" else tally.counts)[number]
            count = counts.get(operator, 0) if operator else sum(counts.values())
            limit = f"at most {rule.maximum}" if bound == "too_many" else f"at least {rule.minimum}"
            limit += "" if rule.units == "devices" else " %"
            if not tally.active[number]:
                limit += " (not in effect)"
            entry = self._entries.get(key, Entry())
            doubtful = how_many_of(tally, number, operator, self._fleets[tally.region])
            return Seen(f"{vehicles(count, rule)}{not_told(doubtful)}", limit, entry.watch.as_text)
        return None

    def _of(self, alert: Alert) -> Iterator[tuple[Tally, int]]:
        """Yield the rule of an alert: its tally, and its number there."""
        if alert.kind not in ("too_many", "too_few"):
            return
        rule_id, _, _ = key_of(alert)
        for tally in self._tallies_of(alert.region):
            for number, rule in enumerate(tally.rules):
                if rule.rule_id == rule_id:
                    yield tally, number

    def waiting(self, region: str) -> Iterator[Waiting]:
        """Yield the bounds in a region that are broken, not yet for long enough."""
        for (rule_id, bound, operator), entry in self._entries.items():
            _, rule = self._rules[rule_id, bound]
            if rule.region == region and entry.watch.since is not None and entry.alert is None:
                subject, of = (f"{rule_id}/{operator}", f", of {operator}") if operator else (rule_id, "")
                shown = f"{rule.zone}, by {quoted(rule.name)}{of}"
                about = (bound, rule.cell, subject)
                yield Waiting(about, shown, entry.watch.since, self._config.min_duration_ms)

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed of the state, by name; None: it is deleted."""
        parts = {"/".join(filter(None, key)): encoded(self._entries.get(key)) for key in self._unsaved}
        parts |= {f"{_GONE}/{name}": encoded(self._abandoned.get(name)) for name in self._abandoned_unsaved}
        parts |= dict(self._clocks.take_parts())
        self._unsaved.clear()
        self._abandoned_unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back what was saved; returns the open alert.

        Where its rule is gone, or elsewhere now, it is cleared at the next look.
        """
        rule_id, bound, operator = (*name.split("/"), "")[:3]
        if rule_id == CLOCK:
            self._clocks.restore(bound, data)
            return None
        entry = decoded(data)
        if rule_id == _GONE:
            self._take_back(entry)
        else:
            self._sort_in((rule_id, bound_of(bound), operator), entry)
        return entry.alert

    def _take_back(self, entry: Entry) -> None:
        """Sort in an open alert whose rule was gone or elsewhere: the rule may be back, without an alert of its own."""
        if entry.alert is not None:
            self._abandoned_unsaved.add(entry.alert.alert_id)
            self._sort_in(key_of(entry.alert), entry)

    def _sort_in(self, key: Key, entry: Entry) -> None:
        """Keep what is known of a rule, or of one that is gone only its open alert, until that is cleared.

        A condition that has not become an alert yet begins anew if its policy has changed.
        """
        if self._belongs(key, entry.alert):
            self._entries[key] = entry
            self._unsaved.add(key)
            policy, _ = self._rules[key[0], key[1]]
            if entry.version not in ("", policy.version):
                self._hold(key)
            return
        self._unsaved.add(key)
        if entry.alert is not None:
            self._abandoned[entry.alert.alert_id] = entry
            self._abandoned_unsaved.add(entry.alert.alert_id)

    def _tallies_of(self, region: str) -> list[Tally]:
        found = self._tallies.get(region)
        if found is None:
            made = (Tally(policy, region) for policy in self._config.policies)
            found = self._tallies[region] = [tally for tally in made if tally.rules]
            if found:
                self._crowd(region).compare_all()
                self._fleets[region] = Fleets(self._crowd(region))
        return found

    def _is_unheard(self, tally: Tally, operator: str) -> bool:
        """Return whether a count cannot be known as nothing is heard of the operator, or (empty) of one that counts."""
        silent = self._silent_in(tally.region)
        return operator in silent if operator else any(map(tally.policy.counts, silent))

    def _is_redrawn(self, rule: CountRule) -> bool:
        """Return whether the fleet counts by the areas of another policy than the rule's: an older or newer one."""
        return bool(rule.edge) and self._by_other_areas(rule.region, self._config.ground)

    def _silent_in(self, region: str) -> frozenset[str]:
        return frozenset(self._silent(region)) if self._silent is not None else frozenset()

    def _hold(self, key: Key) -> None:
        """Leave an open alert as it is; a condition that has not become an alert yet begins anew afterwards."""
        entry = self._entries.get(key)
        if entry is not None and entry.alert is None and not entry.watch.quiet:
            entry.watch = Watch()
            self._unsaved.add(key)

    def _judge(self, tally: Tally, number: int, as_of: int, record: Record) -> Iterator[Alert]:
        """Look at both bounds of a rule; yield the events of its alerts."""
        for one in counted(tally, number, self._fleets[tally.region]):
            for bound in bounds(one.limits):
                yield from self._judge_bound(bound, one, as_of, record)

    def _judge_bound(self, bound: Bound, one: Counted, as_of: int, record: Record) -> Iterator[Alert]:
        """Look at one bound, in vehicles; yield the event of its alert, if there is one."""
        tally, limits, count = one.tally, one.limits, one.count
        key: Key = (limits.rule_id, bound, one.operator)
        yield from self._end_with_its_hours(key, tally.policy, limits, as_of, record)
        between = ends(tally, one.number, limits, count, one.share)
        if one.in_effect and self._cannot_tell(key, one, between):
            return
        found = severity(bound, count, limits) if one.in_effect else None
        entry = self._entries.get(key)
        if found is None and (entry is None or entry.watch.quiet):
            return
        if entry is None:
            entry = self._entries[key] = Entry()
        watch = step(entry.watch, found, as_of, self._config.min_duration_ms)
        if watch == entry.watch:
            return
        if one.in_effect and in_transit(
            bound,
            tally,
            one.number,
            one.share,
            self._crowd(limits.region),
            between or ((count, limits),),
        ):
            return
        if entry.watch.since is None:
            entry.first_offset, entry.version = record.offset, tally.policy.version
        entry.watch = watch
        self._unsaved.add(key)
        yield from self._tell(entry, bound, one, as_of, record)

    def _cannot_tell(self, key: Key, one: Counted, between: Sequence[tuple[int, CountRule]]) -> bool:
        """Return whether nothing can be said of a bound at this look: then what was told of it stays as it is."""
        _, bound, operator = key
        if bound == "too_few" and self._is_unheard(one.tally, operator):
            self._hold(key)
            return True
        if in_doubt(bound, between):
            return True
        entry = self._entries.get(key)
        # An open alert would end by centres of cells, and begin anew by positions.
        return entry is not None and entry.alert is not None and self._is_redrawn(one.limits)

    def _tell(self, entry: Entry, bound: Bound, one: Counted, as_of: int, record: Record) -> Iterator[Alert]:
        """Yield what becomes of the alert of a bound whose watch has just changed; nothing while it only waits."""
        watch, tally = entry.watch, one.tally
        if entry.alert is None and watch.severity is None:
            return
        look = Look(
            bound=bound,
            policy=tally.policy,
            rule=tally.rules[one.number],
            limits=one.limits,
            by_operator=one.by_operator,
            in_effect=one.in_effect,
            as_of=as_of,
            file=self._config.file,
            record=record,
            share=one.share,
            first_offset=entry.first_offset,
            doubtful=how_many(tally, one.number, one.share),
            silent=self._silent_in(tally.region),
            before=tally.before(one.number),
        )
        if entry.alert is not None:
            event = followed(entry.alert, look, watch.severity)
        else:
            assert watch.since is not None
            assert watch.severity is not None
            event = raised(look, watch.severity, max(watch.since, entry.not_before))
        entry.alert = event if event.status == "active" else None
        entry.not_before = event.starts_at + 1
        yield event

    def _end_with_its_hours(
        self, key: Key, policy: CountPolicy, rule: CountRule, as_of: int, record: Record
    ) -> Iterator[Alert]:
        """End what began in earlier hours of the rule, if no message came between those hours and the present ones."""
        entry = self._entries.get(key)
        if entry is None or entry.watch.since is None:
            return
        began = rule.hours.since(as_of, self._config.zone)
        if began is None or began <= entry.watch.since:
            return
        self._unsaved.add(key)
        alert, entry.watch, entry.alert = entry.alert, Watch(), None
        if alert is not None:
            changed = entry.version not in ("", policy.version)
            now = ", by its hours as they are now" if changed else ""
            yield ended(alert, as_of, f"the rule was not in effect in between{now}", record, policy.version)

    def _belongs(self, key: Key, alert: Alert | None) -> bool:
        """Return whether the rule exists, judges this operator as before (alone or with all), where its alert is."""
        rule_id, bound, operator = key
        policy, rule = self._rules.get((rule_id, bound), (None, None))
        if policy is None or rule is None or (rule.units == "devices") != (operator == ""):
            return False
        if operator and not policy.counts(operator):
            return False
        return alert is None or (
            alert.region == rule.region and (alert.cell in rule.cells or alert.cell in rule.edge)
        )


def _rules_of(config: CountConfig) -> dict[tuple[str, Bound], tuple[CountPolicy, CountRule]]:
    return {
        (rule.rule_id, bound): (policy, rule)
        for policy in config.policies
        for rule in policy.rules
        for bound in bounds(rule)
    }
