"""Citizens' requests of the regions of one partition, scanned for hot spots every quarter of an hour of event time.

Each category is scanned by itself, around the cells with new requests since the scan before: only these can have become
hot spots. Requests that are too old for every span of the scan teach the baseline. A cell teaches at most one request
a quarter of an hour, and a high score teaches the threshold little more than the threshold itself. So the unusual
becomes usual only if it goes on for weeks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec

from schemas.alerts import SEVERITIES, Alert
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.extremes import TEACHES, Maxima
from streams.incidents.hotspot.alert import KIND, raised, rules_version, worse
from streams.incidents.hotspot.baseline import DAY_H, HOUR_MS, Day, Rates
from streams.incidents.hotspot.rule import HotSpotRule, severity_of
from streams.incidents.hotspot.scan import LONGEST_MS, STEP_MS, Cylinder, Rings, strongest
from streams.incidents.hotspot.scanned import Scan
from streams.incidents.lifecycle import SILENT_MS, Place, ended
from streams.incidents.mds.hours import shown_ms
from streams.incidents.messages import Requests
from streams.incidents.showing import Seen, active

Key = tuple[str, str]
"""Region and service_code."""


class Spot(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """An open alert, the cells that it takes up, and when requests last made it one."""

    alert: Alert
    cells: list[str]
    loud_at: int


class Category(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """All that is remembered of a category in a region: what was opened of late, and what is usual.

    opened  by cell and window start
    """

    opened: dict[str, dict[int, int]]
    rates: Rates
    maxima: Maxima

    def asked(self, before: int) -> dict[str, set[int]]:
        """Return the quarters of an hour before a time in which there were requests, by cell."""
        return {
            cell: {start // STEP_MS * STEP_MS for start, n in windows.items() if n and start < before}
            for cell, windows in self.opened.items()
        }

    def cells(self, before: int) -> set[str]:
        """Return the cells with windows that began before a time."""
        return {cell for cell, windows in self.opened.items() if min(windows) < before}


class Progress(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """How far a region was scanned, and when people call there.

    late   cells, by category, for which more rows came after they were scanned: in several messages, or late
    heard  the end of the last quarter of an hour with requests that was scanned
    """

    scanned: int
    day: Day
    late: dict[str, set[str]] = msgspec.field(default_factory=dict)
    heard: int = 0


_category = msgspec.msgpack.Decoder(Category)
_progress = msgspec.msgpack.Decoder(Progress)
_spot = msgspec.msgpack.Decoder(Spot)


class HotSpotBook:
    """The categories of one partition."""

    def __init__(self, rule: HotSpotRule, place: Callable[[str], Place], rings: Rings) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._rule, self._place, self._rings = rule, place, rings
        self._names = CellNames(place)
        self._regions: dict[str, Progress] = {}
        self._categories: dict[Key, Category] = {}
        self._spots: dict[Key, dict[str, Spot]] = defaultdict(dict)
        self._scans: dict[Key, Scan] = {}
        """Not saved: for those who ask (`seen`)."""
        self._unsaved: set[Key] = set()
        self._unsaved_regions: set[str] = set()
        self._unsaved_spots: dict[str, Spot | None] = {}

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if not isinstance(message, Requests):
            return ""
        if any(opened < 0 for opened in message.rows.opened):
            return "requests opened below zero; counts are expected"
        return self._names.problem(message.rows)

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take closed windows in, and scan as far as they reach; yields the events of alerts.

        Where nobody calls for a day the time of the region clears alerts.
        """
        if isinstance(message, CellsHealth) and message.requests_as_of is not None:
            yield from self._fall_quiet(message.region, message.requests_as_of - SILENT_MS, record)
        if not isinstance(message, Requests):
            return
        name, progress = message.region, self._regions.get(message.region)
        if progress is None:
            since = min([message.watermark, *message.rows.window_start])
            day = Day(since, [0.0] * DAY_H, self._rule.zone)
            progress = self._regions[name] = Progress(since // STEP_MS * STEP_MS, day)
            self._unsaved_regions.add(name)
        self._put(message, progress, progress.scanned - LONGEST_MS)
        until = message.watermark // STEP_MS * STEP_MS
        if until > progress.scanned:
            found = self._asked(name, progress.scanned, until)
            if progress.late:
                found.setdefault(progress.scanned + STEP_MS, {})  # the first quarter is for them, too
            for end, asked in sorted(found.items()):
                late, progress.late = progress.late, {}
                yield from self._fall_quiet(name, end - STEP_MS, record)
                yield from self._scan(name, progress, end, asked, late, record)
            progress.scanned = until
            self._unsaved_regions.add(name)
            yield from self._fall_quiet(name, until, record)

    def _put(self, message: Requests, progress: Progress, since: int) -> None:
        """Keep what was opened; what no span reaches any more has been learnt."""
        c = message.rows
        for start, cell, code, opened in zip(c.window_start, c.cell, c.service_code, c.opened, strict=True):
            if start < since:
                continue
            key = message.region, code
            known = self._categories.get(key)
            if known is None:
                if not opened:
                    continue
                known = self._categories[key] = Category({}, Rates(start, 0.0, {}), Maxima())
                self._forget(message.region)
            windows = known.opened.get(cell, {})
            if windows.get(start, 0) == opened:
                continue
            if start < progress.scanned and opened > windows.get(start, 0):
                progress.late.setdefault(code, set()).add(cell)
                self._unsaved_regions.add(message.region)
            known.opened.setdefault(cell, {})[start] = opened
            self._unsaved.add(key)

    def _asked(self, region: str, begin: int, end: int) -> dict[int, dict[str, set[str]]]:
        """Return in which cells there were requests, by the end of their quarter of an hour and category."""
        asked: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for (name, code), known in self._categories.items():
            if name == region:
                for cell, windows in known.opened.items():
                    for start, count in windows.items():
                        if count and begin <= start < end:
                            asked[(start // STEP_MS + 1) * STEP_MS][code].add(cell)
        return asked

    def _scan(
        self,
        name: str,
        progress: Progress,
        end: int,
        asked: Mapping[str, set[str]],
        late: Mapping[str, set[str]],
        record: Record,
    ) -> Iterator[Alert]:
        """Judge what was asked for in the quarter of an hour until `end`, and what is known now of those before."""
        if asked:
            if progress.heard:
                self._step_over_outage(name, progress, end)
            progress.heard = max(progress.heard, end)
        mine = [known for key, known in self._categories.items() if key[0] == name and known.rates.at < end]
        cells = len(
            set().union(*(known.rates.cells for known in mine), *(known.cells(end) for known in mine))
        )
        hour = shown_ms(end - STEP_MS, progress.day.clocks) // HOUR_MS % DAY_H
        for code in sorted({*asked, *late}):
            known = self._categories.get((name, code))
            if known is None:
                continue
            known.rates.fade(end)
            _learn(known, end - LONGEST_MS)
            some = asked.get(code, set()) | late.get(code, set())
            yield from self._judge((name, code), progress.day, cells, len(mine), end, some, record)
            self._unsaved.add((name, code))
        progress.day.hours[hour] += sum(
            len(asked[code]) for code in asked if (name, code) in self._categories
        )

    def _step_over_outage(self, name: str, progress: Progress, end: int) -> None:
        """Take a time in which nothing came in, and that by no chance, out of what was lived through.

        Else it would be learnt as a time in which nobody calls, and what is usual afterwards would be a hot spot.
        """
        outage = progress.day.outage_ms(progress.heard, end - STEP_MS)
        if not outage:
            return
        progress.day.since += outage
        for key, known in self._categories.items():
            if key[0] == name:
                known.rates.fade(progress.heard)
                _learn(known, end - LONGEST_MS)
                # one that is new with the first request after it has nothing from before
                known.rates.at = max(known.rates.at, progress.heard + outage)
                self._unsaved.add(key)

    def _judge(
        self, key: Key, day: Day, cells: int, categories: int, end: int, asked: set[str], record: Record
    ) -> Iterator[Alert]:
        known, least = self._categories[key], self._rule.least
        threshold = known.maxima.threshold(self._rule.raise_at, self._rule.days * categories)
        where, most, scanned = known.asked(end), 0.0, []
        centres = {cell for one in asked for ring in self._rings(one) for cell in ring}
        while True:
            found = strongest(centres, where, end, self._rings, known.rates, day, cells, least)
            if found is None:
                break
            scanned.append(found)
            most = max(most, min(found.score, TEACHES * threshold))
            if found.score < threshold:
                break
            if found.cells & asked:
                recurs = known.maxima.recurrence_days(found.score, categories)
                yield from self._tell(key, found, threshold, recurs, record)
            for cell in found.cells:
                where.pop(cell, None)
        known.maxima.learn(end, most)
        self._scans[key] = Scan(tuple(scanned), threshold)

    def _tell(
        self, key: Key, found: Cylinder, threshold: float, recurs: float | None, record: Record
    ) -> Iterator[Alert]:
        """Raise an alert, or find the one that is open where the hot spot is."""
        severity, (region, code) = severity_of(found.score, threshold), key
        for spot in sorted(self._spots[key].values(), key=_by_age):
            if found.cells.isdisjoint(spot.cells):
                continue
            alert = spot.alert
            if SEVERITIES.index(severity) > SEVERITIES.index(alert.severity):
                alert = worse(alert, found, severity, recurs, record)
                yield alert
            self._keep(key, Spot(alert, spot.cells, found.end))
            return
        alert = raised(found, region, code, self._place(found.centre), severity, self._rule, recurs, record)
        self._keep(key, Spot(alert, sorted(found.cells), found.end))
        yield alert

    def _keep(self, key: Key, spot: Spot) -> None:
        self._spots[key][spot.alert.alert_id] = self._unsaved_spots[spot.alert.alert_id] = spot

    def _fall_quiet(self, region: str, at: int, record: Record) -> Iterator[Alert]:
        """Clear what no request has made a hot spot for a while, at the time when that was over."""
        for key in sorted(key for key in self._spots if key[0] == region):
            for spot in sorted(self._spots[key].values(), key=_by_age):
                if at >= (over := spot.loud_at + self._rule.quiet_ms):
                    name = spot.alert.alert_id
                    del self._spots[key][name]
                    self._unsaved_spots[name] = None
                    hours = self._rule.quiet_ms / HOUR_MS
                    yield ended(spot.alert, over, f"nothing unusual for {hours:g} h", record)
            if not self._spots[key]:
                del self._spots[key]

    def _forget(self, region: str) -> None:
        """Forget categories where there are too many: those longest silent, but for those with an open alert."""
        mine = [key for key in self._categories if key[0] == region]
        if len(mine) <= self._rule.most:
            return
        quiet = [key for key in mine if not self._spots.get(key)]
        oldest = sorted(quiet, key=lambda key: (self._categories[key].rates.at, key))
        for key in oldest[: len(mine) - self._rule.most + self._rule.most // 20]:
            del self._categories[key]
            self._scans.pop(key, None)
            self._unsaved.add(key)

    def version(self, alert: Alert) -> str | None:
        """Return the version of the scan and its rule; None for other kinds of alerts."""
        return rules_version(self._rule) if alert.kind == KIND else None

    def seen(self, alert: Alert) -> Seen | None:
        """Return the strongest cylinder of the newest scan that touches the cells of an alert."""
        spot, key = alert.evidence.hot_spot, (alert.region, alert.subject or "")
        scan = self._scans.get(key) if alert.kind == KIND else None
        if scan is None or spot is None:
            return None
        alerts = (known.alert for known in self._spots.get(key, {}).values())
        return scan.seen(spot.cells, active(next((one for one in alerts if one.cell == alert.cell), None)))

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return the categories, and the progress of regions, that changed since the last call."""
        parts: dict[str, bytes | None] = {}
        for region, code in self._unsaved:
            known = self._categories.get((region, code))
            parts[f"category/{region}/{code}"] = None if known is None else msgspec.msgpack.encode(known)
        for region in self._unsaved_regions:
            parts[f"region/{region}"] = msgspec.msgpack.encode(self._regions[region])
        for name, spot in self._unsaved_spots.items():
            parts[f"spot/{name}"] = None if spot is None else msgspec.msgpack.encode(spot)
        self._unsaved.clear()
        self._unsaved_regions.clear()
        self._unsaved_spots.clear()
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a category, a region's progress or an open alert, in any order."""
        about, _, rest = name.partition("/")
        if about == "spot":
            spot = _spot.decode(data)
            alert = spot.alert
            self._spots[alert.region, alert.subject or ""][alert.alert_id] = spot
            return alert
        if about == "region":
            progress = self._regions[rest] = _progress.decode(data)
            progress.day.turn(self._rule.zone, progress.scanned)
            return None
        region, _, code = rest.partition("/")
        self._categories[region, code] = _category.decode(data)
        return None


def _by_age(spot: Spot) -> tuple[int, str]:
    """Order spots alike whether they were raised or restored."""
    return spot.alert.starts_at, spot.alert.alert_id


def _learn(known: Category, before: int) -> None:
    """Take quarters of an hour that began before a time into the baseline, and forget their windows."""
    learnt: list[tuple[int, str]] = []
    for cell, windows in list(known.opened.items()):
        old = [start for start in windows if start < before]
        learnt += {(start // STEP_MS * STEP_MS, cell) for start in old if windows[start]}
        for start in old:
            del windows[start]
        if not windows:
            del known.opened[cell]
    for quarter, cell in sorted(learnt):  # whatever came first: sums of floats differ by their order
        known.rates.learn(cell, quarter)
