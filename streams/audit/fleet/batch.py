"""The tables as they must be after a log, computed in one go: whole columns, no state, no order of processing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from streams import topics
from streams.audit import cells
from streams.audit.books import by_partition, ledger_of, refused
from streams.audit.fleet.admission import admit
from streams.audit.fleet.entries import entries, silences
from streams.audit.fleet.lives import Lives, trace
from streams.audit.lateness import clock_of
from streams.audit.records import Taken
from streams.audit.rules import Rules
from streams.audit.stage import Counted, Partition
from streams.audit.values import newest
from streams.errors import CannotAudit

COUNTED = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
"""States that cell_now counts; all but on_trip stand, and make up the occupancy."""
FLOWS = {
    "window_start": pl.Int64(),
    "cell": pl.Int64(),
    "operator": pl.String(),
    "readings": pl.Int64(),
    "arrivals": pl.Int64(),
    "departures": pl.Int64(),
}
CARRIED = {"cell": pl.Int64(), "operator": pl.String(), "occupancy": pl.Int64()}
"""Who stands in a cell when a day begins."""


@dataclass(frozen=True, slots=True)
class FleetPartition(Partition):
    """What one partition of ub.vehicles contributes to the tables; `entries`: see entries.py."""

    vehicle_state: pl.DataFrame
    vehicle_event: pl.DataFrame
    entries: pl.DataFrame


def compute(taken: Taken, rules: Rules) -> list[FleetPartition]:
    """Return what each partition of a log of ub.vehicles contributes.

    Raises CannotAudit where the log holds more vehicles than a partition keeps.
    """
    return by_partition(taken, lambda number, own: _partition(number, own.readings, own.bad_frames, rules))


def _partition(number: int, readings: pl.DataFrame, bad: pl.DataFrame, rules: Rules) -> FleetPartition:
    admitted = admit(readings, rules)
    watermark = newest(admitted["after"])
    clock = clock_of(admitted)
    numbered = admitted.filter(pl.col("reason").is_null()).with_columns(
        pl.col("vehicle_id").cast(pl.Categorical).to_physical().alias("vehicle"),
        pl.col("operator").cast(pl.Categorical).to_physical().alias("operator_number"),
        (pl.col("vehicle_state") == "missing").alias("missing"),
    )
    lives = trace(
        numbered.select(
            "vehicle", "pos", pl.col("operator_number").alias("operator"), "ts", "met", "missing"
        ),
        watermark,
        rules,
    )
    followed = numbered.join(
        lives.readings.select("pos", "life", "ours", "news"), on="pos", how="left", maintain_order="left"
    )
    counts = followed.filter(pl.col("ours") & (pl.col("news") | (pl.col("ts") >= pl.col("met"))))
    located = cells.locate(counts, rules.resolution)
    moves = entries(located, lives, clock)
    _check_crowding(number, moves, clock, rules)
    foreign = followed.with_columns(
        pl.when(~pl.col("ours")).then(pl.lit("operator_conflict")).alias("reason")
    )
    rejects = refused([admitted, foreign], bad)
    return FleetPartition(
        number=number,
        ledger=ledger_of(readings, bad, rejects, applied=int(followed["news"].sum())),
        refused=rejects,
        clock=clock,
        watermark=watermark,
        vehicle_state=_vehicle_state(located, lives, moves, watermark),
        vehicle_event=_vehicle_event(located, lives),
        entries=moves,
    )


def _check_crowding(number: int, moves: pl.DataFrame, clock: pl.DataFrame, rules: Rules) -> None:
    """Refuse a log in which the partition heard of more vehicles at once than it keeps.

    Who is crowded out then is not computed here. Within a record the ones that came are counted before the
    ones that fell silent.
    """
    here = (pl.col("state") != "missing").cast(pl.Int64)
    same_life = (pl.col("vehicle") == pl.col("vehicle").shift(1)) & (
        pl.col("life") == pl.col("life").shift(1)
    )
    steps = moves.filter("news").select(
        "offset", (here - pl.when(same_life).then(here.shift(1)).otherwise(0)).alias("step")
    )
    change = steps.group_by("offset").agg(
        pl.col("step").sum().alias("net"), pl.col("step").clip(0).sum().alias("came")
    )
    there = clock.select("offset").join(change, on="offset", how="left", maintain_order="left").fill_null(0)
    most = newest(there.select(pl.col("net").cum_sum() - pl.col("net") + pl.col("came")).to_series())
    if most > rules.most_vehicles:
        raise CannotAudit(
            f"partition {number} of {topics.VEHICLES} heard of {most:,} vehicles at once and keeps "
            f"UB_MAX_VEHICLES_PER_PARTITION={rules.most_vehicles:,}: some were counted as missing early, and the audit "
            "does not compute which; raise the setting or the number of partitions for the next log"
        )


def _vehicle_state(readings: pl.DataFrame, lives: Lives, moves: pl.DataFrame, watermark: int) -> pl.DataFrame:
    """Return the rows of ub.vehicle_state: the newest reading of each vehicle whose life has not ended."""
    life = ["vehicle", "life"]
    newest = readings.filter("news").unique("vehicle", keep="last", maintain_order=True)
    alive = newest.join(lives.ended, on=life, how="anti")
    silent = lives.silences.group_by(life).agg(pl.col("at").max())
    settled = moves.filter(pl.col("ts") < watermark).unique(life, keep="last", maintain_order=True)
    missing = pl.col("at") > pl.col("ts")
    return (
        alive.join(silent, on=life, how="left")
        .join(settled.select(*life, pl.col("stands").alias("settled_cell")), on=life, how="left")
        .select(
            "vehicle_id",
            "operator",
            "partition",
            pl.when(missing).then("at").otherwise("ts").alias("ts"),
            "lat",
            "lon",
            "cell",
            "settled_cell",
            pl.when(missing).then(pl.lit("missing")).otherwise("vehicle_state").alias("vehicle_state"),
            "vehicle_type",
            pl.when(pl.col("battery_percent").is_between(0, 100))
            .then("battery_percent")
            .alias("battery_percent"),
            "received_at",
        )
    )


def _vehicle_event(readings: pl.DataFrame, lives: Lives) -> pl.DataFrame:
    """Return the rows of ub.vehicle_event: every silence."""
    return silences(readings, lives).select(
        "vehicle_id",
        pl.lit("comms_lost").alias("event_type"),
        "at",
        "operator",
        pl.lit("missing").alias("vehicle_state"),
        "last_ts",
        "lat",
        "lon",
        "cell",
    )


# ------------------------------------------------------------------ tables that all partitions make together


def cell_now(vehicle_state: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.cell_now that count somebody."""
    counted = vehicle_state.filter(pl.col("vehicle_state").is_in(COUNTED))
    rows = counted.group_by("cell", "operator").agg(
        *((pl.col("vehicle_state") == state).sum().cast(pl.Int64).alias(state) for state in COUNTED)
    )
    standing = pl.sum_horizontal(state for state in COUNTED if state != "on_trip")
    return cells.regions(rows.with_columns(standing.alias("occupancy")), rules.region_resolution)


