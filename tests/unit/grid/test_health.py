"""Health of sensors on its way through the grid, and the clock that goes with it."""

from dataclasses import replace

import msgspec
import pytest

from schemas import codec
from schemas.cells import CellsHealth
from schemas.partials import SensorHealth
from streams.grid.state import GridState
from tests.pipeline import T0, geometry, restored
from tests.unit.grid.partials import requests, sensing
from tests.unit.grid.region import CELL, CONFIG, MINUTE, Grid

NEWS = SensorHealth(
    ["s"], ["laeq"], ["city"], [CELL], [T0], [1], [2], [3.5], [4], [5], [6], [7], [8], [9], [10.5]
)


def heard(grid: Grid) -> list[CellsHealth]:
    messages = [codec.cells.decode(o.value) for o in grid.outputs if "health" in o.type_]
    return [message for message in messages if isinstance(message, CellsHealth)]


def at(message: CellsHealth) -> tuple[float, float]:
    return (message.as_of - T0) / MINUTE, (message.fleet_as_of - T0) / MINUTE


def test_news_of_sensors_is_passed_on_at_once_with_its_place_in_the_log() -> None:
    grid = Grid()
    grid.put(sensing(source=3, sources=4, offset=17, generation=2, reached=1, health=NEWS))
    grid.tick()
    (message,) = heard(grid)
    assert message.sensors == NEWS
    assert (message.source, message.generation, message.offset) == (3, 2, 17)


def test_all_that_is_told_of_a_region_says_by_which_owner() -> None:
    grid = Grid()
    grid.fold = GridState(CONFIG, geometry, replace(restored(), epoch=17))
    grid.say((0, CELL, 1, 1, 0), live={CELL: 1}, reached=1)
    grid.put(sensing((0, CELL, "laeq", [3.5]), reached=1, health=NEWS))
    grid.put(requests((0, CELL, "noise", {"opened": 1}, []), reached=1))
    grid.tick(at_checkpoint=True)
    told = [msgspec.json.decode(output.value) for output in grid.outputs]
    assert {message["type"] for message in told} == {"now", "window", "metrics", "requests", "health"}
    assert {message["owner"] for message in told} == {17}


def test_at_a_checkpoint_time_is_told_once_though_nothing_is_new() -> None:
    grid = Grid()
    grid.put(sensing(reached=1))
    grid.tick()
    assert heard(grid) == []
    grid.tick(at_checkpoint=True)
    grid.tick(at_checkpoint=True)
    (message,) = heard(grid)
    assert (message.sensors, message.source) == (None, -1)


def test_the_clock_is_the_least_of_the_sources_that_are_awake() -> None:
    grid = Grid()
    grid.put(sensing(source=0, sources=2, reached=5))
    grid.put(sensing(source=1, sources=2, reached=9))
    grid.tick(at_checkpoint=True)
    first = heard(grid)[-1].as_of
    grid.tick(16_000)
    grid.put(sensing(source=1, sources=2, reached=9, offset=1))
    grid.tick(13_000, at_checkpoint=True)  # source 0 may be held up
    assert heard(grid)[-1].as_of == first
    grid.tick(3_000, at_checkpoint=True)  # it said nothing for 32 s
    assert heard(grid)[-1].as_of - first == 4 * MINUTE


def test_while_all_sensors_are_silent_the_fleet_carries_the_clock_on_and_the_other_way_round() -> None:
    grid = Grid()
    grid.put(sensing(reached=5))
    grid.say(reached=5)
    grid.tick()
    for offset, reached in ((1, 20), (2, 30)):
        grid.tick(16_000)
        grid.say(reached=reached, offset=offset)
    grid.tick(1, at_checkpoint=True)
    as_of, fleet = at(heard(grid)[-1])
    assert as_of == fleet == 30
    grid.put(sensing(reached=40, offset=1))
    for offset, reached in ((2, 50), (3, 60)):
        grid.tick(16_000)
        grid.put(sensing(reached=reached, offset=offset))
    grid.tick(15_000, at_checkpoint=True)  # they had paused, and go on for half a minute
    as_of, fleet = at(heard(grid)[-1])
    assert as_of == fleet == 60


def test_of_a_fleet_alone_only_the_time_is_told() -> None:
    grid = Grid()
    grid.say(reached=5)
    grid.tick(at_checkpoint=True)
    (message,) = heard(grid)
    assert (message.sensors, message.fleet_as_of) == (None, T0 + 5 * MINUTE)


