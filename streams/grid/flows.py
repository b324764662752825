"""Windows of the fleet: readings, arrivals and departures; the stock is the vehicles that stand in the cell."""

from collections.abc import Collection, Iterable
from itertools import repeat

import msgspec

from schemas import envelope
from schemas.cells import CellsWindow, ClosedWindows
from schemas.partials import WindowCounts
from streams.grid.kind import Kind, Row, Stocks

FlowWord = tuple[int, int, int, int]
"""order, readings, arrivals, departures"""


def _names(windows: WindowCounts) -> list[str]:
    return windows.operator


def _words(order: int, windows: WindowCounts) -> Iterable[FlowWord]:
    return zip(repeat(order), windows.readings, windows.arrivals, windows.departures, strict=False)


def _net(words: Collection[FlowWord]) -> Stocks:
    net = 0
    for _, _, arrivals, departures in words:
        net += arrivals - departures
    return (net,)


def _is_nothing(words: Collection[FlowWord]) -> bool:
    return not any(readings or arrivals or departures for _, readings, arrivals, departures in words)


def _figures(_operator: str, words: Collection[FlowWord], stocks: Stocks) -> tuple[int, int, int, int]:
    """Return readings, arrivals, departures, occupancy."""
    _, readings, arrivals, departures = map(sum, zip(*words, strict=True))
    return readings, arrivals, departures, stocks[0]


FLEET = Kind(
    name="fleet",
    table="cell_window",
    type_=envelope.CELLS_WINDOW,
    message=CellsWindow,
    columns=ClosedWindows,
    rows_a_record=2_000,
    stocks=1,
    rows=msgspec.msgpack.Decoder(dict[int, Row[FlowWord]]),
    names=_names,
    words=_words,
    net=_net,
    is_nothing=_is_nothing,
    figures=_figures,
)
