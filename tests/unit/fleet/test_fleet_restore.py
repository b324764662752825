"""A fold that starts from its checkpoint is the fold that wrote it."""

from dataclasses import replace

from schemas import codec
from schemas.vehicles import VEHICLE_STATES
from streams.fleet import saved
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.fold.regions import KEPT_MS
from tests.pipeline import T0, restored
from tests.unit.fleet.road import CELLS, CONFIG, FAR, HERE, NEXT, Fleet, at, cell, minutes


def busy_fleet() -> Fleet:
    fleet = Fleet()
    for second in range(0, 400, 7):
        place = (HERE, NEXT, FAR)[second % 3]
        state = VEHICLE_STATES[second % 5]
        fleet.feed(at(second, place, state, bike=f"bike-{second % 4}"))
        if second % 5 == 0:
            fleet.checkpoint()
    return fleet


def test_a_restored_fold_tells_what_the_other_knew() -> None:
    fleet = busy_fleet()
    fleet.checkpoint()
    fleet.checkpoint()
    known = fleet.windows(), fleet.live(), fleet.fold.ledger
    fleet.partials.clear()
    fleet.crash()
    fleet.checkpoint()
    fleet.checkpoint()
    recent = {key: counts for key, counts in known[0].items() if key in fleet.windows()}
    assert fleet.windows() == recent, "the windows within the horizon"
    assert min(minute for minute, _ in fleet.windows()) >= 3
    assert (fleet.live(), fleet.fold.ledger) == known[1:]


def test_parts_written_by_a_restored_fold_are_those_that_it_read() -> None:
    fleet = busy_fleet()
    fleet.checkpoint()
    fleet.checkpoint()
    before = dict(fleet.database.parts["fleet"])
    fleet.crash()
    fleet.checkpoint()
    assert fleet.database.parts["fleet"] == before


def test_parts_of_windows_and_waiting_readings_go_when_time_has_passed_them() -> None:
    """Unbounded state would be noticed after months; here after an hour of event time."""
    fleet = Fleet()
    most = 0
    for minute in range(60):
        fleet.feed(*(at(60 * minute + n, bike=f"bike-{n}") for n in range(0, 60, 20)))
        fleet.checkpoint()
        most = max(most, len(fleet.database.parts["fleet"]))
    assert most <= 8


def regions_told(fleet: Fleet, second: int) -> set[str]:
    """Let time go on at HERE, and return the regions that are told."""
    fleet.feed(at(second, bike="bike-2"))
    return {partial.region for partial in fleet.checkpoint()}


def test_a_region_that_its_last_vehicle_has_left_is_told_the_time_after_a_restart_too() -> None:
    """Else an alert there that waits for time to pass would never end."""
    fleet = Fleet()
    fleet.feed(at(0), at(60, FAR), at(120))
    fleet.checkpoint()
    for second in range(180, 480, 60):
        regions_told(fleet, second)
    assert not [name for name in fleet.database.parts["fleet"] if name == f"window/{T0 + 60_000}"]
    fleet.crash()
    assert len(regions_told(fleet, 480)) == 2
    fleet.crash()
    assert len(regions_told(fleet, 540)) == 2


def test_a_region_where_nothing_was_for_long_is_forgotten_at_a_restart() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(60, FAR), at(120))
    fleet.checkpoint()
    later = KEPT_MS // 1000 + 3_600
    regions_told(fleet, later)
    fleet.crash()
    assert len(regions_told(fleet, later + 60)) == 1


def test_the_first_frame_after_a_restart_meets_the_watermark_that_was_reached() -> None:
    fleet = Fleet()
    fleet.feed(at(300))
    fleet.checkpoint()
    fleet.crash()
    fleet.feed(at(0, bike="bike-2"))
    fleet.checkpoint()
    assert [item.reason for item in fleet.refused] == ["too_late"]


def test_a_restored_fold_speaks_with_its_generation() -> None:
    fold = FleetState(CONFIG, CELLS, restored(generation=3))
    frame = codec.encode({**{k: [v] for k, v in at(0).items()}, "received_at": T0})
    fold.apply(Record("ub.vehicles", 0, 5, frame, T0))
    [output] = fold.take_outputs(at_checkpoint=False)
    partial = codec.fleet_partial.decode(output.value)
    assert (partial.generation, partial.offset) == (3, 5)
    assert output.id_.startswith("fleet/0@3:5/")


def test_a_checkpoint_without_news_stores_nothing() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(70))
    fleet.checkpoint()
    fleet.checkpoint()
    fleet.tell(at_checkpoint=True)
    changes = fleet.fold.take_changes()
    assert (changes.rows, changes.parts) == ([], {})


def test_records_told_with_the_same_id_say_the_same() -> None:
    """CloudEvents: who has seen the id may drop the record. A checkpoint tells more than the live record before it."""
    fleet = Fleet()
    fleet.feed(at(0), at(70))
    outputs = fleet.fold.take_outputs(at_checkpoint=False) + fleet.fold.take_outputs(at_checkpoint=True)
    bodies = {(output.id_, output.value) for output in outputs}
    assert len(bodies) == len({output.id_ for output in outputs})


