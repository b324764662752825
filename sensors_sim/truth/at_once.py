"""What befalls one sensor or vehicle at once, or soon after it did before: which of it can be told.

silent    |=======|             due
stuck  |~~~~~~~~~~~~~~|         tolerated: for a part of that time nothing is heard of it

jumps  |=======|   |~~~~~~~|    the alert of the first stays open until nothing happened for a while: no second is due
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sensors_sim.truth.entry import Entry
from sensors_sim.truth.jumps import JUMP

HIDES: Mapping[str, tuple[str, ...]] = {
    "sensor_silent": ("sensor_out_of_range", "sensor_stuck", "sensor_drifting"),
    "sensor_out_of_range": ("sensor_stuck", "sensor_drifting"),
    "sensor_stuck": ("sensor_drifting",),
    "sensor_drifting": ("sensor_stuck",),
}
"""By what is wrong with a sensor: what else of it cannot be relied on to be seen meanwhile."""

FEED_OF_REQUESTS = "requests"
LEARNT_AFTER = {"sensor_silent": 11, "sensor_stuck": 21}
"""Intervals for which a sensor must have been well before (docs/scenarios.md, "Sensors and feeds")."""

QUIET_MS = {JUMP: 900_000, "speeding": 120_000}
"""Written from docs/semantics.md ("Single vehicles", "How fast a vehicle may go"), with its defaults."""


def visible(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries; what is due of a sensor, or of calls, and hidden for a while is only tolerated."""
    hidden: dict[tuple[str, str | None], list[Entry]] = {}
    unheard = [one for one in entries if (one.kind, one.subject) == ("feed_silent", FEED_OF_REQUESTS)]
    for entry in entries:
        for kind in HIDES.get(entry.kind, ()) if entry.subject is not None else ():
            hidden.setdefault((kind, entry.subject), []).append(entry)
    for entry in entries:
        by = unheard if entry.kind == "hot_spot" else hidden.get((entry.kind, entry.subject), [])
        seen = not any(other.from_ms < entry.to_ms and other.to_ms > entry.from_ms for other in by)
        yield entry if seen else _tolerated(entry)


def learnt(entries: Sequence[Entry], every_s: Mapping[str, int], begin_ms: int) -> Iterator[Entry]:
    """Yield the entries; what is due of a sensor that was not well for long enough since the start is only tolerated.

    silent |=====|         known of it by then: nothing but what it said before it fell silent
    stuck          |~~~~~~~~~~~~~~|
    """
    of_sensor: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.subject in every_s:
            of_sensor.setdefault(entry.subject or "", []).append(entry)
    for entry in entries:
        needs = LEARNT_AFTER.get(entry.kind)
        name = entry.subject or ""
        if needs is None or name not in every_s:
            yield entry
            continue
        before = [other for other in of_sensor[name] if other.from_ms < entry.from_ms]
        well_ms, known_to = 0, begin_ms
        for other in sorted(before, key=lambda one: one.from_ms):
            well_ms += max(0, other.from_ms - known_to)
            known_to = max(known_to, other.to_ms)
        well_ms += max(0, entry.from_ms - known_to)
        still = any(other.kind == entry.kind and other.to_ms > entry.from_ms for other in before)
        known = well_ms >= needs * every_s[name] * 1000
        yield entry if known and not still else _tolerated(entry)


def told_once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries by their beginning; what is due while the alert of one before may be open is only tolerated."""
    open_until: dict[tuple[str, str], int] = {}
    for entry in sorted(entries, key=lambda one: one.from_ms):
        if entry.verdict != "due" or entry.subject is None:
            yield entry
            continue
        about = entry.kind, entry.subject
        before = open_until.get(about, entry.from_ms - 1)
        open_until[about] = max(before, entry.to_ms + QUIET_MS.get(entry.kind, 0))
        yield entry if entry.from_ms > before else _tolerated(entry)


def _tolerated(entry: Entry) -> Entry:
    return replace(entry, verdict="may") if entry.verdict == "due" else entry
