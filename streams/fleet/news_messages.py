"""News of single vehicles as messages of ub.cells: by region, and never one record of the log in two messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

from schemas.cells import CellsVehicles, VehicleMoves, VehicleNews
from streams.fleet.news import Move, Passed

ENOUGH = 1_000
"""Rows: a message that takes no further record."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells: a source partition, the generation of its log, and the version of the areas that it looks for."""

    source: int
    generation: int
    ground: str


def messages_of(
    moves: Sequence[Move], passed: Sequence[Passed], regions: Sequence[str], sender: Sender
) -> Iterator[CellsVehicles]:
    """Yield the messages of one source partition. Both kinds of rows are in the order of its log."""
    rows = [*_numbered(moves), *_numbered(passed)]
    rows.sort(key=lambda one: (one[1].region, one[0]))
    for region, here in groupby(rows, key=lambda one: one[1].region):
        for piece in _pieces(here):
            yield _message(regions[region], sender, piece, complete=False)


def all_anew(
    rows: Sequence[Passed] | None, regions: Mapping[int, str], sender: Sender
) -> Iterator[CellsVehicles]:
    """Yield the messages on all vehicles that stand in areas, for every region that the source has met."""
    if rows is None:
        return
    for number, region in sorted(regions.items()):
        here = [row for row in rows if row.region == number]
        pieces = [here[begin : begin + ENOUGH] for begin in range(0, len(here), ENOUGH)] or [[]]
        for piece in pieces:
            yield _message(region, sender, piece, complete=piece is pieces[-1])


def _message(region: str, sender: Sender, rows: Sequence[Move | Passed], *, complete: bool) -> CellsVehicles:
    return CellsVehicles(
        region=region,
        source=sender.source,
        generation=sender.generation,
        ground=sender.ground,
        complete=complete,
        news=VehicleNews(*_columns(Passed, rows)),
        moves=VehicleMoves(*_columns(Move, rows)),
    )


def _numbered(rows: Sequence[Move | Passed]) -> Iterator[tuple[int, Move | Passed]]:
    """Yield rows with their record; one that no record tells goes with those before it."""
    newest = -1
    for row in rows:
        newest = newest if row.offset is None else row.offset
        yield newest, row


def _pieces(rows: Iterable[tuple[int, Move | Passed]]) -> Iterator[list[Move | Passed]]:
    piece: list[Move | Passed] = []
    for _, some in groupby(rows, key=lambda one: one[0]):
        if len(piece) >= ENOUGH:
            yield piece
            piece = []
        piece += [row for _, row in some]
    yield piece


def _columns(kind: type[Move | Passed], rows: Sequence[Move | Passed]) -> list[Any]:
    names = [one.name for one in fields(kind) if one.name != "region"]
    return [[getattr(row, name) for row in rows if isinstance(row, kind)] for name in names]