def test_live_counts_do_not_carry_the_clock_beyond_what_windows_were_told_of() -> None:
    grid = Grid()
    grid.say((0, CELL, 1, 1, 0), live={CELL: 1}, reached=5)
    grid.tick(at_checkpoint=True)
    for minute in range(6, 60):
        grid.say(live={CELL: minute}, reached=5, newest=minute, offset=minute)
        grid.tick(10_000, at_checkpoint=True)
    assert {message.fleet_as_of for message in heard(grid)} == {T0 + 5 * MINUTE}


def test_who_tells_first_after_a_pause_does_not_speak_for_the_others() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing(source=source, sources=2, reached=5))
    grid.say(reached=5)
    grid.tick(at_checkpoint=True)
    grid.tick(40_000, at_checkpoint=True)  # the database was away, say
    grid.say(reached=40, offset=1)
    grid.tick(10_000, at_checkpoint=True)
    grid.put(sensing(source=1, sources=2, reached=40, offset=1))
    grid.tick(10_000, at_checkpoint=True)
    assert {at(message) for message in heard(grid)} == {(5.0, 5.0)}
    grid.put(sensing(source=0, sources=2, reached=39, offset=1))
    grid.tick(21_000, at_checkpoint=True)
    assert at(heard(grid)[-1]) == (39.0, 40.0)


def test_windows_are_whole_when_all_who_spoke_lately_have_told_theirs() -> None:
    """
    wall time       0 s   20 s ... 120 s   121 s
    source 0 told   5
    source 1 told   5     9        9
    whole up to     5     5        5       9
    """
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((4, CELL, "laeq", [3.5]), source=source, sources=2, reached=5))
    grid.tick(at_checkpoint=True)
    for offset in range(1, 7):
        grid.tick(19_999)
        grid.put(sensing((8, CELL, "laeq", [3.5]), source=1, sources=2, reached=9, offset=offset))
        grid.tick(at_checkpoint=True)
        assert heard(grid)[-1].metrics_as_of == T0 + 5 * MINUTE
    assert max(start for message in grid.metrics for start in message.rows.window_start) == T0 + 8 * MINUTE
    grid.tick(1_000, at_checkpoint=True)
    assert heard(grid)[-1].metrics_as_of == T0 + 9 * MINUTE


def test_while_all_sensors_are_silent_closed_windows_are_whole() -> None:
    grid = Grid()
    for source, reached in ((0, 5), (1, 9)):
        grid.put(sensing((8, CELL, "laeq", [3.5]), source=source, sources=2, reached=reached))
    grid.tick()
    grid.tick(30_000, at_checkpoint=True)
    assert heard(grid)[-1].metrics_as_of == T0 + 5 * MINUTE
    grid.tick(1_000, at_checkpoint=True)
    assert heard(grid)[-1].metrics_as_of == T0 + 9 * MINUTE


def test_of_a_fleet_alone_no_windows_of_sensors_are_whole() -> None:
    grid = Grid()
    grid.say(reached=5)
    grid.tick(at_checkpoint=True)
    assert [message.metrics_as_of for message in heard(grid)] == [None]


def test_where_there_are_no_requests_nothing_is_said_of_their_time() -> None:
    grid = Grid()
    grid.put(sensing(reached=5))
    grid.say(reached=5)
    grid.tick(at_checkpoint=True)
    assert [message.requests_as_of for message in heard(grid)] == [None]


def test_requests_alone_are_judged_by_nobody() -> None:
    grid = Grid()
    grid.put(requests((1, CELL, "noise", {"opened": 1}, ()), reached=5))
    grid.tick(at_checkpoint=True)
    assert heard(grid) == []


@pytest.mark.parametrize("other", ["sensing", "fleet"])
def test_while_requests_are_silent_the_others_carry_their_clock_on(other: str) -> None:
    def others(reached: float, offset: int) -> None:
        if other == "fleet":
            grid.say(reached=reached, offset=offset)
        else:
            grid.put(sensing(reached=reached, offset=offset))

    grid = Grid()
    grid.put(requests((1, CELL, "noise", {"opened": 1}, ()), reached=5))
    others(9, 0)
    grid.tick(at_checkpoint=True)
    assert heard(grid)[-1].requests_as_of == T0 + 5 * MINUTE
    for offset, reached in ((1, 30), (2, 40)):
        grid.tick(16_000)
        others(reached, offset)
    grid.tick(1, at_checkpoint=True)
    assert heard(grid)[-1].requests_as_of == T0 + 40 * MINUTE


def test_news_of_sensors_carry_the_clock_of_requests_too() -> None:
    grid = Grid()
    grid.put(requests((1, CELL, "noise", {"opened": 1}, ()), reached=5))
    grid.put(sensing(reached=1, health=NEWS))
    grid.tick()
    assert [message.requests_as_of for message in heard(grid)] == [T0 + 5 * MINUTE]


