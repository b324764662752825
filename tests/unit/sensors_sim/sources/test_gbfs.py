"""GBFS: what is new in a poll, when it was measured, and what real feeds do."""

import json
from pathlib import Path
from typing import Any

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report
from sensors_sim.sources.files import Document
from sensors_sim.sources.gbfs import GbfsFiles, GbfsReader
from sensors_sim.sources.gbfs_reference import Station
from sensors_sim.sources.polls import poll
from sensors_sim.told import Position, Reading, Row
from tests.realdata import real_file
from tests.unit.sensors_sim.sources.feed_samples import OSLO, T0, envelope, vehicle, vehicles_feed


class Feed:
    """A reader that is fed polls; times are seconds since T0."""

    def __init__(self, version: str = "2.3", owner: str | None = "oslo") -> None:
        self.report = Report()
        self.version = version
        self.reader = GbfsReader(self.report, owner)
        self.reader.reference.types["s"] = "scooter_standing"

    def say(self, at: int, *rows: dict[str, Any]) -> list[tuple[str, int, str]]:
        """Return id, time and state of what a poll of these vehicles tells."""
        told = self.document(vehicles_feed(self.version, list(rows), T0 + at))
        return [
            (row.vehicle_id, row.ts // 1000 - T0, row.vehicle_state)
            for row in told
            if isinstance(row, Position)
        ]

    def document(self, body: dict[str, Any]) -> list[Row]:
        found = poll(Document("poll", json.dumps(body).encode()), self.report)
        assert found is not None
        return [row for part in self.reader.read(found).parts for row in part.row.tolist()]  # type: ignore[attr-defined]

    def bike(self, reported: int, number: int = 1, **more: Any) -> dict[str, Any]:
        return vehicle(self.version, number, OSLO, T0 + reported, **more)


def test_a_vehicle_is_told_with_the_time_at_which_it_reported() -> None:
    feed = Feed()
    feed.say(0, feed.bike(-30), feed.bike(-30, 2))
    assert feed.say(100, feed.bike(70), feed.bike(40, 2)) == [
        (feed_id(2), 40, "available"),
        (feed_id(1), 70, "available"),
    ]


def test_an_id_that_was_not_in_the_poll_before_is_there_since_its_poll() -> None:
    """Until then the id that it replaces stood there, or what a run before said of it."""
    feed = Feed()
    assert feed.say(0, feed.bike(-20)) == [(feed_id(1), 0, "available")]
    assert feed.say(60, feed.bike(50, 2)) == [(feed_id(1), 60, "removed"), (feed_id(2), 60, "available")]


def feed_id(number: int) -> str:
    (told,) = Feed().say(0, vehicle("2.3", number, OSLO, T0))
    return told[0]


def test_an_id_that_mqtt_cannot_carry_has_a_digest_that_stays_the_same() -> None:
    assert feed_id(1) == feed_id(1) != feed_id(2)
    assert feed_id(1).startswith("oslo-")
    feed = Feed()
    (told,) = feed.say(0, feed.bike(0, bike_id="b7e2-4456"))
    assert told[0] == "oslo-b7e2-4456"


def test_what_a_vehicle_said_already_is_not_told_again() -> None:
    feed = Feed()
    assert len(feed.say(0, feed.bike(-10))) == 1
    assert feed.say(60, feed.bike(-10)) == []
    assert dict(feed.report.skipped) == {"repeat": 1}
    assert feed.say(120, feed.bike(90)) == [(feed_id(1), 90, "available")]


def test_a_feed_in_which_nothing_changes_is_heard_every_five_minutes() -> None:
    feed = Feed()
    standing = [feed.bike(-10), feed.bike(-90, 2, is_reserved=True), feed.bike(-50, 3)]
    told = [feed.say(at, *standing) for at in range(0, 960, 60)]
    assert len(told[0]) == 3
    assert [said for said in told[1:] if said] == [
        [(feed_id(1), 300, "available")],
        [(feed_id(1), 600, "available")],
        [(feed_id(1), 900, "available")],
    ]
    assert feed.report.noted["told_again"] == 3
    assert feed.say(960, feed.bike(880), *standing[1:]) == [(feed_id(1), 960, "available")]
    assert feed.say(1_020, feed.bike(970), *standing[1:]) == [(feed_id(1), 970, "available")]


def test_a_feed_that_stands_still_is_not_heard() -> None:
    feed = Feed()
    assert [len(feed.say(0, feed.bike(-400))) for _ in range(10)] == [1, *9 * [0]]


def test_a_change_without_a_newer_time_is_dated_by_its_poll() -> None:
    feed = Feed()
    feed.say(0, feed.bike(-10))
    assert feed.say(60, feed.bike(-10, is_reserved=True)) == [(feed_id(1), 60, "reserved")]
    assert feed.say(120, feed.bike(-10, is_reserved=True)) == []
    assert dict(feed.report.noted) == {"dated_by_its_poll": 1}


def test_a_late_report_from_before_a_change_that_is_told_does_not_go_back_in_time() -> None:
    feed = Feed()
    feed.say(0, feed.bike(-10))
    feed.say(60, feed.bike(-10, is_reserved=True))
    assert feed.say(120, feed.bike(55, is_reserved=False)) == [(feed_id(1), 120, "available")]


def test_a_vehicle_that_comes_back_with_an_old_time_is_there_since_its_poll() -> None:
    feed = Feed()
    feed.say(0, feed.bike(-10), feed.bike(-10, 2))
    feed.say(60, feed.bike(50))
    assert feed.say(120, feed.bike(50), feed.bike(-10, 2)) == [(feed_id(2), 120, "available")]


def test_a_clock_that_runs_ahead_is_set_back_to_the_poll() -> None:
    feed = Feed()
    assert feed.say(0, feed.bike(3)) == [(feed_id(1), 0, "available")]
    assert feed.say(60, feed.bike(3)) == []
    assert feed.say(120, feed.bike(123)) == [(feed_id(1), 120, "available")]
    assert dict(feed.report.noted) == {"ahead_of_its_poll": 2}


def test_a_row_an_hour_old_is_told_with_its_own_time_and_counted() -> None:
    feed = Feed()
    feed.say(-7200, feed.bike(-7200), feed.bike(-7200, 2), feed.bike(-7200, 3))
    assert feed.say(0, feed.bike(-3600), feed.bike(-600, 2), feed.bike(-9, 3)) == [
        (feed_id(1), -3600, "available"),
        (feed_id(2), -600, "available"),
        (feed_id(3), -9, "available"),
    ]
    assert dict(feed.report.noted) == {"stale": 1}


def test_without_times_of_their_own_all_vehicles_are_as_new_as_the_poll() -> None:
    feed = Feed("1.1")
    assert feed.say(0, feed.bike(0)) == [(feed_id(1), 0, "available")]
    assert feed.say(60, feed.bike(0)) == [(feed_id(1), 60, "available")]
    assert feed.say(60, feed.bike(0)) == []


@pytest.mark.parametrize("never", [0, -1, 86_400, "", None, "never"])
def test_a_vehicle_that_never_reported_is_as_new_as_the_poll(never: object) -> None:
    feed = Feed()
    assert feed.say(0, feed.bike(0, last_reported=never)) == [(feed_id(1), 0, "available")]


def test_a_poll_older_than_the_one_before_tells_nothing() -> None:
    feed = Feed()
    feed.say(60, feed.bike(50))
    assert feed.say(0, feed.bike(-10)) == []
    assert dict(feed.report.skipped) == {"poll_older_than_the_one_before": 1}


def test_a_poll_of_stations_older_than_one_of_vehicles_is_told_after_it() -> None:
    feed = Feed()
    feed.reader.reference.stations["7"] = Station(OSLO, None)
    status = {"stations": [{"station_id": "7", "num_docks_available": 1}]}
    told = []
    for body in (vehicles_feed("2.3", [feed.bike(50)], T0 + 60), envelope("2.3", T0, status)):
        found = poll(Document("poll", json.dumps(body).encode()), feed.report)
        assert found is not None
        told.append(feed.reader.read(found))
    assert [batch.ts.tolist() for batch in told] == [[(T0 + 60) * 1000], [(T0 + 60) * 1000]]
    assert told[1].parts[0].row[0].ts == T0 * 1000  # type: ignore[attr-defined]


def test_a_vehicle_that_leaves_the_feed_is_removed_once_and_stands_again_when_it_is_back() -> None:
    feed = Feed()
    feed.say(0, feed.bike(0), feed.bike(0, 2))
    assert feed.say(60, feed.bike(0)) == [(feed_id(2), 60, "removed")]
    assert feed.report.figures["vehicles_ids_gone"] == 1
    assert feed.say(120, feed.bike(0)) == []
    assert feed.say(180, feed.bike(0), feed.bike(30, 2)) == [(feed_id(2), 180, "available")]


def test_a_vehicle_is_removed_where_it_stood() -> None:
    feed = Feed()
    feed.say(0, feed.bike(0, vehicle_type_id="s"), feed.bike(0, 2))
    (gone,) = feed.document(vehicles_feed("2.3", [feed.bike(0, 2)], T0 + 60))
    assert isinstance(gone, Position)
    assert ((gone.lat, gone.lon), gone.vehicle_type) == (OSLO, "scooter_standing")


def test_a_poll_without_vehicles_after_one_with_some_removes_nobody() -> None:
    feed = Feed()
    feed.say(0, feed.bike(0), feed.bike(0, 2))
    assert feed.say(60) == []
    assert dict(feed.report.skipped) == {"poll_without_vehicles": 1}
    assert feed.say(120, feed.bike(0)) == [(feed_id(2), 120, "removed")]


@pytest.mark.parametrize("broken", [{"lat": 0, "lon": 0}, {"lat": None, "lon": None}, {"bike_id": None}])
def test_a_poll_of_which_no_row_can_be_used_removes_nobody(broken: dict[str, Any]) -> None:
    feed = Feed()
    feed.say(0, feed.bike(0), feed.bike(0, 2))
    assert feed.say(60, *(feed.bike(0, number, **broken) for number in (1, 2))) == []
    assert feed.report.skipped["poll_without_vehicles"] == 1
    assert feed.report.rows == 5
    assert sum(feed.report.skipped.values()) == 3
    assert feed.say(120, feed.bike(0)) == [(feed_id(2), 120, "removed")]


def test_of_two_polls_of_one_time_the_second_removes_nobody_whom_the_first_dated() -> None:
    feed = Feed()
    feed.say(0, feed.bike(0), feed.bike(0, 2))
    assert feed.say(0, feed.bike(0)) == []
    assert feed.say(60, feed.bike(0)) == [(feed_id(2), 60, "removed")]
    assert feed.say(60, feed.bike(0), feed.bike(60, 2)) == []
    assert feed.say(120, feed.bike(0), feed.bike(60, 2)) == [(feed_id(2), 120, "available")]


def test_rotating_ids_are_counted_and_only_two_polls_are_remembered() -> None:
    feed = Feed("1.1")
    for number in range(50):
        feed.say(60 * number, feed.bike(0, 0), *(feed.bike(0, 1000 * number + i + 1) for i in range(20)))
    assert feed.report.figures["vehicles_ids"] == 1 + 50 * 20
    assert feed.report.figures["vehicles_ids_in_one_poll_only"] == 49 * 20
    seen = feed.reader.vehicles
    assert len(seen._before) + len(seen._now) + len(seen._new_before) + len(seen._left) < 3 * 21


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"is_disabled": 1, "is_reserved": 1}, "non_operational"),
        ({"is_disabled": False, "is_reserved": True}, "reserved"),
        ({"is_disabled": 0, "is_reserved": 0}, "available"),
        ({}, "available"),
    ],
)
def test_flags_of_all_versions_become_a_state(row: dict[str, Any], state: str) -> None:
    feed = Feed()
    assert [told[2] for told in feed.say(0, feed.bike(0, **row))] == [state]


