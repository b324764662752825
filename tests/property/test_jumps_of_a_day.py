"""Simulated hours: the two bikes that lie about where they are, and nobody else, are told."""

from datetime import timedelta

from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import Positions
from sensors_sim.columns import Columns
from sensors_sim.scenario import Scenario, shipped
from sensors_sim.sources.simulated import SimulatedCity
from sensors_sim.truth.witness import Witness
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import T0
from tests.watched_vehicles import Watched

SHANGHAI = "82309ffffffffff"


def feed(fold: Watched, columns: Columns) -> None:
    """Fold what bikes said in five seconds, and let the region's time go on."""
    for part in columns.parts:  # type: ignore[attr-defined]
        if isinstance(part, Positions) and len(part):
            rows = zip(
                part.vehicle_id.tolist(), part.operator.tolist(), part.ts.tolist(), part.lat.tolist(),
                part.lon.tolist(), part.state.tolist(), strict=True,
            )  # fmt: skip
            fold.feed(
                *(
                    {
                        "vehicle_id": vehicle,
                        "operator": part.operators[operator],
                        "ts": ts,
                        "lat": lat,
                        "lon": lon,
                        "vehicle_state": VEHICLE_STATES[state],
                    }
                    for vehicle, operator, ts, lat, lon, state in rows
                )
            )
            fold.publish()
            fold.time((int(part.ts[-1]) - T0) / 1000, SHANGHAI)


def run(scenario: Scenario) -> tuple[Watched, Witness]:
    witness = Witness(scenario, ["bikes"])
    fold = Watched(NewsConfig(jumps=JumpRule()), VehiclesConfig())
    for columns in SimulatedCity(scenario, ["bikes"], witness).batches():
        feed(fold, columns)
    return fold, witness


def test_two_bikes_with_a_fake_gps_are_found_once_each_and_in_time() -> None:
    fold, witness = run(shipped("fake-gps").with_(bikes=400))
    due = {entry.subject: entry for entry in witness.truth().entries if entry.verdict == "due"}
    raised = [alert for alert in fold.alerts if alert.action == "raised"]
    assert {alert.subject for alert in raised} == set(due) == {"hello-000017", "didi-000042"}
    assert len(raised) == 2
    for alert in raised:
        entry = due[alert.subject]
        assert entry.from_ms <= alert.starts_at < entry.from_ms + 120_000
        assert alert.cell in entry.cells
    assert [alert.action for alert in fold.alerts if alert.subject == "didi-000042"] == [
        "raised",
        "updated",
        "cleared",
    ]


def test_a_quiet_morning_with_riders_and_lorries_raises_nothing() -> None:
    fold, _ = run(shipped("commuter").with_(bikes=400, duration=timedelta(minutes=90)))
    assert fold.alerts == []
