"""All that the grid knows of one kind in one region: its sources, its windows and the numbers of its slots."""

from typing import Any

from streams.grid.flows import FlowWord
from streams.grid.kind import Kind, Word
from streams.grid.merge import Live
from streams.grid.slots import Slots
from streams.grid.sources import Sources
from streams.grid.window import Windows


class Tally[W: Word]:
    """One kind of partials, summed over the sources of one region."""

    def __init__(self, region: str, kind: Kind[Any, W], sources: Sources, window_ms: int) -> None:
        self.region = region
        self.kind = kind
        self.sources = sources
        self.windows = Windows(window_ms, kind)
        self.slots = Slots()
        self.told_before: int | None = None
        """Watermark of the newest message on windows; None before the first."""

    def tick(self, wall_ms: int, amend_horizon_ms: int) -> None:
        """Close the windows that the active sources allow, and forget those that no source can change any more."""
        self.sources.tick(wall_ms)
        self.windows.close(self.watermark())
        reach = self.sources.reach()
        if reach is not None:
            self.windows.forget(reach - amend_horizon_ms, self.sources.settled_before(amend_horizon_ms))

    def forget_slots(self) -> None:
        """Forget slots of which nothing is known any more, where there are many. Call it when all rows are stored."""
        if self.slots.are_many:
            self.slots.keep_only(self.windows.slots())

    def watermark(self) -> int:
        """Return the event time up to which windows may close; when all sources are idle they all may."""
        return self.sources.watermark(if_all_idle=self.windows.newest_end())


class FleetTally(Tally[FlowWord]):
    """That of the fleet, which tells live counts besides."""

    def __init__(self, region: str, kind: Kind[Any, FlowWord], sources: Sources, window_ms: int) -> None:
        super().__init__(region, kind, sources, window_ms)
        self.live = Live()
        self.told_as_of = 0
        self.by_half: set[int] = set()
        """Sources that have told a part of their counts, and will tell the rest with their next partial."""

    def forget_slots(self) -> None:
        """Do nothing: of every slot it must be known which word of each source was the newest."""

    @property
    def is_whole(self) -> bool:
        """Whether no active source is in the midst of telling its counts."""
        return not self.by_half & self.sources.active()
