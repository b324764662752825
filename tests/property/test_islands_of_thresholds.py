"""Alerts of thresholds against islands and gaps: cells, bounds, late windows, silence, zones, other files, crashes.

The windows of a cell that count, as they are when they are whole, are laid out first; then each bound is looked for in
all of them: where an island begins (`for` without a window that is not at the bound), and where it ends (the first
window that is back). An alert is the union of its islands, as bad as the worst of them.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import SEVERITIES, Alert
from streams.incidents.thresholds.rules import Threshold
from tests.pipeline import T0
from tests.unit.incidents.thresholds.measured import CELL, DAY, OTHER, Measured, Row, policy

MINUTE = 60_000
REGIONS = {"82309ffffffffff": (CELL, OTHER), "elsewhere": ("89309959d17ffff",)}
ZONES = {OTHER: "Harbour"}
METRIC_OF = {"full": "fill_level", "full / too": "fill_level", "damp": "humidity"}
FIGURES = {"mean": 0, "least": -1, "most": 2}
"""By how much a figure of a window differs from its mean."""
Key = tuple[str, str]
"""Cell and threshold."""


@dataclass
class Step:
    """A message `minutes` after the one before it, and what comes after it."""

    minutes: int
    region: str
    rows: list[Row]
    """Of windows that close, or are amended."""
    whole: int | None
    """So many minutes ago windows are whole; None: it does not say, and time stands still."""
    former: bool
    """It is of a former owner of the region."""
    changed: dict[str, Threshold] | None
    """The thresholds that are in force from then on."""
    then: str


Log = list[Step]


@dataclass
class Window:
    start: int
    value: float
    began: int
    record: int


@dataclass
class Stretch:
    """Windows of a cell that one threshold judged, in a row.

    `over`: when all was dropped, by which record, and the version that says so, where that is not the one that judged.
    """

    threshold: Threshold
    windows: list[Window] = field(default_factory=list)
    over: tuple[int, int, str | None] | None = None


Rules = dict[str, Threshold]
Told = dict[str, Any]
"""What is compared of an event."""


@st.composite
def thresholds(draw: st.DrawFn, name: str) -> Threshold:
    limits = sorted(draw(st.sets(st.sampled_from([3.0, 5.0, 6.0, 9.0]), min_size=1, max_size=3)))
    at_most = draw(st.booleans())
    severities = sorted(draw(st.permutations(SEVERITIES))[: len(limits)], key=SEVERITIES.index)
    return Threshold(
        name,
        METRIC_OF[name],
        tuple(zip(severities, limits[::-1] if at_most else limits, strict=True)),
        at_most=at_most,
        figure=draw(st.sampled_from(("mean", "least", "most"))),
        hysteresis=draw(st.sampled_from([0.0, 0.5, 2.0])),
        min_duration_ms=draw(st.sampled_from([0, 0, 1, 2, 5])) * MINUTE,
        zones=draw(st.sampled_from([(), (), ("Harbour",), ("default",)])),
    )


rules = st.fixed_dictionaries({}, optional={name: thresholds(name) for name in METRIC_OF}).filter(bool)


@st.composite
def logs(draw: st.DrawFn, *, exchanges: bool) -> Log:
    log, now = [], 0
    for _ in range(draw(st.integers(1, 40))):
        minutes = draw(st.sampled_from([0, 1, 1, 1, 1, 2, 4, 4, 60, DAY - 1, DAY, 2 * DAY]))
        now += minutes
        region = draw(st.sampled_from([*REGIONS, *REGIONS][:3]))
        row = st.tuples(
            st.integers(now - 4, now - 1),
            st.sampled_from(REGIONS[region]),
            st.sampled_from(["fill_level"] * 3 + ["humidity"]),
            st.sampled_from([2.0, 4.0, 5.0, 6.0, 7.0, 10.0]),
            st.sampled_from([0, 0, 0, 0, 1]),
        )
        log.append(
            Step(
                minutes,
                region,
                draw(st.lists(row, max_size=6)),
                draw(st.sampled_from([0, 0, 0, 0, 1, 3, DAY, None])),
                former=draw(st.sampled_from([False] * 19 + [True])),
                changed=draw(st.none() | rules) if exchanges and draw(st.booleans()) else None,
                then=draw(st.sampled_from(["", "", "checkpoint", "crash"])),
            )
        )
    return log


# ------------------------------------------------------------------ by hand


class Held:
    """What is held back of a region, for the thresholds that have one figure when it is whole."""

    def __init__(self) -> None:
        self.whole = -1
        self.windows: dict[int, tuple[int, dict[tuple[str, str], float]]] = {}
        """By start: the record that it began with, and values by metric and cell."""

    def put(self, rows: list[Row], metrics: set[str], record: int) -> None:
        for minute, cell, metric, mean, revision in rows:
            start = T0 + minute * MINUTE
            values = self.windows[start][1] if start in self.windows else {}
            if metric in metrics and (revision == 0 or (metric, cell) in values):
                self.windows.setdefault(start, (record, {}))[1][metric, cell] = mean

    def go_on(self, whole: int) -> Iterator[tuple[int, str, str, float, int]]:
        for start in sorted(self.windows) if whole > self.whole else ():
            if start + MINUTE <= whole:
                record, values = self.windows.pop(start)
                yield from ((start, *key, mean, record) for key, mean in values.items())
        self.whole = max(whole, self.whole)


def stretches(first: Rules, log: Log) -> dict[Key, list[list[Stretch]]]:
    """Lay out the windows that count: by cell and threshold its lives, each of the stretches of one or more files."""
    found: dict[Key, list[list[Stretch]]] = defaultdict(list)
    newest: dict[Key, int] = {}
    held: dict[tuple[str, str], Held] = {}
    force, now, record = first, 0, -1

    def drop(key: Key, at: int, version: str | None = None) -> None:
        if newest.pop(key, None) is not None:
            found[key][-1][-1].over = at, record, version

    for step in [*(Step(0, region, [], None, False, None, "") for region in REGIONS), *log]:
        force, now = step.changed or force, now + step.minutes
        record += 1
        for figure in FIGURES if not step.former else ():
            metrics = {one.metric for one in force.values()}
            held.setdefault((figure, step.region), Held()).put(step.rows, metrics, record)
        if step.whole is None:
            continue
        record += 1
        if step.former:
            continue
        for key in [key for key in newest if key[0] in REGIONS[step.region] and key[1] not in force]:
            drop(key, T0 + now * MINUTE)
        for figure, more in FIGURES.items():
            let_through = held.get((figure, step.region), Held()).go_on(T0 + (now - step.whole) * MINUTE)
            for start, metric, cell, mean, began in let_through:
                for one in force.values():
                    key = cell, one.name
                    if (one.metric, one.figure) != (metric, figure):
                        continue
                    if one.zones and ZONES.get(cell, "default") not in one.zones:
                        drop(key, start, one.version)
                    elif start > newest.get(key, -1):
                        if start >= newest.get(key, start) + DAY * MINUTE:
                            drop(key, newest[key] + DAY * MINUTE)
                        if key not in newest:
                            found[key].append([])
                        if not found[key][-1] or found[key][-1][-1].threshold != one:
                            found[key][-1].append(Stretch(one))
                        window = Window(start, mean + more, began, record)
                        found[key][-1][-1].windows.append(window)
                        newest[key] = start
        # What is held back is yet to come.
        waits = [start for figure in FIGURES for start in held.get((figure, step.region), Held()).windows]
        quiet = min([T0 + now * MINUTE, *waits])
        for key, last in list(newest.items()):
            if key[0] in REGIONS[step.region] and last + DAY * MINUTE <= quiet:
                drop(key, quiet)
    return found


def islands(stretch: Stretch, limit: float, *, open_before: bool) -> Iterator[tuple[int, int, int]]:
    """Yield where the run begins (-1: before), from which window on an alert says so, and which one is back."""
    rule, windows = stretch.threshold, stretch.windows
    # Upside down what is to be small is to be great.
    sign = -1 if rule.at_most else 1
    beyond = [sign * window.value >= sign * limit for window in windows]
    back = [sign * window.value < sign * limit - rule.hysteresis for window in windows]
    end = len(windows)

    def first(among: list[bool], begin: int, wanted: bool) -> int:
        return next((n for n in range(begin, end) if among[n] is wanted), end)

    at = 0
    if open_before and beyond[0]:
        at = first(back, 0, True)
        yield -1, 0, at
    while (begin := first(beyond, at, True)) < end:
        at = first(beyond, begin, False)
        held = [
            n for n in range(begin, at)
            if windows[n].start + MINUTE - windows[begin].start >= rule.min_duration_ms
        ]  # fmt: skip
        if held:
            at = first(back, held[0], True)
            yield begin, held[0], at


def life(some: list[Stretch]) -> Iterator[Told]:
    """Yield what is to be told of a cell and threshold, from when it was measured first until all was dropped."""
    told: Told | None = None
    for stretch in some:
        found = [
            (SEVERITIES.index(severity), limit, *island)
            for severity, limit in stretch.threshold.bounds
            for island in islands(stretch, limit, open_before=told is not None)
        ]
        for number, window in enumerate(stretch.windows):
            holding = [one for one in found if one[3] <= number < one[4]]
            now = {"record": window.record, "version": stretch.threshold.version}
            if not holding:
                if told is not None:
                    yield follow(told, now, "cleared", window.start)
                    told = None
                continue
            worst, limit, *_ = max(holding)
            now |= {
                "severity": SEVERITIES[worst],
                "limit": limit,
                "value": window.value,
                "window": window.start,
            }
            if told is None:
                begun = stretch.windows[min(one[2] for one in holding)]
                now |= {"starts_at": begun.start, "first": begun.began, "sequence": -1, "at": 0}
                yield (told := follow({}, now, "raised", window.start + MINUTE))
            elif told["severity"] != now["severity"]:
                yield (told := follow(told, now, "updated", window.start + MINUTE))
        if stretch.over is not None and told is not None:
            at, record, version = stretch.over
            yield follow(told, {"record": record, "version": version or told["version"]}, "cleared", at)


def follow(told: Told, now: Told, action: str, at: int) -> Told:
    """Return the next event of an alert."""
    new = told | now
    at = max(at, new["at"])
    ends_at = at if action == "cleared" else None
    return new | {"sequence": new["sequence"] + 1, "action": action, "at": at, "ends_at": ends_at}


# ------------------------------------------------------------------ as it is told


def play(first: Rules, log: Log, *, crashes: bool) -> tuple[list[Alert], Measured]:
    """Fold the log as a worker does; one that crashes tells what was not stored once more."""
    zones = [(zone, cell) for cell, zone in ZONES.items()]
    made = Measured(policy(*first.values(), zones=zones))
    told: list[Alert] = []
    stored, now = 0, 0
    for region in REGIONS:
        made.put(watermark=0, region=region, owner=2)
    for step in log:
        now += step.minutes
        if step.changed:
            made.take(policy(*step.changed.values(), zones=zones))
            stored = len(told)
        owner = 1 if step.former else 2
        told += made.put(*step.rows, watermark=now, region=step.region, owner=owner)
        if step.whole is not None:
            told += made.health(now, now - step.whole, step.region, owner)
        if step.then == "checkpoint":
            made.checkpoint()
            stored = len(told)
        elif step.then == "crash" and crashes:
            assert made.crash() == told[stored:], "the same events with the same ids, in the same order"
    made.checkpoint()
    return told, made


def as_told(alert: Alert) -> Told:
    found = alert.evidence.threshold
    assert found is not None
    return {
        "sequence": alert.sequence,
        "action": alert.action,
        "severity": alert.severity,
        "at": alert.updated_at,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "limit": found.at_least if found.at_most is None else found.at_most,
        "value": found.value,
        "window": found.window_start,
        "record": alert.evidence.offset,
        "first": alert.evidence.first_offset,
        "version": alert.policy_version,
    }


@pytest.mark.parametrize("exchanges", [False, True])
@given(rules, st.data())
def test_every_island_is_an_alert_no_more_no_less(exchanges: bool, first: Rules, data: st.DataObject) -> None:
    log = data.draw(logs(exchanges=exchanges))
    told, made = play(first, log, crashes=True)
    found: dict[Key, list[Told]] = defaultdict(list)
    begun: dict[str, tuple[Key, int]] = {}
    for alert in told:
        key = alert.cell, str(alert.subject)
        found[key].append(as_told(alert))
        assert begun.setdefault(alert.alert_id, (key, alert.starts_at)) == (key, alert.starts_at)
    assert len(begun) == sum(alert.action == "raised" for alert in told), "each alert has an id of its own"
    lives = stretches(first, log).items()
    expected = {
        key: events for key, some in lives if (events := [one for each in some for one in life(each)])
    }
    assert found == expected
    straight, other = play(first, log, crashes=False)
    assert straight == told
    assert other.database.tables == made.database.tables
    assert other.database.parts == made.database.parts
