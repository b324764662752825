"""The citizens' requests that the requests contestant folds: a seeded hotline, in the order in which events arrive.

Every request is opened; most are updated and closed, many are rated, some have a date that they miss. Events come up to
LATEST_MS late, a few of them minutes later, and some come twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import batched

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.requests import CitizenRequest, RequestEventType, RequestFrame
from tests.bench.frames import Frame
from tests.bench.workload import LATEST_MS, OPERATORS, T0_MS, somewhere

EVENTS_A_SECOND = 10
"""Of event time."""
CATEGORIES = 20
EVENTS: tuple[RequestEventType, ...] = ("opened", "updated", "closed", "rated")

_UPDATED, _CLOSED, _RATED, _RESOLVED, _DUE = 0.7, 0.85, 0.5, 0.7, 0.6
_HOUR_MS = 3_600_000
_VERY_LATE, _VERY_LATE_MS = 0.02, 300_000
_TWICE = 0.01
_EVENTS_A_REQUEST = 1 + _UPDATED + _CLOSED * (1 + _RATED)
NEVER = np.iinfo(np.int64).max

_encode = msgspec.json.Encoder(order=None).encode


@dataclass(frozen=True, slots=True)
class Hotline:
    """How many events, in frames of what size, in cells of which resolution."""

    events: int = 150_000
    frame: int = 500
    resolution: int = 9
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Lives:
    """Columns of n requests; times in milliseconds, NEVER where there is none."""

    at: NDArray[np.int64]
    """Shape (4, n): when it was opened, updated, closed and rated."""
    due: NDArray[np.int64]
    category: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    satisfaction: NDArray[np.int64]
    resolved: NDArray[np.bool_]


@lru_cache(maxsize=1)
def lives_of(hotline: Hotline) -> Lives:
    """Return the requests; the same arguments give the same. What lies beyond the end never happens."""
    rng = np.random.default_rng(hotline.seed)
    n = max(1, round(hotline.events / _EVENTS_A_REQUEST))
    end = T0_MS + hotline.events * 1000 // EVENTS_A_SECOND
    opened = np.sort(rng.integers(T0_MS, end, n))
    took = rng.exponential(_HOUR_MS, n).astype(np.int64) + 60_000
    closed = np.where(rng.random(n) < _CLOSED, opened + took, NEVER)
    updated = np.where(rng.random(n) < _UPDATED, opened + took // 2, NEVER)
    later = rng.integers(1, _HOUR_MS, n)
    rated = np.where((closed < end) & (rng.random(n) < _RATED), np.minimum(closed, end) + later, NEVER)
    at = np.stack((opened, updated, closed, rated))
    at[at >= end] = NEVER
    due = np.where(rng.random(n) < _DUE, opened + rng.integers(60_000, 2 * _HOUR_MS, n), NEVER)
    lat, lon = somewhere(rng, n)
    return Lives(
        at,
        due,
        rng.integers(0, CATEGORIES, n),
        lat.round(6),
        lon.round(6),
        rng.integers(1, 6, n),
        rng.random(n) < _RESOLVED,
    )


def request_id(number: int) -> str:
    """Return the id of a request."""
    return f"sr-{number:07d}"


def category(number: int) -> str:
    """Return a service_code."""
    return f"category-{number:02d}"


def frames_of(hotline: Hotline) -> Iterator[Frame]:
    """Yield the frames in order of arrival."""
    lives, rng = lives_of(hotline), np.random.default_rng(hotline.seed + 1)
    kind, number = np.nonzero(lives.at < NEVER)
    late = rng.integers(0, LATEST_MS, len(kind))
    late += np.where(rng.random(len(kind)) < _VERY_LATE, rng.integers(0, _VERY_LATE_MS, len(kind)), 0)
    again = np.flatnonzero(rng.random(len(kind)) < _TWICE)
    take = np.concatenate((np.arange(len(kind)), again))
    arrival = np.concatenate((lives.at[kind, number] + late, (lives.at[kind, number] + late)[again] + 60_000))
    order = np.argsort(arrival, kind="stable")
    arrived = zip(
        kind[take[order]].tolist(), number[take[order]].tolist(), arrival[order].tolist(), strict=True
    )
    for some in batched(arrived, hotline.frame):
        received_at = some[-1][2]
        events = [_event(lives, kind, number) for kind, number, _ in some]
        yield Frame(0, _encode(RequestFrame(events, received_at)), received_at, len(events))


def _event(lives: Lives, kind: int, number: int) -> CitizenRequest:
    common = {
        "service_request_id": request_id(number),
        "event": EVENTS[kind],
        "ts": int(lives.at[kind, number]),
        "owner": OPERATORS[number % len(OPERATORS)],
    }
    match EVENTS[kind]:
        case "opened":
            due = int(lives.due[number])
            return CitizenRequest(
                **common,
                service_code=category(int(lives.category[number])),
                lat=float(lives.lat[number]),
                lon=float(lives.lon[number]),
                description=f"Number {number}: the light in front of the house has been dark since last night.",
                agency_responsible=f"Agency {number % 7}",
                address=f"{number % 500} Century Avenue",
                expected_datetime=None if due == NEVER else due,
            )
        case "rated":
            return CitizenRequest(
                **common,
                satisfaction=int(lives.satisfaction[number]),
                resolved=bool(lives.resolved[number]),
            )
        case _:
            return CitizenRequest(**common, status_notes="A crew is on its way." if kind == 1 else "Done.")
