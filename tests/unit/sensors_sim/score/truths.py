"""A truth and alerts to judge: one cell each for what is due, tolerated and silent; minutes as times."""

from typing import Any

from sensors_sim.score.lives import AlertEvent, Life, lives
from sensors_sim.score.truth import Entry, Truth

MINUTE = 60_000
STATION, SQUARE, PARK = "8930994a553ffff", "8930994a557ffff", "8930994a54bffff"


def entry(begin: int, end: int, *cells: str, kind: str = "oversaturation", **more: Any) -> Entry:
    """An entry from minute `begin` to minute `end`."""
    return Entry(kind, frozenset(cells), begin * MINUTE, end * MINUTE, **more)


def truth(due: list[Entry], may: list[Entry] | None = None, silent: list[Entry] | None = None) -> Truth:
    """Two hours that begin at minute 0."""
    return Truth("test", 1, 0, 120 * MINUTE, tuple(due), tuple(may or ()), tuple(silent or ()))


def life(
    raised: int, cell: str, cleared: int | None = None, *, kind: str = "oversaturation", **more: Any
) -> Life:
    """An alert that was raised in one minute and cleared in another one."""
    (found,) = lives(events(raised, cell, cleared, kind=kind, **more))
    return found


def events(
    raised: int, cell: str, cleared: int | None = None, *, kind: str = "oversaturation", **more: Any
) -> list[AlertEvent]:
    """The events of that alert."""
    name = f"{kind}/{cell}/{raised}/{more.get('subject')}"
    found = [AlertEvent(name, 0, "raised", kind, raised * MINUTE, cell, **more)]
    if cleared is not None:
        found.append(AlertEvent(name, 1, "cleared", kind, cleared * MINUTE, cell, **more))
    return found