def flows(moves: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return what the entries of one partition add to each window, with the columns of FLOWS."""
    start = (pl.col("ts") // rules.window_ms * rules.window_ms).alias("window_start")
    moved = pl.col("stands").ne_missing(pl.col("stood"))
    parts = [pl.DataFrame(schema=FLOWS)]
    for cell, name, which in (
        ("cell", "readings", pl.col("heard")),
        ("stands", "arrivals", moved & pl.col("stands").is_not_null()),
        ("stood", "departures", moved & pl.col("stood").is_not_null()),
    ):
        parts.append(
            moves.filter(which)
            .group_by(start, pl.col(cell).alias("cell"), "operator")
            .agg(pl.len().cast(pl.Int64).alias(name))
        )
    return _summed(pl.concat(parts, how="diagonal"))


ADDED = Counted[FleetPartition](
    schema=FLOWS,
    of=lambda partition, rules: flows(partition.entries, rules),
    rest=lambda partition: replace(partition, entries=partition.entries.clear()),
)


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("window_start", "cell", "operator").agg(
        pl.col("readings", "arrivals", "departures").sum()
    )


def window_rows(counted: pl.DataFrame, before: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.cell_window that count something, from what all partitions add to some windows.

    `before` has the `occupancy` of each cell and operator at the beginning of the first of them.
    """
    carried = before.rename({"occupancy": "carried"})
    net = pl.col("arrivals") - pl.col("departures")
    rows = (
        _summed(counted)
        .join(carried, on=["cell", "operator"], how="left")
        .sort("cell", "operator", "window_start")
        .with_columns(
            (pl.col("carried").fill_null(0) + net.cum_sum().over("cell", "operator")).alias("occupancy"),
            pl.lit(rules.window_ms // 1000, pl.Int64).alias("window_s"),
        )
        .drop("carried")
    )
    return cells.regions(rows, rules.region_resolution)


def cell_window(moves: Sequence[pl.DataFrame], rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.cell_window that count something, from the entries of all partitions."""
    counted = pl.concat([pl.DataFrame(schema=FLOWS), *(flows(frame, rules) for frame in moves)])
    return window_rows(counted, pl.DataFrame(schema=CARRIED), rules)
