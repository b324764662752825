"""Scenarios about trips, through fleet, grid and incidents: what their rides make due is found, and nothing else."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import Positions
from sensors_sim.scenario import Scenario, shipped
from sensors_sim.score.figures import figures
from sensors_sim.score.files import parse_truth
from sensors_sim.score.lives import AlertEvent, lives
from sensors_sim.score.matching import Judged, judge
from sensors_sim.sources.simulated import BIKES, SimulatedCity
from sensors_sim.truth.witness import Witness
from streams import configs, settings, topics
from streams.files.policy import read_policy
from streams.fleet.news import NewsConfig
from streams.fold.contract import Record
from streams.incidents.trips.series import DAY_MS, HOUR_MS
from tests.pipeline import FAR_FUTURE, FLEET, City, frame, restored

POLICY = Path(__file__).parents[4] / "sensors_sim" / "scenarios" / "trips.mds.json"
KINDS = ("too_few_trips", "too_many_trips")
BATCHES = 12
"""Of STEP_MS, so that a minute is one record."""


def judged(scenario: Scenario) -> Judged:
    """Return what became of the trips of a scenario."""
    witness = Witness(scenario, [BIKES])
    told = alerts(scenario, witness)
    truth = parse_truth(msgspec.json.encode(witness.truth().to_dict()), scenario.name).only(KINDS)
    events = [msgspec.json.decode(codec.encode(alert), type=AlertEvent) for alert in told]
    return judge(truth, lives(events))


def alerts(scenario: Scenario, witness: Witness) -> list[Alert]:
    """Return what the pipeline tells of a scenario's trips."""
    config = settings.load(policy_vehicle_types="bicycle")
    policy, findings = read_policy(config, POLICY)
    assert not findings.errors
    news = NewsConfig(trips=configs.trip_areas(policy))
    city = City(1, fleet=replace(FLEET, sources=1, news=news))
    incidents = configs.incidents_fold(config, policy, restored())
    told, heard, readings = [], 0, []
    for number, batch in enumerate(SimulatedCity(scenario, [BIKES], witness).batches(), 1):
        readings += [row for part in batch.parts for row in rows(part)]  # type: ignore[attr-defined]
        if number % BATCHES or not readings:
            continue
        city.feed(0, frame(readings, FAR_FUTURE))
        readings = []
        city.publish(0)
        city.deliver(0)
        city.run_grid()
        for output in (*city.events, *city.cells):
            if output.topic == topics.CELLS:
                incidents.apply(Record(topics.CELLS, 0, heard, output.value, FAR_FUTURE))
                heard += 1
        city.events.clear()
        city.cells.clear()
        told += [
            codec.alert.decode(o.value)
            for o in incidents.take_outputs(at_checkpoint=False)
            if o.topic == topics.ALERTS
        ]
    return [alert for alert in told if alert.kind in KINDS]


def rows(part: Positions) -> list[dict[str, object]]:
    """Return readings as the gateway writes them."""
    return [
        {
            "vehicle_id": vehicle,
            "operator": part.operators[operator],
            "ts": ts,
            "lat": lat,
            "lon": lon,
            "vehicle_state": VEHICLE_STATES[state],
        }
        for vehicle, operator, ts, lat, lon, state in zip(
            *(
                column.tolist()
                for column in (part.vehicle_id, part.operator, part.ts, part.lat, part.lon, part.state)
            ),
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    ("scenario", "kind", "operator"),
    [("idle-fleet", "too_few_trips", "meituan"), ("free-rides", "too_many_trips", "hello")],
)
def test_the_operator_whose_bikes_are_used_too_little_or_too_much_is_found_and_no_other(
    scenario: str, kind: str, operator: str
) -> None:
    result = judged(shipped(scenario).with_(bikes=300))
    found = figures(result)
    assert (found.due, found.recall, found.precision) == (1, 1.0, 1.0), result
    [entry] = [due.entry for due in result.due]
    assert (entry.kind, (entry.subject or "").rpartition("/")[2]) == (kind, operator)
    assert entry.begin > shipped(scenario).start_ms + DAY_MS + HOUR_MS, "silence is judged at first"
    assert found.delay_max_s == 0, result
