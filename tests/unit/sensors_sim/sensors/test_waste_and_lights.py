from itertools import pairwise

import numpy as np

from schemas.sensors import SENSOR_STATUSES
from sensors_sim.city import METRO, OFFICE
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.street_light import DIMMED, STANDBY_W
from sensors_sim.sensors.waste import MISSED, Waste
from tests.unit.sensors_sim.lived import HOUR_MS, city, monday, when

START = when(2026, 3, 2)


def test_containers_fill_until_a_lorry_empties_them_and_it_misses_a_few() -> None:
    waste = Waste(city(), 400, np.random.default_rng(1))
    stops = emptied = 0
    for minute in range(2 * 1_440):
        now = Moment.at(START + minute * MINUTE_MS)
        before, due = waste.fill.copy(), waste.due(now)
        waste.step(now)
        assert (waste.fill[~due] >= before[~due]).all()
        stops += int(due.sum())
        emptied += int((waste.fill[due] < 5).sum())
        assert ((waste.fill >= 0) & (waste.fill <= 100)).all()
    assert stops >= 2 * 400
    assert 0.5 * MISSED < 1 - emptied / stops < 1.6 * MISSED


def test_a_lorry_stops_at_one_container_after_the_other() -> None:
    waste = Waste(city(), 400, np.random.default_rng(1))
    stops = [
        (minute, container)
        for minute in range(12 * 60)
        for container in np.flatnonzero(waste.due(Moment.at(START + minute * MINUTE_MS))).tolist()
    ]
    assert sorted(container for _, container in stops) == list(range(400))
    first = [(minute, container) for minute, container in stops if container < 40]
    assert [container for _, container in first] == list(range(40))
    assert {later[0] - earlier[0] for earlier, later in pairwise(first)} == {3}


def test_containers_fill_faster_where_and_when_people_are() -> None:
    waste = Waste(city(), 2_000, np.random.default_rng(1))

    def grown(hour: int) -> np.ndarray:
        before = waste.fill = np.zeros(2_000)
        for minute in range(60):
            now = Moment.at(START + hour * HOUR_MS + minute * MINUTE_MS)
            waste.step(now)
        return waste.fill - before

    night, morning, noon = grown(3), grown(8), grown(12)
    at = {kind: waste.place_kind == kind for kind in (METRO, OFFICE)}
    assert morning[at[METRO]].mean() > 4 * night[at[METRO]].mean()
    assert noon[at[OFFICE]].mean() > 2 * noon[at[METRO]].mean()


def test_some_containers_overflow_in_a_day_but_most_never_do() -> None:
    fill = monday().series("fill_level")
    overflowing = np.unique(fill.sensor[fill.value >= 100])
    assert 0 < len(overflowing) < 0.25 * len(monday().world.waste.sensors)


def test_lights_burn_at_night_dimmed_in_the_small_hours_and_not_by_day() -> None:
    lit = monday().by_hour("brightness")
    assert (lit[8:17] == 0).all()
    assert (lit[19:23] > 90).all()
    assert np.all((lit[1:4] > 0.85 * DIMMED) & (lit[1:4] <= DIMMED))
    power = monday().by_hour("power")
    assert (power[8:17] <= STANDBY_W).all()
    assert power[20] > 1.3 * power[2] > 50


def test_lights_come_on_one_after_the_other_at_dusk() -> None:
    told = monday().series("brightness")
    hour = (told.ts - monday().start) / HOUR_MS
    evening = (hour > 12) & (told.value > 0)
    first = [
        hour[evening & (told.sensor == sensor)].min(initial=99)
        for sensor in range(len(monday().world.lights.sensors))
    ]
    came_on = [at for at in first if at < 99]
    assert 17.5 < min(came_on) < max(came_on) < 18.7
    assert len(set(came_on)) > 3


def test_a_lamp_that_is_out_is_dark_all_night_and_says_that_it_has_a_fault() -> None:
    fault = SENSOR_STATUSES.index("fault")
    out = lit = 0
    for part in monday().readings:
        if part.sensors.kind == "street_light":
            assert (part.value[part.status == fault] == 0).all()
            out += int((part.status == fault).sum())
            lit += len(part)
    assert 0.002 < out / lit < 0.15


def test_dusk_comes_later_in_summer() -> None:
    def dark_hours(month: int) -> int:
        return sum(
            Moment.at(when(2026, month, 21, hour)).sun_elevation(31.2, 121.5) < 0 for hour in range(24)
        )

    assert dark_hours(6) <= 10
    assert dark_hours(12) >= 13


def test_the_sun_stands_highest_at_noon_where_the_books_say() -> None:
    noon = [Moment.at(when(2026, month, 21, 12)).sun_elevation(31.2, 121.5) for month in (3, 6, 12)]
    assert np.allclose(noon, [90 - 31.2, 90 - 31.2 + 23.4, 90 - 31.2 - 23.4], atol=1.0)
