import numpy as np

from sensors_sim.city import LEISURE, METRO, OFFICE
from sensors_sim.events.concert import Concert
from tests.unit.sensors_sim.lived import HOUR_MS, Lived, city, lived, monday, when

CONCERT = Concert("Expo Cultural Park", begins_s=2 * 3_600, lasts_s=3_600, people=9_000)


def hours_of_kind(day: Lived, metric: str, kinds: np.ndarray, kind: int) -> np.ndarray:
    told = day.series(metric)
    rows = kinds[told.sensor] == kind
    hour = (told.ts[rows] - day.start) // HOUR_MS
    return np.bincount(hour, told.value[rows]) / np.bincount(hour)


def test_every_station_has_a_sensor_before_any_other_place() -> None:
    sensors = lived(when(2026, 3, 2), 1, sensors=600).world.crowd.sensors
    stations = np.flatnonzero(city().kind == METRO)
    away = np.hypot(sensors.x[:, None] - city().x[stations], sensors.y[:, None] - city().y[stations])
    assert len(sensors) > len(stations)
    assert (away.min(axis=0) < 200).all()


def test_stations_are_full_in_the_rush_hours_and_empty_at_night() -> None:
    people = hours_of_kind(monday(), "people_count", monday().world.crowd.place_kind, METRO)
    assert people[:12].argmax() == 8
    assert 12 + people[12:].argmax() in (17, 18)
    assert people[3] < 0.05 * people[8]
    assert people[12] < 0.6 * people[8]


def test_a_concert_fills_its_surroundings_and_nothing_else() -> None:
    start = when(2026, 3, 2, 18)
    day, without = lived(start, 5, sensors=600, concerts=(CONCERT,)), lived(start, 5, sensors=600)
    sensors = day.world.crowd.sensors
    stage = city().place(CONCERT.place, LEISURE)
    away = np.hypot(sensors.x - city().x[stage], sensors.y - city().y[stage])
    told, plain = day.series("people_count"), without.series("people_count")
    during = (told.ts - start) // HOUR_MS == 2
    there, far = away[told.sensor] < 200, away[told.sensor] > 3_000
    assert told.value[during & there].mean() > plain.value[during & there].mean() + 4_000
    assert abs(told.value[during & far].mean() / plain.value[during & far].mean() - 1) < 0.02
    late = (told.ts - start) // HOUR_MS == 4
    assert told.value[late & there].mean() < 1.5 * plain.value[late & there].mean() + 20


def test_office_car_parks_fill_in_the_morning_and_empty_in_the_evening() -> None:
    free = hours_of_kind(monday(), "free_spaces", monday().world.parking.place_kind, OFFICE)
    assert 9 <= free.argmin() <= 15
    assert free[11] < 0.35 * free[4]
    assert free[22] > 0.7 * free[4]


def test_car_parks_for_leisure_are_busiest_in_the_evening() -> None:
    free = hours_of_kind(monday(), "free_spaces", monday().world.parking.place_kind, LEISURE)
    assert 18 <= free.argmin() <= 21


def test_free_spaces_are_whole_numbers_from_none_to_the_capacity() -> None:
    for part in monday().readings:
        if part.sensors.kind == "parking":
            capacity = part.sensors.capacity[part.sensor].astype(float)
            assert np.array_equal(part.value, np.round(part.value))
            assert ((part.value >= 0) & (part.value <= capacity)).all()
