"""News of single vehicles as messages of ub.cells: by region, and never one record of the log in two messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import batched, groupby
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from schemas.cells import CellsVehicles, TripsSince, VehicleMoves, VehicleNews, VehicleSpeeds, VehicleTrips
from streams.fleet.speeds import Fast
from streams.fleet.told import Move, Passed, Told
from streams.fleet.trips import Begun

ENOUGH = 1_000
"""Rows: a message that takes no further record."""

Row = Move | Passed | Fast | Begun
_region = attrgetter("region")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells: a source partition, the generation of its log, and the version of the areas that it looks for."""

    source: int
    generation: int
    ground: str


def messages_of(told: Told, regions: Sequence[str], sender: Sender) -> Iterator[CellsVehicles]:
    """Yield the messages of one source partition. Each kind of rows is in the order of its log."""
    for number, of_region in groupby(sorted(told.charged, key=_region), key=_region):
        for some in batched(of_region, ENOUGH, strict=False):
            yield _message(regions[number], sender, some, complete=False)
    rows = [*_numbered(told.moves), *_numbered(told.passed), *_numbered(told.fast), *_numbered(told.begun)]
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


def all_trips_since(
    since: Mapping[str, int], regions: Iterable[str], sender: Sender
) -> Iterator[CellsVehicles]:
    """Yield the messages that say from when on all trips are told, by area."""
    told = TripsSince(list(since.keys()), list(since.values()))
    for region in regions:
        yield replace(_message(region, sender, (), complete=False), trips_since=told)


def _message(region: str, sender: Sender, rows: Sequence[Row], *, complete: bool) -> CellsVehicles:
    kinds = {type(row) for row in rows}
    return CellsVehicles(
        region=region,
        source=sender.source,
        generation=sender.generation,
        ground=sender.ground,
        complete=complete,
        news=VehicleNews(*_columns(Passed, rows)),
        moves=VehicleMoves(*_columns(Move, rows)),
        speeds=VehicleSpeeds(*_columns(Fast, rows)) if Fast in kinds else None,
        trips=VehicleTrips(*_columns(Begun, rows)) if Begun in kinds else None,
    )


def _numbered(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """Yield rows with their record; one that no record tells goes with those before it."""
    newest = -1
    for row in rows:
        newest = newest if row.offset is None else row.offset
        yield newest, row


def _pieces(rows: Iterable[tuple[int, Row]]) -> Iterator[list[Row]]:
    piece: list[Row] = []
    for _, some in groupby(rows, key=lambda one: one[0]):
        if len(piece) >= ENOUGH:
            yield piece
            piece = []
        piece += [row for _, row in some]
    yield piece


def _columns(kind: type[Row], rows: Sequence[Row]) -> list[Any]:
    names = [one.name for one in fields(kind) if one.name != "region"]
    some = [row for row in rows if isinstance(row, kind)]
    return [[getattr(row, name) for row in some] for name in names]
