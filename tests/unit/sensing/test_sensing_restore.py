"""What is saved, and coming back from it."""

from dataclasses import replace

import pytest

from streams.fold.regions import KEPT_MS
from streams.sensing.state import SensingConfig, SensingState
from tests.pipeline import restored
from tests.unit.sensing.station import CONFIG, MINUTE, T0, Station, reading


def seen_parts(station: Station) -> list[str]:
    return sorted(name for name in station.parts if name.startswith("seen/"))


def test_a_repeat_of_a_reading_from_before_a_crash_is_known() -> None:
    station = Station()
    station.feed(reading(10, 5), reading(11, 5, "flow", at=1))
    station.checkpoint()
    station.crash()
    station.feed(reading(10, 5), reading(11, 5, "flow", at=1), reading(12, 5))
    station.checkpoint()
    assert station.books() == (3, 2, 0)
    assert station.window()["readings"] == 2


def test_after_a_crash_all_windows_are_told_again_as_they_were() -> None:
    station = Station()
    for minute in range(5):
        station.feed(*(reading(minute + number, 60 * minute + number, at=number) for number in range(3)))
        station.checkpoint()
    before, station.windows = station.windows, {}
    station.crash()
    told = station.tell()
    assert station.windows == before
    assert len(before) == 15
    assert {partial.watermark for partial in told} == {T0 + 242_000 - 10_000}


def test_a_checkpoint_saves_only_what_is_new() -> None:
    station = Station()
    station.feed(*(reading(value, 0.001 * value, "flow") for value in range(2000)))
    station.checkpoint()
    station.feed(reading(5000, 3, "flow"), reading(1, 0.001, "flow"))
    changes = station.checkpoint()
    [name] = [name for name in changes.parts if name != "clock"]
    assert name == f"seen/{T0}-{T0 + MINUTE}/0.1"
    part = changes.parts[name]
    assert part is not None
    assert len(part) < 250
    assert station.checkpoint().parts == {}
    station.crash()
    assert station.checkpoint().parts.keys() <= {"clock"}


def test_many_parts_of_a_block_are_joined_and_nothing_is_lost() -> None:
    station = Station()
    for step in range(100):
        station.feed(reading(step, 0.1 * step, "flow"), reading(step, 0.1 * step, "flow", at=1))
        station.checkpoint()
    assert len(seen_parts(station)) <= 33
    station.crash()
    for step in range(100):
        station.feed(reading(step, 0.1 * step, "flow"))
    station.checkpoint()
    assert station.books() == (200, 100, 0)
    assert station.window(metric="flow")["readings"] == 100


def test_parts_are_deleted_with_their_windows() -> None:
    station = Station()
    for minute in range(60):
        station.feed(reading(minute, 60 * minute, "flow"))
        station.checkpoint()
    assert len(seen_parts(station)) <= 12
    station.crash()
    station.feed(reading(1, 7200, "flow"))
    station.checkpoint()
    assert len(seen_parts(station)) == 1


def test_a_window_that_leaps_of_time_leave_behind_is_told_before_it_is_forgotten() -> None:
    station = Station()
    station.feed(reading(1, 0, "flow"), reading(2, 86_400, "flow"), reading(3, 172_800, "flow"))
    station.checkpoint()
    assert len(station.windows) == 3
    assert len(seen_parts(station)) == 1


def test_the_ledger_goes_on_after_a_crash() -> None:
    station = Station()
    station.feed(reading(10, 5), reading(10, 5), reading(999, 5))
    station.checkpoint()
    station.crash()
    assert station.fold.ledger.received == 3
    station.feed(reading(10, 5), reading(11, 5))
    station.crash()
    station.checkpoint()
    assert station.books() == (2, 2, 1)


def test_what_was_told_and_not_stored_is_told_again_from_the_log() -> None:
    station = Station()
    station.feed(reading(10, 5))
    station.checkpoint()
    station.feed(reading(11, 6), reading(12, 6, "flow"))
    station.crash_before_commit()
    station.feed(reading(13, 7))
    station.checkpoint()
    assert station.window()["total"] == 34_000_000
    assert station.window(metric="flow")["readings"] == 1
    assert station.books() == (4, 0, 0)


def test_a_block_lives_until_the_horizon_has_passed_all_of_it() -> None:
    for crash in (False, True):
        station = Station()
        station.feed(reading(1, 30), reading(2, 50), reading(3, 630))  # the horizon is at 20 s
        station.checkpoint()
        station.checkpoint()
        if crash:
            station.crash()
        station.feed(reading(1, 30), reading(4, 40))
        station.checkpoint()
        assert station.window()["readings"] == 3
        assert station.books() == (4, 1, 0)


