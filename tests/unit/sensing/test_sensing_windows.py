"""Windows, repeats, lateness, places.

T0        60 s      120 s     180 s
|---------|---------|---------|---> event time; windows of a minute, lateness 10 s, horizon 10 min
"""

import pytest

from schemas import codec
from streams.sensing.state import SensingConfig
from tests.unit.sensing.station import CONFIG, MINUTE, T0, Station, cell, reading


def checked(station: Station) -> tuple[int, int, int]:
    station.checkpoint()
    return station.books()


def test_readings_are_counted_in_the_window_of_their_own_time() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(12, 59.999), reading(20, 60))
    assert checked(station) == (3, 0, 0)
    first, second = station.window(0), station.window(1)
    assert (first["readings"], first["total"], first["least"], first["most"]) == (
        2,
        22_000_000,
        10_000_000,
        12_000_000,
    )
    assert (second["readings"], second["total"]) == (1, 20_000_000)
    assert first["bin_counts"] == [1, 1]


def test_an_exact_repeat_counts_nowhere() -> None:
    station = Station()
    station.feed(reading(10, 5), reading(10, 5))
    station.feed(reading(10, 5))
    assert checked(station) == (1, 2, 0)
    station.feed(reading(10, 5), reading(283.15, 5, unit="K"))  # the same value, said otherwise
    assert checked(station) == (1, 4, 0)
    assert station.window()["readings"] == 1


def test_what_tells_readings_apart_counts_each() -> None:
    station = Station()
    station.feed(
        reading(10, 5),
        reading(11, 5),
        reading(10, 6),
        reading(10, 5, sensor_id="s-2"),
        reading(10, 5, "flow"),
        reading(10, 5, at=1),
    )
    assert checked(station) == (6, 0, 0)
    assert station.window()["readings"] == 4
    station.feed(reading(11, 5), reading(12, 5), reading(10, 5))
    assert checked(station) == (7, 2, 0)
    assert station.window()["readings"] == 5


def test_many_values_at_one_ts_are_told_apart_over_checkpoints() -> None:
    station = Station()
    for _ in range(2):
        station.feed(*(reading(value / 10, 5) for value in range(100)))
        station.feed(*(reading(value / 10, 5) for value in range(50, 150)))
        station.checkpoint()
    assert station.books() == (150, 250, 0)
    assert station.window()["total"] == sum(range(150)) * 100_000


def test_a_late_reading_amends_its_window_until_the_horizon() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(10, 700, sensor_id="s-2"))  # watermark 690 s, horizon at 90 s
    station.checkpoint()
    station.feed(reading(11, 90), reading(12, 89.999))
    assert checked(station) == (3, 0, 1)
    assert station.reasons() == ["too_late"]
    assert "600 s behind" in next(iter(station.refused.values())).detail
    assert station.window(1)["readings"] == 1
    assert station.window(0)["readings"] == 1


def test_lateness_is_judged_in_the_order_of_the_log_within_a_frame() -> None:
    before, after = Station(), Station()
    before.feed(reading(1, 0), reading(2, 5000))
    after.feed(reading(2, 5000), reading(1, 0))
    assert checked(before) == (2, 0, 0)
    assert checked(after) == (1, 0, 1)


def test_a_clock_that_runs_ahead_makes_nobody_else_late() -> None:
    station = Station()
    station.feed(reading(10, 36_000), reading(11, 1), received_at=T0 + 2000)
    station.feed(reading(12, 2), received_at=T0 + 3000)
    assert checked(station) == (3, 0, 0)
    assert station.partials[-1].watermark <= T0
    station.feed(reading(13, 700, sensor_id="s-2"), received_at=T0 + 700_000)
    station.feed(reading(14, 3))
    assert checked(station) == (4, 0, 1)


def test_a_reading_counts_in_the_cell_of_its_own_place() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(11, 10, at=1), reading(12, 5))
    station.checkpoint()
    assert station.window(square=0)["readings"] == 2
    assert station.window(square=1)["total"] == 11_000_000
    assert station.rows["s-1", "temperature"]["cell"] == cell(1)


