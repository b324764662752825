"""Checkpoints that the code of 27 November stored are read: every part, and what was open stays so.

`earlier/state.json.gz` has a few parts of each form, of a running city with alerts of thirteen kinds, and those alerts;
the files beside it are the policy and the thresholds that they came from. Parts that say nothing without rows of a
table (readings of sensors in windows) are not among them.
"""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas import codec
from streams.configs import grid_config, incidents_fold, requests_config, sensing_config
from streams.files.policy import load_policy
from streams.fold.contract import Fold, Restored
from streams.grid import locate
from streams.grid.state import GridState
from streams.incidents.state import IncidentsState
from streams.rejects.state import RejectsState
from streams.requests.districts import Districts
from streams.requests.state import RequestsState
from streams.sensing.state import SensingState
from streams.settings import Settings
from streams.topics import MQTT_OPEN_ALERTS
from tests.pipeline import restored
from tests.unit.fleet.road import CELLS, CONFIG, FleetState

EARLIER = Path(__file__).parent / "earlier"
STATE = json.loads(gzip.decompress((EARLIER / "state.json.gz").read_bytes()))
LOCATOR = locate.Locator(9, 2)
SETTINGS = Settings(
    policy_file=EARLIER / "policy.json",
    thresholds_file=EARLIER / "thresholds.toml",
    timezone="Asia/Shanghai",
    default_capacity=10,
    low_battery_percent=14,
    anomaly_detector="records,spatial,multivariate",
    hot_spot_raise_at=8,
)


def parts(stage: str) -> dict[str, bytes]:
    return {name: base64.b64decode(data) for name, data in STATE["parts"][stage].items()}


def incidents(start: Restored) -> IncidentsState:
    return incidents_fold(SETTINGS, load_policy(SETTINGS), start)


FOLDS: dict[str, Callable[[Restored], Fold]] = {
    "fleet": lambda start: FleetState(CONFIG, CELLS, start),
    "sensing": lambda start: SensingState(sensing_config(SETTINGS), LOCATOR, start),
    "requests": lambda start: RequestsState(requests_config(SETTINGS), LOCATOR, Districts(), start),
    "grid": lambda start: GridState(grid_config(SETTINGS), locate.geometry_row, start),
    "incidents": incidents,
    "rejects": RejectsState,
}


@pytest.mark.parametrize("stage", FOLDS)
def test_every_part_is_read(stage: str) -> None:
    assert parts(stage)
    FOLDS[stage](restored(offset=100, parts=parts(stage)))


def test_what_was_open_is_open() -> None:
    retained = incidents(restored(offset=100, parts=parts("incidents"))).retained()
    told = [payloads for topic, payloads in retained.items() if topic.startswith(f"{MQTT_OPEN_ALERTS}/")]
    alerts = [codec.alert.decode(payload) for (payload,) in told]
    assert {alert.alert_id: [alert.kind, alert.severity] for alert in alerts} == STATE["open"]
    assert len({alert.kind for alert in alerts}) == 13


def test_the_next_owner_reads_what_this_one_stores() -> None:
    first = incidents(restored(offset=100, parts=parts("incidents")))
    changed = first.take_changes().parts
    stored = {name: data for name, data in (parts("incidents") | changed).items() if data is not None}
    second = incidents(restored(offset=100, parts=stored))
    assert second.retained() == first.retained()
