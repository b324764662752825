"""One audit, from the settings to the report. The order of its steps is what makes it safe on a running system.

1. The checkpoints say up to which offset the tables reflect each partition (`low`). Whatever the fleet told the
   grid about the log up to there stands on ub.partials by now.
2. Wait until the grid, if its tables are audited, has stored ub.partials up to its present end; with
   `complete` until everything rests.
3. Read tables and checkpoints of one moment.
4. Read the log: beyond the offsets of that moment, up to its present end. The grid cannot know more.
5. Compute the tables from the log up to the offsets of step 3, compare, and leave out of the grid's
   tables what readings between `low` and the end of the log may still move.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from streams import topics
from streams.audit import batch
from streams.audit.compare import Comparison
from streams.audit.judge import Judge, Kept
from streams.audit.moving import Moving, moving
from streams.audit.rest import check_incarnation, check_topics, offsets_of, wait_for_rest, wait_for_stages
from streams.audit.rules import Rules
from streams.audit.source import Read, read_kafka, read_recording
from streams.audit.tables import Database, Snapshot
from streams.errors import CannotAudit
from streams.settings import Settings

_OF_GRID = frozenset({"cell_now", "cell_window"})
Say = Callable[[str], None]
"""Told what is being done, several times a second."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to audit. `until` is event time, ms; `recording` replaces Kafka; `save` keeps what was read."""

    tables: tuple[str, ...]
    complete: bool = False
    until: int | None = None
    wait_s: float = 60.0
    recording: Path | None = None
    save: Path | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `offsets` and `watermarks` (ms) say up to where, by partition of ub.vehicles."""

    comparisons: tuple[Comparison, ...]
    offsets: dict[int, int]
    watermarks: dict[int, int]
    readings: int
    read_s: float
    compute_s: float

    @property
    def differing(self) -> int:
        """Rows that differ, all tables together."""
        return sum(comparison.differing for comparison in self.comparisons)


def rules_of(settings: Settings) -> Rules:
    """Take the rules from the settings; they must be those that the workers ran with."""
    return Rules(
        window_ms=settings.window_s * 1000,
        lateness_ms=int(settings.allowed_lateness_s * 1000),
        horizon_ms=int(settings.amend_horizon_s * 1000),
        stale_ms=int(settings.stale_after_s * 1000),
        most_vehicles=settings.max_vehicles_per_partition,
        resolution=settings.h3_resolution,
        region_resolution=settings.region_resolution,
    )


def run(settings: Settings, options: Options, say: Say) -> Report:
    """Audit; raises CannotAudit, ServiceUnavailable or another of our errors where that is not possible."""
    rules = rules_of(settings)
    database = Database(settings.database_url.get_secret_value())
    # 1.
    low = offsets_of(database.checkpoints(), topics.VEHICLES)
    # 2.
    if options.recording is None:
        check_topics(settings)
    if options.recording is None and (options.complete or not _OF_GRID.isdisjoint(options.tables)):
        wait_for_stages(settings, database, options.wait_s, complete=options.complete, say=say)
    if options.complete or options.recording is not None:
        wait_for_rest(settings, database, options.wait_s, say)
        low = offsets_of(database.checkpoints(), topics.VEHICLES)
    # 3.
    say("reading the tables")
    snapshot = database.snapshot(options.tables)
    offsets = offsets_of(snapshot.checkpoints, topics.VEHICLES)
    rejected = offsets_of(snapshot.checkpoints, topics.REJECTED) if "rejected_count" in options.tables else {}
    check_incarnation(snapshot.checkpoints, settings, rejected, kafka=options.recording is None)
    # 4.
    began = time.perf_counter()
    if options.recording is None:
        log = read_kafka(settings, offsets, rejected, options.save, say)
    else:
        log = read_recording(options.recording, offsets, rejected, say)
    read_s = time.perf_counter() - began
    # 5.
    say(f"computing the tables from {len(log.readings):,} readings")
    began = time.perf_counter()
    known = log.up_to(offsets)
    if options.complete and len(known.readings) < len(log.readings):
        raise CannotAudit(
            f"{len(log.readings) - len(known.readings):,} readings lie beyond what the tables reflect: the system is "
            "not at rest; stop the publishers, or leave out --complete"
        )
    partitions = batch.compute(known.readings, known.bad_frames, rules)
    may_move = None
    if not options.complete:
        beyond = len(known.readings) < len(log.readings)
        whole = batch.compute(log.readings, log.bad_frames, rules) if beyond else partitions
        may_move = moving(whole, low, rules)
        _check_until(options.until, may_move, snapshot)
    judge = Judge(
        partitions,
        snapshot.tables,
        rules,
        moving=may_move,
        kept=Kept(settings.retain_windows_days, settings.retain_vehicle_events_days),
        limit=options.limit,
    )
    return Report(
        comparisons=_compare(judge, options, log, offsets, rejected),
        offsets=offsets,
        watermarks={partition.number: partition.watermark for partition in partitions},
        readings=len(log.readings),
        read_s=read_s,
        compute_s=time.perf_counter() - began,
    )


def _compare(
    judge: Judge, options: Options, log: Read, offsets: Mapping[int, int], rejected: Mapping[int, int]
) -> tuple[Comparison, ...]:
    tables: dict[str, Callable[[], Comparison]] = {
        "ledger": judge.ledger,
        "vehicle_state": judge.vehicle_state,
        "vehicle_event": judge.vehicle_event,
        "cell_now": judge.cell_now,
        "cell_window": lambda: judge.cell_window(options.until),
    }
    done = [compare() for name, compare in tables.items() if name in options.tables]
    if "rejected_count" in options.tables:
        stored = log.refusals_up_to(rejected)
        done += [judge.refusals(log.refusals, offsets), judge.rejected_count(stored)]
    return tuple(done)


def _check_until(until: int | None, may_move: Moving, snapshot: Snapshot) -> None:
    """Refuse an `until` that the windows have not reached."""
    if until is None or "cell_window" not in snapshot.tables:
        return
    windows = snapshot.tables["cell_window"]
    told = batch.newest(windows.select(pl.col("window_start") + pl.col("window_s") * 1000).to_series())
    reached = max(may_move.closed, told)
    if until > reached:
        raise CannotAudit(
            f"--until {batch.moment(until)}: windows are closed up to {batch.moment(reached)} only; "
            "give an earlier time, or wait until the watermark has passed it"
        )