def test_type_and_battery_are_told_where_the_feed_knows_them() -> None:
    feed = Feed()
    types = [
        {"vehicle_type_id": "s", "form_factor": "scooter"},
        {"vehicle_type_id": "c", "form_factor": "car"},
    ]
    feed.document(envelope("2.3", T0, {"vehicle_types": types}))
    rows = [
        feed.bike(0, current_fuel_percent=0.756),
        feed.bike(1, 2, vehicle_type_id="c", current_fuel_percent=90),
        feed.bike(2, 3, vehicle_type_id="?"),
    ]
    told = feed.document(vehicles_feed("2.3", rows, T0 + 9))
    assert [(row.vehicle_type, row.battery_percent) for row in told] == [  # type: ignore[union-attr]
        ("scooter_standing", 76),
        ("other", None),
        ("bicycle", 50),
    ]
    assert dict(feed.report.noted) == {"type_unknown": 1, "value_unreadable": 1}
    assert feed.report.examples["value_unreadable"] == "current_fuel_percent 90 is not a share, 0 to 1"


def test_a_vehicle_at_a_station_stands_where_the_station_is() -> None:
    feed = Feed()
    feed.reader.reference.stations["7"] = Station((59.9, 10.7), None)
    rows = [
        feed.bike(0, lat=None, lon=None, station_id="7"),
        feed.bike(0, 2, lat=None, lon=None, station_id="8"),
    ]
    (told,) = feed.document(vehicles_feed("2.3", rows, T0))
    assert (told.lat, told.lon) == (59.9, 10.7)  # type: ignore[union-attr]
    assert dict(feed.report.skipped) == {"coordinates_missing": 1}


