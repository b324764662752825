"""What is remembered of a cell: who stands there, who came and left, window by window, and what is expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.alerts import Alert
from streams.incidents.forecast.inflow import LONGEST, Flow
from streams.incidents.forecast.watch import Outlook
from streams.incidents.policy import Rule

NONE: Flow = (0, 0)
NOBODY = (0, -1)
"""Occupancy, and the window that it is of, where none was told."""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """What a checkpoint keeps of a cell.

    `occupancy`: by operator, with the window that it is of. `flows`: by window and operator.
    """

    region: str
    occupancy: dict[str, tuple[int, int]]
    flows: dict[int, dict[str, Flow]]
    full: bool
    doubted_at: int | None
    alert: Alert | None
    not_before: int


_saved = msgspec.msgpack.Decoder(_Saved)


@dataclass(slots=True)
class Cell:
    """One cell; its next alert does not begin before `not_before`, as ids are made of beginnings."""

    region: str
    lat: float
    lon: float
    rule: Rule | None = None
    """Looked up when it is first needed: most cells never fill."""
    occupancy: dict[str, tuple[int, int]] = field(default_factory=dict)
    flows: dict[int, dict[str, Flow]] = field(default_factory=dict)
    sums: dict[int, Flow] = field(default_factory=dict)
    outlook: Outlook = field(default_factory=Outlook)
    alert: Alert | None = None
    not_before: int = 0
    newest: tuple[int, str] | None = None
    """How many stood there at the newest look, and what was expected. Only for `seen`, so it is not saved."""

    def standing(self) -> int:
        """Vehicles at the end of the newest windows of all operators."""
        return sum(count for count, _ in self.occupancy.values())

    def standing_of(self, operator: str) -> int:
        """Vehicles at the end of the newest window of an operator."""
        return self.occupancy.get(operator, NOBODY)[0]

    def keep(self, start: int, operator: str, flow: Flow, occupancy: int, window_ms: int) -> bool:
        """Keep what a row says; return whether it is news. In most rows nobody came or left."""
        flows, (standing, newest) = self.flows.get(start, {}), self.occupancy.get(operator, NOBODY)
        same = flows.get(operator, NONE) == flow
        if same and (occupancy == standing or start < newest):
            return False
        if start >= newest:
            self.occupancy[operator] = occupancy, start
        if not same:
            self.flows.setdefault(start, {})[operator] = flow
            self.sums[start] = _sum(self.flows[start])
            oldest = max(self.flows) - LONGEST * window_ms
            for gone in [at for at in self.flows if at <= oldest]:
                del self.flows[gone], self.sums[gone]
        return True

    def fills(self, start: int) -> bool:
        """Return whether more came than left in a window; a window in which it gains none raises nothing."""
        arrivals, departures = self.sums.get(start, NONE)
        return arrivals > departures

    def stirs(self, start: int) -> bool:
        """Return whether a window may decide something."""
        return self.fills(start) or self.outlook != Outlook()

    def encoded(self) -> bytes:
        """Return what a checkpoint keeps."""
        outlook = self.outlook
        saved = _Saved(
            self.region,
            self.occupancy,
            self.flows,
            outlook.full,
            outlook.doubted_at,
            self.alert,
            self.not_before,
        )
        return msgspec.msgpack.encode(saved)


def decoded(data: bytes, lat: float, lon: float) -> Cell:
    """Return a cell that was saved."""
    saved = _saved.decode(data)
    return Cell(
        saved.region,
        lat,
        lon,
        occupancy=saved.occupancy,
        flows=saved.flows,
        sums={start: _sum(flows) for start, flows in saved.flows.items()},
        outlook=Outlook(saved.full, saved.alert is not None, saved.doubted_at),
        alert=saved.alert,
        not_before=saved.not_before,
    )


def _sum(flows: Mapping[str, Flow]) -> Flow:
    return sum(arrivals for arrivals, _ in flows.values()), sum(
        departures for _, departures in flows.values()
    )
