"""The fleet of each operator in a region, as far as it was heard of: who is new to it arrives, and is no inflow.

Parked vehicles report every few minutes, or once an hour. Where a system is new, or an operator is, all of its vehicles
arrive within that time in the cells where they stood all along, at a rate that looks like a crowd's: of 300 cells with
4,299 vehicles that report every five minutes 75 were announced, and none was to be full. What tells them from a crowd
is the region: who comes by bike left another cell, so no more stand there than ever did before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from streams.incidents.forecast.inflow import Flow

FEW = 10
"""So many new vehicles in a window are no fleet that is heard of for the first time: a lorry brings them."""
SHARE = 50
"""Nor is one in so many of the fleet. One that reports once an hour grows by more for most of its first."""


class Fleet(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One operator in one region, at the end of a window.

    standing    vehicles that stand there
    most        the most that ever did
    known_from  start of the first window whose arrivals count (ms)
    """

    standing: int = 0
    most: int = 0
    known_from: int = 0

    def add(self, net: int) -> int:
        """Take in arrivals less departures; returns by how many there are more than ever."""
        self.standing += net
        new = max(0, self.standing - self.most)
        self.most += new
        return new


def take(fleets: dict[str, Fleet], cells: Iterable[Mapping[str, Flow]], ended_at: int) -> None:
    """Take in the flows by operator, cell by cell, of a window that was told to its end."""
    net = Counter[str]()
    for flows in cells:
        for operator, (arrivals, departures) in flows.items():
            net[operator] += arrivals - departures
    for operator, more in net.items():
        fleet = fleets.setdefault(operator, Fleet())
        usual = max(FEW, fleet.most // SHARE)
        if fleet.add(more) > usual:
            fleet.known_from = ended_at


def amend(fleets: dict[str, Fleet], operator: str, before: Flow, now: Flow, ended_at: int) -> None:
    """Take in that a flow of a window that was told already is another one: that makes nobody unknown again."""
    fleet = fleets.setdefault(operator, Fleet(known_from=ended_at))
    fleet.add(now[0] - now[1] - before[0] + before[1])


def met(cells: Iterable[Mapping[str, tuple[int, int]]]) -> dict[str, Fleet]:
    """Return the fleets that stand in cells: vehicles by operator, and of which window."""
    fleets: dict[str, Fleet] = {}
    for occupancy in cells:
        for operator, (standing, _) in occupancy.items():
            fleets.setdefault(operator, Fleet()).add(standing)
    return fleets


def known_from(fleets: Mapping[str, Fleet], operators: Iterable[str]) -> int:
    """Return the start of the first window whose arrivals count in a cell where these operators are."""
    return max((fleets[operator].known_from for operator in operators if operator in fleets), default=0)
