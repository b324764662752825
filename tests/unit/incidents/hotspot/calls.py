"""A city whose people call: requests as closed windows, for the incidents fold."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsRequests, ClosedRequests
from streams.fold.contract import Restored
from streams.grid.locate import centre, rings
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import RINGS
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0
from tests.unit.incidents.cells_log import CellsLog

MIDDLE = "8930994a553ffff"
REGION = "82309ffffffffff"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
CITY = tuple(cell for ring in rings(MIDDLE, 8) for cell in ring)
"""217 cells."""
POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "rules")
Call = tuple[int, str, str]
"""Minute since T0, cell, category."""


def by_chance(
    days: float, a_day: float, seed: int, codes: Sequence[str] = ("bin", "noise", "road")
) -> list[Call]:
    """Return requests whose rates differ by cell, category and hour, and nothing else."""
    rng = np.random.default_rng(seed)
    shares = rng.gamma(0.5, 1.0, (len(CITY), len(codes)))
    hours = 1 + 0.9 * np.sin((np.arange(24) - 8) / 24 * 2 * np.pi)
    minutes = np.repeat(hours / hours.sum() / 60, 60)
    calls: list[Call] = []
    for minute in np.flatnonzero(rng.random(int(days * 1440)) < 0.999):
        for _ in range(rng.poisson(a_day * minutes[minute % 1440])):
            cell, code = np.unravel_index(
                rng.choice(shares.size, p=(shares / shares.sum()).ravel()), shares.shape
            )
            calls.append((int(minute), CITY[cell], codes[code]))
    return calls


def burst(
    start: int, minutes: int, calls: int, code: str, seed: int, cells: Sequence[str] = ()
) -> list[Call]:
    """Return requests of one category in a few cells."""
    rng = np.random.default_rng(seed)
    where = cells or [cell for ring in rings(MIDDLE, 1) for cell in ring]
    times = sorted(rng.integers(start, start + minutes, calls).tolist())
    return [(minute, where[int(rng.integers(len(where)))], code) for minute in times]


class Desk(CellsLog):
    """An incidents fold that looks for hot spots, and its log."""

    PARTITION = 0

    def __init__(self, rule: HotSpotRule | None = None) -> None:
        self.rule = rule or HotSpotRule()
        self.told: list[Alert] = []
        self.refused = 0
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        around = (self.rule, lambda cell: rings(cell, RINGS))
        return IncidentsState(POLICY, centre, start, hot_spots=around)

    def feed(self, calls: Iterable[Call], revision: int = 0) -> list[Alert]:
        """Close the windows of calls, a message a minute; returns the alerts told."""
        told: list[Alert] = []
        for minute, rows in _by_minute(calls):
            told += self.close(minute, rows, revision)
        return told

    def close(
        self, minute: int, rows: Counter[tuple[str, str]], revision: int = 0, watermark: int | None = None
    ) -> list[Alert]:
        """Close one window; `watermark` is a minute."""
        counts = Counter({(minute, *key): n for key, n in rows.items()})
        return self._close(counts, minute + 1 if watermark is None else watermark, revision)

    def feed_at_once(self, calls: Sequence[Call]) -> list[Alert]:
        """Close the windows of calls in one message, as after a backlog; returns the alerts told."""
        return self._close(Counter(calls), calls[-1][0] + 1)

    def _close(self, counts: Counter[Call], watermark: int, revision: int = 0) -> list[Alert]:
        n, keys = len(counts), sorted(counts)
        opened, zero, none = [counts[key] for key in keys], [0] * n, [None] * n
        columns = ClosedRequests(
            [T0 + minute * MINUTE for minute, _, _ in keys],
            [cell for _, cell, _ in keys],
            [code for _, _, code in keys],
            opened, zero, zero, opened, zero, none, none, zero, none, none, [revision] * n,
        )  # fmt: skip
        until = T0 + watermark * MINUTE
        return self.fold_bytes(codec.encode(CellsRequests(REGION, until, MINUTE, columns)))

    def time(self, minute: int) -> list[Alert]:
        """Let event time of the region go on without a request; returns the alerts told."""
        at = T0 + minute * MINUTE
        return self.fold_bytes(codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None, requests_as_of=at)))

    def _take(self) -> list[Alert]:
        before, told = len(self.outputs), super()._take()
        self.refused += len(self.outputs) - before - len(told)
        self.told += told
        return told


def _by_minute(calls: Iterable[Call]) -> Iterator[tuple[int, Counter[tuple[str, str]]]]:
    minutes: dict[int, Counter[tuple[str, str]]] = {}
    for minute, cell, code in calls:
        minutes.setdefault(minute, Counter())[cell, code] += 1
    yield from sorted(minutes.items())