# ------------------------------------------------------------------ stations


def stations(feed: Feed, at: int, **status: Any) -> list[Reading]:
    feed.reader.reference.stations["7"] = Station(OSLO, 20.0)
    body = envelope(feed.version, T0 + at, {"stations": [{"station_id": "7", **status}]})
    return [row for row in feed.document(body) if isinstance(row, Reading)]


def test_a_station_is_a_sensor_of_occupied_and_free_spaces() -> None:
    feed = Feed()
    stations(feed, -60, num_bikes_available=0)
    told = stations(
        feed, 9, num_bikes_available=4, num_bikes_disabled=2, num_docks_available=13, last_reported=T0
    )
    assert [(row.metric, row.value, row.capacity, row.ts) for row in told] == [
        ("occupied_spaces", 6, 20, T0 * 1000),
        ("free_spaces", 13, 20, T0 * 1000),
    ]
    assert {(row.sensor_id, row.kind, row.lat, row.lon, row.status) for row in told} == {
        ("oslo-7", "parking", *OSLO, "ok")
    }


def test_version_3_counts_vehicles_and_not_bikes() -> None:
    told = stations(Feed("3.0"), 0, num_vehicles_available=4, num_vehicles_disabled=0)
    assert [(row.metric, row.value) for row in told] == [("occupied_spaces", 4)]


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"is_installed": False, "is_renting": False}, "maintenance"),
        ({"is_installed": 1, "is_renting": 0, "is_returning": 1}, "degraded"),
        ({"is_installed": True, "is_renting": True, "is_returning": True}, "ok"),
    ],
)
def test_a_station_says_whether_it_works(flags: dict[str, Any], status: str) -> None:
    assert [row.status for row in stations(Feed(), 0, num_docks_available=1, **flags)] == [status]


