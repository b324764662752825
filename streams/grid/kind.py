"""What distinguishes one kind of partials from another; all else the grid does with them is the same.

A row is one (window, slot); a slot is a cell and an operator, a metric or a category of requests. Each source says
what it counted there: its *word*. A row's figures are a function of the newest word of each source.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

Word = tuple[int, *tuple[Any, ...]]
"""The order in which it was said (it grows with generation and offset of the source), then the counts of the kind."""
Stocks = tuple[int, ...]
"""What is there at a window's end: vehicles that stand, requests that are open. A kind may have none."""


class Row[W: Word](msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """The newest word of each source on one (window, slot). `stocks` hold once the window closed.

    `revision` is -1 until the row was told once.
    """

    words: dict[int, W]
    stocks: Stocks = ()
    revision: int = -1


@dataclass(frozen=True, slots=True)
class Kind[T, W: Word]:
    """One kind of partials whose windows are of type T.

    name           the tag of its partials, and in the names of saved parts
    table          table of schema ub for its closed windows; its columns are those of `columns`, window_s and region
    type_          CloudEvents type of the message
    message        makes the message of (region, watermark, window_ms, columns, owner)
    columns        columns of closed rows; the first three are window_start, cell and name, the last is revision
    rows_a_record  most rows of one message, which must fit into a Kafka record (1 MB)
    stocks         number of stocks
    rows           decoder of saved rows by slot

    names(windows)                 column that tells the slots of one cell apart
    words(order, windows)          words of one partial, a row each
    net(words)                     by how many each stock grew in the window of these words
    is_nothing(words)              whether the words say that nothing happened
    figures(name, words, stocks)   values of the columns between name and revision
    """

    name: str
    table: str
    type_: str
    message: Callable[..., msgspec.Struct]
    columns: type[msgspec.Struct]
    rows_a_record: int
    stocks: int
    rows: msgspec.msgpack.Decoder[dict[int, Row[W]]]
    names: Callable[[T], list[str]]
    words: Callable[[int, T], Iterable[W]]
    net: Callable[[Collection[W]], Stocks]
    is_nothing: Callable[[Collection[W]], bool]
    figures: Callable[[str, Collection[W], Stocks], tuple[Any, ...]]


def added(sketches: Iterable[tuple[list[int], list[int]]]) -> tuple[list[int], list[int]]:
    """Add quantile sketches (bins, counts) bucket by bucket; bins ascend."""
    first, *others = sketches
    if not others:
        return first
    sums = dict(zip(*first, strict=True))
    for bins, counts in others:
        for bin_, count in zip(bins, counts, strict=True):
            sums[bin_] = sums.get(bin_, 0) + count
    ascending = sorted(sums)
    return ascending, [sums[bin_] for bin_ in ascending]
