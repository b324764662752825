"""Named invariants of the folds when a process ends at the wrong moment: what was told is told again, and fits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline import City, frame
from tests.property import rides
from tests.property.rides import CRASHES, PEACE, SHORT, Disorder, Log

FEW = settings(max_examples=100)


@FEW
@given(rides.of_any_lateness, rides.disorders((*PEACE, *CRASHES)))
def test_a_crash_anywhere_leaves_the_tables_of_a_batch(log: Log, disorder: Disorder) -> None:
    rides.assert_tables(rides.run(log, disorder, SHORT), rides.expected(log, SHORT))


@FEW
@given(rides.of_any_lateness, rides.disorders((*PEACE, *CRASHES)))
def test_a_crash_anywhere_leaves_the_books_of_a_quiet_day(log: Log, disorder: Disorder) -> None:
    """Ledger, refusals and events: each reading once."""
    crashed, quiet = rides.run(log, disorder), rides.run(log)
    assert crashed.ledger() == quiet.ledger()
    assert crashed.rejected_counts() == quiet.rejected_counts()
    assert crashed.database.tables["vehicle_event"] == quiet.database.tables["vehicle_event"]


@FEW
@given(
    rides.of_any_lateness,
    st.integers(1, 5),
    st.sets(st.integers(0, 60)),
    st.sets(st.integers(0, 60)),
    st.integers(0, 60),
)
def test_replaying_any_suffix_from_any_checkpoint_changes_nothing(
    log: Log, size: int, stored: set[int], told: set[int], crash: int
) -> None:
    """Frames `stored` end with a checkpoint, frames `told` only with what a checkpoint tells; then it crashes once."""
    city = rides.city(SHORT)
    for source, part in rides.by_source(log).items():
        for number, value in enumerate(_frames(part, size)):
            city.feed(source, value)
            if number in stored:
                city.checkpoint(source)
            elif number in told:
                city.publish(source, at_checkpoint=True)
            if number == crash:
                city.crash(source)
    city.settle()
    rides.assert_tables(city, rides.expected(log, SHORT))


@FEW
@given(rides.of_any_lateness, rides.disorders((*PEACE, *CRASHES)))
def test_a_restored_city_has_nothing_new_to_store(log: Log, disorder: Disorder) -> None:
    """Restore from parts == before: what a settled city stored is what it tells after a crash of all its folds."""
    city = rides.run(log, disorder)
    before = _tables(city)
    for source in city.fleets:
        city.crash(source)
    city.crash_grid()
    city.settle()
    assert _tables(city) == before


def _frames(part: Log, size: int) -> list[bytes]:
    return [frame(part[at : at + size]) for at in range(0, len(part), size)]


def _tables(city: City) -> tuple[object, ...]:
    return city.vehicle_state(), city.cell_now(), city.cell_window(), city.ledger()
