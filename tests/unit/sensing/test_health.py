"""What a partition learns and tells of the health of its sensors."""

from dataclasses import replace
from itertools import pairwise

import pytest

from schemas import codec
from schemas.partials import SensingPartial, SensorHealth
from streams.sensing.health import record
from streams.sensing.health.rule import HealthRule
from tests.unit.sensing.station import CONFIG, MINUTE, T0, Station, reading

SILENT_MS = HealthRule().silent_ms


def minutes(station: Station, first: int, end: int, **fields: object) -> None:
    """Feed a reading a minute, each with another value unless it is given, and tell after each."""
    for minute in range(first, end):
        value = fields.get("value", minute % 50 + 1)
        others = {name: field for name, field in fields.items() if name != "value"}
        station.feed(reading(value, minute * 60, **others))  # type: ignore[arg-type]
        station.checkpoint()


def told(station: Station, sensor_id: str = "s-1", metric: str = "temperature") -> list[dict[str, float]]:
    """Return what was told of a series, in order."""
    found = []
    for partial in station.partials:
        h = partial.health
        if h is not None:
            for index, key in enumerate(zip(h.sensor_id, h.metric, strict=True)):
                if key == (sensor_id, metric):
                    found.append({name: getattr(h, name)[index] for name in SensorHealth.__struct_fields__})
    return found


def test_nothing_is_told_of_a_sensor_before_its_interval_is_known() -> None:
    station = Station()
    minutes(station, 0, HealthRule().warm_gaps)
    assert told(station) == []
    minutes(station, 10, 11)
    (first,) = told(station)
    assert first["last_ts"] == T0 + 10 * MINUTE
    assert first["patience_ms"] == SILENT_MS
    assert 50_000 < first["expected_ms"] < 70_000


def test_it_is_told_again_when_a_quarter_of_its_patience_is_over() -> None:
    station = Station()
    minutes(station, 0, 60, metric="laeq")
    times = [row["last_ts"] for row in told(station, metric="laeq")]
    assert {later - earlier for earlier, later in pairwise(times)} == {3 * MINUTE}


def test_the_newest_reading_of_a_sensor_that_fell_silent_is_told_though_its_lease_is_not_over() -> None:
    station = Station()
    minutes(station, 0, 12)  # told at minute 10: minute 11 is not
    minutes(station, 12, 30, sensor_id="s-2")
    assert [row["last_ts"] for row in told(station)] == [T0 + 10 * MINUTE, T0 + 11 * MINUTE]


def test_a_sensor_that_repeats_one_value_for_long_is_stuck_until_it_changes() -> None:
    station = Station()
    minutes(station, 0, 60)
    minutes(station, 60, 120, value=7.5)
    minutes(station, 120, 125)
    since = [row["stuck_since"] for row in told(station)]
    assert set(since) == {0, T0 + 60 * MINUTE}
    assert since[-1] == 0
    stuck = next(row for row in told(station) if row["stuck_since"])
    assert (stuck["value"], stuck["last_ts"]) == (7.5, T0 + 90 * MINUTE)  # half an hour


def test_nothing_measured_for_long_is_not_stuck() -> None:
    station = Station()
    minutes(station, 0, 60)
    minutes(station, 60, 200, value=0)
    assert {row["stuck_since"] for row in told(station)} == {0}


@pytest.mark.parametrize(("value", "is_stuck"), [(1, False), (7.5, True), (50, False)])
def test_what_has_bounds_may_stay_at_the_least_and_the_most_that_it_ever_was(
    value: float, is_stuck: bool
) -> None:
    station = Station()
    minutes(station, 0, 60, metric="no2")
    minutes(station, 60, 200, metric="no2", value=value)
    assert any(row["stuck_since"] for row in told(station, metric="no2")) == is_stuck


