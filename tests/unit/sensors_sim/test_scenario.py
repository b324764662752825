import shutil
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from sensors_sim.batch import ON_TRIP
from sensors_sim.errors import ScenarioError
from sensors_sim.events.catalogue import EVENTS
from sensors_sim.events.flood import Flood
from sensors_sim.scenario import load, names, parse, shipped

FLOOD = Flood("Century Avenue", begins_s=60, fill_s=100, hold_s=200, drain_s=50, bikes=10)


MINIMAL = """
summary = "as little as can be"
[calendar]
start = 2026-03-02T07:30:00
duration = "3 h"
"""


def test_every_shipped_scenario_lies_in_the_past_and_is_sound() -> None:
    assert len(names()) >= 12
    for name in names():
        scenario = shipped(name)
        assert scenario.name == name
        assert datetime.fromtimestamp(scenario.end_ms / 1000, UTC) < datetime(2026, 3, 31, tzinfo=UTC)
        assert scenario.bikes >= scenario.city.fleet
        assert len(scenario.summary) < 120


def test_every_event_happens_in_a_shipped_scenario() -> None:
    assert {event.key for name in names() for event in shipped(name).events} == set(EVENTS)


def test_an_anomaly_is_due_in_a_shipped_scenario_only_when_a_detector_knows_a_day_of_it() -> None:
    begins = [
        entry.from_ms - scenario.start_ms
        for scenario in map(shipped, names())
        for event in scenario.events
        for entry in event.truth(scenario.scene())
        if (entry.verdict, entry.kind) == ("due", "anomaly")
    ]
    assert len(begins) == 5
    assert min(begins) > 24 * 3_600_000


def test_a_file_of_your_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    assert load(str(path)).name == "mine"
    assert (load(str(path)).bikes, load(str(path)).events) == (20_000, ())
    with pytest.raises(
        ScenarioError, match=r"cannot read .*absent.toml .*; name a TOML file, or one of accident"
    ):
        load(str(tmp_path / "absent.toml"))


def test_a_holiday_is_a_day_off_and_a_working_saturday_is_none() -> None:
    holiday = parse(MINIMAL.encode() + b"holidays = [2026-03-02]", "x.toml")
    saturday = parse(MINIMAL.replace("03-02", "03-07").encode() + b"working_days = [2026-03-07]", "x.toml")
    assert not holiday.calendar.works(holiday.start.date())
    assert saturday.calendar.works(saturday.start.date())
    riding = [
        (one.with_(bikes=3_000).fleet().state == ON_TRIP).sum()
        for one in (shipped("metro-flood"), holiday, saturday)
    ]
    assert riding[1] < 0.6 * riding[0]
    assert riding[2] > 0.7 * riding[0]


def test_populations_are_given_in_all_or_one_by_one() -> None:
    by_name = b"[populations]\nbikes = {north = 30, south = 10}\nsensors = {noise = 7}\nrequests = 0.5"
    scenario = parse(MINIMAL.encode() + by_name, "x.toml")
    fleet = scenario.fleet()
    assert (fleet.operators, len(fleet)) == (("north", "south"), 40)
    assert fleet.vehicle_id[[0, 39]].tolist() == ["north-000000", "south-000009"]
    tables = {kind.sensors.kind: len(kind.sensors) for kind in scenario.world().kinds}
    assert (tables["noise"], tables["traffic"], scenario.requests) == (7, 120, 0.5)


def test_faults_of_a_file_reach_the_scenario() -> None:
    assert parse(MINIMAL.encode() + b"[faults]\ndrop = 0.25", "x.toml").faults.drop == 0.25
    assert not shipped("commuter").faults


def test_a_start_is_local_time_of_the_city() -> None:
    assert shipped("metro-flood").start_ms == datetime(2026, 3, 1, 23, 30, tzinfo=UTC).timestamp() * 1000


def test_a_city_of_your_own_stands_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "cities").mkdir()
    shutil.copy(str(files("sensors_sim") / "cities" / "oslo.toml"), tmp_path / "cities" / "mine.toml")
    path = tmp_path / "day.toml"
    path.write_text('city = "cities/mine.toml"' + MINIMAL)
    scenario = load(str(path))
    assert (scenario.city.name, scenario.bikes) == ("Oslo", scenario.city.fleet)
    assert scenario.start_ms == datetime(2026, 3, 2, 6, 30, tzinfo=UTC).timestamp() * 1000
    assert load(str(path)).city is scenario.city


def test_everybody_in_a_scenario_lives_in_its_city_and_by_its_clock() -> None:
    scenario = shipped("oslo-match").with_(bikes=200, sensors=200)
    city = scenario.city
    fleet, world = scenario.fleet(), scenario.world()
    assert fleet.city is world.city is scenario.scene().city is city
    assert fleet.calendar.zone is world.calendar.zone is city.zone
    assert {road.name for road in city.roads} == set(world.traffic.road.roads.names)
    for table in (*scenario.scene().sensors, *(kind.sensors for kind in world.kinds)):
        assert (abs(table.lat - 59.9) < 0.1).all()
        assert (abs(table.lon - 10.8) < 0.2).all()


def test_an_unknown_scenario_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'metro-flod'; did you mean 'metro-flood'"):
        shipped("metro-flod")


def test_an_operator_whose_share_is_no_bike_has_nothing_to_lock() -> None:
    """Of 100 bikes small has none: it makes no trips, and too few of them."""
    outage = (
        b'[populations]\nbikes = {small = 1, big = 2_000}\n[[events]]\nevent = "app-outage"\noperator = "small"\n'
        b'begins = "10 min"\nlasts = "2 h"\nminimum = 3.3\nrule = "r"\n'
    )
    scenario = parse(MINIMAL.encode() + outage, "x.toml")
    with pytest.raises(
        ScenarioError, match="operator = 'small': no operator of that name has bikes; there are: big"
    ):
        scenario.with_(bikes=100).checked()


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ScenarioError, match="0 bikes"):
        shipped("commuter").with_(bikes=0)
    with pytest.raises(ScenarioError, match="9 sensors: a scenario takes 10 to 100,000"):
        shipped("commuter").with_(sensors=9)
    with pytest.raises(ScenarioError, match="seed -1"):
        shipped("commuter").with_(seed=-1)
    with pytest.raises(
        ScenarioError, match="seed 9223372036854775808: a seed is a whole number from 0 to 92233"
    ):
        shipped("commuter").with_(seed=2**63)
    with pytest.raises(ScenarioError, match="whole seconds"):
        shipped("commuter").with_(duration=timedelta(milliseconds=1500))


def test_a_flood_rises_holds_and_ebbs() -> None:
    assert [FLOOD.level(s) for s in (0, 60, 110, 160, 360, 385, 410, 9_999)] == [0, 0, 0.5, 1, 1, 0.5, 0, 0]
    assert FLOOD.ends_s == 410
