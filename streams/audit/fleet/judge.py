"""The fleet's tables of a snapshot against the batch: what is compared, and what is as good as equal."""

import polars as pl

from streams.audit import windows
from streams.audit.compare import Comparison, compare
from streams.audit.fleet import batch
from streams.audit.fleet.batch import COUNTED, FleetPartition
from streams.audit.fleet.moving import FleetMoving
from streams.audit.retention import still_kept
from streams.audit.schema import TABLES, stacked
from streams.audit.stage import Case

FleetCase = Case[FleetPartition, FleetMoving]


def vehicle_state(case: FleetCase) -> Comparison:
    """Compare ub.vehicle_state."""
    return compare(TABLES["vehicle_state"], _vehicles(case), case.found("vehicle_state"), case.question.limit)


def vehicle_event(case: FleetCase) -> Comparison:
    """Compare ub.vehicle_event, as far back as it is kept."""
    table, found = TABLES["vehicle_event"], case.found("vehicle_event")
    expected = stacked(table, [partition.vehicle_event for partition in case.partitions])
    expected = still_kept(table, expected, found, "at", case.question.kept["vehicle_event"])
    return compare(table, expected, found, case.question.limit)


def cell_now(case: FleetCase) -> Comparison:
    """Compare ub.cell_now; a row that counts nobody is as good as none."""
    moving = case.moving
    found = case.found("cell_now").filter(
        pl.any_horizontal(pl.col(name) != 0 for name in (*COUNTED, "occupancy"))
    )

    def may_move(unequal: pl.DataFrame) -> pl.DataFrame:
        assert moving is not None
        return unequal.join(moving.slots, on=["cell", "operator"], how="semi")

    expected = batch.cell_now(_vehicles(case), case.question.rules)
    return compare(TABLES["cell_now"], expected, found, case.question.limit, may_move if moving else None)


def cell_window(case: FleetCase) -> Comparison:
    """Compare ub.cell_window; a row whose counts were taken back has the occupancy of the row before it."""
    rules, found = case.question.rules, case.found_by_day("cell_window")
    counted = case.counted or batch.ADDED.shelf(case.partitions, rules)
    empty = pl.all_horizontal(pl.col(name) == 0 for name in ("readings", "arrivals", "departures"))
    carried = pl.DataFrame(schema=batch.CARRIED)

    def expected(day: int) -> pl.DataFrame:
        nonlocal carried
        rows = batch.window_rows(counted.take(day), carried, rules)
        before, slot = carried, ["cell", "operator"]
        last = rows.sort("window_start").select(list(batch.CARRIED))
        carried = pl.concat([carried, last]).unique(slot, keep="last", maintain_order=True)
        return windows.with_empty_rows(rows, found.take(day), empty, ("occupancy",), before)

    return windows.judge(TABLES["cell_window"], {*counted.numbers()}, expected, case)


def _vehicles(case: FleetCase) -> pl.DataFrame:
    return stacked(TABLES["vehicle_state"], [partition.vehicle_state for partition in case.partitions])
