"""Windows of one partition, by example. A column is ten seconds, `|` a window's start, A and B are cells."""

from collections.abc import Sequence

from schemas.partials import FleetPartial
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, NEAR, NEXT, Fleet, at, cell, minutes

A, B, C = cell(HERE), cell(NEXT), cell(FAR)


def test_a_parked_bike_arrives_once_however_often_it_reports() -> None:
    """
    |A A A A A A|A A A
     ^arrival
    """
    fleet = Fleet()
    fleet.feed(*(at(10 * n, NEAR if n % 2 else HERE) for n in range(9)))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (6, 1, 0), (1, A): (3, 0, 0)}


def test_a_move_is_a_departure_and_an_arrival_in_the_window_of_the_later_reading() -> None:
    """
    |A . . . . .|. B
                   ^ leaves A and comes to B
    """
    fleet = Fleet()
    fleet.feed(at(0), at(70, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 0), (1, A): (0, 0, 1), (1, B): (1, 1, 0)}


def test_a_trip_leaves_the_cell_at_its_start_and_arrives_at_its_end() -> None:
    """
    |A a a A|     a = on_trip within A: it does not stand there
    """
    fleet = Fleet()
    fleet.feed(at(0), at(10, state="on_trip"), at(20, state="on_trip"), at(30))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (4, 2, 1)}


def test_states_in_which_it_stands_are_one_stay() -> None:
    fleet = Fleet()
    states = ("available", "reserved", "non_operational", "non_contactable", "available")
    fleet.feed(*(at(10 * n, state=state) for n, state in enumerate(states)))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (5, 1, 0)}


def test_a_reading_that_comes_late_takes_its_place_in_the_order_of_event_time() -> None:
    """
    as sent      A B A     as received   A A B
    """
    fleet = Fleet()
    fleet.feed(at(0), at(8))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (2, 1, 0)}
    fleet.feed(at(4, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (2, 2, 1), (0, B): (1, 1, 1)}


def test_what_was_counted_for_the_time_being_is_taken_back_when_the_truth_comes() -> None:
    """
    as sent      A b B     as received   A B b     b = on_trip at B
                   ^ so the bike comes to B in window 1, not in window 0
    """
    fleet = Fleet()
    fleet.feed(at(50), at(58, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 0), (0, B): (1, 1, 0)} | {(0, A): (1, 1, 1)}
    fleet.feed(at(54, NEXT, state="on_trip"), at(62, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 1), (0, B): (2, 1, 0), (1, B): (1, 0, 0)}


def test_the_same_reading_twice_is_one() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(0))
    fleet.feed(at(0))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 0)}
    assert (fleet.fold.ledger.applied, fleet.fold.ledger.superseded) == (1, 2)


def test_of_two_readings_with_one_time_the_first_in_the_log_counts() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(0, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 0)}
    assert fleet.live() == {(A, "north"): {"available": 1}}


def test_a_reading_older_than_the_watermark_counts_only_if_it_is_its_bikes_newest() -> None:
    """
    watermark ----------------v (70 s, set by bike-2)
    bike-1 has 40 on file:  30 is history, 50 is news though late
    """
    fleet = Fleet()
    fleet.feed(at(40), at(80, bike="bike-2"))
    fleet.feed(at(30, NEXT), at(50, NEXT))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (1, 1, 1), (0, B): (1, 1, 0), (1, A): (1, 1, 0)}
    assert fleet.live() == {(A, "north"): {"available": 1}, (B, "north"): {"available": 1}}


def test_a_reading_as_old_as_the_horizon_is_taken_and_one_millisecond_older_is_not() -> None:
    """
    |<-- horizon 120 s -->|<-- lateness 10 s -->|
    130 - 130 = 0         120 = watermark       130 = newest
    """
    fleet = Fleet()
    fleet.feed(at(130, bike="clock"))
    fleet.feed(at(0), at(-0.001, bike="bike-3"))
    fleet.tell()
    assert [(item.reason, item.count) for item in fleet.refused] == [("too_late", 1)]
    assert "120 s behind the watermark; 120 s at most" in fleet.refused[0].detail
    assert '"vehicle_id":"bike-3"' in fleet.refused[0].payload


def test_a_clock_that_runs_ahead_does_not_carry_the_watermark_beyond_the_time_of_receipt() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(3_600, bike="ahead"), received_at=T0 + 1_000)
    fleet.feed(at(2), received_at=T0 + 3_000)
    fleet.checkpoint()
    assert not fleet.refused
    assert fleet.fold.ledger.applied == 3
    assert fleet.partials[-1].watermark <= T0


def test_each_region_hears_of_its_own_cells_only() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(0, FAR, bike="bike-2"), at(70), at(70, FAR, bike="bike-2"))
    told = fleet.checkpoint()
    assert len({partial.region for partial in told}) == 2
    for partial in told:
        assert set(partial.now.cell) <= {A} or set(partial.now.cell) <= {C}
        assert set(partial.windows.cell) in ({A}, {C}, set())