def test_more_free_docks_than_the_station_has_are_told_without_its_capacity() -> None:
    feed = Feed()
    assert [row.capacity for row in stations(feed, 0, num_docks_available=21)] == [None]
    assert dict(feed.report.noted) == {"above_capacity": 1}


# ------------------------------------------------------------------ files


def test_what_statuses_refer_to_is_found_beside_them_whatever_the_order_of_names(tmp_path: Path) -> None:
    feed = Feed()
    (tmp_path / "a_free_bike_status.json").write_text(
        json.dumps(vehicles_feed("2.3", [feed.bike(0)], T0 + 9))
    )
    types = {"vehicle_types": [{"vehicle_type_id": "s", "form_factor": "moped"}]}
    (tmp_path / "vehicle_types.json").write_text(json.dumps(envelope("2.3", T0 + 99, types)))
    system = {"system_id": "bike share/oslo"}
    (tmp_path / "system_information.json").write_text(json.dumps(envelope("2.3", T0 + 99, system)))
    for where in (tmp_path, tmp_path / "a_free_bike_status.json"):
        (batch,) = GbfsFiles(where, None).batches()
        (part,) = batch.parts
        assert part.owner == "bike-share-oslo"  # type: ignore[attr-defined]
        assert part.row[0].vehicle_type == "moped"  # type: ignore[attr-defined]


def test_stations_of_a_csv_file_beside_the_statuses_are_known(tmp_path: Path) -> None:
    (tmp_path / "station_information.csv").write_text(
        "station_id,name,lat,lon,capacity\n7,Torg,59.9,10.7,20\n8,,,,\n"
    )
    status = {"station_id": "7", "num_docks_available": 3, "last_reported": T0}
    (tmp_path / "polls.jsonl").write_text(json.dumps(envelope("2.3", T0, {"stations": [status]})))
    source = GbfsFiles(tmp_path / "polls.jsonl", None)
    (batch,) = source.batches()
    assert len(batch) == 1
    assert dict(source.report.noted) == {"station_without_a_place": 1}


