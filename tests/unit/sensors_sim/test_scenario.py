from datetime import UTC, datetime, timedelta

import pytest

from sensors_sim.errors import ScenarioError
from sensors_sim.events import Flood
from sensors_sim.scenario import SHIPPED, shipped

FLOOD = Flood("Century Avenue", begins_s=60, fill_s=100, hold_s=200, drain_s=50, bikes=10)


def test_every_shipped_scenario_lies_in_the_past_and_on_a_working_day() -> None:
    for scenario in SHIPPED:
        assert datetime.fromtimestamp(scenario.end_ms / 1000, UTC) < datetime(2026, 3, 31, tzinfo=UTC)
        assert scenario.start.weekday() < 5
        assert scenario.bikes >= 20_000


def test_a_start_is_local_time_of_the_city() -> None:
    assert shipped("metro-flood").start_ms == datetime(2026, 3, 1, 23, 30, tzinfo=UTC).timestamp() * 1000


def test_an_unknown_scenario_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'metro'; there are: commuter, metro-flood"):
        shipped("metro")


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ScenarioError, match="0 bikes"):
        shipped("commuter").with_(bikes=0)
    with pytest.raises(ScenarioError, match="9 sensors: a scenario takes 10 to 100,000"):
        shipped("commuter").with_(sensors=9)
    with pytest.raises(ScenarioError, match="seed -1"):
        shipped("commuter").with_(seed=-1)
    with pytest.raises(ScenarioError, match="whole seconds"):
        shipped("commuter").with_(duration=timedelta(milliseconds=1500))


def test_a_flood_rises_holds_and_ebbs() -> None:
    assert [FLOOD.level(s) for s in (0, 60, 110, 160, 360, 385, 410, 9_999)] == [0, 0, 0.5, 1, 1, 0.5, 0, 0]
    assert FLOOD.ends_s == 410
