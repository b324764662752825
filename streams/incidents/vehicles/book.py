"""All vehicles of which something is the matter, in the regions of one partition of ub.cells."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from schemas.alerts import Alert, Battery, Jump
from schemas.cells import CellsNow, CellsVehicles
from schemas.vehicles import GONE_STATES
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.lifecycle import PlaceOf, ended
from streams.incidents.showing import Seen
from streams.incidents.sources_heard import ABOUT, Heard, Reached
from streams.incidents.vehicles.alert import cleared, raised, worse
from streams.incidents.vehicles.config import VehiclesConfig

Kind = Literal["impossible_jump", "low_battery"]
Key = tuple[Kind, str, str]
"""Kind, region and vehicle: a vehicle that goes from one region to another is two here."""


class _Open(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """An open alert, and what was found last."""

    alert: Alert
    jump: Jump | None = None
    battery: Battery | None = None


_open = msgspec.msgpack.Decoder(_Open)


class VehicleBook:
    """Open alerts of vehicles, and up to which record each source was heard."""

    def __init__(self, config: VehiclesConfig, place: PlaceOf) -> None:
        self._config = config
        self._place, self._names = place, CellNames(place)
        self._alerts: dict[Key, _Open] = {}
        self._heard = Heard()
        self._quiet_at: dict[str, dict[str, int]] = {}
        """By region, the jumping vehicles, and when each has been quiet for long enough."""
        self._given_up: dict[Key, Alert] = {}
        self._charged: set[Key] = set()
        """Open alerts on batteries that were fine already by the line of now when they were restored."""
        self._unsaved: set[Key] = set()

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, CellsVehicles):
            return ""
        return self._names.problem(message.news) or self._names.problem(message.moves)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take news in, or hear that time went on; yields the events of alerts."""
        if isinstance(message, CellsNow):
            yield from self._give_up(message, record)
            yield from self._let_go(message, record)
            yield from self._quiet(message, record)
        elif isinstance(message, CellsVehicles):
            heard = self._heard.newest(message)
            yield from self._moves(message, heard, record)
            yield from self._news(message, heard, record)
            offsets = (*message.moves.offset, *message.news.offset)
            self._heard.take(message, (offset for offset in offsets if offset is not None))

    # ------------------------------------------------------------------ jumps

    def _moves(self, message: CellsVehicles, heard: Reached, record: Record) -> Iterator[Alert]:
        m = message.moves
        for i, offset in enumerate(m.offset):
            if not self._config.jumps or (message.generation, offset) <= heard:
                continue
            key: Key = "impossible_jump", message.region, m.vehicle_id[i]
            quiet_at = self._quiet_at.get(message.region, {}).get(m.vehicle_id[i])
            if quiet_at is not None and m.ts[i] > quiet_at:
                yield self._end(key, quiet_at, record)
            known = self._alerts.get(key)
            before = known.jump.jumps if known is not None and known.jump is not None else 0
            jump = Jump(
                m.vehicle_id[i], m.operator[i], m.vehicle_type[i], m.from_ts[i], m.from_lat[i], m.from_lon[i],
                m.ts[i], m.lat[i], m.lon[i], m.metres[i],
                3_600 * m.metres[i] / max(1, m.ts[i] - m.from_ts[i]), m.limit_kmh[i], before + 1,
            )  # fmt: skip
            severity = self._config.severity_of_jumps(jump.jumps)
            self._quiet_at.setdefault(message.region, {})[jump.vehicle_id] = (
                jump.ts + self._config.jump_quiet_ms
            )
            self._unsaved.add(key)
            if known is None:
                where = m.cell[i], message.region, self._place(m.cell[i])
                alert = raised("impossible_jump", jump, severity, where, self._config.version, record)
                self._alerts[key] = _Open(alert, jump=jump)
                yield alert
                continue
            known.jump = jump
            if severity != known.alert.severity:
                known.alert = worse(known.alert, jump, severity, record)
                yield known.alert

    def _quiet(self, message: CellsNow, record: Record) -> Iterator[Alert]:
        """Clear the jumps of vehicles that were quiet for long enough."""
        waiting = self._quiet_at.get(message.region)
        if not waiting:
            return
        for vehicle_id in sorted(vehicle for vehicle, at in waiting.items() if at <= message.as_of):
            yield self._end(("impossible_jump", message.region, vehicle_id), message.as_of, record)

    def _end(self, key: Key, at: int, record: Record) -> Alert:
        """Clear an alert on jumps."""
        _, region, vehicle_id = key
        del self._quiet_at[region][vehicle_id]
        known = self._alerts.pop(key)
        self._unsaved.add(key)
        assert known.jump is not None
        return cleared(known.alert, known.jump, at, "no jump for a while", record)

    # ------------------------------------------------------------------ batteries

    def _news(self, message: CellsVehicles, heard: Reached, record: Record) -> Iterator[Alert]:
        if self._config.battery is None:
            return
        low, fine = self._config.battery
        n = message.news
        for i, offset in enumerate(n.offset):
            key: Key = "low_battery", message.region, n.vehicle_id[i]
            known = self._alerts.get(key)
            old = offset is not None and (message.generation, offset) <= heard
            if old or (known is not None and known.battery is not None and n.ts[i] < known.battery.ts):
                continue
            charge, state = n.battery_percent[i], n.vehicle_state[i]
            found = Battery(
                n.vehicle_id[i], n.operator[i], n.vehicle_type[i], n.ts[i], state, charge, low, fine
            )
            gone = state in GONE_STATES
            if known is None:
                # Told without an offset is what was known before: perhaps it was charged since.
                if offset is not None and charge is not None and charge < low and not gone:
                    where = n.cell[i], message.region, self._place(n.cell[i])
                    alert = raised("low_battery", found, "warning", where, self._config.version, record)
                    self._alerts[key] = _Open(alert, battery=found)
                    self._unsaved.add(key)
                    yield alert
                continue
            self._unsaved.add(key)
            known.battery = found
            if gone or (charge is not None and charge >= fine):
                del self._alerts[key]
                reason = f"the vehicle is {state}" if gone else "charged"
                yield cleared(known.alert, found, found.ts, reason, record)

    # ------------------------------------------------------------------ what people may ask

    def version(self, alert: Alert) -> str | None:
        """Return the version of what would judge an alert of a vehicle; None where nothing would."""
        kind = _kind(alert.kind)
        return self._config.version if kind is not None and self._watched(kind) else None

    def seen(self, alert: Alert) -> Seen | None:
        """Return the newest jump or charge of an alert's vehicle."""
        kind = _kind(alert.kind)
        if kind is None:
            return None
        known = self._alerts.get((kind, alert.region, alert.subject or ""))
        if known is None:
            return Seen("nothing told", "", "quiet")
        if known.jump is not None:
            return Seen(f"{known.jump.kmh:.0f} km/h", f"{known.jump.limit_kmh:g} km/h", known.alert.severity)
        assert known.battery is not None
        low = known.battery.low_below
        return Seen(f"{known.battery.battery_percent} %", f"below {low} %", known.alert.severity)

    # ------------------------------------------------------------------ what is not watched any more

    def _give_up(self, message: CellsNow, record: Record) -> Iterator[Alert]:
        for key in sorted(key for key in self._given_up if key[1] == message.region):
            self._unsaved.add(key)
            yield ended(self._given_up.pop(key), message.as_of, "not watched any more", record)

    def _let_go(self, message: CellsNow, record: Record) -> Iterator[Alert]:
        """Clear the alerts on batteries that are fine by another line than that by which they were judged."""
        for key in sorted(key for key in self._charged if key[1] == message.region):
            self._charged.discard(key)
            known = self._alerts.get(key)
            if known is not None and known.battery is not None and self._is_fine(known.battery):
                del self._alerts[key]
                self._unsaved.add(key)
                yield cleared(known.alert, known.battery, message.as_of, "charged", record)

    def _is_fine(self, battery: Battery) -> bool:
        charge, lines = battery.battery_percent, self._config.battery
        return charge is not None and lines is not None and charge >= lines[1]

    def _watched(self, kind: Kind) -> bool:
        return self._config.jumps if kind == "impossible_jump" else self._config.battery is not None

    # ------------------------------------------------------------------ what a checkpoint keeps

    def take_parts(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = dict(self._heard.take_parts())
        for key in self._unsaved:
            known = self._alerts.get(key)
            parts["/".join(key)] = None if known is None else msgspec.msgpack.encode(known)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back what was saved; returns the open alert. One of what is not watched any more is cleared soon."""
        about, region, subject = name.split("/", 2)
        if about == ABOUT:
            self._heard.restore(region, subject, data)
            return None
        kind: Kind = "impossible_jump" if about == "impossible_jump" else "low_battery"
        known = _open.decode(data)
        if not self._watched(kind):
            self._given_up[kind, region, subject] = known.alert
            return known.alert
        self._alerts[kind, region, subject] = known
        if known.jump is not None:
            at = known.jump.ts + self._config.jump_quiet_ms
            self._quiet_at.setdefault(region, {})[subject] = at
        if known.battery is not None and self._is_fine(known.battery):
            self._charged.add((kind, region, subject))
        return known.alert


def _kind(kind: str) -> Kind | None:
    """Return a kind of alert that is one of single vehicles."""
    return kind if kind in ("impossible_jump", "low_battery") else None  # type: ignore[return-value]
