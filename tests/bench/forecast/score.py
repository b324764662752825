"""How good the forecast of saturation is: what was announced against when cells really filled."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.alerts import Alert
from streams.fold import Record
from streams.grid.locate import centre
from streams.incidents.forecast.book import ForecastBook
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.messages import FlowRows, Windows
from streams.incidents.policy import Rule, parse
from tests.bench.forecast.windows import MINUTE, Row


@dataclass
class Found:
    """Of one run or several: cells that filled, how many of them were announced, and how many announcements were wrong.

    errors  minutes between the expected and the real time
    leads   minutes between the announcement and the real time
    within  announcements whose real time lay in their interval of four in five, to the minute of a window
    """

    filled: int = 0
    false: int = 0
    within: int = 0
    errors: list[float] = field(default_factory=list)
    leads: list[float] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Take another run in."""
        self.filled += other.filled
        self.false += other.false
        self.within += other.within
        self.errors += other.errors
        self.leads += other.leads

    def line(self, name: str) -> str:
        """Return a row of the table."""
        hits, told = len(self.errors), len(self.errors) + self.false
        figures = (_quantile(self.leads, 0.5), _quantile(self.errors, 0.5), _quantile(self.errors, 0.9))
        shown = " ".join("      -" if figure is None else f"{figure:7.1f}" for figure in figures)
        return f"{name:24} {self.filled:6} {told:9} {hits:5} {self.false:5} {self.within:6} {shown}"


HEADER = f"{'scenario (seed)':24} filled announced right wrong within    lead  error50 error90   (minutes)"


def score(days: Iterable[tuple[int, list[Row]]], capacity: int, rule: ForecastRule) -> Found:
    """Fold windows and compare. An announcement is right if the cell is full within the horizon."""
    policy = parse(None, Rule("default", capacity, 1.0, 0.8, 120_000), "default")
    book, threshold = ForecastBook(rule, policy, centre), policy.default
    full: set[str] = set()
    filled: dict[str, list[int]] = {}
    raised: list[Alert] = []
    for offset, (start, rows) in enumerate(days):
        for cell, _, _, occupancy in rows:
            if occupancy >= threshold.raise_at and cell not in full:
                full.add(cell)
                filled.setdefault(cell, []).append(start + MINUTE)
            elif occupancy < threshold.clear_below:
                full.discard(cell)
        record = Record("ub.cells", 0, offset, b"", start)
        raised += [event for event in book.apply(_message(start, rows), record) if event.action == "raised"]
    found = Found(filled=sum(map(len, filled.values())))
    for alert in raised:
        forecast = alert.evidence.forecast
        assert forecast is not None
        real = next((at for at in filled.get(alert.cell, []) if at > alert.starts_at), None)
        if real is None or real - alert.starts_at > rule.horizon_ms:
            found.false += 1
            continue
        found.errors.append(abs(real - forecast.expected_at) / MINUTE)
        found.leads.append((real - alert.starts_at) / MINUTE)
        found.within += forecast.earliest_at - MINUTE <= real <= forecast.latest_at + MINUTE
    return found


def _message(start: int, rows: list[Row]) -> Windows:
    n = len(rows)
    cells, arrivals, departures, occupancy = ([row[i] for row in rows] for i in range(4))
    columns = FlowRows([start] * n, cells, ["all"] * n, arrivals, departures, occupancy, [0] * n)  # type: ignore[arg-type]
    return Windows("region", start + MINUTE, MINUTE, columns)


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None
