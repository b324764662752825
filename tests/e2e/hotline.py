"""A city's hotline for some weeks: events in the lives of requests, and each request as it must end up."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import h3

from tests.e2e.city import Message
from tests.e2e.traffic import BEGIN_MS

OWNER = "hotline"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

DISTRICTS = {"西区": (121.40, 121.45), "东区": (121.45, 121.50)}
"""Two districts beside each other, from longitude to longitude; nothing east of them."""
_SOUTH, _NORTH = 31.20, 31.25
_CODES = ("heating", "noise", "street_light")
_AGENCIES = ("heat", "police", "roads")

Event = dict[str, Any]


@dataclass(slots=True)
class Case:
    """One request: the row that must become of it, and its events in order."""

    row: dict[str, Any]
    events: list[Event] = field(default_factory=list)

    @property
    def cell(self) -> str:
        return str(h3.latlng_to_cell(self.row["lat"], self.row["lon"], 9))


def districts_file() -> str:
    """Return GeoJSON for UB_DISTRICTS_FILE."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, _SOUTH], [e, _SOUTH], [e, _NORTH], [w, _NORTH], [w, _SOUTH]]],
            },
        }
        for name, (w, e) in DISTRICTS.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def cases(seed: int, count: int, days: int) -> list[Case]:
    """Return `count` requests, opened within `days`."""
    rng = random.Random(seed)
    places = [
        (round(rng.uniform(_SOUTH, _NORTH), 6), round(rng.uniform(121.40, 121.52), 6)) for _ in range(15)
    ]
    return [_case(f"r-{number}", rng, rng.choice(places), days * DAY_MS) for number in range(count)]


def _case(name: str, rng: random.Random, place: tuple[float, float], span_ms: int) -> Case:
    kind = rng.randrange(3)
    ts = BEGIN_MS + rng.randrange(span_ms)
    named = rng.choice([None, None, "别的区"])
    due = rng.choice([None, ts + rng.randrange(HOUR_MS, 5 * DAY_MS)])
    nothing = ("closed_at", "satisfaction", "resolved", "rated_at")
    case = Case(
        {
            "service_request_id": name,
            "status": "open",
            "service_code": _CODES[kind],
            "agency_responsible": _AGENCIES[kind],
            "district": named or _district(place[1]),
            "lat": place[0],
            "lon": place[1],
            "expected_datetime": due,
            "reopened": 0,
            **dict.fromkeys(nothing),
        }
    )
    opening: Event = {"service_code": _CODES[kind], "lat": place[0], "lon": place[1]}
    opening |= {"agency_responsible": _AGENCIES[kind], "description": f"请求 {name}"}
    opening |= {"district": named} if named else {}
    opening |= {"expected_datetime": due} if due else {}
    _say(case, "opened", ts, **opening)
    case.row |= {"opened_at": ts, "first_opened_at": ts}
    if rng.random() < 0.3:
        agency = rng.choice(_AGENCIES)
        case.row["agency_responsible"] = agency
        ts = _say(case, "updated", ts + rng.randrange(1, DAY_MS), agency_responsible=agency)
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        if case.row["status"] == "closed":
            ts = _say(case, "opened", ts + rng.randrange(1, DAY_MS), **opening)
            case.row |= {"status": "open", "opened_at": ts, "closed_at": None}
            case.row |= {"reopened": case.row["reopened"] + 1, "agency_responsible": _AGENCIES[kind]}
        ts = _say(case, "closed", ts + rng.randrange(1, 3 * DAY_MS), status_notes="done")
        case.row |= {"status": "closed", "closed_at": ts}
    if case.row["status"] == "closed" and rng.random() < 0.6:
        said = {"satisfaction": rng.randint(1, 5)} | rng.choice([{}, {"resolved": rng.random() < 0.7}])
        ts = _say(case, "rated", ts + rng.randrange(1, DAY_MS), **said)
        case.row |= {**said, "rated_at": ts}
    case.row["updated_at"] = ts
    return case


def _say(case: Case, kind: str, ts: int, **more: Any) -> int:
    case.events.append(
        {"service_request_id": case.row["service_request_id"], "event": kind, "ts": ts, **more}
    )
    return ts


def _district(lon: float) -> str | None:
    return next((name for name, (west, east) in DISTRICTS.items() if west <= lon <= east), None)


def in_order(all_cases: Sequence[Case]) -> list[Event]:
    """Return all events by time."""
    return sorted((event for case in all_cases for event in case.events), key=lambda event: event["ts"])


def arrays(events: Sequence[Event], owner: str = OWNER, size: int = 40) -> Iterator[Message]:
    """Yield messages of up to `size` events."""
    for first in range(0, len(events), size):
        yield f"ub/v1/{owner}/requests", json.dumps(events[first : first + size]).encode()
