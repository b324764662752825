"""The life of one request, drawn when it is opened: opened, updated, closed, rated, and sometimes once more."""

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

import numpy as np

from sensors_sim.requests.agencies import HOTLINE, HOUR_MS
from sensors_sim.requests.catalogue import Category
from sensors_sim.requests.events import Event

MINUTE_MS: Final = 60_000

SECOND_UPDATE, RATED = 0.4, 0.6
"""Shares of requests that hear of a second step, and whose citizens answer the hotline's call."""

RESOLVED_IN_TIME, RESOLVED_LATE = 0.92, 0.75
REOPENED = 0.7
"""Share of those who say that it was not resolved, and insist."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why somebody calls: what, when (milliseconds since the epoch) and where, by whose clock agencies work there.

    solved_at: when the cause will be gone, if that is known; no request is closed before
    """

    category: Category
    ts: int
    lat: float
    lon: float
    place: str
    district: str
    zone: tzinfo
    solved_at: int | None = None


def life(request_id: str, complaint: Complaint, rng: np.random.Generator) -> list[Event]:
    """Return all events of a request in order of time, from its opening to its last rating."""
    events, resolved = _once(request_id, complaint, rng, haste=1.0)
    if not resolved and rng.random() < REOPENED:
        again = replace(complaint, ts=events[-1].ts + int(rng.integers(5, 180)) * MINUTE_MS)
        events += _once(request_id, again, rng, haste=0.5)[0]
    return events


def _once(
    request_id: str, complaint: Complaint, rng: np.random.Generator, *, haste: float
) -> tuple[list[Event], bool]:
    """Return one opening and what follows, and whether the citizen lets it rest."""
    category, agency, zone = complaint.category, complaint.category.agency, complaint.zone
    due = complaint.ts + int(category.due_h * HOUR_MS)
    work_ms = int(agency.work_ms(rng) * haste)
    closed = max(agency.after(complaint.ts, work_ms, zone), complaint.ts + MINUTE_MS)
    if complaint.solved_at is not None and closed < complaint.solved_at:
        closed = agency.after(complaint.solved_at, int(rng.integers(5, 60)) * MINUTE_MS, zone)
    events = [
        Event(
            request_id, "opened", complaint.ts,
            service_code=category.service_code, lat=complaint.lat, lon=complaint.lon,
            description=_one_of(category.texts, rng).format(place=complaint.place),
            agency_responsible=agency.name, address=f"near {complaint.place}",
            district=complaint.district, expected_datetime=due,
        )
    ]  # fmt: skip
    took = closed - complaint.ts
    assigned = complaint.ts + int(took * rng.uniform(0.05, 0.25))
    events.append(Event(request_id, "updated", assigned, status_notes=f"Taken up by {agency.name}"))
    if rng.random() < SECOND_UPDATE:
        on_site = complaint.ts + int(took * rng.uniform(0.4, 0.8))
        events.append(Event(request_id, "updated", on_site, status_notes="A team is on site"))
    events.append(Event(request_id, "closed", closed, status_notes=_one_of(category.notes, rng)))
    if rng.random() >= RATED:
        return events, True
    in_time = closed <= due
    resolved = bool(rng.random() < (RESOLVED_IN_TIME if in_time else RESOLVED_LATE))
    satisfaction = int(rng.integers(3, 6) if resolved else rng.integers(1, 4)) - (0 if in_time else 1)
    events.append(
        Event(
            request_id,
            "rated",
            HOTLINE.after(closed, HOTLINE.work_ms(rng), zone),
            resolved=resolved,
            satisfaction=max(1, satisfaction),
        )
    )
    return events, resolved


def _one_of(texts: tuple[str, ...], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]
