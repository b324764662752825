"""What owners of one partition tell one after the other. The listener keeps what was told at the highest offset."""

from collections.abc import Sequence

from schemas.partials import FleetPartial
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, NEXT, Fleet, at, cell


class Listener:
    """Holds, of each cell, the newest word on each window and on who is there now, with its offset."""

    def __init__(self) -> None:
        self.windows: dict[tuple[int, str], tuple[int, tuple[int, int, int]]] = {}
        self.live: dict[str, tuple[int, int]] = {}

    def hear(self, partials: Sequence[FleetPartial]) -> None:
        """Take partials in; an older word than the one held changes nothing."""
        for partial in partials:
            offset, w, now = partial.offset, partial.windows, partial.now
            rows = zip(w.window_start, w.cell, w.readings, w.arrivals, w.departures, strict=True)
            for start, where, *counts in rows:
                key = (start - T0) // 60_000, where
                if offset >= self.windows.get(key, (-1,))[0]:
                    self.windows[key] = offset, (counts[0], counts[1], counts[2])
            for where, bikes in zip(now.cell, now.available, strict=True):
                if offset >= self.live.get(where, (-1, 0))[0]:
                    self.live[where] = offset, bikes

    def window(self, place: tuple[float, float], minute: int = 0) -> tuple[int, int, int]:
        """Return readings, arrivals and departures."""
        return self.windows.get((minute, cell(place)), (-1, (0, 0, 0)))[1]


def test_what_was_told_in_a_pause_of_folding_again_is_told_once_more_when_it_is_final() -> None:
    """The owner before told more of the log, but less of this window: it did not count what waited."""
    fleet, heard = Fleet(), Listener()
    fleet.feed(at(-100, FAR, bike="bike-9"))
    heard.hear(fleet.checkpoint())
    fleet.feed(at(20), at(28, bike="bike-2"))
    fleet.feed(at(35, NEXT, bike="bike-3"))
    heard.hear(fleet.tell(at_checkpoint=True))  # not stored: one reading in HERE, at offset 2
    fleet.crash(fold_again=False)
    fleet.refold(1)
    heard.hear(fleet.checkpoint())
    heard.hear(fleet.checkpoint())  # nothing came in meanwhile: both readings, at offset 1
    fleet.refold(2)
    heard.hear(fleet.checkpoint())
    fleet.feed(at(200, NEXT))
    heard.hear(fleet.checkpoint())
    assert heard.window(HERE) == (2, 2, 0)


def test_live_counts_do_not_depend_on_when_it_was_noticed_who_is_missing() -> None:
    """One owner told of a cell before it looked for the silent, the next one looked first, further back in the log."""
    fleet, heard = Fleet(), Listener()
    fleet.feed(at(0), at(300, bike="bike-2"))
    heard.hear(fleet.checkpoint())
    fleet.feed(at(611, NEXT, bike="bike-3"))  # bike-1 is missing now
    fleet.feed(at(612, bike="bike-4"))
    fleet.feed(at(613, NEXT, bike="bike-3"))
    heard.hear(fleet.tell())
    fleet.crash(fold_again=False)
    fleet.refold(1)
    fleet.refold(2)
    heard.hear(fleet.checkpoint())
    fleet.refold(3)
    heard.hear(fleet.checkpoint())
    assert heard.live[cell(HERE)][1] == 2
