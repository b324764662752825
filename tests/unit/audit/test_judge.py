"""Tables against the batch: what is named, what is as good as equal, what may still move."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import h3.api.basic_int as h3
import polars as pl
import pytest

from streams import topics
from streams.audit import books, windows
from streams.audit.compare import Comparison
from streams.audit.fleet import batch
from streams.audit.fleet.batch import FleetPartition
from streams.audit.fleet.moving import moving
from streams.audit.fleet.stage import FLEET
from streams.audit.stage import Case, Question
from streams.errors import CannotAudit
from tests.unit.audit.audit_logs import HERE, MINUTE, RULES, T0, THERE, computed, frame, one, reading, records
from tests.unit.audit.judging import KEPT, as_stored, changed, found

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))
DAY = 86_400_000


def right(partitions: Sequence[FleetPartition]) -> dict[str, pl.DataFrame]:
    """Return the tables as they must be."""
    vehicles = pl.concat([partition.vehicle_state for partition in partitions])
    frames = {
        "ledger": books.ledger([("fleet", topics.VEHICLES, partitions)]),
        "vehicle_state": vehicles,
        "vehicle_event": pl.concat([partition.vehicle_event for partition in partitions]),
        "cell_now": batch.cell_now(vehicles, RULES),
        "cell_window": batch.cell_window([partition.entries for partition in partitions], RULES),
    }
    return as_stored(frames)


def judged(
    name: str,
    partitions: Sequence[FleetPartition],
    tables: Mapping[str, pl.DataFrame],
    *,
    low: Mapping[int, int] | None = None,
    kept: int = 90,
    limit: int = 10,
    until: int | None = None,
) -> Comparison:
    """Judge one table of the fleet."""
    if name == "ledger":
        return books.judge_ledger([("fleet", topics.VEHICLES, partitions)], tables[name], limit)
    may_move = None if low is None else moving(partitions, low, RULES)
    days = dict.fromkeys(KEPT, kept)
    return FLEET.tables[name](Case(partitions, may_move, Question(tables, RULES, days, limit, until)))


CITY = [
    reading("a", 10),
    reading("b", 20, THERE),
    reading("a", 80, THERE),
    reading("b", 700, THERE),
    reading("c", 720),
]


@pytest.mark.parametrize("name", ["ledger", "vehicle_state", "vehicle_event", "cell_now", "cell_window"])
def test_right_tables_have_no_difference(name: str) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    comparison = judged(name, partitions, tables)
    assert (comparison.compared, comparison.moving, found(comparison)) == (len(tables[name]), 0, [])
    assert comparison.compared > 0


@pytest.mark.parametrize(
    ("name", "where", "values", "line"),
    [
        (
            "cell_window",
            (pl.col("window_start") == T0) & (pl.col("cell") == A),
            {"occupancy": 3, "arrivals": 4},
            f"cell_window: window_start 2026-01-01T00:00:00.000Z window_s 60 cell {A:x} operator alpha: "
            "expected arrivals 1, occupancy 1; found arrivals 4, occupancy 3",
        ),
        (
            "vehicle_state",
            pl.col("vehicle_id") == "c",
            {"ts": T0, "settled_cell": B},
            f"vehicle_state: vehicle_id c: expected ts 2026-01-01T00:12:00.000Z, settled_cell none; "
            f"found ts 2026-01-01T00:00:00.000Z, settled_cell {B:x}",
        ),
        (
            "ledger",
            pl.col("partition") == 0,
            {"applied": 4, "superseded": 1},
            "ledger: stage fleet topic ub.vehicles partition 0: expected applied 5, superseded 0; "
            "found applied 4, superseded 1",
        ),
    ],
)
def test_a_wrong_row_is_named_with_what_is_wrong_in_it(
    name: str, where: pl.Expr, values: dict[str, Any], line: str
) -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables[name] = changed(tables[name], where, **values)
    assert found(judged(name, partitions, tables)) == [line]


def test_windows_are_judged_day_by_day_with_what_stood_there_before() -> None:
    patient = replace(RULES, stale_ms=20 * DAY)
    days = [one(reading("a", 10), reading("b", 86_400 + 5), reading("a", 3 * 86_400, THERE), rules=patient)]
    tables = right(days)
    assert sorted(tables["cell_window"]["occupancy"]) == [1, 1, 1, 2]
    late = tables["cell_window"].filter(pl.col("window_start") == T0)
    taken_back = {"readings": 0, "arrivals": 0, "departures": 0}
    left = [
        changed(late, pl.lit(True), window_start=T0 + day * DAY + 60_000, occupancy=stood, **taken_back)
        for day, stood in ((2, 2), (5, 1))
    ]
    tables["cell_window"] = pl.concat([tables["cell_window"], *left])
    comparison = judged("cell_window", days, tables)
    assert (comparison.compared, found(comparison)) == (6, [])
    wrong = pl.col("window_start") > T0
    tables["cell_window"] = changed(tables["cell_window"], wrong, occupancy=pl.col("occupancy") + 1)
    comparison = judged("cell_window", days, tables, limit=3)
    assert comparison.differing == 5
    assert [(d.key["window_start"] - T0) // DAY for d in comparison.differences] == [1, 2, 3]


def test_a_missing_row_and_one_too_many_are_named() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    state = tables["vehicle_state"]
    tables["vehicle_state"] = changed(state, pl.col("vehicle_id") == "a", vehicle_id=pl.lit("ghost"))
    first, second = found(judged("vehicle_state", partitions, tables))
    assert first.startswith("vehicle_state: vehicle_id a: the row is missing; expected operator alpha")
    assert second.startswith("vehicle_state: vehicle_id ghost: this row must not exist; found operator alpha")


def test_all_differences_are_counted_and_as_many_described_as_asked_for() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["cell_window"] = tables["cell_window"].with_columns(pl.lit(99).alias("readings"))
    comparison = judged("cell_window", partitions, tables, limit=2)
    assert (comparison.differing, len(comparison.differences)) == (comparison.compared, 2)


# ------------------------------------------------------------------ as good as equal


def test_a_row_that_counts_nobody_is_as_good_as_none() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    nobody = (
        tables["cell_now"]
        .head(1)
        .with_columns(pl.lit(0).cast(pl.Int64).alias(n) for n in (*batch.COUNTED, "occupancy"))
    )
    tables["cell_now"] = pl.concat(
        [tables["cell_now"], nobody.with_columns(pl.lit("beta").alias("operator"))]
    )
    assert found(judged("cell_now", partitions, tables)) == []
    tables["cell_now"] = changed(tables["cell_now"], pl.col("operator") == "beta", occupancy=1)
    assert len(found(judged("cell_now", partitions, tables))) == 1


@pytest.mark.parametrize(("occupancy", "differences"), [(1, 0), (0, 1)])
def test_a_window_whose_counts_were_taken_back_has_the_occupancy_of_the_row_before(
    occupancy: int, differences: int
) -> None:
    partitions = [one(reading("a", 10), reading("a", 200))]
    tables = right(partitions)
    windows = tables["cell_window"]
    empty = windows.head(1).with_columns(
        pl.lit(T0 + MINUTE).alias("window_start"),
        *(pl.lit(0).cast(pl.Int64).alias(name) for name in ("readings", "arrivals", "departures")),
        pl.lit(occupancy).cast(pl.Int64).alias("occupancy"),
    )
    tables["cell_window"] = pl.concat([windows, empty])
    assert len(found(judged("cell_window", partitions, tables))) == differences


def test_rows_that_retention_dropped_are_not_missed_and_younger_ones_are() -> None:
    partitions = [one(reading("a", 10), reading("a", 3 * DAY / 1000), reading("a", 5 * DAY / 1000))]
    tables = right(partitions)
    tables["cell_window"] = tables["cell_window"].filter(pl.col("window_start") > T0 + 4 * DAY)
    assert len(found(judged("cell_window", partitions, tables))) == 2
    (line,) = found(judged("cell_window", partitions, tables, kept=3))
    assert "2026-01-04T00:00:00" in line


def test_only_windows_that_end_in_time_are_compared() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["cell_window"] = tables["cell_window"].filter(pl.col("window_start") < T0 + MINUTE)
    assert found(judged("cell_window", partitions, tables, until=T0 + MINUTE)) == []
    assert len(found(judged("cell_window", partitions, tables, until=T0 + 2 * MINUTE))) == 2


# ------------------------------------------------------------------ refusals


def refusals(partitions: Sequence[FleetPartition], stands: pl.DataFrame, offset: int) -> Comparison:
    """Judge the fleet's refusals up to an offset of partition 0."""
    offsets = {topics.VEHICLES: {0: offset}}
    return books.judge_refusals([("fleet", topics.VEHICLES, partitions)], offsets, stands, 10)


