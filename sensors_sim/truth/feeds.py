"""Sensors of one owner that are silent together: one alert on the feed is due, and none on each sensor.

Written from docs/semantics.md ("Sensors and feeds that are not well"), with its defaults; no code is shared.

    silent of 10 sensors      0  3   8   8   9   8   5   0      8 make a feed (80 %), and 3 at the least
    feed_silent                      |===============|          due, if that is long enough for any of them to be missed
    sensor_silent of those       |~~~~~~~~~~~~~~~~~~~~~~~|      tolerated, if not silent for long without the feed, too
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sensors_sim.cells import cells_at, region_of
from sensors_sim.events.contract import Scene
from sensors_sim.truth.entry import Entry

SHARE, FEWEST = 0.8, 3
Span = tuple[int, int]


def missed_after_ms(every_s: int) -> int:
    """Return how long a sensor that speaks so often may be silent before an alert must be there.

    Ten minutes or five intervals, and a quarter more; the clock of silence goes by what is heard of others.
    """
    return round((1.25 * max(600, 5 * every_s) + 2 * every_s) * 1000)


def with_feeds(entries: Sequence[Entry], scene: Scene, populations: Collection[str]) -> Iterator[Entry]:
    """Yield the entries, with those about feeds; `populations` are published: of others no feed consists."""
    silences: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "sensor_silent" and entry.subject is not None:
            silences[entry.subject].append(entry)
    every_s: dict[str, int] = {}
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table in scene.sensors if silences else ():
        if table.kind in populations:
            for name, cell in zip(table.sensor_id.tolist(), cells_at(table.lat, table.lon), strict=True):
                every_s[name] = table.every_s
                owners[table.owner, region_of(cell)].append(name)
    of_sensor: dict[str, list[Span]] = {}
    for (owner, _), names in owners.items():
        silent = {name: silences[name] for name in names if name in silences}
        spans = _together(silent, max(FEWEST, math.ceil(SHARE * len(names) - 1e-9)))
        for first, last in spans:
            ill = [name for name, some in silent.items() if any(_overlap(one, first, last) for one in some)]
            long = last - first >= max(missed_after_ms(every_s[name]) for name in ill)
            why = f"nothing is heard of {len(ill)} of the {len(names)} sensors of {owner}"
            population = silent[ill[0]][0].population
            yield Entry("due" if long else "may", "feed_silent", population, (), first, last, why, owner)
        of_sensor |= dict.fromkeys(silent, spans)
    for entry in entries:
        name = entry.subject or ""
        spans = of_sensor.get(name, []) if entry.kind == "sensor_silent" else []
        of_feed = any(_overlap(entry, *span) for span in spans)
        if of_feed and _longest_alone(entry, spans) < missed_after_ms(every_s[name]):
            yield replace(entry, verdict="may")
        else:
            yield entry


def _together(silent: dict[str, list[Entry]], need: int) -> list[Span]:
    """Return when so many of them are silent at once."""
    entries = [(name, entry) for name, some in silent.items() for entry in some]
    found: list[Span] = []
    for first, last in pairwise(sorted({at for _, entry in entries for at in (entry.from_ms, entry.to_ms)})):
        if len({name for name, entry in entries if _overlap(entry, first, last)}) >= need:
            goes_on = bool(found) and found[-1][1] == first
            found.append((found.pop()[0] if goes_on else first, last))
    return found


def _overlap(entry: Entry, first: int, last: int) -> bool:
    return entry.from_ms < last and entry.to_ms > first


def _longest_alone(entry: Entry, spans: Sequence[Span]) -> int:
    """Return for how long it goes on while its feed does not, at the most; the spans are in order."""
    ends = [entry.from_ms, *(last for _, last in spans)]
    begins = [*(first for first, _ in spans), entry.to_ms]
    return max(
        min(begin, entry.to_ms) - max(end, entry.from_ms) for end, begin in zip(ends, begins, strict=True)
    )
