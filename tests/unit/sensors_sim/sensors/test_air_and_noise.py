import numpy as np
import pytest

from sensors_sim.batch import Floats
from sensors_sim.city import LEISURE
from sensors_sim.events.concert import Concert
from sensors_sim.sensors.air import Air
from sensors_sim.sensors.flow import Flow
from sensors_sim.sensors.gatherings import Gatherings
from sensors_sim.sensors.moment import Moment
from sensors_sim.sensors.noise import Noise
from sensors_sim.sensors.roads import network
from sensors_sim.sensors.weather import HEAVY_RAIN_MM_H, Sky
from tests.unit.sensors_sim.lived import city, lived, monday, when

NOON = Moment.at(when(2026, 3, 2, 12))
ROADS = network(city())
CONCERT = Concert("Expo Cultural Park", begins_s=3_600, lasts_s=3_600, people=9_000)


def road(flow: float, speed: float = 50.0) -> Flow:
    out = Flow(ROADS, np.zeros(len(ROADS)))
    out.flow[:], out.speed[:] = flow, speed
    return out


def sky(wind: float = 2.6, rain: float = 0.0) -> Sky:
    out = Sky(np.random.default_rng(1))
    out.temperature, out.wind, out.rain = 12.0, wind, rain
    return out


def air(of_road: Flow, under: Sky, now: Moment = NOON) -> dict[str, Floats]:
    """What 40 stations read after two hours of the same traffic and weather."""
    stations = Air(city(), 40, of_road, under, np.random.default_rng(5))
    for _ in range(120):
        measured = stations.step(now)
    return dict(zip(stations.sensors.metrics, measured.value, strict=True))


def noise(of_road: Flow, under: Sky, concerts: tuple[Concert, ...] = (), at_s: int = 0) -> Noise:
    gatherings = Gatherings(concerts, city(), 0)
    gatherings.step(at_s * 1000)
    meters = Noise(city(), 60, of_road, under, gatherings, np.random.default_rng(5))
    meters.step(NOON)
    return meters


def test_traffic_nearby_brings_no2_co_and_particles_and_takes_ozone() -> None:
    quiet, busy = air(road(100), sky()), air(road(3_000), sky())
    stations = Air(city(), 40, road(3_000), sky(), np.random.default_rng(5))
    near = stations.exhaust() > np.median(stations.exhaust())
    for pollutant in ("no2", "co", "pm25"):
        more = busy[pollutant] - quiet[pollutant]
        assert more[near].mean() > 4 * abs(more[~near].mean())
        assert busy[pollutant][near].mean() > 1.1 * quiet[pollutant][near].mean()
    assert busy["o3"][near].mean() < 0.9 * quiet["o3"][near].mean()


def test_wind_thins_and_rain_washes_out() -> None:
    calm, windy, wet = (
        air(road(1_500), under) for under in (sky(wind=1.0), sky(wind=7.0), sky(rain=HEAVY_RAIN_MM_H))
    )
    assert windy["no2"].mean() < 0.5 * calm["no2"].mean()
    assert windy["pm25"].mean() < 0.5 * calm["pm25"].mean()
    assert wet["pm25"].mean() < 0.75 * air(road(1_500), sky())["pm25"].mean()


def test_ozone_is_made_by_the_sun() -> None:
    night = Moment.at(when(2026, 3, 2, 1))
    assert air(road(100), sky())["o3"].mean() > 1.5 * air(road(100), sky(), night)["o3"].mean()


def test_no2_follows_the_traffic_through_the_day_where_there_is_traffic() -> None:
    day = monday()
    flow, no2 = day.by_hour("flow"), day.by_hour("no2")
    assert np.corrcoef(flow, no2)[0, 1] > 0.4
    assert no2[8] > 1.4 * no2[3]


def test_noise_follows_the_traffic_nearby() -> None:
    day = monday()
    laeq, flow = day.series("laeq"), day.by_hour("flow")
    meters, loops = day.world.noise.sensors, day.world.traffic.road.roads
    nearest = np.hypot(meters.x[:, None] - loops.x, meters.y[:, None] - loops.y).min(axis=1)
    by_road = laeq.by_hour(day.start)
    assert np.corrcoef(by_road, np.log10(flow))[0, 1] > 0.9
    level = np.bincount(laeq.sensor, laeq.value) / np.bincount(laeq.sensor)
    assert level[nearest < 100].mean() > level[nearest > 500].mean() + 8


def test_a_tenfold_flow_is_ten_decibels_louder_beside_the_road() -> None:
    quiet, busy = noise(road(300), sky()), noise(road(3_000), sky())
    beside = slice(30, None)
    assert np.median((busy.level - quiet.level)[beside]) == pytest.approx(10, abs=1.5)


def test_rain_is_heard_where_it_is_quiet() -> None:
    dry, wet = noise(road(1), sky()), noise(road(1), sky(rain=HEAVY_RAIN_MM_H))
    assert (wet.level > dry.level).all()


def test_a_concert_is_heard_nearby_while_it_plays() -> None:
    before, during = (noise(road(300), sky(), (CONCERT,), at_s) for at_s in (3_599, 3_600))
    stage = city().place(CONCERT.place, LEISURE)
    away = np.hypot(during.sensors.x - city().x[stage], during.sensors.y - city().y[stage])
    louder = during.level - before.level
    assert louder[away.argmin()] > 5
    assert louder[away > 6_000].max() < 0.1


def test_the_meter_nearest_to_the_stage_tells_when_the_concert_plays() -> None:
    start = when(2026, 3, 2, 18)
    loud, still = (lived(start, 3, sensors=900, concerts=concerts) for concerts in ((CONCERT,), ()))
    stage, meters = city().place(CONCERT.place, LEISURE), loud.world.noise.sensors
    nearest = int(np.hypot(meters.x - city().x[stage], meters.y - city().y[stage]).argmin())
    (ts, heard), (_, usual) = (day.series("laeq").of(nearest) for day in (loud, still))
    plays = (ts >= start + 3_600_000) & (ts < start + 7_200_000)
    assert (heard - usual)[plays].min() > 2
    assert np.abs(heard - usual)[~plays].max() < 0.1
