"""A feed in which nothing happens for long, as at night, is not a feed that is silent: one that is gone is."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.city import City

pytestmark = pytest.mark.e2e

T0 = 1_725_235_200
BUSY, QUIET, GONE = 40, 75, 95
"""Minutes: bikes are heard until the first, stand still until the second, and their feed is away until the third."""


def write_polls(folder: Path) -> None:
    """Write a poll a minute of twelve bikes, a third of them heard while it is busy, and of stations that go on."""
    places = [{"station_id": f"{i}", "lat": 59.91 + i / 500, "lon": 10.75} for i in range(5)]
    information = {"last_updated": T0 - 9, "data": {"stations": places}}
    (folder / "station_information.json").write_text(json.dumps(information))
    for minute in range(GONE):
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
            if name == "bikes" and minute >= QUIET:
                continue
            poll = {"last_updated": at, "ttl": 60, "version": "2.3", "data": data}
            (folder / f"{name}-{minute:03d}.json").write_text(json.dumps(poll))


def test_an_operator_whose_bikes_stand_still_is_silent_when_its_feed_is(city: City, tmp_path: Path) -> None:
    write_polls(tmp_path)
    city.start_gateway()
    city.start_worker()
    done = city.run(
        *("sim", "replay", str(tmp_path), "--format", "gbfs", "--owner", "oslo", "--speed", "180", "--quiet"),
        timeout_s=120.0,
    )
    assert done.code == 0, done
    (silent,) = city.eventually(lambda: city.query("SELECT * FROM ub.alert"), 120.0)
    assert (silent["kind"], silent["subject"]) == ("feed_silent", "oslo")
    assert silent["starts_at"] > datetime.fromtimestamp(T0 + 60 * (QUIET - 6), UTC)
