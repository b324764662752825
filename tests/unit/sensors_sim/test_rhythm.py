from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sensors_sim.city import HOME, METRO, OFFICE
from sensors_sim.rhythm import SHANGHAI, WEEKEND, WORKDAY, Calendar, at_hour, demand, local


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()) * 1000


MONDAY, SATURDAY = "2026-03-02", "2026-03-07"


def test_local_time_is_eight_hours_ahead_of_utc() -> None:
    assert local(1_772_407_800_000).isoformat() == "2026-03-02T07:30:00+08:00"


def test_riders_want_four_to_six_trips_a_bike_and_day() -> None:
    assert 4 < WORKDAY.sum() < 6
    assert 4 < WEEKEND.sum() < 6


def test_the_morning_peak_is_twenty_times_the_night() -> None:
    assert demand(at(f"{MONDAY}T08:30")).trips_per_s > 20 * demand(at(f"{MONDAY}T03:00")).trips_per_s


def test_mornings_lead_from_homes_and_evenings_to_homes() -> None:
    def net(kind: int, ts: int) -> float:
        wanted = demand(ts)
        to = np.diff(wanted.to_kind, axis=1, prepend=0.0)
        return float(wanted.from_kind @ to[:, kind] - wanted.from_kind[kind])

    assert net(HOME, at(f"{MONDAY}T08:00")) < 0 < net(HOME, at(f"{MONDAY}T18:00"))
    assert net(METRO, at(f"{MONDAY}T08:00")) > 0 > net(METRO, at(f"{MONDAY}T18:00"))
    assert net(OFFICE, at(f"{MONDAY}T08:00")) > 0 > net(OFFICE, at(f"{MONDAY}T18:00"))


def test_a_weekend_morning_is_quieter_than_a_working_one() -> None:
    assert demand(at(f"{SATURDAY}T08:30")).trips_per_s < 0.5 * demand(at(f"{MONDAY}T08:30")).trips_per_s


def test_demand_is_continuous_at_midnight() -> None:
    before, after = demand(at(f"{MONDAY}T23:59")), demand(at("2026-03-03T00:00"))
    assert before.trips_per_s == pytest.approx(after.trips_per_s, rel=0.05)


def test_clocks_of_a_city_go_by_its_zone_and_a_day_may_have_25_hours() -> None:
    oslo, hour = ZoneInfo("Europe/Oslo"), 3_600_000
    noon = int(datetime(2025, 10, 26, 12, tzinfo=oslo).timestamp()) * 1000
    midnight = at_hour(noon, 0, oslo)
    assert local(midnight, oslo).isoformat() == "2025-10-26T00:00:00+02:00"
    assert at_hour(noon, 24, oslo) - midnight == 25 * hour
    assert at_hour(noon, 8, oslo) - midnight == 9 * hour
    in_pudong = noon - 7 * hour
    assert demand(noon, Calendar(zone=oslo)).trips_per_s == demand(in_pudong).trips_per_s
