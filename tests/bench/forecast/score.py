"""How good the forecast of saturation is: what was announced against when cells really filled."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.alerts import Alert
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.incidents.forecast.book import ForecastBook
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.messages import FlowRows, Windows
from streams.incidents.policy import Rule, parse
from tests.bench.forecast.windows import MINUTE, Row

NEAR = 0.9
"""Of the threshold: nearly full, as the truth of the simulator has it (docs/scenarios.md)."""


@dataclass
class Found:
    """Of one run or several: cells that filled, how many of them were announced, and how many announcements were wrong.

    missed  cells that filled without an announcement within the horizon before
    near    wrong announcements of cells that came to NEAR of the threshold
    errors  minutes between the expected and the real time
    leads   minutes between the announcement and the real time
    within  announcements whose real time lay in their interval of four in five, to the minute of a window
    open    minutes for which wrong announcements stood
    stale   of these, the minutes since the cell was at its fullest
    """

    filled: int = 0
    missed: int = 0
    false: int = 0
    near: int = 0
    within: int = 0
    errors: list[float] = field(default_factory=list)
    leads: list[float] = field(default_factory=list)
    open: list[float] = field(default_factory=list)
    stale: list[float] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Take another run in."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def line(self, name: str) -> str:
        """Return a row of the table."""
        hits, told = len(self.errors), len(self.errors) + self.false
        figures = [_quantile(self.leads, 0.5), *(_quantile(self.errors, share) for share in (0.5, 0.9))]
        figures += [_quantile(values, share) for values in (self.open, self.stale) for share in (0.5, 0.9)]
        shown = " ".join("      -" if figure is None else f"{figure:7.1f}" for figure in figures)
        counts = (
            f"{self.filled:6} {self.missed:6} {told:9} {hits:5} {self.false:5} {self.near:4} {self.within:6}"
        )
        return f"{name:24} {counts} {shown}"


HEADER = (
    f"{'scenario (seed)':24} filled missed announced right wrong near within    lead error50 error90  open50  open90"
    " stale50 stale90   (minutes)"
)


def score(days: Iterable[tuple[int, list[Row]]], capacity: int, rule: ForecastRule) -> Found:
    """Fold windows and compare. An announcement is right if the cell is full within the horizon."""
    policy = parse(None, Rule("default", capacity, 1.0, 0.8, 120_000), "default")
    book, threshold = ForecastBook(rule, policy, centre), policy.default
    full: set[str] = set()
    filled: dict[str, list[int]] = {}
    stood: dict[str, dict[int, int]] = {}
    raised: list[Alert] = []
    ended: dict[str, int] = {}
    for offset, (start, rows) in enumerate(days):
        at = start + MINUTE
        for cell, _, _, occupancy in rows:
            stood.setdefault(cell, {})[at] = occupancy
            if occupancy >= threshold.raise_at and cell not in full:
                full.add(cell)
                filled.setdefault(cell, []).append(at)
            elif occupancy < threshold.clear_below:
                full.discard(cell)
        for event in book.apply(_message(start, rows), Record("ub.cells", 0, offset, b"", start)):
            if event.action == "raised":
                raised.append(event)
            else:
                ended[event.alert_id] = event.updated_at
    found = Found(filled=sum(map(len, filled.values())))
    for alert in raised:
        real = next((at for at in filled.get(alert.cell, []) if at > alert.starts_at), None)
        if real is None or real - alert.starts_at > rule.horizon_ms:
            _wrong(found, alert, stood[alert.cell], ended.get(alert.alert_id), threshold.raise_at, rule)
        else:
            _right(found, alert, real)
    told = {cell: [alert.starts_at for alert in raised if alert.cell == cell] for cell in filled}
    found.missed = sum(
        not any(0 < at - began <= rule.horizon_ms for began in told[cell])
        for cell, times in filled.items()
        for at in times
    )
    return found


def _right(found: Found, alert: Alert, real: int) -> None:
    forecast = alert.evidence.forecast
    assert forecast is not None
    found.errors.append(abs(real - forecast.expected_at) / MINUTE)
    found.leads.append((real - alert.starts_at) / MINUTE)
    found.within += forecast.earliest_at - MINUTE <= real <= forecast.latest_at + MINUTE


def _wrong(
    found: Found, alert: Alert, stood: dict[int, int], ended: int | None, raise_at: int, rule: ForecastRule
) -> None:
    found.false += 1
    began = alert.starts_at
    soon = [count for at, count in stood.items() if began <= at <= began + rule.horizon_ms]
    found.near += max(soon, default=0) >= NEAR * raise_at
    if ended is None:
        return
    fullest = min((-count, at) for at, count in stood.items() if began <= at <= ended)[1]
    found.open.append((ended - began) / MINUTE)
    found.stale.append((ended - fullest) / MINUTE)


def _message(start: int, rows: list[Row]) -> Windows:
    n = len(rows)
    cells, arrivals, departures, occupancy = ([row[i] for row in rows] for i in range(4))
    columns = FlowRows([start] * n, cells, ["all"] * n, [1] * n, arrivals, departures, occupancy, [0] * n)  # type: ignore[arg-type]
    return Windows("region", start + MINUTE, MINUTE, columns)


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None
