"""Health of sensors on its way from sensing to incidents, with the event times by which silence is judged.

Silence cannot be judged by the clock of the silent. So each stream has a clock here: the event time up to which all its
active sources have told everything. While none of them says anything, the other streams of the region move it forward.
Only the grid knows which sources are awake (sources.py). What sensing says of a sensor is passed on unchanged:
absolute, with its offset, and with the clock as it was when it came. So a reader never sees a time before it has seen
all that was told up to that time, however much of a backlog comes at once. The same clock says when the windows of
metrics are whole: those that closed while a source was held up lack its share (incidents/anomaly/gate.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.cells import CellsHealth
from schemas.limits import END_MS
from schemas.partials import SensingPartial
from streams.grid.tally import Tally

_NOBODY = -1

_Tallies = Mapping[tuple[str, str], Tally[Any]]
_Clocks = tuple[int, int, int | None, int | None]
"""Event times by which sensors, vehicles, requests and metrics are judged; None: there are no such."""


class HealthPost:
    """What was heard and not yet passed on, and the clocks that were told, by region."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[SensingPartial, _Clocks]]] = {}
        self._told: dict[str, _Clocks] = {}

    def hear(self, partial: SensingPartial, tallies: _Tallies) -> None:
        """Take what a partial says of sensors, before its time counts."""
        if partial.health is not None:
            heard = partial, _clocks(partial.region, tallies)
            self._waiting.setdefault(partial.region, []).append(heard)

    def take(self, tallies: _Tallies, owner: int, *, time_too: bool) -> Iterator[CellsHealth]:
        """Yield what `owner` is to pass on; with `time_too` of each region that is judged also that time went on."""
        waiting, self._waiting = self._waiting, {}
        for region in _judged(tallies):
            for p, clocks in waiting.get(region, ()):
                sensors, fleet, *others = self._told[region] = _told(region, tallies, clocks)
                yield CellsHealth(
                    *(region, sensors, fleet, p.source, p.generation, p.offset, p.health, owner), *others
                )
            if not time_too:
                continue
            sensors, fleet, *others = clocks = _told(region, tallies, _clocks(region, tallies))
            if clocks != self._told.get(region):
                self._told[region] = clocks
                yield CellsHealth(*(region, sensors, fleet, _NOBODY, 0, -1, None, owner), *others)


def _judged(tallies: _Tallies) -> list[str]:
    """Return the regions with anything but requests: those alone are judged by nobody."""
    return list(dict.fromkeys(region for region, kind in tallies if kind != "requests"))


def _clocks(region: str, tallies: _Tallies) -> _Clocks:
    requests = clock("requests", region, tallies) if (region, "requests") in tallies else None
    own = tallies.get((region, "sensing"))
    metrics = None if own is None else own.sources.whole(own.windows.told_before)
    return clock("sensing", region, tallies), clock("fleet", region, tallies), requests, metrics


def _told(region: str, tallies: _Tallies, clocks: _Clocks) -> _Clocks:
    """Return the clocks up to what was told: who is heard of in windows that still are to be told is not silent.

    Nor is a metric of which nothing was measured for a day by the time of the sensors.
    """
    sensors, fleet, requests, metrics = clocks
    sensors = min(sensors, _untold("sensing", region, tallies))
    fleet = min(fleet, _untold("fleet", region, tallies))
    if requests is not None:
        requests = min(requests, _untold("requests", region, tallies))
    return sensors, fleet, requests, metrics


def _untold(kind: str, region: str, tallies: _Tallies) -> int:
    own = tallies.get((region, kind))
    return own.windows.told_before if own is not None and own.windows.has_more else END_MS


def clock(kind: str, region: str, tallies: _Tallies) -> int:
    """Return the event time by which silence of a kind of partials is judged in a region."""
    own = tallies.get((region, kind))
    told = None if own is None else own.sources.told()
    if told is not None:
        return told
    others = [tally.sources for (where, _), tally in tallies.items() if where == region]
    return max((sources.carries() for sources in others), default=0)
