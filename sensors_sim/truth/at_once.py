"""What befalls one sensor or vehicle at once, or soon after it did before: which of it can be told.

silent    |=======|             due
stuck  |~~~~~~~~~~~~~~|         tolerated: for a part of that time nothing is heard of it

jumps  |=======|   |~~~~~~~|    the alert of the first stays open until nothing happened for a while: no second is due
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sensors_sim.truth.entry import Entry

HIDES: Mapping[str, tuple[str, ...]] = {
    "sensor_silent": ("sensor_out_of_range", "sensor_stuck", "sensor_drifting"),
    "sensor_out_of_range": ("sensor_stuck", "sensor_drifting"),
    "sensor_stuck": ("sensor_drifting",),
    "sensor_drifting": ("sensor_stuck",),
}
"""By what is wrong with a sensor: what else of it cannot be relied on to be seen meanwhile."""

QUIET_MS = {"impossible_jump": 900_000, "speeding": 120_000}
"""Written from docs/semantics.md ("Single vehicles", "How fast a vehicle may go"), with its defaults."""


def visible(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries; what is due of a sensor and hidden for a while is only tolerated."""
    hidden: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        for kind in HIDES.get(entry.kind, ()) if entry.subject is not None else ():
            hidden.setdefault((kind, entry.subject), []).append(entry)
    for entry in entries:
        by = hidden.get((entry.kind, entry.subject), [])
        seen = not any(other.from_ms < entry.to_ms and other.to_ms > entry.from_ms for other in by)
        yield entry if seen else _tolerated(entry)


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
