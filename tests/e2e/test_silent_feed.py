"""Most sensors of an owner fall silent: one alert of the feed, and `alerts replay` shows how it came about."""

import json
from collections.abc import Iterable, Iterator

import pytest

from tests.e2e.city import Message
from tests.e2e.conftest import CityMaker
from tests.e2e.traffic import BEGIN_MS

pytestmark = pytest.mark.e2e

SENSORS = tuple(f"noise-{number}" for number in range(5))


def readings(minutes: Iterable[int], sensors: Iterable[str]) -> Iterator[Message]:
    """Yield an array a minute, with a reading of each sensor."""
    names = list(sensors)
    for minute in minutes:
        said = [
            {
                "sensor_id": name,
                "kind": "noise",
                "metric": "laeq",
                "value": 50.0 + minute % 13,
                "ts": BEGIN_MS + minute * 60_000 + 5_000,
                "lat": 31.21,
                "lon": 121.51,
            }
            for name in names
        ]
        yield "ub/v1/city/sensors", json.dumps(said).encode()


def test_a_feed_of_which_one_sensor_goes_on_is_one_alert_that_can_be_replayed(a_city: CityMaker) -> None:
    with a_city(UB_IDLE_TIMEOUT_S="1") as city:
        city.start_gateway()
        city.start_worker()
        with city.publisher() as publisher:
            publisher.publish(readings(range(40), SENSORS))
            city.eventually(
                lambda: city.count("SELECT count(*) FROM ub.sensor_window"), 60.0, until=lambda n: n >= 39
            )
            publisher.publish(readings(range(40, 70), SENSORS[4:]))
            [opened] = city.eventually(lambda: city.query("SELECT * FROM ub.alert"), 60.0)
            assert (opened["kind"], opened["subject"], opened["status"]) == ("feed_silent", "city", "active")
            health = opened["evidence"]["health"]
            assert (health["sensors"], health["of"], health["heard"]) == (4, 5, [SENSORS[4]])
            publisher.publish(readings(range(70, 75), SENSORS))
            city.eventually(lambda: city.query("SELECT * FROM ub.alert WHERE status = 'cleared'"), 60.0)
        assert city.count("SELECT count(*) FROM ub.alert") == 1
        again = city.run("alerts", "replay", opened["alert_id"])
        assert again.code == 0, again
        assert "2 events with the same evidence" in again.out
        assert "4 of 5 sensors silent" in again.out
        other = city.run("alerts", "replay", opened["alert_id"], settings={"UB_FEED_SILENT_SHARE": "0.9"})
        assert other.code == 2, other
        assert "UB_FEED_SILENT_SHARE" in other.err
        off = city.run("alerts", "replay", opened["alert_id"], settings={"UB_SENSOR_HEALTH": "false"})
        assert off.code == 2, off
        assert off.err.startswith("cannot replay: no rule evaluates feed_silent city"), off
        assert "threshold" not in off.out  # no table without a row