def test_waiting_readings_of_a_rebuilt_topic_do_not_replace_those_of_the_old_one() -> None:
    """Offsets begin anew: the same offset names another record."""
    fleet = Fleet()
    fleet.feed(at(100), at(100.5))
    fleet.checkpoint()
    start = fleet.database.restored("fleet", 0)
    fleet.fold = FleetState(
        CONFIG, CELLS, replace(start, generation=1, offset=-1), fleet.database.vehicles(0)
    )
    fleet.log.clear()
    fleet.feed(at(101, NEXT, bike="bike-2"), at(101.5, NEXT, bike="bike-2"))
    fleet.checkpoint()
    start = fleet.database.restored("fleet", 0)
    fleet.fold = FleetState(CONFIG, CELLS, replace(start, generation=1), fleet.database.vehicles(0))
    fleet.partials.clear()
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(1, cell(HERE)): (2, 1, 0), (1, cell(NEXT)): (2, 1, 0)}
    assert minutes(fleet.partials) == [1]


def waiting_parts(fleet: Fleet) -> list[str]:
    return [name for name in fleet.database.parts["fleet"] if name.startswith("waiting/")]


def settled(fleet: Fleet) -> dict[tuple[int, str], tuple[int, int, int]]:
    """Return the windows once another bike has carried the watermark past all that waits."""
    fleet.feed(at(300, FAR, bike="of-another-region"))
    fleet.checkpoint()
    return {key: counts for key, counts in fleet.windows().items() if key[1] != cell(FAR)}


def test_a_bikes_newest_reading_waits_in_its_row_and_is_saved_once_it_is_not_the_newest() -> None:
    fleet = Fleet()
    fleet.feed(at(0))
    fleet.checkpoint()
    assert waiting_parts(fleet) == []
    fleet.crash()
    fleet.feed(at(5, NEXT))
    fleet.checkpoint()
    assert len(waiting_parts(fleet)) == 1
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (1, 1, 1), (0, cell(NEXT)): (1, 1, 0)}


def test_of_two_readings_with_one_time_the_first_in_the_log_counts_though_it_was_saved_last() -> None:
    fleet = Fleet()
    for reading in (at(0), at(0, NEXT), at(5)):
        fleet.feed(reading)
        fleet.checkpoint()
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (2, 1, 0)}


def test_of_two_readings_with_one_time_the_first_counts_though_both_and_the_next_came_between_checkpoints() -> (
    None
):
    fleet = Fleet()
    fleet.feed(at(0))
    fleet.checkpoint()
    fleet.feed(at(0, NEXT), at(5))
    fleet.checkpoint()
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (2, 1, 0)}


def test_each_reading_that_waits_is_saved_once() -> None:
    fleet = Fleet()
    fleet.feed(*(at(second / 2) for second in range(12)))
    fleet.checkpoint()
    [name] = waiting_parts(fleet)
    part = fleet.database.parts["fleet"][name]
    assert len(saved.load_entries(part, fleet.fold._vehicles, fleet.fold._slots, 0)) == 11


def test_of_a_part_only_what_waits_is_counted_again() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(1), at(9, bike="bike-2"), at(9.5, bike="bike-2"))
    fleet.checkpoint()
    fleet.feed(at(15, FAR, bike="of-another-region"))
    fleet.checkpoint()
    assert len(waiting_parts(fleet)) == 1
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (4, 2, 0)}


def test_what_was_counted_is_not_counted_again_where_readings_may_be_later_from_now_on() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(20, FAR, bike="of-another-region"))
    fleet.checkpoint()
    fleet.config = replace(CONFIG, allowed_lateness_ms=60_000)
    fleet.crash()
    fleet.feed(at(30))
    assert settled(fleet) == {(0, cell(HERE)): (2, 1, 0)}


def test_the_watermark_does_not_go_back_where_readings_may_be_later_from_now_on() -> None:
    """Else what comes between the two would wait, and not be known to wait after a crash."""
    fleet = Fleet()
    fleet.feed(at(0), at(20, FAR, bike="of-another-region"))
    fleet.checkpoint()
    fleet.config = replace(CONFIG, allowed_lateness_ms=60_000)
    fleet.crash()
    fleet.feed(at(0), at(5, bike="bike-2"))
    fleet.checkpoint()
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (2, 2, 0)}


def test_a_part_is_not_replaced_by_that_of_another_checkpoint_with_the_same_offset() -> None:
    """With readings less late from now on a bike is missing before another record comes."""
    fleet = Fleet()
    fleet.feed(at(99, bike="bike-3"))
    fleet.feed(at(699.2), at(699.5))
    fleet.feed(at(700, FAR, bike="of-another-region"))
    fleet.checkpoint()
    fleet.config = replace(CONFIG, allowed_lateness_ms=1_000)
    fleet.crash()
    fleet.checkpoint()
    fleet.crash()
    fleet.feed(at(900, FAR, bike="of-another-region"))
    fleet.checkpoint()
    assert fleet.windows()[11, cell(HERE)] == (2, 1, 1)


def test_what_waits_is_counted_where_readings_may_be_less_late_from_now_on() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(3), at(8, FAR, bike="of-another-region"))
    fleet.checkpoint()
    fleet.config = replace(CONFIG, allowed_lateness_ms=1_000)
    fleet.crash()
    assert settled(fleet) == {(0, cell(HERE)): (2, 1, 0)}


def test_that_a_bike_is_missing_is_counted_after_a_crash() -> None:
    """Its row says so, but not whether it was reported: what waits of it is saved."""
    fleet = Fleet()
    fleet.feed(at(0))
    fleet.feed(at(610, FAR, bike="of-another-region"))
    fleet.feed(at(610, FAR, bike="of-another-region"))
    fleet.checkpoint()
    fleet.crash()
    fleet.feed(at(900, FAR, bike="of-another-region"))
    fleet.checkpoint()
    assert fleet.windows()[10, cell(HERE)] == (0, 0, 1)