def test_after_a_crash_the_news_is_passed_on_again() -> None:
    grid = Grid()
    grid.put(sensing(reached=1))
    grid.tick()
    grid.checkpoint()
    grid.put(sensing(reached=2, offset=1, health=NEWS))
    grid.tick()
    assert len([m for m in heard(grid) if m.sensors]) == 1


def test_health_that_cannot_be_is_refused() -> None:
    for column, value, why in (
        ("metric", ["nothing"], "is not in schemas/metrics.py"),
        ("cell", ["nowhere"], "is no H3 cell"),
        ("last_ts", [-1], "last_ts"),
        ("value", [1e300], "numbers up to"),
        ("owner", [""], "owner ''"),
        ("sensor_id", ["s", "t"], "equal lengths"),
    ):
        grid = Grid()
        changed = {name: getattr(NEWS, name) for name in NEWS.__struct_fields__} | {column: value}
        grid.put(sensing(reached=1, health=SensorHealth(**changed)))
        grid.tick(at_checkpoint=True)
        assert heard(grid) == []
        (refusal,) = grid.refusals()
        assert why in refusal


def lives(grid: Grid, *, sources: int, silent: int | None) -> list[float]:
    """Let a grid live six times for 20 s, while source 1 goes on; returns where its clock stood at the end of each.

    Source `silent` says what it said last once more at the beginning of each life, as a stage that starts again does.
    """
    stood = []
    for life in range(6):
        if silent is not None:
            grid.put(sensing((4, CELL, "laeq", [3.5]), source=silent, sources=sources, reached=5))
        for step in range(4):
            grid.put(sensing(source=1, sources=sources, reached=6 + 4 * life + step, offset=4 * life + step))
            grid.tick(5_000)
            grid.checkpoint()
        stood.append(at(heard(grid)[-1])[0])
        grid.crash()
    return stood


def test_a_silent_source_does_not_hold_the_clock_back_however_often_a_worker_is_replaced() -> None:
    """
    wall time     0 s        20 s       40 s      60 s
    grid          |.........x|.........x|.........x|      it never lives for half a minute
    source 0      #          *          *          *      says what it had said: no sign of life
    source 1      ###################################
    """
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((4, CELL, "laeq", [3.5]), source=source, sources=2, reached=5))
    grid.checkpoint()
    assert lives(grid, sources=2, silent=0) == [5, 5, 17, 17, 21, 25]


def test_a_source_never_heard_of_does_not_either() -> None:
    grid = Grid()
    grid.put(sensing(source=1, sources=2, reached=5))
    grid.checkpoint()
    first, *_, last = lives(grid, sources=2, silent=None)
    assert first < 0
    assert last == 25


def test_a_source_that_was_silent_has_half_a_minute_after_a_restart_too() -> None:
    """All of it was away for an hour: who comes back first does not speak for one that had merely paused before."""
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing(source=source, sources=2, reached=5))
    for offset in range(1, 9):
        grid.put(sensing(source=1, sources=2, reached=5 + offset, offset=offset))
        grid.tick(5_000)
        grid.checkpoint()
    assert at(heard(grid)[-1])[0] == 13
    grid.outputs.clear()
    grid.wall += 3_600_000
    grid.fold = GridState(CONFIG, geometry, grid.database.restored("grid", 0))
    grid.put(sensing(source=1, sources=2, reached=73, offset=9))
    grid.tick(1, at_checkpoint=True)
    for offset in range(10, 15):
        grid.put(sensing(source=1, sources=2, reached=64 + offset, offset=offset))
        grid.tick(5_000, at_checkpoint=True)
    assert max(at(message)[0] for message in heard(grid)) == 13
    grid.put(sensing(source=0, sources=2, reached=77, offset=1))
    grid.tick(10_000, at_checkpoint=True)
    assert at(heard(grid)[-1])[0] == 77


def test_how_long_a_source_was_silent_counts_no_more_once_it_spoke() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing(source=source, sources=2, reached=5))
    for life in range(5):
        for step in range(4):
            offset = 1 + 4 * life + step
            grid.put(sensing(source=1, sources=2, reached=9 + offset, offset=offset))
            if step == 3:
                grid.put(sensing(source=0, sources=2, reached=6 + life, offset=1 + life))
            grid.tick(5_000)
            grid.checkpoint()
        grid.crash()
    assert at(heard(grid)[-1])[0] <= 10


