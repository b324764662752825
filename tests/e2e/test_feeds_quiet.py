"""A feed in which nothing happens for long, as at night, is not a feed that is silent."""

import json
from pathlib import Path

import pytest

from tests.e2e.city import City
from tests.e2e.tables import ledger

pytestmark = pytest.mark.e2e

T0 = 1_725_235_200
MINUTES, BUSY = 75, 40


def write_polls(folder: Path) -> None:
    """Write a poll a minute: twelve bikes, a third of which are heard until the minute BUSY, and stations that go on."""
    places = [{"station_id": f"{i}", "lat": 59.91 + i / 500, "lon": 10.75} for i in range(5)]
    information = {"last_updated": T0 - 9, "data": {"stations": places}}
    (folder / "station_information.json").write_text(json.dumps(information))
    for minute in range(MINUTES):
        at = T0 + 60 * minute
        heard = T0 + 60 * min(minute, BUSY) - 5
        bikes = [
            {"bike_id": f"{i}", "lat": 59.91 + i / 500, "lon": 10.75, "last_reported": heard if i % 3 == 0 else T0 - 5}
            for i in range(12)
        ]  # fmt: skip
        stations = [
            {"station_id": f"{i}", "num_bikes_available": (minute + i) % 9, "last_reported": at - 3}
            for i in range(5)
        ]
        for name, data in (("bikes", {"bikes": bikes}), ("status", {"stations": stations})):
            poll = {"last_updated": at, "ttl": 60, "version": "2.3", "data": data}
            (folder / f"{name}-{minute:03d}.json").write_text(json.dumps(poll))


def test_an_operator_whose_bikes_all_stand_still_is_not_silent(city: City, tmp_path: Path) -> None:
    write_polls(tmp_path)
    city.start_gateway()
    city.start_worker()
    done = city.run(
        *("sim", "replay", str(tmp_path), "--format", "gbfs", "--owner", "oslo"),
        *("--speed", "180", "--json", "--quiet"),
        timeout_s=120.0,
    )
    assert done.code == 0, done
    sent = json.loads(done.out)["sent"]
    for stage, about in (("fleet", "vehicles"), ("sensing", "sensors")):
        city.eventually(
            lambda s=stage: ledger(city, s)["received"], 120.0, until=lambda n, due=sent[about]: n == due
        )
    city.eventually(
        lambda: city.count("SELECT count(DISTINCT window_start) FROM ub.sensor_window"),
        60.0,
        until=lambda n: n >= MINUTES - 1,
    )
    assert city.query("SELECT kind, subject, summary FROM ub.alert") == []