def test_windows_are_told_at_checkpoints_and_live_counts_at_once() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(70))
    [told] = fleet.tell()
    assert told.now.available == [1]
    assert told.windows.window_start == []
    assert told.watermark == 0, "windows up to the watermark are promised only when they were told"
    [told] = fleet.checkpoint()
    assert minutes([told]) == [0]
    assert told.watermark == T0 + 60_000


def test_what_may_yet_be_withdrawn_is_told_one_checkpoint_after_it_was_stored() -> None:
    """Else a crash could leave a listener with a count that nobody takes back."""
    fleet = Fleet()
    fleet.feed(at(0))
    assert minutes(fleet.checkpoint()) == []
    assert minutes(fleet.checkpoint()) == [0]
    assert minutes(fleet.checkpoint()) == []


def test_a_count_told_and_withdrawn_between_checkpoints_is_withdrawn_though_the_teller_died() -> None:
    """
    told, not stored:  A at 50, B at 58       crash       the rest of the log says: on trip at 54 ... 62
    """
    fleet = Fleet()
    fleet.feed(at(50), at(58, NEXT))
    fleet.checkpoint()
    fleet.tell(at_checkpoint=True)  # tells the arrival at B, then dies before the transaction
    fleet.crash()
    fleet.feed(at(57, NEXT, state="on_trip"), at(58.5, HERE))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (2, 2, 1), (0, B): (2, 1, 1)}


def test_a_departure_told_and_moved_to_an_earlier_window_is_withdrawn_though_the_teller_died() -> None:
    """
    |A . . . . .|. B     told, not stored: it left A in window 1
    |A . . . . a|. B     the rest of the log: it was on a trip at 55, so it left A in window 0
    """
    fleet = Fleet()
    fleet.feed(at(10), at(20, bike="clock"))
    fleet.checkpoint()
    fleet.feed(at(62, NEXT))
    fleet.checkpoint()
    fleet.tell(at_checkpoint=True)  # tells the departure in window 1, then dies before the transaction
    assert fleet.windows()[1, A] == (0, 0, 1)
    fleet.crash()
    fleet.feed(at(55, state="on_trip"))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.windows() == {(0, A): (3, 2, 1), (1, B): (1, 1, 0)}


def test_a_bike_belongs_to_the_operator_that_the_log_names_first() -> None:
    fleet = Fleet()
    fleet.feed(at(0, operator="south"), at(1, operator="north"))
    fleet.feed(at(2, operator="north"), at(3, operator="south"))
    fleet.tell()
    assert [(item.reason, item.detail) for item in fleet.refused] == [
        ("operator_conflict", "vehicle belongs to operator south")
    ] * 2
    assert fleet.live() == {(A, "south"): {"available": 1}}


def test_refusals_of_one_record_are_told_in_the_order_of_their_numbers() -> None:
    """The rejects stage takes a number that is not higher than the last for a repeat."""
    fleet = Fleet()
    fleet.feed(
        at(0, operator="south"),
        at(1, operator="north"),  # found out late: needs the vehicle's row
        at(2, bike="no id"),
        {**at(3), "lat": 91.0},  # found out first: a value out of range
    )
    fleet.tell()
    numbers = [item.sequence for item in fleet.refused]
    assert numbers == sorted(set(numbers)) == [1, 2, 3]


def test_bikes_out_of_the_city_are_in_no_count() -> None:
    fleet = Fleet()
    fleet.feed(at(0), at(1, state="removed"), at(0, bike="bike-2", state="elsewhere"))
    fleet.checkpoint()
    fleet.checkpoint()
    assert fleet.live() == {}
    assert fleet.windows() == {(0, A): (3, 1, 1)}


def test_what_an_owner_told_further_back_in_the_log_than_the_one_before_is_told_again_once_it_is_final() -> (
    None
):
    """The listener keeps what was told at the highest offset; the next owner begins further back in the log."""
    fleet = Fleet()
    heard: dict[tuple[int, str], tuple[int, int]] = {}  # offset and readings

    def hear(partials: Sequence[FleetPartial]) -> None:
        for partial in partials:
            w = partial.windows
            for start, where, readings in zip(w.window_start, w.cell, w.readings, strict=True):
                if partial.offset >= heard.get((start, where), (-1, 0))[0]:
                    heard[start, where] = partial.offset, readings

    fleet.feed(at(50, NEXT))
    hear(fleet.checkpoint())
    hear(fleet.checkpoint())  # nothing came in: what waits is told, up to 50 s
    fleet.feed(at(48, bike="bike-2"), at(54, bike="bike-3"))
    hear(fleet.checkpoint())
    fleet.feed(at(56, NEXT))
    hear(fleet.tell(at_checkpoint=True))  # not stored: one reading of HERE, at offset 2
    fleet.crash(fold_again=False)
    hear(fleet.tell(at_checkpoint=True))  # both, at offset 1
    fleet.fold_again()
    fleet.feed(at(200, NEXT))
    hear(fleet.checkpoint())
    assert heard[T0, cell(HERE)][1] == 2
