import numpy as np

from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.weather import DRY_MINUTES, WET_MINUTES, Sky, Weather
from tests.unit.sensors_sim.lived import city, when

START = when(2026, 3, 2)


def year(every: int = 10) -> tuple[list[Moment], np.ndarray]:
    """Temperature, wind, rain and humidity in a year, sampled; the sky is stepped every minute."""
    sky, moments, rows = Sky(np.random.default_rng(4)), [], []
    for minute in range(365 * 1_440):
        if minute % every == 0:
            now = Moment.at(START + minute * MINUTE_MS)
            moments.append(now)
        sky.step(now)
        if minute % every == 0:
            rows.append((sky.temperature, sky.wind, sky.rain, sky.humidity))
    return moments, np.array(rows)


def test_a_year_has_seasons_warm_afternoons_and_showers() -> None:
    moments, rows = year()
    day, hour = np.array([m.day_of_year for m in moments]), np.array([int(m.hour) for m in moments])
    temperature, wind, rain, humidity = rows.T
    assert temperature[(day > 182) & (day < 243)].mean() > 24
    assert temperature[(day < 45)].mean() < 9
    assert temperature[hour == 14].mean() > temperature[hour == 4].mean() + 4
    assert 0.6 < (rain > 0).mean() / (WET_MINUTES / (WET_MINUTES + DRY_MINUTES)) < 1.5
    assert 300 < rain.mean() * 24 * 365 < 4_000
    assert humidity[rain > 0].mean() > humidity[rain == 0].mean() + 8
    assert 1.5 < np.median(wind) < 4.5


def test_rain_is_told_as_what_fell_since_the_reading_before() -> None:
    sky = Sky(np.random.default_rng(1))
    stations = Weather(city(), 3, sky, np.random.default_rng(2))
    fallen = []
    for minute in range(240):
        sky.raining = 60 <= minute < 120
        measured = stations.step(Moment.at(START + minute * MINUTE_MS))
        fallen.append(sky.rain / 60)
        rain = measured.value[stations.sensors.metrics.index("rain")]
        assert np.allclose(rain, sum(fallen[-5:]), rtol=0.4, atol=0.006)
    assert sum(fallen) > 0.2
