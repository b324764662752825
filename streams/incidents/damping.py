"""Flap damping: what opens and closes again and again becomes one alert that stays open until it was quiet for a while.

    condition   __##__##__##__##__##______##_______________
    told        __##__##__##__##__#################________
                                  ^the fifth       ^cleared, quiet_ms after the last
                  |<-- window_ms -->|

It stands between the books and everything else, and no book knows of it. The alert keeps the id of the raise at which
it was found to flap. Later raises become updates of it, and it is cleared when nothing came for a while. It ends as
that while does, and what is raised later is another alert, whether anybody looked in between or not. So is what is
raised after its subject was moved away from where it is shown. Event time decides: the clock of the kind of message
that cleared it, or of the live counts if that kind has no clock. Where that stream says nothing any more, the clock of
health goes on for it, a day later.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold.contract import Record
from streams.incidents.lifecycle import COUNTS_OTHERS, SILENT_MS, decided_by, ended


@dataclass(frozen=True, slots=True)
class FlapConfig:
    """An alert flaps from `raises` within `window_ms` on (0: never), until it was quiet for `quiet_ms`."""

    raises: int = 0
    window_ms: int = 3_600_000
    quiet_ms: int = 900_000


NEVER = FlapConfig()
"""Every opening and closing is told."""
_CLOCK = CellsNow.__name__
_PLACES = ("oversaturation", "saturation_expected", "anomaly", "hot_spot", "threshold")
"""Kinds of alerts that flap by cell. Alerts of other kinds are about a thing (a vehicle, a rule), in whatever cell."""
_NEVER = 1 << 62
_FLAPS = "; opens and closes again and again, "


def flapping(raised: Alert) -> str:
    """Return how often in how long an alert had opened when it was raised, if it was told as one that flaps."""
    return raised.summary.rpartition(_FLAPS)[2] if _FLAPS in raised.summary else ""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is remembered of one subject of one kind.

    raises      when it was raised, the newest times, as many as count
    shown       the alert as it was told, while it flaps
    last        the event that cleared it for its book, while its end is held back
    source      the kind of message that did the latest of these: its clock decides
    """

    region: str
    raises: list[int]
    shown: Alert | None = None
    last: Alert | None = None
    source: str = ""


_saved = msgspec.msgpack.Decoder(_Saved)


