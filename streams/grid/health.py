"""Health of sensors on its way from sensing to incidents, with the event times by which silence is judged.

Silence cannot be judged by the clock of those who are silent. The clock of a stream is the least that its active
sources have come to; while all of them say nothing, the other streams of the region carry it on. Which sources are
awake is known here only (sources.py). What sensing says of a sensor is passed on as it is: absolute, with its offset.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.cells import CellsHealth
from schemas.partials import SensingPartial
from streams.grid.tally import Tally

_NOBODY = -1
_STALLS = 6
"""A source that said nothing for so many idle times is silent, and not only held up on its way: what is fast forwarded
cannot be told from what is silent any sooner.
"""


class HealthPost:
    """What was heard and not yet passed on, and the clocks that were told, by region."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[SensingPartial]] = {}
        self._told: dict[str, tuple[int, int, int | None]] = {}

    def hear(self, partial: SensingPartial) -> None:
        """Take what a partial says of sensors."""
        if partial.health is not None:
            self._waiting.setdefault(partial.region, []).append(partial)

    def take(
        self, tallies: Mapping[tuple[str, str], Tally[Any]], owner: int, *, time_too: bool
    ) -> Iterator[CellsHealth]:
        """Yield what `owner` is to pass on; with `time_too` of each region that is judged also that time went on."""
        waiting, self._waiting = self._waiting, {}
        for region, kinds in _judged(tallies).items():
            partials = waiting.get(region, [])
            if not (partials or time_too):
                continue
            sensors, fleet = clock("sensing", region, tallies), clock("fleet", region, tallies)
            requests = clock("requests", region, tallies) if "requests" in kinds else None
            for p in partials:
                yield CellsHealth(
                    *(region, sensors, fleet, p.source, p.generation, p.offset, p.health, owner),
                    requests_as_of=requests,
                )
            clocks = sensors, fleet, requests
            if not partials and clocks != self._told.get(region):
                yield CellsHealth(
                    *(region, sensors, fleet, _NOBODY, 0, -1, None, owner), requests_as_of=requests
                )
            self._told[region] = clocks


def _judged(tallies: Mapping[tuple[str, str], Tally[Any]]) -> dict[str, set[str]]:
    """Return the kinds of partials of each region with sensors, or with requests beside something else.

    The fleet alone is judged by its live counts, requests alone by nobody.
    """
    kinds: dict[str, set[str]] = {}
    for region, kind in tallies:
        kinds.setdefault(region, set()).add(kind)
    return {region: of for region, of in kinds.items() if "sensing" in of or {"fleet", "requests"} <= of}


def clock(kind: str, region: str, tallies: Mapping[tuple[str, str], Tally[Any]]) -> int:
    """Return the event time by which silence of a kind of partials is judged in a region."""
    own = tallies.get((region, kind))
    reported = None if own is None else own.sources.reported(_STALLS)
    if reported is not None:
        return reported
    others = [tally.sources for (where, _), tally in tallies.items() if where == region]
    return max((sources.as_of() for sources in others), default=0)