def test_repeats_are_known_whichever_of_several_checkpoints_brought_the_readings() -> None:
    station = Station()
    log = [reading(n, 7 * n % 50, sensor_id=f"s-{n % 5}") for n in range(30)]
    for one in log:
        station.feed(one)
        station.checkpoint()
    station.crash()
    for one in log:
        station.feed(one)
        station.checkpoint()
    assert station.books() == (30, 30, 0)
    assert station.window()["readings"] == 30


def test_a_longer_horizon_does_not_revive_windows_that_were_forgotten() -> None:
    station = Station(replace(CONFIG, amend_horizon_ms=2 * MINUTE))
    station.feed(reading(1, 0), reading(2, 30))
    station.feed(reading(3, 600))
    station.checkpoint()
    station.config = replace(CONFIG, amend_horizon_ms=60 * MINUTE)
    station.crash()
    station.feed(reading(4, 10), reading(5, 471))
    station.checkpoint()
    assert station.reasons() == ["too_late"]
    assert station.window(0)["readings"] == 2


def test_blocks_of_another_length_are_read_all_the_same() -> None:
    station = Station()
    for minute in range(9):
        station.feed(reading(minute, 60 * minute), reading(minute, 60 * minute + 1))
        station.checkpoint()
    for horizon in (200, 10):
        station.config = replace(CONFIG, amend_horizon_ms=horizon * MINUTE)
        station.windows.clear()
        station.crash()
        for minute in range(9):
            station.feed(reading(minute, 60 * minute))
            station.checkpoint()
        assert [station.window(minute)["readings"] for minute in range(9)] == [2] * 9
    station.feed(reading(0, 7200))
    station.checkpoint()
    assert len(seen_parts(station)) == 1


def test_an_owner_without_rows_begins_with_nothing() -> None:
    config = SensingConfig(MINUTE, 10_000, 10 * MINUTE, 1)
    fold = SensingState(config, Station().locator, restored(), {"sensor_id": [], "metric": []})
    assert fold.take_outputs(at_checkpoint=True) == []
    changes = fold.take_changes()
    assert changes.rows == []
    assert list(changes.parts) == ["clock"]


def test_of_a_horizon_of_years_every_window_comes_back_at_its_time() -> None:
    """Times of a block are saved in 32 bits, its windows counted in 19."""
    station = Station(replace(CONFIG, amend_horizon_ms=160_000_000_000, window_ms=10_000))
    days = [0, 20, 40, 60, 80, 100, 110]
    station.feed(*(reading(day % 40, day * 86_400) for day in days))
    station.checkpoint()
    station.crash()
    station.feed(*(reading(day % 40, day * 86_400) for day in days))
    station.checkpoint()
    assert station.books() == (len(days), len(days), 0)
    assert {start for start, _, _ in station.windows} == {T0 + day * 1440 * MINUTE for day in days}


@pytest.mark.parametrize("crash", [False, True])
def test_who_is_archived_hangs_on_the_log_alone(crash: bool) -> None:
    station = Station(replace(CONFIG, most_series=1))
    station.feed(reading(1, 1000, sensor_id="a"))
    station.feed(reading(1, 1000, sensor_id="b"))
    station.feed(reading(1, 420, sensor_id="late", owner="city"))
    station.checkpoint()
    if crash:
        station.crash()
    station.feed(reading(2, 1100, sensor_id="a"))
    station.feed(reading(2, 1140, sensor_id="a"))
    station.feed(reading(1, 1140, sensor_id="late", owner="other"))
    station.checkpoint()
    assert station.reasons() == []
    assert {row["owner"] for (name, *_), row in station.rows.items() if name == "late"} == {"other"}


def regions_told(station: Station, second: int) -> set[str]:
    """Let time go on in square 0, and return the regions that are told."""
    station.feed(reading(1, second))
    told = {partial.region for partial in station.tell()}
    station.checkpoint()
    return told


def test_a_region_that_its_last_sensor_has_left_is_told_the_time_after_a_restart_too() -> None:
    """Else an alert there that waits for time to pass would never end."""
    station = Station()
    station.feed(reading(1, 0, sensor_id="s-2", at=1))
    station.checkpoint()
    station.feed(reading(1, 60, sensor_id="s-2"))
    station.checkpoint()
    for second in range(120, 1_200, 60):
        regions_told(station, second)
    for second in (1_200, 1_260):
        station.crash()
        assert len(regions_told(station, second)) == 2


def test_a_region_where_nothing_was_measured_for_long_is_forgotten_at_a_restart() -> None:
    station = Station()
    station.feed(reading(1, 0, sensor_id="s-2", at=1))
    station.checkpoint()
    station.feed(reading(1, 60, sensor_id="s-2"))
    later = KEPT_MS // 1000 + 3_600
    regions_told(station, later)
    station.crash()
    assert len(regions_told(station, later + 60)) == 1
