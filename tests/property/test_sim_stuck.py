"""The truth about sensors that are stuck, against the detector that it is written for: it shares no code with it."""

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import pytest

from sensors_sim.events.ailing import SensorStuck
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sources.simulated import SimulatedCity
from sensors_sim.truth.entry import Truth
from sensors_sim.truth.witness import Witness
from tests.unit.sensing.station import Station

H = 3_600.0
KINDS = {"parking": 12, "traffic": 12, "air": 2, "noise": 3, "crowd": 6, "waste": 3, "water": 3, "heating": 3}
START = datetime(2026, 5, 12, 6, 13)


def a_day(seed: int) -> Scenario:
    """Half of the sensors of each kind are stuck at some time, many twice."""
    rng = np.random.default_rng(seed)
    events = []
    for kind, count in KINDS.items():
        for number in range(0, count, 2):
            for begins in sorted(rng.uniform(1 * H, 16 * H, 2).tolist()):
                lasts = float(rng.uniform(0.5 * H, 5 * H))
                events.append(SensorStuck((f"{kind}-{number:05d}",), round(begins), round(lasts)))
    return Scenario(
        "stuck", "", START, timedelta(hours=20), seed=seed, bikes=1, sensors=KINDS, events=tuple(events)
    )


def lived(city: Scenario) -> tuple[Truth, dict[str | None, list[int]]]:
    """Return the truth, and by sensor the times at which the detector said that it is stuck, once for each run."""
    witness, station = Witness(city, list(KINDS)), Station()
    told: dict[str | None, dict[int, int]] = defaultdict(dict)
    fed: list[dict[str, object]] = []
    for batch in SimulatedCity(city, list(KINDS), witness).batches():
        parts = [part for part in batch.parts if isinstance(part, Readings)]  # type: ignore[attr-defined]
        fed += [row for part in parts for row in rows(part)]
        if not fed:
            continue
        station.feed(*fed)
        fed = []
        for partial in station.tell():
            health = partial.health
            if health is None:
                continue
            for name, since, last in zip(health.sensor_id, health.stuck_since, health.last_ts, strict=True):
                if since:
                    told[name].setdefault(since, last)
    return witness.truth(), defaultdict(list, {name: list(of.values()) for name, of in told.items()})


def rows(part: Readings) -> list[dict[str, object]]:
    table = part.sensors
    return [
        {
            "sensor_id": table.sensor_id[sensor],
            "kind": table.kind,
            "metric": table.metrics[metric],
            "value": value,
            "ts": ts,
            "lat": float(table.lat[sensor]),
            "lon": float(table.lon[sensor]),
            "owner": table.owner,
        }
        for sensor, metric, value, ts in zip(
            part.sensor.tolist(), part.metric.tolist(), part.value.tolist(), part.ts.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize("seed", [1, 3])
def test_what_is_due_is_detected_and_nothing_else_but_what_is_tolerated(seed: int) -> None:
    truth, told = lived(a_day(seed))
    stuck = [entry for entry in truth.entries if entry.kind == "sensor_stuck"]
    due = [entry for entry in stuck if entry.verdict == "due"]
    assert {entry.population for entry in due} >= {"parking", "traffic", "noise", "crowd"}
    missed = [
        entry for entry in due if not any(entry.from_ms <= at <= entry.to_ms for at in told[entry.subject])
    ]
    assert missed == []
    false = [
        (name, at)
        for name, times in told.items()
        for at in times
        if not any(entry.subject == name and entry.from_ms <= at <= entry.to_ms for entry in stuck)
    ]
    assert false == []
