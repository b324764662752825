"""All vehicles that are too fast for where they are, in the regions of one partition of ub.cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from schemas.alerts import Alert, Severity, Speeding
from schemas.cells import CellsNow, CellsVehicles, VehicleSpeeds
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.lifecycle import RULE_GONE, PlaceOf
from streams.incidents.showing import Seen
from streams.incidents.sources_heard import ABOUT, Heard
from streams.incidents.speeds.alert import cleared, raised, worse
from streams.incidents.speeds.judge import Broken, End, Move, judge
from streams.incidents.speeds.rules import SpeedPolicy

ENOUGH = 3
"""Moves: one wrong position is two of them, there and back, and both look very fast."""
MUCH = 1.5
"""Times the limit: so fast a move counts for a severity of its own."""
_AT_ONCE = 0


@dataclass(frozen=True, slots=True)
class SpeedConfig:
    """The policies, the file they are of, the city's time zone, and event time without such a move that clears."""

    policies: tuple[SpeedPolicy, ...]
    file: str
    zone: tzinfo
    quiet_ms: int


class _Open(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """An open alert, the newest move, and how many of its moves were much too fast."""

    alert: Alert
    found: Speeding
    much: int

    @property
    def severity(self) -> Severity:
        """How bad it is: it does not fall while the alert is open."""
        if self.much >= ENOUGH:
            return "major"
        return "minor" if self.found.moves >= ENOUGH else "warning"


_open = msgspec.msgpack.Decoder(_Open)


class SpeedBook:
    """Open alerts by region and vehicle, and up to which record each source was heard."""

    def __init__(self, config: SpeedConfig, place: PlaceOf) -> None:
        self._config = config
        self._place, self._names = place, CellNames(place)
        self._alerts: dict[tuple[str, str], _Open] = {}
        self._heard = Heard()
        self._quiet_at: dict[str, dict[str, int]] = {}
        """By region and vehicle: when it has been quiet for long enough."""
        self._unsaved: set[tuple[str, str]] = set()

    def take(self, config: SpeedConfig) -> None:
        """Judge by other policies from now on; alerts of rules that are gone are cleared at the next look."""
        self._config = config
        for (region, vehicle_id), known in self._alerts.items():
            self._quiet_at.setdefault(region, {})[vehicle_id] = self._deadline(known)

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, CellsVehicles) or message.speeds is None:
            return ""
        return self._names.problem(message.speeds)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take news in, or hear that time went on; yields the events of alerts."""
        if isinstance(message, CellsNow):
            yield from self._quiet(message, record)
        elif isinstance(message, CellsVehicles) and message.speeds is not None:
            heard = self._heard.newest(message)
            for i, offset in enumerate(message.speeds.offset):
                if (message.generation, offset) > heard:
                    yield from self._one(message.speeds, i, message.region, record)
            self._heard.take(message, message.speeds.offset)

    def _one(self, rows: VehicleSpeeds, i: int, region: str, record: Record) -> Iterator[Alert]:
        move = Move(
            operator=rows.operator[i],
            vehicle_type=rows.vehicle_type[i],
            begin=End(rows.from_ts[i], rows.from_state[i], frozenset(rows.from_areas[i])),
            end=End(rows.ts[i], rows.vehicle_state[i], frozenset(rows.areas[i])),
            kmh=rows.kmh[i],
        )
        broken = judge(self._config.policies, move, self._config.zone)
        if broken is None:
            return
        vehicle_id = rows.vehicle_id[i]
        key = region, vehicle_id
        known = self._alerts.get(key)
        if known is not None and rows.ts[i] > (quiet_at := known.found.ts + self._config.quiet_ms):
            yield self._end(key, quiet_at, record)
            known = None
        found = _speeding(rows, i, broken, 1 if known is None else known.found.moves + 1)
        much = int(move.kmh >= MUCH * broken.limit_kmh)
        self._unsaved.add(key)
        if known is None:
            where = rows.cell[i], region, self._place(rows.cell[i])
            alert = raised(found, broken, "warning", where, self._config.file, record)
            self._alerts[key] = known = _Open(alert, found, much)
            yield alert
        else:
            known.found, known.much = found, known.much + much
            if known.severity != known.alert.severity:
                known.alert = worse(known.alert, found, broken, known.severity, self._config.file, record)
                yield known.alert
        self._quiet_at.setdefault(region, {})[vehicle_id] = self._deadline(known)

    def _quiet(self, message: CellsNow, record: Record) -> Iterator[Alert]:
        """Clear the alerts of vehicles that were quiet for long enough, or of rules that are gone."""
        waiting = self._quiet_at.get(message.region)
        if not waiting:
            return
        for vehicle_id in sorted(vehicle for vehicle, at in waiting.items() if at <= message.as_of):
            yield self._end((message.region, vehicle_id), message.as_of, record)

    def _end(self, key: tuple[str, str], at: int, record: Record) -> Alert:
        region, vehicle_id = key
        del self._quiet_at[region][vehicle_id]
        known = self._alerts.pop(key)
        self._unsaved.add(key)
        version = self.version(known.alert)
        reason = RULE_GONE if version is None else "not too fast for a while"
        return cleared(known.alert, known.found, at, reason, record, version)

    def _deadline(self, known: _Open) -> int:
        if self._policy_of(known.found) is None:
            return _AT_ONCE
        return known.found.ts + self._config.quiet_ms

    def _policy_of(self, found: Speeding) -> SpeedPolicy | None:
        """Return the policy of the rule that was broken, as it is now."""
        for policy in self._config.policies:
            if any(rule.rule_id == found.rule_id for rule in policy.rules):
                return policy
        return None

    # ------------------------------------------------------------------ what people may ask

    def version(self, alert: Alert) -> str | None:
        """Return the version of the policy that an alert's rule is of; None where there is no such rule."""
        found = alert.evidence.speeding
        policy = None if found is None else self._policy_of(found)
        return None if policy is None else policy.version

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest move of an alert's vehicle that was too fast."""
        if alert.kind != "speeding":
            return None
        known = self._alerts.get((alert.region, alert.subject or ""))
        if known is None:
            return Seen("nothing told", "", "quiet")
        found = known.found
        return Seen(
            f"{found.kmh:.0f} km/h, move {found.moves}", f"{found.limit_kmh:.3g} km/h", known.severity
        )

    # ------------------------------------------------------------------ what a checkpoint keeps

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = dict(self._heard.take_parts())
        for region, vehicle_id in self._unsaved:
            known = self._alerts.get((region, vehicle_id))
            parts[f"open/{region}/{vehicle_id}"] = None if known is None else msgspec.msgpack.encode(known)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back what was saved; returns the alert in it that is open."""
        about, region, subject = name.split("/", 2)
        if about == ABOUT:
            self._heard.restore(region, subject, data)
            return None
        known = self._alerts[region, subject] = _open.decode(data)
        self._quiet_at.setdefault(region, {})[subject] = self._deadline(known)
        return known.alert


def _speeding(rows: VehicleSpeeds, i: int, broken: Broken, moves: int) -> Speeding:
    return Speeding(
        vehicle_id=rows.vehicle_id[i],
        operator=rows.operator[i],
        vehicle_type=rows.vehicle_type[i],
        from_ts=rows.from_ts[i],
        from_lat=rows.from_lat[i],
        from_lon=rows.from_lon[i],
        ts=rows.ts[i],
        lat=rows.lat[i],
        lon=rows.lon[i],
        metres=rows.metres[i],
        kmh=rows.kmh[i],
        limit_kmh=round(broken.limit_kmh, 9),  # without what excludes an exclusive maximum
        moves=moves,
        policy_id=broken.policy.policy_id,
        rule_id=broken.rule.rule_id,
        name=broken.rule.name,
    )
