"""All vehicles that stand in areas of rules, in the regions of one partition of ub.cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow, CellsVehicles
from schemas.vehicles import GONE_STATES
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.clocks import CLOCK, Clocks
from streams.incidents.lifecycle import PlaceOf, ended
from streams.incidents.mds.hours import Hours
from streams.incidents.showing import Seen
from streams.incidents.stays.alert import raised
from streams.incidents.stays.rules import StayKind, StayPolicy, StayRule, StayRules
from streams.incidents.stays.watch import Broken, Stay, follow, judge, rejudge, stands_alike
from streams.times import to_second


class Heard(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Version of the areas, and the generation and offset up to which a source was heard.

    `all`: the source has told of all vehicles in these areas. If it tells them anew later, that is an older state.
    """

    ground: str
    generation: int = -1
    offset: int = -1
    all: bool = False


_stay = msgspec.msgpack.Decoder(Stay)
_heard = msgspec.msgpack.Decoder(Heard)
_open = msgspec.msgpack.Decoder(Alert)
_AT_ONCE, _NEVER = 0, 1 << 62
POLICY_CHANGED = "the policy has changed"
OTHER_RULE = "another rule is broken, which is told instead"


@dataclass(frozen=True, slots=True)
class StayConfig:
    """The policies, the file they are of, the city's time zone, and the version of the areas they speak of."""

    policies: tuple[StayPolicy, ...]
    file: str
    zone: tzinfo
    ground: str = ""