def test_refusals_up_to_the_offset_must_stand_on_the_log_of_refusals() -> None:
    log = records([frame([reading("a", 1), reading("no id", 1)]), b"{", frame([reading("b b", 2)])])
    partitions = computed(log)
    columns = ("source", "sequence", "reason", "count")
    source = "fleet/ub.vehicles/0@0"
    said = [(source, 1, "bad_id", 1), (source, 1 << 20, "bad_frame", 1), (source, 2 << 20, "bad_id", 1)]
    stands = pl.DataFrame([*said, said[0]], schema=columns, orient="row")
    assert found(refusals(partitions, stands, 2)) == []
    assert found(refusals(partitions, stands.filter(pl.col("reason") != "bad_frame"), 2)) == [
        f"refusals: source {source} sequence 1048576: the row is missing; expected reason bad_frame, count 1"
    ]
    # said about the log beyond what the tables reflect: neither right nor wrong yet
    assert found(refusals(computed(log[:2]), stands, 1)) == []


# ------------------------------------------------------------------ what may still move


def test_without_new_readings_only_what_waits_at_the_watermark_may_move() -> None:
    partitions = [one(reading("a", 10), reading("a", 70, THERE), reading("a", 200, THERE))]
    state = moving(partitions, {0: 2}, RULES)
    assert len(state.slots) == 0
    assert state.windows.select("cell", "operator", "since").rows() == [(B, "alpha", T0 + 3 * MINUTE)]
    assert state.closed == T0 + 190_000


