"""An alert that is open while a setting that decides about it is changed between two starts of a worker.

What is over by the new setting is cleared, and what lasts stays as it is: nobody hears of an alert that did not change.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsMetrics, CellsNow, CellsWindow, ClosedMetrics, ClosedWindows
from schemas.partials import SensorHealth, SlotCounts
from streams.configs import incidents_fold, news_config, vehicles_config
from streams.files.policy import load_policy
from streams.fold.contract import Restored
from streams.incidents.policy import Policy
from streams.incidents.state import IncidentsState
from streams.settings import Settings
from tests.pipeline import T0
from tests.unit.fleet.road import HERE, at
from tests.unit.incidents.hotspot.calls import Desk, burst, by_chance
from tests.unit.incidents.speeds.rides import ride, speed_rule
from tests.unit.incidents.stays.zones import mds
from tests.watched_vehicles import Watched, region

CELL, REGION, MINUTE = "89309959d07ffff", region(HERE), 60_000
SPEEDS = mds(speed_rule(7, 2, maximum=20))
Given = dict[str, Any]


class City(Desk):
    """An incidents fold as workers open it."""

    def __init__(self, given: Given) -> None:
        self.given = given
        super().__init__()

    def _settings(self) -> Settings:
        return Settings(_env_file=None, **self.given)  # type: ignore[call-arg]

    def _policy(self) -> Policy:
        return replace(load_policy(self._settings()), speeds=SPEEDS.speeds, speed_areas=SPEEDS.speed_areas)

    def open(self, start: Restored) -> IncidentsState:
        return incidents_fold(self._settings(), self._policy(), start)

    def start_again(self, given: Given) -> list[Alert]:
        """Store all, and start with other settings; returns what is told at once."""
        self.checkpoint()
        self.given = given
        return self.crash()

    def look(self, second: float, bikes: int | None = None) -> list[Alert]:
        """Let live counts reach a time."""
        n = 0 if bikes is None else 1
        zeros = [0] * n
        rows = SlotCounts([CELL] * n, ["north"] * n, [bikes or 0] * n, zeros, zeros, zeros, zeros)
        as_of = T0 + round(second * 1000)
        told = self.fold_bytes(codec.encode(CellsNow(REGION, as_of, T0, rows)))
        until = as_of // MINUTE * MINUTE  # of closed windows, too: time goes on in all streams
        told += self.close(0, Counter(), watermark=(until - T0) // MINUTE)
        return told + self.fold_bytes(
            codec.encode(CellsHealth(REGION, until, until, -1, 0, -1, None, metrics_as_of=until))
        )

    def vehicles(self, *readings: dict[str, Any]) -> list[Alert]:
        """Hear what the fleet stage tells of single vehicles."""
        policy = self._policy()
        news = replace(news_config(self._settings(), policy), ground=None, speeds=None, trips=None)
        fleet = Watched(news, vehicles_config(self._settings()), policy=policy)
        for reading in readings:
            fleet.feed(reading)
        fleet.publish()
        return [alert for value in fleet.cells for alert in self.fold_bytes(value)]

    def window(self, minute: int, arrivals: int, occupancy: int) -> list[Alert]:
        """Close a window of vehicles."""
        start = T0 + minute * MINUTE
        rows = ClosedWindows([start], [CELL], ["north"], [1], [arrivals], [0], [occupancy], [0])
        return self.fold_bytes(codec.encode(CellsWindow(REGION, start + MINUTE, MINUTE, rows)))

    def metric(self, minute: int, value: float) -> list[Alert]:
        """Close a window of a metric, which is whole at once."""
        start, v = T0 + minute * MINUTE, [value]
        rows = ClosedMetrics(
            [start], [CELL], ["temperature"], ["Cel"], [1], v, v, v, v, [None], v, v, [[]], [[]], [0]
        )
        told = self.fold_bytes(codec.encode(CellsMetrics(REGION, start + MINUTE, MINUTE, rows)))
        return told + self.look(60 * (minute + 1))


def silent(sensors: int) -> Callable[[City], list[Alert]]:
    """So many sensors of an owner are heard at 0 s; each has ten minutes of patience, and a quarter more."""

    def life(city: City) -> list[Alert]:
        n, zero = sensors, [0] * sensors
        rows = SensorHealth(
            [f"s-{number}" for number in range(n)], ["laeq"] * n, ["north"] * n, [CELL] * n, [T0] * n,
            [MINUTE] * n, [10 * MINUTE] * n, [1.0] * n, zero, zero, zero, zero, zero, zero, [0.0] * n,
        )  # fmt: skip
        told = city.fold_bytes(codec.encode(CellsHealth(REGION, T0, T0, 0, 0, 0, rows)))
        return told + city.look(1_800)

    return life


def full(bikes: int) -> Callable[[City], list[Alert]]:
    """Full at 60 bikes, and so many now."""

    def life(city: City) -> list[Alert]:
        return city.look(0, 70) + city.look(120) + city.look(130, bikes)

    return life


def low(city: City) -> list[Alert]:
    return city.vehicles({**at(0), "battery_percent": 50}, {**at(60), "battery_percent": 14})


def jumped(city: City) -> list[Alert]:
    return city.vehicles(at(0), at(60, (HERE[0], HERE[1] + 0.0525)))


def fast(city: City) -> list[Alert]:
    return city.vehicles(*ride(30))


def flaps(city: City) -> list[Alert]:
    """Raised at 120 s, and its end at 200 s is held back."""
    return city.look(0, 70) + city.look(120) + city.look(200, 0)


def fills(city: City) -> list[Alert]:
    """Two bikes a minute come for nine minutes: full at minute 23."""
    told = [alert for minute in range(3) for alert in city.window(minute, 20 if minute == 0 else 0, 20)]
    return told + [alert for minute in range(3, 12) for alert in come(city, 60 * (minute + 1))]


def come(city: City, second: float) -> list[Alert]:
    """Two more bikes came in the minute that ends now."""
    minute = int(second) // 60 - 1
    return city.window(minute, 2, 20 + 2 * (minute - 2))


def unusual(city: City) -> list[Alert]:
    """As ever for two hours, and otherwise in the four minutes after."""
    told = [alert for minute in range(120) for alert in city.metric(minute, 20.0 + minute % 3)]
    return told + [alert for minute in range(120, 124) for alert in city.metric(minute, 25.0)]


def calls(city: City) -> list[Alert]:
    """Many call about the heating within an hour of the ninth day."""
    usual, begin = by_chance(8, 60, seed=2), 8 * 1_440 + 600
    return city.feed([*usual, *sorted(burst(begin, 60, 40, "heating", seed=3))])


BATTERY = {"low_battery_percent": 15, "low_battery_clear_percent": 30}
CHANGE = {"anomaly_detector": "change"}
DAY_9 = 8 * 86_400 + 11 * 3_600
FLAPS = {"flap_raises": 1, "flap_quiet_s": 600}


class Case(NamedTuple):
    """`stays`, `ends`: seconds at which a look finds that it lasts, or is over; None: it does not come to that."""

    life: Callable[[City], list[Alert]]
    before: Given
    after: Given
    stays: float | None = None
    ends: float | None = None
    look: Callable[[City, float], list[Alert]] = City.look


CASES = [
    Case(full(70), {}, {"default_capacity": 80}, stays=140),
    Case(full(70), {}, {"default_capacity": 100}, ends=140),
    Case(full(70), {}, {"raise_ratio": 1.5}, stays=140),
    Case(full(50), {}, {"clear_ratio": 0.5}, stays=140),
    Case(full(50), {}, {"clear_ratio": 0.9}, ends=140),
    Case(full(50), {}, {"min_duration_s": 3_600}, stays=140),
    Case(low, BATTERY, {**BATTERY, "low_battery_percent": 10}, stays=100),
    Case(low, BATTERY, {"low_battery_percent": 10, "low_battery_clear_percent": 15}, stays=100),
    Case(low, BATTERY, {"low_battery_percent": 10, "low_battery_clear_percent": 14}, ends=100),
    Case(low, BATTERY, {}, ends=100),
    Case(jumped, {}, {"jump_quiet_s": 3_600}, stays=3_600, ends=3_660),
    Case(jumped, {}, {"jump_quiet_s": 60}, stays=119, ends=120),
    Case(jumped, {}, {"jump_kmh": 1_000, "jump_noise_m": 10_000}, stays=900, ends=960),
    Case(jumped, {}, {"jump_kmh": 0}, ends=100),
    Case(fast, {}, {"speeding_quiet_s": 600}, stays=600, ends=615),
    Case(fast, {}, {"speeding_quiet_s": 30}, stays=40, ends=45),
    Case(fast, {}, {"speed_noise_m": 1_000}, stays=130, ends=135),
    Case(flaps, FLAPS, {**FLAPS, "flap_quiet_s": 3_600}, stays=3_700, ends=3_800),
    Case(flaps, FLAPS, {**FLAPS, "flap_quiet_s": 60}, stays=259, ends=260),
    Case(flaps, FLAPS, {**FLAPS, "flap_raises": 5}, stays=790, ends=800),
    Case(fills, {}, {"forecast_horizon_s": 3_600}, stays=13 * 60, look=come),
    Case(fills, {}, {"forecast_horizon_s": 300}, stays=13 * 60, ends=18 * 60, look=come),
    Case(unusual, CHANGE, {**CHANGE, "anomaly_raise_at": 1.0}, stays=9_120, ends=9_180),
    Case(unusual, CHANGE, {**CHANGE, "anomaly_quiet_s": 600}, stays=7_920, ends=7_980),
    Case(silent(1), {}, {"silent_after_s": 7_200, "silent_intervals": 100}, stays=1_860),
    Case(silent(1), {}, {"forget_sensor_after_s": 3_600}, stays=3_600, ends=3_660),
    Case(silent(3), {}, {"feed_silent_share": 1}, stays=1_860),
    Case(silent(3), {}, {"forget_sensor_after_s": 3_600}, stays=3_660, ends=3_720),
    Case(calls, {}, {"hot_spot_raise_at": 1_000}, stays=DAY_9, ends=DAY_9 + 7_200),
]


def test_each_life_is_one_alert_that_stays_open() -> None:
    for case in CASES:
        told = case.life(City(case.before))
        assert [alert.action for alert in told][:1] == ["raised"], case
        assert "cleared" not in {alert.action for alert in told}, case


@pytest.mark.parametrize("case", CASES)
def test_an_open_alert_ends_by_the_settings_of_now_and_nobody_hears_of_it_before(case: Case) -> None:
    city = City(case.before)
    [raised, *_] = case.life(city)
    assert city.start_again(case.after) == []
    if case.stays is not None:
        assert case.look(city, case.stays) == []
    if case.ends is not None:
        [cleared] = case.look(city, case.ends)
        assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)
        assert case.look(city, case.ends + 60) == []
