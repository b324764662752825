"""The newest state of sensors, their owners, and which are forgotten."""

from itertools import permutations
from typing import Any

from streams.sensing.state import SensingConfig
from tests.unit.sensing.station import MINUTE, T0, Station, cell, reading


def test_a_row_holds_the_newest_reading_in_the_canonical_unit() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(291.15, 20, unit="K", status="degraded", at=1), reading(12, 10))
    station.checkpoint()
    row = station.rows["s-1", "temperature"]
    received_at, _ = row.pop("received_at"), row.pop("health")
    assert row == {
        "sensor_id": "s-1",
        "metric": "temperature",
        "kind": "weather",
        "owner": "city",
        "partition": 0,
        "ts": T0 + 20_000,
        "value": 18.0,
        "unit": "Cel",
        "status": "degraded",
        "lat": 31.2,
        "lon": 121.5,
        "cell": cell(1),
    }
    assert received_at > T0


def test_of_readings_at_one_ts_the_same_one_wins_in_any_order() -> None:
    tied = [
        reading(10, 5),
        reading(11, 5, status="fault"),
        reading(11, 5, status="ok"),
        reading(11, 5, status="ok", at=1),
        reading(11, 5, status="ok", at=1, lat=31.20001),
    ]
    found = []
    for order in permutations(tied):
        for size in (1, 2, 5):
            station = Station()
            for start in range(0, 5, size):
                station.feed(*order[start : start + size])
                station.checkpoint()
            row = station.rows["s-1", "temperature"]
            found.append((row["value"], row["status"], row["cell"], row["lat"]))
    assert set(found) == {(11.0, "ok", cell(1), 31.20001)}


def test_rows_are_written_only_when_they_changed() -> None:
    station = Station()
    station.feed(reading(10, 5), reading(10, 5, sensor_id="s-2"))
    station.checkpoint()
    station.feed(reading(10, 5), reading(9, 4), reading(8, 6, sensor_id="s-2"))
    [rows] = station.checkpoint().rows
    assert rows.columns["sensor_id"] == ["s-2"]
    station.feed(reading(10, 5))
    assert station.checkpoint().rows == []


def test_a_sensor_belongs_to_its_first_owner_for_all_its_metrics() -> None:
    station = Station()
    theirs: dict[str, Any] = {"owner": "village"}
    station.feed(
        reading(1, 0), reading(2, 1, **theirs), reading(3, 1, "flow", **theirs), reading(4, 2, "flow")
    )
    station.feed(reading(5, 3, "flow", **theirs), reading(6, 3, sensor_id="s-2", **theirs))
    station.checkpoint()
    assert station.reasons() == ["operator_conflict"] * 3
    assert "belongs to owner city" in next(iter(station.refused.values())).detail
    station.crash()
    station.feed(reading(7, 4, **theirs), reading(8, 4, "speed", **theirs), reading(9, 4, sensor_id="s-2"))
    station.checkpoint()
    assert station.reasons() == ["operator_conflict"] * 6
    assert station.books()[0] == 3


def test_what_is_refused_makes_nobody_an_owner() -> None:
    station = Station()
    station.feed(reading(1, 5000))
    station.feed(
        reading(2, 0, sensor_id="s-2", owner="village"), reading(999, 5000, sensor_id="s-3", owner="x")
    )
    station.feed(reading(3, 5001, sensor_id="s-2"), reading(3, 5001, sensor_id="s-3"))
    station.checkpoint()
    assert station.reasons() == ["too_late", "value_out_of_range"]


FEW = SensingConfig(
    window_ms=MINUTE, allowed_lateness_ms=0, amend_horizon_ms=2 * MINUTE, sources=1, most_series=3
)
"""A block of windows is a minute: who is silent for three may be archived."""


def test_beyond_the_most_series_those_longest_silent_are_archived() -> None:
    station = Station(FEW)
    for number in range(4):
        station.feed(reading(number, number, sensor_id=f"s-{number}"))
    station.checkpoint()
    assert len(station.rows) == 4  # not silent for long enough
    station.feed(reading(5, 181, sensor_id="s-1"))
    station.checkpoint()
    assert {key[0] for key in station.rows} == {"s-1", "s-2", "s-3"}
    station.feed(reading(6, 400, sensor_id="s-5"), reading(6, 400, sensor_id="s-6"))
    station.checkpoint()
    assert {key[0] for key in station.rows} == {"s-1", "s-5", "s-6"}


def test_no_more_are_archived_than_are_too_many() -> None:
    station = Station(FEW)
    for number in range(3):
        station.feed(reading(number, number, sensor_id=f"s-{number}"))
    station.feed(reading(3, 9000, sensor_id="s-2"))
    station.checkpoint()
    assert len(station.rows) == 3
    station.feed(reading(3, 9000, sensor_id="s-3"))
    station.checkpoint()
    assert {key[0] for key in station.rows} == {"s-1", "s-2", "s-3"}


def test_an_archived_sensor_comes_back_as_new_and_may_have_another_owner() -> None:
    station = Station(FEW)
    for number in range(4):
        station.feed(reading(number, number, sensor_id=f"s-{number}"))
    station.feed(reading(5, 300, sensor_id="s-3"), reading(5, 300, sensor_id="s-0", owner="village"))
    station.checkpoint()
    assert station.reasons() == ["operator_conflict"]
    station.feed(reading(6, 301, sensor_id="s-0", owner="village"))
    station.checkpoint()
    assert station.reasons() == ["operator_conflict"]
    assert station.rows["s-0", "temperature"]["owner"] == "village"
    assert station.window(5)["readings"] == 2
    assert {key[0] for key in station.rows} == {"s-0", "s-2", "s-3"}


def test_a_series_in_the_row_of_an_archived_one_has_cells_of_its_own() -> None:
    station = Station(FEW)
    for number in range(3):
        station.feed(reading(number, number, sensor_id=f"s-{number}"))
    station.feed(reading(5, 300, sensor_id="s-3", at=1))
    station.feed(reading(7, 301, "flow", sensor_id="s-4"))
    station.checkpoint()
    assert station.window(5, "flow")["total"] == 7_000_000
    assert station.rows["s-4", "flow"]["cell"] == cell(0)


def test_crashes_do_not_change_who_is_archived() -> None:
    def run(*, crash: bool) -> Station:
        station = Station(FEW)
        for step in range(60):
            station.feed(
                reading(step % 7, 25 * step, sensor_id=f"s-{step * step % 11}", owner=f"o-{step % 3}")
            )
            if crash and step % 4 == 0:
                station.crash()
            elif step % 3 == 0:
                station.checkpoint()
        station.checkpoint()
        return station

    calm, stormy = run(crash=False), run(crash=True)
    assert calm.reasons() == stormy.reasons()
    assert calm.rows == stormy.rows
    assert calm.books() == stormy.books()
