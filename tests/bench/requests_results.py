"""What the requests contestant must find, computed in batch from the requests themselves, and what it told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import h3.api.basic_int as h3

from schemas import codec
from schemas.partials import RequestsPartial
from streams import topics
from streams.fold.contract import Output
from tests.bench.citizens import NEVER, Hotline, Lives, category, lives_of, request_id
from tests.bench.expected import Verdict, compare
from tests.bench.folding import Told, table
from tests.bench.workload import WINDOW_MS

Key = tuple[Any, ...]
_COUNTS = (
    *("opened", "closed", "reopened", "open_change", "overdue_change"),
    *("rated", "asked_resolved", "resolved", "asked_satisfied", "satisfied_sum"),
)
_TIMED = "timed"
"""How many closings have a time to close in the sketch."""


def verdict(hotline: Hotline, told: Told, lateness_ms: int) -> Verdict:
    """Compare all counts of every (window, cell, service_code), and the newest state of every request."""
    lives = lives_of(hotline)
    cells = [
        f"{h3.latlng_to_cell(lat, lon, hotline.resolution):x}"
        for lat, lon in zip(lives.lat.tolist(), lives.lon.tolist(), strict=True)
    ]
    counts: Counter[Key] = Counter()
    for number, column, ts, amount in _counted(lives, lateness_ms):
        start = ts // WINDOW_MS * WINDOW_MS
        counts[start, cells[number], category(int(lives.category[number])), column] += amount
    rows = {
        (row["service_request_id"], row["status"], row["opened_at"], row["closed_at"], row["satisfaction"]): 1
        for row in table(told.changes, "request", ("service_request_id",)).values()
    }
    expected = {key: value for key, value in counts.items() if value}
    return compare(_told(told.outputs), expected) + compare(rows, _rows(lives))


def _counted(lives: Lives, lateness_ms: int) -> Iterator[tuple[int, str, int, int]]:
    """Yield (request, column, ts, amount) of all that happened."""
    watermark = int(lives.at[lives.at < NEVER].max()) - lateness_ms
    columns = zip(*lives.at.tolist(), lives.due.tolist(), strict=True)
    for number, (opened, updated, closed, rated, due) in enumerate(columns):
        yield from ((number, "opened", opened, 1), (number, "open_change", opened, 1))
        heard_of = max(watermark, updated if updated < NEVER else 0)
        if due < min(closed, heard_of) or due < closed < NEVER:
            yield number, "overdue_change", due, 1
            if closed < NEVER:
                yield number, "overdue_change", closed, -1
        if closed < NEVER:
            yield from ((number, "closed", closed, 1), (number, "open_change", closed, -1))
            yield number, _TIMED, closed, 1
        if rated < NEVER:
            yield from ((number, "rated", rated, 1), (number, "asked_resolved", rated, 1))
            yield number, "resolved", rated, int(lives.resolved[number])
            yield number, "asked_satisfied", rated, 1
            yield number, "satisfied_sum", rated, int(lives.satisfaction[number])


def _rows(lives: Lives) -> dict[Key, int]:
    opened, _, closed, rated = lives.at.tolist()
    satisfaction = lives.satisfaction.tolist()
    return {
        (
            request_id(number),
            "open" if closed[number] == NEVER else "closed",
            opened[number],
            None if closed[number] == NEVER else closed[number],
            None if rated[number] == NEVER else satisfaction[number],
        ): 1
        for number in range(len(opened))
    }


def _told(outputs: Sequence[Output]) -> dict[Key, int]:
    """Return the counts that were told last of each row."""
    counts: dict[Key, int] = {}
    for output in outputs:
        if output.topic != topics.PARTIALS:
            continue
        partial = codec.partial.decode(output.value)
        assert isinstance(partial, RequestsPartial)
        rows = partial.windows
        keys = list(zip(rows.window_start, rows.cell, rows.service_code, strict=True))
        for name in _COUNTS:
            counts |= {(*key, name): value for key, value in zip(keys, getattr(rows, name), strict=True)}
        counts |= {(*key, _TIMED): sum(bins) for key, bins in zip(keys, rows.bin_counts, strict=True)}
    return counts