class StayBook:
    """Who stands where, by region and vehicle; since when rules are in effect; and what was heard of each source."""

    def __init__(self, config: StayConfig, place: PlaceOf) -> None:
        self._config, self._rules = config, StayRules(config.policies)
        self._place = place
        self._stays: dict[str, dict[str, Stay]] = {}
        self._heard: dict[tuple[str, int], Heard] = {}
        self._effect: dict[str, dict[int, int]] = {}
        """By region and number of a rule's time (StayRules.times): since when it is in effect, at the newest look."""
        self._alerts: dict[tuple[str, str], dict[str, Alert]] = {}
        """By region and vehicle: its open alerts, by kind."""
        self._due: dict[str, dict[str, int]] = {}
        """By region and vehicle: when it is to be looked at, though nothing else happens."""
        self._next: dict[str, int] = {}
        """By region: the earliest of these."""
        self._clocks = Clocks()
        self._unsaved: set[tuple[str, ...]] = set()

    def take(self, config: StayConfig) -> None:
        """Judge by other policies from now on."""
        self._config, self._rules = config, StayRules(config.policies)
        self._effect.clear()
        for region, stays in self._stays.items():
            for vehicle_id, stay in stays.items():
                rejudge(self._rules, stay, stay)
                self._unsaved.add(("at", region, vehicle_id))
                self._plan(region, vehicle_id)

    def problem(self, message: Message) -> str:
        """Return nothing: whoever watches vehicles has looked at the message (streams/incidents/vehicles)."""
        return ""

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take news in, or hear that time went on; yields the events of alerts."""
        if isinstance(message, CellsVehicles):
            yield from self._news(message, record)
        elif isinstance(message, CellsNow) and self._stays.get(message.region):
            yield from self._look(message.region, self._clocks.reach(message.region, message.as_of), record)

    # ------------------------------------------------------------------ who stands where

    def _news(self, message: CellsVehicles, record: Record) -> Iterator[Alert]:
        source = message.region, message.source
        heard = self._heard.get(source, Heard(message.ground))
        if message.ground != heard.ground:
            if not message.complete and not _tells_anew(message):
                return  # from a former owner of the source, which still has other areas
            heard = Heard(message.ground)
        before = reached = heard.generation, heard.offset
        for i, (offset, state) in enumerate(
            zip(message.news.offset, message.news.vehicle_state, strict=True)
        ):
            order = None if offset is None else (message.generation, offset)
            is_news = order > before if order is not None else state in GONE_STATES or not heard.all
            if is_news:
                yield from self._one(message, i, record)
            reached = max(reached, order or reached)
        if message.complete:
            yield from self._forget_others(message, record)
        heard = Heard(heard.ground, *reached, heard.all or message.complete)
        if heard != self._heard.get(source):
            self._heard[source] = heard
            self._unsaved.add(("heard", message.region, f"{message.source}"))

    def _one(self, message: CellsVehicles, i: int, record: Record) -> Iterator[Alert]:
        n, region = message.news, message.region
        vehicle_id, at = n.vehicle_id[i], n.ts[i]
        stays = self._stays.setdefault(region, {})
        known = stays.get(vehicle_id)
        if known is not None and (at < known.ts or (at == known.ts and n.offset[i] is not None)):
            return
        areas = [] if n.vehicle_state[i] in GONE_STATES else n.areas[i]
        if known is None and not areas:
            return
        first_offset = record.offset if known is None else known.first_offset
        stay = Stay(
            *(message.source, message.ground, n.operator[i], n.vehicle_type[i], n.vehicle_state[i]),
            cell=n.cell[i],
            ts=at,
            areas=areas,
            first_offset=first_offset,
        )
        if known is not None:
            stay.not_before = known.not_before
        if known is not None and (n.offset[i] is None or stands_alike(stay, known)):
            rejudge(self._rules, stay, known)
        else:
            follow(self._rules, stay, known)
        stays[vehicle_id] = stay
        self._unsaved.add(("at", region, vehicle_id))
        self._plan(region, vehicle_id)
        reason = "it stands elsewhere" if areas else f"the vehicle is gone from there ({n.vehicle_state[i]})"
        if areas and n.offset[i] is None:  # told anew: not the vehicle is elsewhere, but the areas
            reason = POLICY_CHANGED
        kept = set(stay.since)
        if areas:
            kept |= self._told_by_other_areas(region, vehicle_id)
        yield from self._clear(region, vehicle_id, kept, at, reason, record)
        if not areas:
            self._drop(region, vehicle_id)

    def _forget_others(self, message: CellsVehicles, record: Record) -> Iterator[Alert]:
        """Forget the vehicles that a source did not tell, now that it has told of all in the areas of this version.

        Vehicles that had an alert are remembered until the next version, so that another alert gets an id of its own.
        """
        stays = self._stays.get(message.region, {})
        for vehicle_id, stay in sorted(stays.items()):
            if stay.source == message.source and stay.ground != message.ground:
                yield from self._clear(message.region, vehicle_id, set(), stay.ts, POLICY_CHANGED, record)
                if stay.areas and stay.not_before:
                    stay.ground, stay.areas, stay.since, stay.former = message.ground, [], {}, {}
                    self._unsaved.add(("at", message.region, vehicle_id))
                else:
                    self._drop(message.region, vehicle_id)

    def _drop(self, region: str, vehicle_id: str) -> None:
        del self._stays[region][vehicle_id]
        self._due.get(region, {}).pop(vehicle_id, None)
        self._unsaved.add(("at", region, vehicle_id))

    # ------------------------------------------------------------------ time

    def _look(self, region: str, as_of: int, record: Record) -> Iterator[Alert]:
        due = self._due.setdefault(region, {})
        if self._hours_change(region, as_of):
            due |= dict.fromkeys(self._stays[region], as_of)
        elif as_of < self._next.get(region, as_of):
            return
        for vehicle_id in sorted(vehicle for vehicle, at in due.items() if at <= as_of):
            del due[vehicle_id]
            ruled = self._still_ruled(region, vehicle_id)
            yield from self._clear(region, vehicle_id, ruled, as_of, POLICY_CHANGED, record)
            held = self._told_by_other_areas(region, vehicle_id)
            held = {rule_id for rule_id in held if self._in_effect(region, rule_id) is not None}
            if held:
                # Until it is told anew by the areas of the policy, or the policy by those that it was told by is taken.
                yield from self._clear(region, vehicle_id, held, as_of, "within the rules", record)
            else:
                yield from self._judge(region, vehicle_id, as_of, record)
        self._next[region] = min(due.values(), default=_NEVER)

    def _judge(self, region: str, vehicle_id: str, as_of: int, record: Record) -> Iterator[Alert]:
        """Look at one vehicle: end the alerts that no broken rule keeps up, raise those that are due."""
        stay = self._stays[region][vehicle_id]
        broken, next_due = judge(self._rules, stay, as_of, lambda rule: self._in_effect(region, rule.rule_id))
        if next_due is not None:
            self._due[region][vehicle_id] = next_due
        yield from self._end_others(region, vehicle_id, broken, as_of, record)
        for kind, one in sorted(broken.items()):
            if kind not in self._alerts.get((region, vehicle_id), {}):
                yield self._raise(region, vehicle_id, stay, one, as_of, record)

    def _end_others(
        self, region: str, vehicle_id: str, broken: Mapping[StayKind, Broken], as_of: int, record: Record
    ) -> Iterator[Alert]:
        """Clear the alerts that no broken rule keeps up, for the first of three reasons that holds."""
        alerts = self._alerts.get((region, vehicle_id), {})
        # By the kinds of the alerts: their rules may be of another kind now.
        told = {kind: alert.evidence.stay for kind, alert in alerts.items()}
        kept = {one.rule_id for kind, one in told.items() if one is not None and kind in broken}
        yield from self._clear(region, vehicle_id, kept, as_of, "within the rules", record)
        kept = {one.rule.rule_id for kind, one in broken.items() if kind in alerts}
        yield from self._clear(region, vehicle_id, kept, as_of, OTHER_RULE, record)
        kept = {
            one.rule.rule_id
            for kind, one in broken.items()
            if kind in alerts and one.start <= alerts[kind].starts_at
        }
        yield from self._clear(
            region, vehicle_id, kept, as_of, "the rule was not in effect in between", record
        )

    def _told_by_other_areas(self, region: str, vehicle_id: str) -> set[str]:
        """Return the rules whose open alerts stay, as the vehicle was told by another version of the areas.

        They would end now, as no vehicle is known in the policy's areas yet, and begin anew once it is told by these.
        """
        if self._stays[region][vehicle_id].ground == self._config.ground:
            return set()
        return self._still_ruled(region, vehicle_id)

    def _still_ruled(self, region: str, vehicle_id: str) -> set[str]:
        """Return the rules of a vehicle's open alerts that there are in the policy of now."""
        found = map(self._rule_of, self._alerts.get((region, vehicle_id), {}).values())
        return {one[1].rule_id for one in found if one is not None}

    def _raise(
        self, region: str, vehicle_id: str, stay: Stay, broken: Broken, as_of: int, record: Record
    ) -> Alert:
        where = region, self._place
        alert = raised(vehicle_id, stay, broken, where, as_of, self._config.file, record)
        self._alerts.setdefault((region, vehicle_id), {})[alert.kind] = alert
        before = stay.not_before
        others = dict.fromkeys(stay.since, before) if isinstance(before, int) else before
        stay.not_before = others | {broken.rule.rule_id: alert.starts_at + 1}
        self._unsaved |= {("at", region, vehicle_id), ("open", region, f"{vehicle_id}/{alert.kind}")}
        return alert

    def _clear(
        self, region: str, vehicle_id: str, kept: set[str], at: int, reason: str, record: Record
    ) -> Iterator[Alert]:
        """Clear the alerts of all rules but those kept."""
        alerts = self._alerts.get((region, vehicle_id), {})
        for kind, alert in sorted(alerts.items()):
            if alert.evidence.stay is not None and alert.evidence.stay.rule_id not in kept:
                del alerts[kind]
                self._unsaved.add(("open", region, f"{vehicle_id}/{kind}"))
                yield ended(alert, at, reason, record, self.version(alert))
        if not alerts:
            self._alerts.pop((region, vehicle_id), None)

    def _plan(self, region: str, vehicle_id: str) -> None:
        """Judge a vehicle at the next look, whatever its event time: news from ahead must not delay what is due."""
        self._due.setdefault(region, {})[vehicle_id] = _AT_ONCE
        self._next[region] = _AT_ONCE

    # ------------------------------------------------------------------ what people may ask

    def version(self, alert: Alert) -> str | None:
        """Return the version of the policy that an alert's rule is of; None where there is no such rule."""
        found = self._rule_of(alert)
        return None if found is None else found[0].version

    def seen(self, alert: Alert) -> Seen | None:
        """Return since when an alert's vehicle has stood where the rule speaks of it."""
        found = self._rule_of(alert)
        if found is None:
            return None
        _, rule = found
        stay = self._stays.get(alert.region, {}).get(alert.subject or "")
        limit = f"{(rule.limit_ms or 0) / 1000:g} s in {rule.zone}"
        since = None if stay is None else stay.since.get(rule.rule_id)
        if since is None:
            return Seen("stands elsewhere", limit, "quiet")
        open_ = alert.kind in self._alerts.get((alert.region, alert.subject or ""), {})
        return Seen(f"stands there since {to_second(since)}", limit, "broken" if open_ else "within")

    def _rule_of(self, alert: Alert) -> tuple[StayPolicy, StayRule] | None:
        stay = alert.evidence.stay
        return None if stay is None else self._rules.find(stay.rule_id)

    # ------------------------------------------------------------------ hours

    def _hours_change(self, region: str, as_of: int) -> bool:
        """Note since when each rule is in effect at an event time; returns whether that changed since the last look.

        The calendar decides, so that the result depends neither on when it was looked at before nor by which policy.
        """
        held, now = dict[Hours, int | None](), dict[int, int]()
        for number, when in enumerate(self._rules.times):
            if when.hours not in held:
                held[when.hours] = when.hours.since(as_of, self._config.zone)
            since = held[when.hours]
            if since is not None and when.policy.in_force(as_of) and when.dates.has(as_of):
                now[number] = max(when.policy.begin, when.dates.begin, since)
        known, self._effect[region] = self._effect.get(region, {}), now
        return now != known

    def _in_effect(self, region: str, rule_id: str) -> int | None:
        time = self._rules.time_of(rule_id)
        return None if time is None else self._effect[region].get(time)

    # ------------------------------------------------------------------ what a checkpoint keeps

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = {f"{name}/": part for name, part in self._clocks.take_parts()}
        for about, region, name in self._unsaved:
            value: object
            if about == "at":
                value = self._stays.get(region, {}).get(name)
            elif about == "open":
                vehicle_id, _, kind = name.rpartition("/")
                value = self._alerts.get((region, vehicle_id), {}).get(kind)
            elif about == "heard":
                value = self._heard.get((region, int(name)))
            else:  # "effect", of earlier versions
                value = None
            parts[f"{about}/{region}/{name}"] = None if value is None else msgspec.msgpack.encode(value)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back what was saved; returns the alert in it that is open."""
        about, region, subject = name.split("/", 2)
        if about == "heard":
            self._heard[region, int(subject)] = _heard.decode(data)
        elif about == CLOCK:
            self._clocks.restore(region, data)
        elif about == "effect":
            self._unsaved.add((about, region, subject))  # of earlier versions; the calendar says it too
        elif about == "open":
            alert = _open.decode(data)
            vehicle_id, _, kind = subject.rpartition("/")
            self._alerts.setdefault((region, vehicle_id), {})[kind] = alert
            return alert
        else:
            stay = self._stays.setdefault(region, {})[subject] = _stay.decode(data)
            rejudge(self._rules, stay, stay)
            self._plan(region, subject)
        return None


def _tells_anew(message: CellsVehicles) -> bool:
    """Return whether a message is among those that tell of all vehicles in areas that have changed."""
    return bool(message.news.offset) and all(offset is None for offset in message.news.offset)