def test_the_cell_is_asked_for_only_when_a_series_moved() -> None:
    station = Station()
    for second in range(5):
        station.feed(*(reading(second, second, sensor_id=f"s-{number}") for number in range(10)))
    station.checkpoint()
    assert station.locator.asked == 10
    station.feed(reading(9, 9, at=1), reading(9, 10, at=1, sensor_id="s-2"))
    station.feed(reading(10, 11, at=1))
    assert station.locator.asked == 12
    station.checkpoint()
    station.crash()
    station.feed(reading(10, 12, at=1), reading(10, 12, sensor_id="s-3"))
    assert station.locator.asked == 12


@pytest.mark.parametrize("value", [-40.5, -1e-6, 0.0, 64.999999])
def test_the_sum_of_squares_is_exact_for_values_of_any_sign(value: float) -> None:
    station = Station()
    station.feed(reading(value, 0), reading(value, 1))
    station.checkpoint()
    told, millionths = station.window(), round(value * 1e6)
    squares = (told["square_aa"] << 40) + (told["square_ab"] << 21) + told["square_bb"]
    assert squares == 2 * millionths**2
    assert (told["least"], told["most"]) == (millionths, millionths)


def test_only_windows_that_changed_are_told_again() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(10, 0, at=2), reading(10, 60))
    station.checkpoint()
    station.feed(reading(11, 1), reading(10, 60))
    told = station.tell()
    rows = [start for partial in told for start in partial.windows.window_start]
    assert rows == [T0]


def test_between_checkpoints_only_refusals_are_told() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(999, 0))
    assert station.tell(at_checkpoint=False) == []
    assert station.reasons() == ["value_out_of_range"]
    assert len(station.tell()) == 1


def test_every_region_hears_that_time_moved_on() -> None:
    station = Station()
    station.feed(reading(10, 0), reading(10, 0, at=1))
    station.checkpoint()
    station.feed(reading(10, 120))
    told = {partial.region: partial.watermark for partial in station.tell()}
    assert told == {"0": T0 + 110_000, "1": T0 + 110_000}
    assert station.tell() == []


def test_a_partial_names_its_source() -> None:
    station = Station(SensingConfig(MINUTE, 10_000, 10 * MINUTE, sources=7))
    station.feed(reading(10, 30))
    [partial] = station.tell()
    assert (partial.source, partial.sources, partial.generation, partial.offset) == (0, 7, 0, 0)
    assert (partial.newest_ts, partial.watermark, partial.window_ms) == (T0 + 30_000, T0 + 20_000, MINUTE)


def test_much_to_tell_is_cut_into_partials_and_only_the_last_carries_the_new_watermark() -> None:
    station = Station()
    station.feed(reading(0, 0, sensor_id="first"))
    station.checkpoint()
    places = [{"lat": 31.2 - number // 100, "at": 2 * (number % 100)} for number in range(5000)]
    station.feed(*(reading(1, 100, sensor_id=f"s-{n}", **place) for n, place in enumerate(places)))
    outputs = station.fold.take_outputs(at_checkpoint=True)
    assert len(outputs) > 2
    assert max(len(output.value) for output in outputs) < 900_000
    assert len({output.id_ for output in outputs}) == len(outputs)
    heard = [codec.partial.decode(output.value) for output in outputs]
    assert [partial.watermark - T0 for partial in heard[:-1]] == [-10_000] * (len(heard) - 1)
    assert heard[-1].watermark - T0 == 90_000
    cells = [cell for partial in heard for cell in partial.windows.cell]
    assert len(cells) == len(set(cells)) == 5000
    station.checkpoint()
    station.crash()
    again = station.tell()
    assert len(again) > 2
    assert {partial.watermark - T0 for partial in again} == {90_000}


def test_more_readings_than_may_wait_are_counted_before_the_checkpoint() -> None:
    station = Station(CONFIG)
    for start in range(0, 210_000, 10_000):
        station.feed(*(reading(1, 0.001 * number, "flow") for number in range(start, start + 10_000)))
    station.feed(reading(1, 5, "flow"))
    assert checked(station) == (210_000, 1, 0)
    assert sum(station.window(minute, "flow")["readings"] for minute in range(4)) == 210_000