def test_windows_are_whole_without_a_silent_source_however_often_a_worker_is_replaced() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((4, CELL, "laeq", [3.5]), source=source, sources=2, reached=5))
    grid.checkpoint()
    for life in range(3):
        for step in range(12):
            offset = 1 + 12 * life + step
            grid.put(sensing(source=1, sources=2, reached=5 + offset, offset=offset))
            grid.tick(5_000)
            grid.checkpoint()
        grid.crash()
    assert heard(grid)[-1].metrics_as_of == T0 + 41 * MINUTE
    grid.put(sensing(source=1, sources=2, reached=42, offset=37))
    grid.tick(5_000)
    grid.checkpoint()
    assert heard(grid)[-1].metrics_as_of == T0 + 41 * MINUTE, (
        "who was silent for so long is so from the start"
    )


def test_what_a_source_repeats_after_its_own_restarts_is_no_sign_of_life() -> None:
    """
    wall time     0 s        20 s       40 s      60 s
    source 0      #          *          *          *      its worker is replaced, and says again what it had said
    source 1      ###################################
    """
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((4, CELL, "laeq", [3.5]), source=source, sources=2, reached=5))
    grid.put(sensing((4, CELL, "laeq", [3.5, 4.5]), source=0, sources=2, reached=5, offset=1))
    for offset in range(1, 13):
        if offset % 4 == 0:
            grid.put(sensing((4, CELL, "laeq", [3.5]), source=0, sources=2, reached=5))
            grid.put(sensing((4, CELL, "laeq", [3.5, 4.5]), source=0, sources=2, reached=5, offset=1))
        grid.put(sensing(source=1, sources=2, reached=5 + offset, offset=offset))
        grid.tick(5_000, at_checkpoint=True)
    assert at(heard(grid)[-1])[0] == 17


def test_late_readings_are_a_sign_of_life() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing((4, CELL, "laeq", [3.5]), source=source, sources=2, reached=5))
    for offset in range(1, 13):
        grid.put(sensing((4, CELL, "laeq", [3.5] * offset), source=0, sources=2, reached=5, offset=offset))
        grid.put(sensing(source=1, sources=2, reached=5 + offset, offset=offset))
        grid.tick(5_000, at_checkpoint=True)
    assert at(heard(grid)[-1])[0] == 5


def test_nor_is_a_count_of_vehicles_that_is_provisional_when_it_is_repeated() -> None:
    grid = Grid()
    for source in (0, 1):
        grid.say((4, CELL, 1, 1, 0), source=source, sources=2, reached=5)
    grid.checkpoint()
    for life in range(4):
        for provisional in (False, True):
            grid.say((4, CELL, 1, 1, 0), source=0, sources=2, reached=5, provisional=provisional)
        for step in range(4):
            offset = 1 + 4 * life + step
            grid.say(source=1, sources=2, reached=5 + offset, offset=offset)
            grid.tick(5_000)
            grid.checkpoint()
        grid.crash()
    assert heard(grid)[-1].fleet_as_of == T0 + 17 * MINUTE


def test_silent_requests_do_not_hold_their_clock_back_however_often_a_worker_is_replaced() -> None:
    grid = Grid()
    grid.put(requests((1, CELL, "noise", {"opened": 1}, ()), reached=5))
    for life in range(4):
        grid.put(requests((1, CELL, "noise", {"opened": 1}, ()), reached=5))
        for step in range(4):
            offset = 4 * life + step
            grid.put(sensing(reached=6 + offset, offset=offset))
            grid.tick(5_000)
            grid.checkpoint()
        grid.crash()
    assert heard(grid)[-1].requests_as_of == T0 + 17 * MINUTE


def test_a_restart_while_the_clock_waits_makes_it_wait_no_less() -> None:
    """
    wall time     0 s        an hour later    20 s      25 s
    grid          |.........x                |......x|x|...x
    source 0      ###                                   ####      had merely paused before
    source 1      ###########                  ####     ####
    """
    grid = Grid()
    for source in (0, 1):
        grid.put(sensing(source=source, sources=2, reached=5))
    for offset in range(1, 9):
        grid.put(sensing(source=1, sources=2, reached=5 + offset, offset=offset))
        grid.tick(5_000)
        grid.checkpoint()
    grid.outputs.clear()
    grid.wall += 3_600_000
    for life, steps in enumerate((4, 0, 1)):
        grid.crash()
        grid.checkpoint()  # in the second life nothing is heard at all
        for step in range(steps):
            offset = 9 + 4 * life + step
            grid.put(sensing(source=1, sources=2, reached=64 + offset, offset=offset))
            grid.tick(5_000)
            grid.checkpoint()
    assert max(at(message)[0] for message in heard(grid)) == 13
    grid.put(sensing(source=0, sources=2, reached=40, offset=1))
    for step in range(2):
        grid.put(sensing(source=1, sources=2, reached=80 + step, offset=20 + step))
        grid.tick(5_000)
        grid.checkpoint()
    assert at(heard(grid)[-1])[0] == 40
