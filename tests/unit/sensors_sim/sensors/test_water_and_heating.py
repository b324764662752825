import numpy as np
import pytest

from sensors_sim.sensors.heating import COLD, FAILED_KPA, Heating
from sensors_sim.sensors.moment import MINUTE_MS, Moment
from sensors_sim.sensors.water import TIDE_MS, Water
from sensors_sim.sensors.weather import Sky
from tests.unit.sensors_sim.lived import city, when

START = when(2026, 3, 2)
HOUR = 60


def sky(rain: float = 0.0) -> Sky:
    out = Sky(np.random.default_rng(1))
    out.temperature, out.rain = 6.0, rain
    return out


def levels(under: Sky, minutes: int, rain_until: int) -> np.ndarray:
    gauges = Water(city(), 12, under, np.random.default_rng(1))
    out = []
    for minute in range(minutes):
        if minute == rain_until:
            under.rain = 0.0
        out.append(gauges.step(Moment.at(START + minute * MINUTE_MS)).value[0])
    return np.array(out)


def test_water_rises_after_rain_with_a_delay_and_falls_for_hours() -> None:
    rise = levels(sky(rain=8.0), 30 * HOUR, rain_until=2 * HOUR) - levels(sky(), 30 * HOUR, rain_until=0)
    mean = rise.mean(axis=1)
    assert mean[2 * HOUR] > 0.05
    assert 2 * HOUR < mean.argmax() < 5 * HOUR
    assert mean[10] < 0.1 * mean.max()
    assert 0.2 * mean.max() < mean[12 * HOUR] < 0.7 * mean.max()
    assert mean[29 * HOUR] < 0.1 * mean.max()


def test_the_tide_comes_twice_a_day_to_the_river_and_hardly_to_a_canal() -> None:
    dry = levels(sky(), 48 * HOUR, rain_until=0)
    reach = dry.max(axis=0) - dry.min(axis=0)
    assert reach.max() == pytest.approx(1.2, abs=0.1)
    assert reach.min() < 0.2
    period = round(TIDE_MS / MINUTE_MS)
    river = dry[:, reach.argmax()]
    assert np.abs(river[period:] - river[:-period]).max() < 0.05
    assert np.abs(river[period // 2 :] - river[: -(period // 2)]).max() > 1.0


class Pipes:
    """Pipes lived through `days`: temperature and pressure, float64[minutes, n], and when each failed first."""

    def __init__(self, n: int = 300, days: int = 6) -> None:
        pipes = Heating(city(), n, START, sky(), np.random.default_rng(7))
        fails, mended = pipes.fails_at.copy(), pipes.mended_at.copy()
        rows = [pipes.step(Moment.at(START + minute * MINUTE_MS)).value for minute in range(days * 24 * HOUR)]
        self.temperature, self.pressure = np.array(rows).transpose(1, 0, 2)
        self.fails = (fails - START) // MINUTE_MS
        self.mended = (mended - START) // MINUTE_MS
        self.whole = np.flatnonzero((self.fails > 12 * HOUR) & (self.mended < (days * 24 - 4) * HOUR))


@pytest.fixture(scope="module")
def pipes() -> Pipes:
    return Pipes()


def test_some_pipes_fail_within_days_and_most_do_not(pipes: Pipes) -> None:
    assert 30 < len(pipes.whole) < 150


def test_the_pressure_of_every_pipe_sags_for_hours_before_it_fails(pipes: Pipes) -> None:
    for pipe in pipes.whole:
        fails = pipes.fails[pipe]
        sound = pipes.pressure[fails - 11 * HOUR : fails - 9 * HOUR, pipe].mean()
        hour_before = pipes.pressure[fails - HOUR : fails - HOUR + 10, pipe].mean()
        just_before = pipes.pressure[fails - 10 : fails, pipe].mean()
        assert just_before < hour_before < 0.92 * sound
        assert 0.5 * sound < just_before < 0.7 * sound


def test_its_water_gets_cooler_before_and_cold_after_the_failure_until_it_is_mended(pipes: Pipes) -> None:
    for pipe in pipes.whole:
        fails, mended = pipes.fails[pipe], pipes.mended[pipe]
        sound = pipes.temperature[fails - 11 * HOUR : fails - 9 * HOUR, pipe].mean()
        assert sound - 13 < pipes.temperature[fails - 10 : fails, pipe].mean() < sound - 5
        assert pipes.temperature[mended - 5, pipe] < COLD
        assert pipes.pressure[fails + HOUR : mended - 5, pipe].mean() == pytest.approx(FAILED_KPA, abs=5)
        assert pipes.temperature[mended + 3 * HOUR - 10, pipe] > sound - 5
        assert pipes.pressure[mended + HOUR, pipe] > 4 * FAILED_KPA


def test_pipes_that_do_not_fail_keep_their_pressure(pipes: Pipes) -> None:
    minutes = len(pipes.pressure)
    sound = pipes.fails - 12 * HOUR > minutes
    assert sound.sum() > 100
    spread = pipes.pressure[:, sound].max(axis=0) - pipes.pressure[:, sound].min(axis=0)
    assert spread.max() < 80


def test_a_pipe_that_bursts_twice_is_cold_until_the_later_repair() -> None:
    pipes, pipe = Heating(city(), 5, START, sky(), np.random.default_rng(7)), np.array([2])
    mended = START + 8 * HOUR * MINUTE_MS
    pipes.burst(pipe, START, mended, 0.0, 0.0, 15.0)
    pipes.burst(pipe, START + 20 * MINUTE_MS, START + 30 * MINUTE_MS, 0.0, 0.0, 15.0)
    assert pipes.failed(mended - 1)[2]
    assert not pipes.failed(mended)[2]
    pipes.burst(pipe, mended, mended + MINUTE_MS, 0.0, 0.0, 15.0)
    assert not pipes.failed(mended + MINUTE_MS)[2]


def test_water_is_hotter_when_it_is_colder_outside() -> None:
    def supply(outside: float) -> float:
        under = sky()
        under.temperature = outside
        pipes = Heating(city(), 50, START, under, np.random.default_rng(7))
        for minute in range(3 * HOUR):
            measured = pipes.step(Moment.at(START + minute * MINUTE_MS))
        return float(np.median(measured.value[0]))

    assert supply(-8) > supply(12) + 15