@pytest.mark.parametrize("content", ["404 Not Found", "[]", "{}", '{"last_updated": 5}', ""])
def test_what_holds_no_poll_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "free_bike_status.json").write_text(content)
    with pytest.raises(SourceError, match="holds no poll"):
        GbfsFiles(tmp_path, None)


def test_a_folder_without_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no feed"):
        GbfsFiles(tmp_path, None)


# ------------------------------------------------------------------ real feeds


def test_oslo_is_told_whole() -> None:
    source = GbfsFiles(real_file("gbfs_oslo/station_status_first288.jsonl.gz"), "oslo")
    told = sum(len(batch) for batch in source.batches())
    report = source.report
    assert report.figures["polls"] == 288
    assert set(report.skipped) == {"station_unknown"}
    assert told == 2 * (report.rows - report.skipped["station_unknown"])
    assert 0.9 < report.noted["ahead_of_its_poll"] / (told / 2) < 0.95


@pytest.mark.parametrize(
    ("name", "vehicles"),
    [("divvy_chicago_20250129", 1_244), ("kl_beam_zeus_2025", 249), ("tier_wolfsburg_20230811", 840)],
)
def test_systems_of_three_continents_are_told_whole(name: str, vehicles: int) -> None:
    folder = real_file(f"gbfs_samples/{name}/free_bike_status.json").parent
    source = GbfsFiles(folder, None)
    rows = [row for batch in source.batches() for part in batch.parts for row in part.row.tolist()]  # type: ignore[attr-defined]
    assert sum(isinstance(row, Position) for row in rows) == vehicles
    assert dict(source.report.skipped) == {}


def test_numbers_of_hundreds_of_digits_spoil_their_row_only() -> None:
    feed = Feed()
    rows = [{"bike_id": "a", "lat": 10**400, "lon": 10.7}, feed.bike(-5) | {"current_fuel_percent": 10**400}]
    assert [(at, state) for _, at, state in feed.say(0, *rows)] == [(0, "available")]
    assert dict(feed.report.skipped) == {"coordinates_unreadable": 1}
    feed.document(
        envelope(
            "2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7, "capacity": 10**400}]}
        )
    )
    assert feed.reader.reference.stations["7"].capacity is None


@pytest.mark.parametrize("data", [None, [], "x", {"bikes": None}, {"vehicles": None}, {"stations": None}])
def test_a_poll_whose_data_is_none_is_counted_and_nobody_leaves(data: Any) -> None:
    feed = Feed()
    feed.say(0, feed.bike(-5))
    assert feed.document(envelope("2.3", T0 + 60, data)) == []
    assert dict(feed.report.skipped) == {"not_a_feed": 1}
    assert feed.say(120, feed.bike(-5)) == []


def test_statuses_are_told_though_the_first_of_them_counts_nothing() -> None:
    feed = Feed()
    feed.reader.reference.stations |= {"7": Station(OSLO, 20.0), "8": Station(OSLO, 20.0)}
    rows = [{"station_id": "7"}, {"station_id": "8", "num_docks_available": 3}]
    assert len(feed.document(envelope("2.3", T0, {"stations": rows}))) == 1
    assert dict(feed.report.skipped) == {"nothing_counted": 1}


def test_a_count_of_disabled_vehicles_below_zero_is_noted() -> None:
    feed = Feed()
    (row,) = stations(feed, 0, num_bikes_available=2, num_bikes_disabled=-4)
    assert row.value == 2
    assert dict(feed.report.noted) == {"value_unreadable": 1}


def test_a_count_below_zero_is_left_out_and_noted() -> None:
    feed = Feed()
    feed.document(envelope("2.3", T0, {"stations": [{"station_id": "7", "lat": 59.9, "lon": 10.7}]}))
    status = {"station_id": "7", "num_bikes_available": -1, "num_docks_available": 3}
    (row,) = feed.document(envelope("2.3", T0, {"stations": [status]}))
    assert isinstance(row, Reading)
    assert (row.metric, row.value) == ("free_spaces", 3)
    assert dict(feed.report.noted) == {"value_unreadable": 1}
