"""A feed that gives every bike a new id at each poll, for a day: what the fleet keeps of it stays bounded.

Old ids are never heard of again. They are missing after `stale_after`, forgotten an `amend_horizon` later; and where
`stale_after` is long (45 days as it comes) the most vehicles of a partition end them early.

`ROTATED_IDS=10000000` makes it a city of 7,000 bikes; what that takes is in docs/chaos.md.
"""

import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from sys import getsizeof
from types import FunctionType, ModuleType

import msgspec
import numpy as np
import pytest

from schemas import codec
from streams import topics
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from tests.pipeline import T0, restored
from tests.unit.fleet.road import CELLS, CONFIG

DAY_S, POLL_S = 86_400, 60
POLLS = DAY_S // POLL_S
BIKES = int(os.environ.get("ROTATED_IDS", "300000")) // POLLS
EXPIRES = replace(CONFIG, stale_after_ms=3_600_000, amend_horizon_ms=600_000)
CROWDED = replace(EXPIRES, stale_after_ms=45 * DAY_S * 1000, most_vehicles=100 * BIKES)
DUE_IN_MS = EXPIRES.stale_after_ms + EXPIRES.amend_horizon_ms + EXPIRES.allowed_lateness_ms
ON_THE_WAY_OUT = (EXPIRES.amend_horizon_ms + EXPIRES.allowed_lateness_ms) // (POLL_S * 1000) + 2
"""Polls whose ids are missing already and not yet forgotten, or for which the watermark has not come."""


@dataclass(slots=True)
class Kept:
    """What the tables and the checkpoint hold, and how much of each at every poll."""

    rows: set[str] = field(default_factory=set)
    parts: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    in_the_city: dict[tuple[str, str], int] = field(default_factory=dict)
    row_series: list[int] = field(default_factory=list)
    part_series: list[int] = field(default_factory=list)
    part_bytes: list[int] = field(default_factory=list)
    city_series: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def polls() -> Iterator[bytes]:
    """Yield a frame a poll: all bikes where they stood, a few elsewhere, none under an id of before."""
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(31.20, 31.26, BIKES), rng.uniform(121.44, 121.50, BIKES)
    for poll in range(POLLS):
        moved = rng.integers(BIKES, size=1 + BIKES // 50)
        lat[moved], lon[moved] = (
            rng.uniform(31.20, 31.26, len(moved)),
            rng.uniform(121.44, 121.50, len(moved)),
        )
        ts = T0 + poll * POLL_S * 1000
        yield msgspec.json.encode(
            {
                "vehicle_id": [f"{poll:04x}-{bike:04x}-{poll * BIKES + bike:012x}" for bike in range(BIKES)],
                "operator": "north",
                "ts": [ts] * BIKES,
                "lat": lat.tolist(),
                "lon": lon.tolist(),
                "received_at": ts,
            }
        )


def a_day(config: FleetConfig) -> tuple[FleetState, Kept]:
    """Fold a day of polls with a checkpoint after each."""
    fold, kept = FleetState(config, CELLS, restored()), Kept()
    for offset, value in enumerate(polls()):
        fold.apply(Record(topics.VEHICLES, 0, offset, value, T0))
        checkpoint(fold, kept)
        if offset % (POLLS // 24) == 0:
            kept.memory.append(reachable_bytes(fold))
    return fold, kept


def checkpoint(fold: FleetState, kept: Kept) -> None:
    for output in fold.take_outputs(at_checkpoint=True):
        if output.topic == topics.PARTIALS:
            now = codec.fleet_partial.decode(output.value).now
            kept.in_the_city |= dict(
                zip(zip(now.cell, now.operator, strict=True), now.available, strict=True)
            )
        else:
            assert output.topic == topics.VEHICLE_EVENTS
            kept.missing += 1
    changes = fold.take_changes()
    for name, part in changes.parts.items():
        if part is None:
            kept.parts.pop(name)
        else:
            kept.parts[name] = len(part)
    for rows in sorted(changes.rows, key=lambda rows: not rows.delete):
        if rows.table == "vehicle_state":
            (kept.rows.difference_update if rows.delete else kept.rows.update)(rows.columns["vehicle_id"])
    kept.row_series.append(len(kept.rows))
    kept.part_series.append(len(kept.parts))
    kept.part_bytes.append(sum(kept.parts.values()))
    kept.city_series.append(sum(kept.in_the_city.values()))


def reachable_bytes(root: object) -> int:
    """Return the size of all that an object holds, arrays and strings included; code is not counted."""
    seen, waiting, total = {id(root)}, [root], 0
    while waiting:
        found = waiting.pop()
        total += getsizeof(found)
        inside = gc.get_referents(found)
        if isinstance(found, np.ndarray) and found.base is not None:
            inside = [*inside, found.base]
        for inner in inside:
            if id(inner) not in seen and not isinstance(inner, type | ModuleType | FunctionType):
                seen.add(id(inner))
                waiting.append(inner)
    return total


@pytest.mark.parametrize("config", [EXPIRES, CROWDED], ids=["by stale_after", "by the most vehicles"])
def test_a_day_of_ids_that_rotate_at_every_poll_is_kept_within_bounds(config: FleetConfig) -> None:
    fold, kept = a_day(config)
    assert fold.ledger.applied == fold.ledger.received == POLLS * BIKES
    most_polls = DUE_IN_MS // (POLL_S * 1000) + 2 if config is EXPIRES else 100 + ON_THE_WAY_OUT
    assert max(kept.row_series) <= most_polls * BIKES
    assert min(kept.row_series[most_polls:]) >= 0.7 * max(kept.row_series), "nobody goes before the time"
    assert kept.missing >= POLLS * BIKES - most_polls * BIKES
    assert max(kept.city_series) <= most_polls * BIKES
    assert max(kept.part_series) <= ON_THE_WAY_OUT + 3
    half = POLLS // 2
    assert max(kept.part_bytes[half:]) <= 1.1 * max(kept.part_bytes[:half])
    assert max(kept.memory[12:]) <= 1.1 * max(kept.memory[:12])