class Damper:
    """The subjects of one partition that were raised lately."""

    def __init__(self, config: FlapConfig, is_elsewhere: Callable[[Alert], bool] = lambda _: False) -> None:
        """`is_elsewhere` returns whether what an alert is about was moved away from where it is shown."""
        self._config = config
        self._is_elsewhere = is_elsewhere
        self._known: dict[str, _Saved] = {}
        self._held: dict[tuple[str, str], set[str]] = {}
        self._unsaved: set[str] = set()
        self._release_at: dict[tuple[str, str], int] = {}
        """By region and source: no end is to be told earlier."""
        self._forget_at: dict[tuple[str, str], list[tuple[int, str]]] = {}
        """By region and source, a heap: when subjects are to be forgotten, if nothing comes of them until then."""

    def pass_on(
        self, events: Sequence[Alert], source: str, clock: tuple[str, int] | None, record: Record
    ) -> Iterator[Alert]:
        """Yield what is told of the events of a record; `source` is its kind, `clock` its region and event time."""
        for event in events:
            yield from self._take(event, source if clock is not None else _CLOCK, record)
        if clock is not None:
            yield from self._release(clock[0], source, clock[1], record)
            self._forget(clock[0], source, clock[1])

    def go_on(self, region: str, source: str, now: int, record: Record) -> Iterator[Alert]:
        """Yield the ends that wait for a kind of message whose stream is at `now`, and may be silent."""
        yield from self._release(region, source, now - SILENT_MS, record)

    def _take(self, event: Alert, source: str, record: Record) -> Iterator[Alert]:
        key = about(event)
        known = self._known.get(key)
        if known is not None and known.last is not None:
            if event.updated_at > self._quiet_at(known):  # no look fell in between
                yield self._end(key, known, record)
            else:
                self._held[known.region, known.source].discard(key)
                known.last = None
        if known is not None and self._was_moved(known, event):
            assert known.shown is not None
            yield ended(known.shown, event.updated_at, COUNTS_OTHERS, record, event.policy_version)
            del self._known[key]
            self._unsaved.add(key)
            if event.action == "cleared":
                return
            known = None
        if event.action == "raised":
            known = self._raised(key, known, event, source)
        if known is None or known.shown is None:
            yield event
            return
        self._unsaved.add(key)
        before = known.shown
        if event.action == "cleared":
            known.last, known.source = event, source
            self._hold(key, known)
        elif event.action == "raised" and event.alert_id == before.alert_id:
            yield before
        elif event.action != "raised" or event.severity != before.severity:
            known.shown = _continued(before, event)
            yield known.shown

    def _was_moved(self, known: _Saved, event: Alert) -> bool:
        """Return whether what is shown has no subject there any more; one that goes on is told of until it ends."""
        return known.shown is not None and event.action != "updated" and self._is_elsewhere(known.shown)

    def _raised(self, key: str, known: _Saved | None, event: Alert, source: str) -> _Saved | None:
        """Count a raise; with the one that makes it flap it is shown from then on."""
        most = self._config.raises
        if known is None:
            if not most:
                return None
            known = self._known[key] = _Saved(event.region, [])
        since = event.updated_at - self._config.window_ms
        known.raises = [at for at in known.raises if at > since][1 - most :] if most > 1 else []
        known.raises.append(event.updated_at)
        known.source = source
        if known.shown is None and most and len(known.raises) >= most:
            note = f"{most} times in {_minutes(self._config.window_ms)}"
            known.shown = msgspec.structs.replace(event, summary=f"{event.summary}{_FLAPS}{note}")
        self._unsaved.add(key)
        self._remember(key, known)
        return known

    def _release(self, region: str, source: str, now: int, record: Record) -> Iterator[Alert]:
        """Yield the ends of what was quiet for long enough."""
        where = region, source
        if now < self._release_at.get(where, now + 1):
            return
        dues = {key: self._quiet_at(self._known[key]) for key in self._held[where]}
        self._release_at[where] = min((at for at in dues.values() if at > now), default=_NEVER)
        for key in sorted(key for key, at in dues.items() if at <= now):
            yield self._end(key, self._known[key], record)

    def _end(self, key: str, known: _Saved, record: Record) -> Alert:
        """Return the end that was held back, as of when it had been quiet for long enough: whenever that is found."""
        assert known.shown is not None
        assert known.last is not None
        after = _continued(known.shown, known.last)
        at = max(self._quiet_at(known), after.updated_at)
        known.shown = known.last = None
        self._held[known.region, known.source].discard(key)
        self._unsaved.add(key)
        self._remember(key, known)
        return msgspec.structs.replace(
            after,
            updated_at=at,
            ends_at=at,
            summary=f"quiet for {_minutes(self._config.quiet_ms)}; {after.summary}",
            evidence=decided_by(record, after.evidence),
        )

    def _hold(self, key: str, known: _Saved) -> None:
        """Keep an end back."""
        where = known.region, known.source
        self._held.setdefault(where, set()).add(key)
        self._release_at[where] = min(self._quiet_at(known), self._release_at.get(where, _NEVER))

    def _quiet_at(self, known: _Saved) -> int:
        assert known.last is not None
        return known.last.updated_at + self._config.quiet_ms

    def _remember(self, key: str, known: _Saved) -> None:
        """Note when a subject is to be looked at, to be forgotten."""
        where = known.region, known.source or _CLOCK  # earlier versions did not save by whom it was raised
        heappush(self._forget_at.setdefault(where, []), (self._over_at(known), key))

    def _over_at(self, known: _Saved) -> int:
        # Twice the window: events about closed windows lie behind the clock of their stream.
        return known.raises[-1] + 2 * self._config.window_ms

    def _forget(self, region: str, source: str, now: int) -> None:
        """Forget raises that are too old to count. The clock of messages decides, so that a replay does the same."""
        waiting = self._forget_at.get((region, source), [])
        while waiting and waiting[0][0] <= now:
            _, key = heappop(waiting)
            known = self._known.get(key)
            if known is not None and known.shown is None and self._over_at(known) <= now:
                del self._known[key]
                self._unsaved.add(key)

    def open_alerts(self, of_books: Sequence[Alert]) -> Iterator[Alert]:
        """Yield the open alerts as they were told, given those that the books restored. Call it after all `restore`."""
        for alert in of_books:
            known = self._known.get(about(alert))
            if known is None or known.shown is None:
                yield alert
        for known in self._known.values():
            if known.shown is not None:
                yield known.shown

    def take_parts(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is forgotten."""
        parts = {
            key: msgspec.msgpack.encode(self._known[key]) if key in self._known else None
            for key in self._unsaved
        }
        self._unsaved.clear()
        return parts

    def restore(self, key: str, data: bytes) -> None:
        """Take a part back; one that is shown, by the key that it has now."""
        known = _saved.decode(data)
        if known.shown is not None and (now := about(known.shown)) != key:
            self._unsaved |= {key, now}
            key = now
        self._known[key] = known
        if known.last is not None:
            self._hold(key, known)
        if known.shown is None:
            self._remember(key, known)


def about(alert: Alert) -> str:
    """Return what an alert is about, with its kind: it flaps where another one of the same opens again and again."""
    # An owner of sensors and an operator of vehicles may have one name.
    health = alert.evidence.health if alert.kind == "feed_silent" else None
    where = alert.cell if alert.kind in _PLACES else alert.region
    return f"{alert.kind}/{where}/{'' if health is None else f'{health.feed}:'}{alert.subject or ''}"


def _continued(shown: Alert, event: Alert) -> Alert:
    """Return the alert that is shown, after an event of the book's own alert; it stays where it was told."""
    cleared = event.status == "cleared"
    at = max(event.updated_at, shown.updated_at)
    return msgspec.structs.replace(
        event,
        alert_id=shown.alert_id,
        sequence=shown.sequence + 1,
        action="cleared" if cleared else "updated",
        cell=shown.cell,
        zone=shown.zone,
        lat=shown.lat,
        lon=shown.lon,
        starts_at=shown.starts_at,
        updated_at=at,
        ends_at=at if cleared else None,
        evidence=msgspec.structs.replace(event.evidence, first_offset=shown.evidence.first_offset),
    )


def _minutes(milliseconds: int) -> str:
    return f"{milliseconds / 60_000:g} min"
