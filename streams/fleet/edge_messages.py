"""Counts by position as messages of ub.cells."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.cells import CellsEdges, EdgeCounts
from streams.fleet.edges import EdgesTold
from streams.fleet.news_messages import ENOUGH, Sender


@dataclass(frozen=True, slots=True)
class Moment:
    """As of when counts are told: an offset, the owner, and how often it has taken other areas."""

    offset: int
    owner: int
    change: int


def edges_of(
    told: Iterable[EdgesTold], regions: Sequence[str], sender: Sender, at: Moment
) -> Iterator[CellsEdges]:
    """Yield the messages of one source partition; `sender` names the areas."""
    for one in told:
        for begin in range(0, max(1, len(one)), ENOUGH):
            some = slice(begin, begin + ENOUGH)
            available, non_operational, reserved, on_trip, non_contactable = one.counts[some].T.tolist()
            yield CellsEdges(
                region=regions[one.region],
                source=sender.source,
                generation=sender.generation,
                offset=at.offset,
                owner=at.owner,
                change=at.change,
                ground=sender.ground,
                counts=EdgeCounts(
                    cell=one.cell[some],
                    operator=one.operator[some],
                    inside=one.inside[some],
                    outside=one.outside[some],
                    available=available,
                    non_operational=non_operational,
                    reserved=reserved,
                    on_trip=on_trip,
                    non_contactable=non_contactable,
                    vehicle_type=None if one.vehicle_type is None else one.vehicle_type[some],
                ),
            )
