"""Incidents: alerts that belong together, because their cells touch and they were open at the same time."""

from typing import Literal

import msgspec

from schemas.alerts import AlertKind, Severity
from schemas.outline import Outline

IncidentAction = Literal["begun", "updated", "ended", "merged"]
IncidentStatus = Literal["active", "ended", "merged"]


class Incident(msgspec.Struct, frozen=True):
    """The state of one incident after `action`.

    Severity, cells, outline and alerts are those of the alerts that are open; once none is, those of the last ones.
    `kinds` are all that it ever had. `cells` are the cells exactly, `rollup` the same for maps: coarser parents where
    there are many. A message lists 50,000 alerts, the oldest, and 50,000 cells at most; `summary` counts all. An
    outline of more than 40,000 corners is that of `rollup`.
    """

    incident_id: str
    sequence: int
    action: IncidentAction
    status: IncidentStatus
    severity: Severity
    kinds: list[AlertKind]
    region: str
    zones: list[str]
    cells: list[str]
    rollup: list[str]
    outline: Outline
    alerts: list[str]
    started_at: int
    updated_at: int
    ended_at: int | None
    split_from: str | None
    merged_into: str | None
    summary: str
