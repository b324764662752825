"""One incident: its figures, what it says, and its id."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from schemas.alerts import SEVERITIES
from schemas.incidents import Incident, IncidentAction
from schemas.outline import Outline
from streams.counted import counted
from streams.incidents.grouping.members import Member, Near, by_age

_NAMESPACE = uuid.UUID("0d6a6c0e-7c0b-5d52-8d0e-6b0d1a7d1f44")
MOST_CELLS = 50
"""More cells than that are rolled up to their parents, for maps."""
MOST_CORNERS = 40_000
"""Of an outline: 42 bytes each. One with more, as of 10,000 cells in a row, is that of the parents."""
_SAME = ("sequence", "action", "updated_at")


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """How cells lie, and for how long an alert that was cleared is remembered, in milliseconds of event time.

    near      a cell and those that touch it
    outline   polygons of the union of cells, as the coordinates of a GeoJSON MultiPolygon
    parent    the next coarser cell that holds the cell's centre
    """

    near: Near
    outline: Callable[[Collection[str]], list[list[list[list[float]]]]]
    parent: Callable[[str], str]
    linger_ms: int


def incident_id(founder: str, offset: int) -> str:
    """Return the id of the incident that an alert founded, as the record at `offset` of the partition was folded."""
    return str(uuid.uuid5(_NAMESPACE, f"{founder}/{offset}"))


def begun(
    id_: str, region: str, members: Collection[Member], split_from: str | None, at: int, config: GroupConfig
) -> Incident:
    """Return a new incident; one of its members at least is open."""
    empty = Incident(
        incident_id=id_,
        sequence=-1,
        action="begun",
        status="active",
        severity="warning",
        kinds=[],
        region=region,
        zones=[],
        cells=[],
        rollup=[],
        outline=Outline("MultiPolygon", []),
        alerts=[],
        started_at=min(member.starts_at for member in members),
        updated_at=at,
        ended_at=None,
        split_from=split_from,
        merged_into=None,
        summary="",
    )
    return msgspec.structs.replace(followed(empty, members, (), at, config), action="begun")


def followed(
    before: Incident, members: Collection[Member], merged: Sequence[Incident], at: int, config: GroupConfig
) -> Incident:
    """Return the incident with these members, after it took in others; it is `before` itself if nothing changed."""
    still_open = [member for member in members if member.ends_at is None]
    kinds = {*before.kinds, *(member.kind for member in members), *_all(one.kinds for one in merged)}
    after = msgspec.structs.replace(
        before,
        kinds=sorted(kinds),
        started_at=min([before.started_at, *(member.starts_at for member in members)]),
    )
    if still_open:
        after = msgspec.structs.replace(after, **_extent(before, still_open, config))
        after = msgspec.structs.replace(after, status="active", ended_at=None)
    else:
        # Of one that is over, whose last alert may have been parted from the rest when one between was forgotten.
        ends = [before.ended_at, *(member.ends_at for member in members)]
        ended_at = max(end for end in ends if end is not None)
        after = msgspec.structs.replace(after, status="ended", ended_at=ended_at)
    after = msgspec.structs.replace(after, summary=_summary(after, len(still_open)))
    if _same(before, after):
        return before
    over = after.status == "ended" and before.status == "active"
    return _next(after, "ended" if over else "updated", max(at, before.updated_at))


def merged_into(before: Incident, other: str, at: int) -> Incident:
    """Return the incident after it became part of an older one."""
    at = max(at, before.updated_at)
    after = msgspec.structs.replace(
        before,
        status="merged",
        merged_into=other,
        ended_at=at if before.ended_at is None else before.ended_at,
    )
    return _next(after, "merged", at)


def _next(after: Incident, action: IncidentAction, at: int) -> Incident:
    return msgspec.structs.replace(after, sequence=after.sequence + 1, action=action, updated_at=at)


def _same(before: Incident, after: Incident) -> bool:
    names = (name for name in Incident.__struct_fields__ if name not in _SAME)
    return all(getattr(before, name) == getattr(after, name) for name in names)


def _extent(before: Incident, members: Sequence[Member], config: GroupConfig) -> dict[str, object]:
    cells = sorted({member.cell for member in members})
    extent: dict[str, object] = {
        "severity": max({member.severity for member in members}, key=SEVERITIES.index),
        "zones": sorted({member.zone for member in members}),
        "alerts": [member.alert_id for member in sorted(members, key=by_age)],
    }
    if cells != before.cells:
        rollup = rolled_up(cells, config.parent)
        extent |= {"cells": cells, "rollup": rollup, "outline": _outline(cells, rollup, config)}
    return extent


def _outline(cells: Collection[str], rollup: Collection[str], config: GroupConfig) -> Outline:
    exact = config.outline(cells)
    corners = sum(len(ring) for polygon in exact for ring in polygon)
    return Outline("MultiPolygon", exact if corners <= MOST_CORNERS else config.outline(rollup))


def rolled_up(cells: Iterable[str], parent: Callable[[str], str]) -> list[str]:
    """Return the cells, or their parents at the finest resolution at which there are no more than MOST_CELLS."""
    found = set(cells)
    while len(found) > MOST_CELLS:
        found = {parent(cell) for cell in found}
    return sorted(found)


def _summary(incident: Incident, still_open: int) -> str:
    where = f"{counted(len(incident.cells), 'cell')} of {', '.join(incident.zones)}"
    what = ", ".join(incident.kinds)
    if not still_open:
        return f"over: {what} in {where}"
    return f"{counted(still_open, 'open alert')} in {where}: {what}"


def _all(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (item for items in lists for item in items)