def test_a_vehicle_with_new_readings_moves_the_cells_where_it_was_and_comes_to() -> None:
    partitions = [
        one(reading("a", 10), reading("p", 80, THERE), reading("a", 130, THERE), reading("p", 131, THERE))
    ]
    state = moving(partitions, {0: 1}, RULES)
    assert sorted(state.slots["cell"]) == sorted([A, B])
    assert dict(zip(state.windows["cell"], state.windows["since"], strict=True)) == {
        A: T0 + 2 * MINUTE,  # left by a
        B: T0 + MINUTE,  # p waits at the watermark of 70 s
    }


def test_a_row_may_move_until_the_watermark_has_passed_its_window() -> None:
    """What was told provisionally is told again only then, though the watermark has passed the reading."""
    partitions = [one(reading("a", 61), reading("p", 80, THERE))]
    state = moving(partitions, {0: 1}, RULES)
    assert dict(zip(state.windows["cell"], state.windows["since"], strict=True)) == {
        A: T0 + MINUTE,
        B: T0 + MINUTE,
    }


def test_a_parked_vehicle_heard_of_again_moves_no_live_count() -> None:
    partitions = [one(reading("a", 10), reading("a", 70))]
    assert len(moving(partitions, {0: 0}, RULES).slots) == 0


def test_a_row_that_may_move_is_not_judged_and_every_other_one_is() -> None:
    partitions = [one(reading("p", 1, THERE), reading("a", 10), reading("p", 100, THERE), reading("a", 300))]
    tables = right(partitions)
    tables["cell_window"] = tables["cell_window"].with_columns((pl.col("readings") + 1).alias("readings"))
    tables["cell_now"] = tables["cell_now"].with_columns((pl.col("available") + 1).alias("available"))
    comparison = judged("cell_window", partitions, tables, low={0: 2})
    starts = sorted((d.key["window_start"] - T0) // MINUTE for d in comparison.differences)
    assert (starts, comparison.moving) == ([0, 0], 2)  # windows 1 (p waits) and 5 (a is news) may move
    live = judged("cell_now", partitions, tables, low={0: 2})
    assert (live.differing, live.moving) == (2, 0)


def test_a_row_is_missed_once_its_window_was_closed_and_not_before() -> None:
    log = [reading("a", 10), reading("a", 130), reading("a", 200)]
    partitions = [one(*log)]  # watermark 190 s: closed up to minute 3
    tables = right(partitions)
    for minute, missed in ((0, 1), (2, 1), (3, 0)):
        rest = tables["cell_window"].filter(pl.col("window_start") != T0 + minute * MINUTE)
        live = judged("cell_window", partitions, {**tables, "cell_window": rest}, low={0: 2})
        assert (live.differing, live.moving) == (missed, 1 - missed)


def test_a_later_window_in_the_table_tells_that_an_earlier_one_was_closed() -> None:
    # Partition 1 fell behind and does not hold windows open any more: the grid took it for idle.
    values = [frame([reading("a", at)]) for at in (10, 130, 250)]
    partitions = computed(records(values, 0) + records([frame([reading("z", 1, THERE)])], 1))
    tables = right(partitions)
    low = {0: 2, 1: 0}
    assert moving(partitions, low, RULES).closed == T0 - 9_000
    without = {
        **tables,
        "cell_window": tables["cell_window"].filter(pl.col("window_start") != T0 + 2 * MINUTE),
    }
    assert judged("cell_window", partitions, without, low=low).differing == 1
    nothing_yet = {**tables, "cell_window": tables["cell_window"].clear()}
    assert judged("cell_window", partitions, nothing_yet, low=low).differing == 0


def test_no_row_is_missed_of_a_minute_of_which_the_grid_has_told_a_part() -> None:
    """Large minutes are told in portions."""
    log = [reading("a", 10), reading("b", 20, THERE), reading("a", 130), reading("b", 135, THERE)]
    partitions = [one(*log, reading("a", 250))]
    tables = right(partitions)
    second = pl.col("window_start") == T0 + 2 * MINUTE
    begun = tables["cell_window"].filter(
        (pl.col("window_start") < T0 + 2 * MINUTE) | (second & (pl.col("cell") == A))
    )
    live = judged("cell_window", partitions, {**tables, "cell_window": begun}, low={0: 4})
    assert (live.differing, live.compared, live.moving) == (0, 3, 2)
    without = tables["cell_window"].filter(~(second & (pl.col("cell") == B)))
    assert judged("cell_window", partitions, {**tables, "cell_window": without}, low={0: 4}).differing == 1


def test_a_moment_before_all_windows_is_no_verdict() -> None:
    partitions = [one(*CITY)]
    tables = right(partitions)
    tables["cell_window"] = changed(tables["cell_window"], pl.lit(True), arrivals=7)
    none = [judged(name, partitions, tables, until=T0) for name in ("ledger", "cell_window")]
    with pytest.raises(
        CannotAudit, match=r"--until 20.*Z: cell_window has no window that ends by then.* later time"
    ):
        windows.check_compared(none, T0)
    windows.check_compared([judged("ledger", partitions, tables, until=T0)], T0)
    some = judged("cell_window", partitions, tables, until=T0 + MINUTE)
    windows.check_compared([some], T0 + MINUTE)
    assert some.differing > 0
    windows.check_compared([replace(none[0], differing=1), none[1]], T0)  # what differs elsewhere is told
