"""A car park fills up and empties: a bound that was set while the system ran tells so, and a backtest says the same."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import h3
import pytest

from schemas import codec
from tests.contract.wire import Contract
from tests.e2e.city import Message
from tests.e2e.conftest import CityMaker
from tests.e2e.traffic import BEGIN_MS

pytestmark = pytest.mark.e2e

LAT, LON = 31.21, 121.51
CELL = h3.latlng_to_cell(LAT, LON, 9)
MINUTE = 60_000
DUST = '[[threshold]]\nname = "fine dust"\nmetric = "pm25"\nat_least = {warning = 35, major = 75}\n'
FULL = (
    '[[threshold]]\nname = "full"\nmetric = "free_spaces"\nfigure = "least"\nat_most = 0\nhysteresis = 4\n'
    'for = "2m"\n'
)
FREE = {0: 20, 1: 20, 2: 0, 3: 6, 4: 0, 5: 0, 6: 0, 7: 3, 8: 4, 9: 5, 10: 20}
"""By minute. Full from the fourth on; 4 are not enough for its end."""


def car_park(free: Mapping[int, int]) -> Iterator[Message]:
    for minute, spaces in free.items():
        readings = [
            {
                "sensor_id": sensor,
                "kind": "parking",
                "metric": "free_spaces",
                "value": value,
                "ts": BEGIN_MS + minute * MINUTE + 5_000,
                "lat": LAT,
                "lon": LON,
            }
            for sensor, value in (("car-park", spaces), ("another", 100))
        ]
        yield "ub/v1/city/sensors", json.dumps(readings).encode()


def test_a_full_car_park_is_told_by_a_threshold_that_was_set_meanwhile(
    a_city: CityMaker, tmp_path: Path
) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(DUST)
    query = "SELECT * FROM ub.alert WHERE kind = 'threshold'"
    windows = "SELECT count(*) FROM ub.sensor_window"
    with a_city(UB_THRESHOLDS_FILE=str(path)) as city:
        city.start_gateway()
        worker = city.start_worker()
        with city.publisher() as publisher:
            publisher.publish(car_park({minute: FREE[minute] for minute in range(3)}))
            city.eventually(lambda: city.count(windows), 60.0)
            path.write_text(DUST + FULL)
            city.eventually(worker.log.read_text, until=lambda log: "reloaded: capacities " in log)
            publisher.publish(car_park({minute: FREE[minute] for minute in range(3, 8)}))
            [opened] = city.eventually(lambda: city.query(query), 60.0)
            assert (opened["subject"], opened["severity"], opened["status"]) == ("full", "minor", "active")
            assert opened["starts_at"].timestamp() * 1000 == BEGIN_MS + 4 * MINUTE
            assert opened["updated_at"].timestamp() * 1000 == BEGIN_MS + 6 * MINUTE
            [retained] = city.retained(f"ub/v1/alerts/minor/threshold/{CELL}")
            assert codec.alert.decode(retained.payload).alert_id == opened["alert_id"]
            os.kill(city.eventually(worker.children)[0], signal.SIGKILL)
            publisher.publish(car_park({minute: FREE[minute] for minute in range(8, 11)}))
            [over] = city.eventually(lambda: city.query(f"{query} AND status = 'cleared'"), 60.0)
            assert over["ends_at"].timestamp() * 1000 == BEGIN_MS + 9 * MINUTE
        assert len(city.query(query)) == 1
        assert city.retained("ub/v1/alerts/#") == []
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again
        tried = city.run("policy", "backtest", str(path), "--from", "2000-01-01", "--json")
        assert tried.code == 0, tried
        [listed] = [json.loads(line) for line in tried.out.splitlines()]
        assert {name: listed[name] for name in ("alert_id", "status", "starts_at", "ends_at")} == {
            "alert_id": opened["alert_id"],
            "status": "cleared",
            "starts_at": BEGIN_MS + 4 * MINUTE,
            "ends_at": BEGIN_MS + 9 * MINUTE,
        }
        assert "nothing is evaluated up to then" in tried.err
        records = city.alerts_told()
        contract = Contract()
        faults = [contract.kafka_faults(r.topic, r.key, r.headers, r.value) for r in records]
        assert [fault for found in faults for fault in found] == []
