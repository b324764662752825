"""Windows of citizens' requests: counts of events and the time to close; stocks are the open and the overdue ones."""

from collections.abc import Collection, Iterable
from itertools import repeat

import msgspec

from schemas import envelope
from schemas.cells import CellsRequests, ClosedRequests
from schemas.partials import RequestCounts
from streams.fold.sketch import quantiles
from streams.grid.kind import Kind, Row, Stocks, added

RequestWord = tuple[int, int, int, int, int, int, int, int, int, int, int, list[int], list[int]]
"""order, opened, closed, reopened, open_change, overdue_change, rated, asked_resolved, resolved, asked_satisfied,
satisfied_sum, bins, bin_counts"""
Figures = tuple[int, int, int, int, int, float | None, float | None, int, float | None, float | None]


def _names(windows: RequestCounts) -> list[str]:
    return windows.service_code


def _words(order: int, w: RequestCounts) -> Iterable[RequestWord]:
    events = (w.opened, w.closed, w.reopened, w.open_change, w.overdue_change)
    ratings = (w.rated, w.asked_resolved, w.resolved, w.asked_satisfied, w.satisfied_sum)
    return zip(repeat(order), *events, *ratings, w.bins, w.bin_counts, strict=False)


def _net(words: Collection[RequestWord]) -> Stocks:
    return sum(word[4] for word in words), sum(word[5] for word in words)


def _is_nothing(words: Collection[RequestWord]) -> bool:
    return not any(any(word[1:]) for word in words)


def _figures(_service_code: str, words: Collection[RequestWord], stocks: Stocks) -> Figures:
    """Return the columns from opened to satisfaction."""
    _, *counts, bins, bin_counts = zip(*words, strict=True)
    opened, closed, reopened, _, _, rated, asked_resolved, resolved, asked_satisfied, satisfied = map(
        sum, counts
    )
    open_now, overdue = stocks
    seconds = added(zip(bins, bin_counts, strict=True))
    return (
        opened,
        closed,
        reopened,
        open_now,
        overdue,
        _share(closed, closed + open_now),
        quantiles(*seconds, (0.5,))[0] if seconds[0] else None,
        rated,
        _share(resolved, asked_resolved),
        _share(satisfied, asked_satisfied),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


REQUESTS = Kind(
    name="requests",
    table="request_window",
    type_=envelope.CELLS_REQUESTS,
    message=CellsRequests,
    columns=ClosedRequests,
    rows_a_record=2_000,
    stocks=2,
    rows=msgspec.msgpack.Decoder(dict[int, Row[RequestWord]]),
    names=_names,
    words=_words,
    net=_net,
    is_nothing=_is_nothing,
    figures=_figures,
)
