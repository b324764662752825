"""Named invariants of the folds, fleet and grid together: the tables are a function of the readings."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import STANDING, VISIBLE
from tests.pipeline import T0, frame
from tests.property import rides
from tests.property.rides import IN_ORDER, ONE_BY_ONE, PATIENT, Disorder, Log

FEW = settings(max_examples=100)


@FEW
@given(rides.of_any_lateness, rides.disorders())
def test_the_tables_are_what_a_batch_over_the_log_computes(log: Log, disorder: Disorder) -> None:
    """Also for what comes late, too late, or never again."""
    rides.assert_tables(rides.run(log, disorder), rides.expected(log))


@FEW
@given(rides.of_any_lateness, rides.disorders())
def test_bikes_are_conserved(log: Log, disorder: Disorder) -> None:
    city = rides.run(log, disorder)
    states = Counter(row["vehicle_state"] for row in city.vehicle_state().values())
    in_cells = sum(sum(row.values()) for row in city.cell_now().values())
    assert in_cells == sum(states[state] for state in VISIBLE)
    standing = sum(row["arrivals"] - row["departures"] for row in city.cell_window().values())
    assert standing == sum(states[state] for state in STANDING)


@FEW
@given(rides.within_lateness, rides.disorders(), st.randoms(use_true_random=False))
def test_order_within_lateness_is_irrelevant(log: Log, disorder: Disorder, chance: random.Random) -> None:
    """Silence apart: who is missing at a watermark depends on what had come by then."""
    delay = rides.LATENESS_MS - 1
    other_order = sorted(log, key=lambda reading: reading["ts"] + chance.uniform(0, delay))
    rides.assert_same_tables(rides.run(other_order, disorder, PATIENT), rides.run(log, fleet=PATIENT))


@FEW
@given(rides.of_any_lateness, rides.disorders(), st.lists(st.integers(0, 10_000), max_size=30))
def test_duplicates_change_nothing(log: Log, disorder: Disorder, again: list[int]) -> None:
    """A reading that comes again within the lateness, as a gateway that was killed sends it."""
    doubled = list(log)
    for number in again:
        at = number % len(doubled)
        soon = at + 1
        while soon < len(doubled) and doubled[soon]["ts"] <= doubled[at]["ts"] + 5_000 and number % 3:
            soon += 1
        doubled.insert(soon, doubled[at])
    city, plain = rides.run(doubled, disorder), rides.run(log)
    rides.assert_same_tables(city, plain)
    assert city.ledger().applied == plain.ledger().applied


@FEW
@given(rides.of_any_lateness, rides.disorders(), rides.disorders())
def test_any_interleaving_of_sources_gives_the_same_tables(log: Log, one: Disorder, other: Disorder) -> None:
    rides.assert_same_tables(rides.run(log, one), rides.run(log, other))


@FEW
@given(rides.of_any_lateness, st.lists(st.integers(1, 15), min_size=1, max_size=8))
def test_fold_of_frames_equals_fold_of_single_readings(log: Log, sizes: list[int]) -> None:
    cut = rides.run(log, Disorder(sources=(0,), sizes=tuple(sizes), deeds=("nothing",)))
    single = rides.run(log, ONE_BY_ONE)
    rides.assert_same_tables(cut, single)
    assert cut.ledger() == single.ledger()
    assert cut.rejected_counts() == single.rejected_counts()
    assert cut.database.tables["vehicle_event"] == single.database.tables["vehicle_event"]


@FEW
@given(rides.of_any_lateness, rides.disorders())
def test_occupancy_is_never_negative(log: Log, disorder: Disorder) -> None:
    """Neither at the end, nor in anything told on the way there."""
    city = rides.run(log, disorder)
    for window in city.told_windows():
        assert min(window.rows.occupancy) >= 0
    for now in city.told_now():
        counts = now.counts
        columns = (counts.available, counts.non_operational, counts.reserved, counts.on_trip)
        assert all(value >= 0 for column in columns for value in column)


@FEW
@given(rides.of_any_lateness, rides.disorders())
def test_late_readings_beyond_the_horizon_are_refused_and_counted(log: Log, disorder: Disorder) -> None:
    city, judged = rides.run(log, disorder), rides.judged(log)
    refused = Counter[str]()
    for one in judged:
        refused.update(one.refused)
    assert city.rejected_counts() == refused
    assert city.ledger().rejected == refused.total()
    assert city.ledger().superseded == sum(one.superseded for one in judged)
    assert city.ledger().applied == sum(one.applied for one in judged)


@FEW
@given(rides.of_any_lateness, st.integers(1, 8))
def test_a_vehicle_that_lags_by_minutes_amends_closed_windows_exactly(log: Log, lag: int) -> None:
    """Its readings are in order, but come when the windows that they fall into have closed."""
    laggard = rides.VEHICLES[0]
    prompt = sorted(log, key=lambda reading: reading["ts"])
    delay = lag * 14_000  # up to 112 s: within the horizon
    late = sorted(
        prompt, key=lambda reading: reading["ts"] + (delay if reading["vehicle_id"] == laggard else 0)
    )
    city = rides.run(late, Disorder(sources=(0, 1), sizes=(1,), deeds=("checkpoint",)), PATIENT)
    assert city.ledger().applied == len(late)
    rides.assert_tables(city, rides.expected(late, PATIENT))


@FEW
@given(rides.of_any_lateness, rides.disorders())
def test_the_ledger_balances_at_every_checkpoint(log: Log, disorder: Disorder) -> None:
    city = rides.city()
    parted, fed = rides.by_source(log), Counter[int]()
    for source, part in parted.items():
        for at in range(0, len(part), disorder.sizes[0]):
            piece = part[at : at + disorder.sizes[0]]
            city.feed(source, frame(piece))
            fed[source] += len(piece)
            city.checkpoint(source)
            ledger = city.database.ledgers[f"fleet/{source}"]
            assert ledger.received == fed[source]
            assert ledger.received == ledger.applied + ledger.superseded + ledger.rejected


def test_one_frame_is_the_shortest_road() -> None:
    """The simplest city there is: so that a failure above is not the harness's."""
    log: Log = [
        {
            "vehicle_id": "bike-0",
            "operator": "north",
            "ts": T0 + 5_000,
            "lat": rides.PLACES[0][0],
            "lon": rides.PLACES[0][1],
            "vehicle_state": "available",
        }
    ]
    city = rides.run(log, IN_ORDER)
    assert list(city.cell_window().values()) == [
        {"readings": 1, "arrivals": 1, "departures": 0, "occupancy": 1}
    ]