def test_runs_that_were_always_long_are_not_stuck() -> None:
    station = Station()
    for minute in range(2_000):
        station.feed(reading(1 + minute // 40 % 9, minute * 60))
    station.checkpoint()
    minutes(station, 2_000, 2_150, value=88.5)
    assert {row["stuck_since"] for row in told(station)} == {0}


@pytest.mark.parametrize("step_s", [10, 30, 60])
def test_the_silence_of_every_night_is_a_habit_however_often_a_sensor_speaks_by_day(step_s: int) -> None:
    station, evenings = Station(), []
    for day in range(5):
        seconds = range(day * 86_400, day * 86_400 + 16 * 3600, step_s)
        for first in range(0, len(seconds), 1000):
            station.feed(*(reading(1 + at % 50, at) for at in seconds[first : first + 1000]))
        station.checkpoint()
        evenings.append(told(station)[-1]["patience_ms"] > 8 * 60 * MINUTE)
    assert evenings == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("metric", "step_s", "calm", "stuck_at"),
    [
        *(("temperature", 180, 12, 49), ("temperature", 60, 29, 117), ("temperature", 10, 170, 681)),
        ("speed", 60, 45, 181),
    ],
)
@pytest.mark.parametrize("checkpoints", [False, True])
def test_a_calm_that_was_not_ill_is_the_longest_known(
    metric: str, step_s: int, calm: int, stuck_at: int, checkpoints: bool
) -> None:
    """Neither a dozen equal values nor less than half an hour (of traffic: an hour) is ill, so four times that are."""
    station, number = Station(), 0
    for value in (*(40.0 + n % 2 for n in range(30)), *[50.0] * calm, *(40.0 + n % 2 for n in range(5))):
        station.feed(reading(value, number * step_s, metric))
        number += 1
        if checkpoints:
            station.checkpoint()
    for n in range(stuck_at):
        station.feed(reading(55.0, (number + n) * step_s, metric))
        station.checkpoint()
    stuck = [
        (row["repeated"], row["stuck_since"]) for row in told(station, metric=metric) if row["stuck_since"]
    ]
    assert stuck == [(stuck_at, T0 + number * step_s * 1000)]


def test_one_figure_of_several_that_stands_still_is_not_a_stuck_sensor() -> None:
    station = Station()
    for minute in range(180):
        speed = 52.0 if minute > 60 else 40 + minute % 7
        station.feed(
            reading(500 + minute % 50, minute * 60, "flow", sensor_id="loop"),
            reading(speed, minute * 60, "speed", sensor_id="loop"),
        )
        station.checkpoint()
    assert {row["stuck_since"] for row in told(station, "loop", "speed")} == {0}


def test_three_readings_out_of_range_in_a_row_are_a_broken_sensor_until_readings_are_good_again() -> None:
    station = Station()
    minutes(station, 0, 20)
    minutes(station, 20, 22, value=-999)
    assert {row["refused_since"] for row in told(station)} == {0}
    minutes(station, 22, 23, value=-999)
    assert told(station)[-1]["refused_since"] == T0 + 20 * MINUTE
    assert told(station)[-1]["refused"] == 3
    minutes(station, 23, 30)
    assert told(station)[-1]["refused_since"] == 0


def test_a_single_reading_out_of_range_now_and_then_is_not_a_broken_sensor() -> None:
    station = Station()
    for minute in range(200):
        station.feed(reading(-999 if minute % 4 == 0 and minute else 1 + minute % 50, minute * 60))
        station.checkpoint()
    assert {row["refused_since"] for row in told(station)} == {0}


def test_a_broken_sensor_is_not_silent() -> None:
    station = Station()
    minutes(station, 0, 20)
    minutes(station, 20, 60, value=-999)
    assert told(station)[-1]["last_ts"] >= T0 + 57 * MINUTE


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_time_in_which_readings_were_refused_is_no_silence_to_get_used_to(size: int) -> None:
    """Two hours of values out of range, three times: if it is silent then, that is told as soon as ever."""
    station = Station()
    values = [*range(1, 61), *[-999] * 120] * 3 + [*range(1, 61)]
    for first in range(0, len(values), size):
        some = enumerate(values[first : first + size], first)
        station.feed(*(reading(value, minute * 60) for minute, value in some))
        station.checkpoint()
    assert {row["patience_ms"] for row in told(station)[1:]} == {SILENT_MS}


@pytest.mark.parametrize("size", [1, 7, 60])
def test_a_silence_that_ends_with_a_refusal_is_a_habit_when_it_comes_again(size: int) -> None:
    """As of a device that says what cannot be whenever it is switched on, after five hours."""
    station = Station()
    day = [(minute, minute + 1) for minute in range(60)] + [(360, -999), (361, -999)]
    log = [(420 * number + minute, value) for number in range(3) for minute, value in day]
    for first in range(0, len(log), size):
        station.feed(*(reading(value, minute * 60) for minute, value in log[first : first + size]))
        station.checkpoint()
    assert told(station)[-1]["patience_ms"] > 600 * MINUTE


def test_a_repeated_refusal_counts_once() -> None:
    station = Station()
    minutes(station, 0, 20)
    station.feed(*[reading(-999, 1_200)] * 5)
    station.checkpoint()
    assert {row["refused_since"] for row in told(station)} == {0}


def test_readings_of_strangers_break_nobody() -> None:
    station = Station()
    minutes(station, 0, 20)
    for minute in range(20, 30):
        station.feed(reading(-999, minute * 60, owner="other"), reading(-999, minute * 60, sensor_id="new"))
        station.checkpoint()
    assert {row["refused_since"] for row in told(station)} == {0}


def test_what_was_learned_survives_a_crash_at_any_checkpoint() -> None:
    never, often = Station(), Station()
    for station in (never, often):
        for start, value in ((0, None), (60, 7.5), (130, -999), (135, None)):
            for minute in range(start, start + 70 if start < 130 else start + 5):
                station.feed(reading(minute % 50 + 1 if value is None else value, minute * 60))
                if station is often and minute % 3 == 0:
                    station.checkpoint()
                    station.crash()
        station.checkpoint()
    (known,), (expected,) = (record.load([s.rows["s-1", "temperature"]["health"]]) for s in (often, never))
    learned = [name for name in record.RECORD.names or () if not name.startswith("told_")]
    assert {name: known[name].tolist() for name in learned} == {
        name: expected[name].tolist() for name in learned
    }


def test_the_mean_of_twenty_minutes_is_told_once_they_are_over() -> None:
    station = Station()
    minutes(station, 0, 45)
    means = {row["period"]: row["mean"] for row in told(station) if row["period"]}
    assert means == {
        T0: sum(range(1, 21)) / 20,
        T0 + 20 * MINUTE: sum(range(21, 41)) / 20,
    }
    assert next(row["last_ts"] for row in told(station) if row["period"]) == T0 + 20 * MINUTE


def test_means_do_not_depend_on_batches() -> None:
    found = []
    for size in (1, 7, 45):
        station = Station()
        for first in range(0, 45, size):
            some = range(first, min(first + size, 45))
            station.feed(*(reading(minute % 50 + 1, minute * 60) for minute in some))
            station.checkpoint()
        found.append(told(station)[-1]["mean"])
    assert len(set(found)) == 1


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_readings_out_of_range_count_from_the_first_good_one_of_a_new_sensor_on(size: int) -> None:
    """However few records they come in: what is before the first good reading is of a stranger."""
    station = Station()
    values = [-999, 7, -999, -999, -999]
    log = [reading(value, minute * 60) for minute, value in enumerate(values)]
    for first in range(0, len(log), size):
        station.feed(*log[first : first + size])
        station.checkpoint()
    last = told(station)[-1]
    assert (last["refused_since"], last["refused"]) == (T0 + 2 * MINUTE, 3)


def test_readings_out_of_range_of_another_owner_are_not_of_a_new_sensor() -> None:
    station = Station()
    station.feed(reading(7, 0), *(reading(-999, minute * 60, owner="other") for minute in range(1, 5)))
    station.checkpoint()
    assert told(station) == []


def test_readings_out_of_range_before_the_first_good_one_break_nobody() -> None:
    """Whether it comes in their record or in one of its own."""
    together, apart = Station(), Station()
    log = [*(reading(-999, minute * 60) for minute in range(5)), reading(7, 300)]
    together.feed(*log)
    for one in log:
        apart.feed(one)
    for station in (together, apart):
        station.checkpoint()
        assert told(station) == []


@pytest.mark.parametrize("size", [1, 7, 60])
@pytest.mark.parametrize("good", [2, 5])
def test_that_values_are_out_of_range_does_not_depend_on_batches(good: int, size: int) -> None:
    """An hour of readings may come at once, of which every second or fifth is good."""
    station = Station()
    for first in range(0, 120, size):
        some = range(first, min(first + size, 120))
        values = [minute % 50 + 1 if minute < 60 or minute % good == 0 else -1_000 for minute in some]
        station.feed(*(reading(value, minute * 60) for minute, value in zip(some, values, strict=True)))
        station.checkpoint()
    assert told(station)[-1]["refused_since"] == T0 + 61 * MINUTE


def test_what_is_local_has_no_means() -> None:
    station = Station()
    minutes(station, 0, 45, metric="laeq")
    assert {row["period"] for row in told(station, metric="laeq")} == {0}


def test_a_series_that_is_forgotten_is_told_as_gone() -> None:
    station = Station(replace(CONFIG, most_series=1))
    minutes(station, 0, 12)
    minutes(station, 100, 130, sensor_id="s-2")
    assert told(station)[-1]["last_ts"] == 0
    assert told(station, "s-2")[-1]["last_ts"] > 0


def test_very_many_series_that_are_forgotten_at_once_are_told_in_pieces_that_kafka_takes() -> None:
    station = Station(replace(CONFIG, most_series=1))
    names = [f"{number:064}" for number in range(5_000)]
    for minute in range(12):
        station.feed(*(reading(minute % 7, minute * 60, sensor_id=name) for name in names))
    station.checkpoint()
    station.feed(reading(1, 100 * 60, sensor_id="s-2"))
    outputs = station.fold.take_outputs(at_checkpoint=True)
    assert max(len(output.value) for output in outputs) < 900_000
    said = [codec.partial.decode(output.value) for output in outputs]
    health = [one.health for one in said if isinstance(one, SensingPartial) and one.health is not None]
    assert sorted(name for one in health for name in one.sensor_id) == names
    assert {at for one in health for at in one.last_ts} == {0}


def test_a_sensor_that_moves_to_another_region_is_gone_from_the_old_one() -> None:
    station = Station()
    minutes(station, 0, 12)
    minutes(station, 12, 13, at=1)
    by_region = {p.region: p.health for p in station.partials if p.health is not None}
    old, new = by_region["0"], by_region["1"]
    assert (old.last_ts, new.last_ts) == ([0], [T0 + 12 * MINUTE])


def test_readings_out_of_range_count_as_they_came_wherever_checkpoints_fall() -> None:
    found = []
    for between in (False, True):
        station = Station()
        station.feed(reading(1, 0))
        station.checkpoint()
        for seconds in (30, 20, 10):  # each older than the one before
            station.feed(reading(99, seconds))
            if between:
                station.checkpoint()
        station.checkpoint()
        (row,) = station.rows.values()
        found.append(record.load([row["health"]])[0].tobytes())
    assert found[0] == found[1]


def test_how_sensors_are_closes_no_window_whose_counts_are_told_after_it() -> None:
    """Not even in the first word of all, where no watermark was told before."""
    station = Station()
    station.feed(*(reading(1.0 + minute, minute * 60) for minute in range(20)))
    station.feed(*(reading(-1_000, 1_200 + minute * 60) for minute in range(3)))
    told = station.tell()
    first = next(number for number, partial in enumerate(told) if partial.windows.cell)
    assert any(partial.health is not None for partial in told[:first])
    assert {partial.watermark for partial in told[:first]} == {0}
    assert told[-1].watermark > T0
