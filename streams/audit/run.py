"""One audit, from the settings to the report. The order of its steps is what makes it safe on a running system.

1. The checkpoints say up to which offset the tables reflect each partition (`low`). Whatever the stages told the
   grid about the log up to there stands on ub.partials by now.
2. Wait until the grid, if its tables are audited, has stored ub.partials up to its present end; with
   `complete` until everything rests.
3. Read tables and checkpoints of one moment.
4. Read the log: beyond the offsets of that moment, up to its present end. The grid cannot know more.
5. Compute the tables from the log up to the offsets of step 3, compare, and leave out of the grid's
   tables what readings between `low` and the end of the log may still move.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from streams import topics
from streams.audit import windows
from streams.audit.books import judge_ledger, judge_refusals, judge_rejected_count
from streams.audit.compare import Comparison
from streams.audit.recording import check_free
from streams.audit.records import Shelved
from streams.audit.rest import check_incarnation, check_topics, offsets_of, wait_for_rest, wait_for_stages
from streams.audit.rules import Rules
from streams.audit.schema import TABLES, WINDOWS
from streams.audit.shelf import Shelf
from streams.audit.source import Offsets, Read, read_kafka, read_recording
from streams.audit.stage import Case, Question, Say, Stage, case_of
from streams.audit.stages import STAGES
from streams.audit.tables import Checkpoints, Database, Snapshot
from streams.audit.values import moment
from streams.errors import CannotAudit
from streams.settings import Settings


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
    """What came of it. `offsets` and `watermarks` (ms) say up to where, by topic and partition."""

    comparisons: tuple[Comparison, ...]
    offsets: dict[str, dict[int, int]]
    watermarks: dict[str, dict[int, int]]
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
        most_series=settings.max_series_per_partition,
        forget_request_ms=int(settings.forget_request_after_s * 1000),
        districts=_text(settings.districts_file),
    )


def _text(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text("utf-8-sig")
    except OSError as error:
        raise CannotAudit(
            f"UB_DISTRICTS_FILE={path}: {error.strerror}; give the file that the workers ran with"
        ) from None
    except UnicodeDecodeError as error:
        raise CannotAudit(f"UB_DISTRICTS_FILE={path}: {error}; UTF-8 is expected") from None


def _check_filled_with(database: Database, rules: Rules) -> None:
    """Raise CannotAudit where every cell or window would differ, as the settings are not those of the workers."""
    ours = {
        "UB_H3_RESOLUTION": rules.resolution,
        "UB_REGION_RESOLUTION": rules.region_resolution,
        "UB_WINDOW_S": rules.window_ms // 1000,
    }
    other = {name: value for name, value in database.filled_with().items() if ours.get(name, value) != value}
    if other:
        asked, found = (", ".join(f"{name}={values[name]}" for name in other) for values in (ours, other))
        raise CannotAudit(
            f"the settings say {asked}, and the database was filled with {found}; "
            "audit with the settings of the workers"
        )


def run(settings: Settings, options: Options, say: Say) -> Report:
    """Audit; raises CannotAudit, ServiceUnavailable or another of our errors where that is not possible."""
    rules = rules_of(settings)
    if options.save is not None:
        check_free(options.save)
    stages = concerned(options.tables)
    audited = [stage.topic for stage in stages]
    of_grid = {name for stage in stages for name in stage.of_grid}
    database = Database(settings.database_url.get_secret_value())
    _check_filled_with(database, rules)
    # 1.
    low = _offsets(database.checkpoints(), audited)
    # 2.
    if options.recording is None:
        check_topics(settings, audited)
    if options.recording is None and (options.complete or not of_grid.isdisjoint(options.tables)):
        wait_for_stages(settings, database, audited, options.wait_s, complete=options.complete, say=say)
    if options.complete or options.recording is not None:
        wait_for_rest(settings, database, options.wait_s, say)
        low = _offsets(database.checkpoints(), audited)
    # 3.
    say("reading the tables")
    snapshot = database.snapshot(options.tables, say)
    offsets = _offsets(snapshot.checkpoints, audited)
    reads = dict(offsets)
    if "rejected_count" in options.tables:
        reads |= _offsets(snapshot.checkpoints, [topics.REJECTED])
    filled = [topic for topic, partitions in reads.items() if partitions]
    check_incarnation(snapshot.checkpoints, settings, filled, kafka=options.recording is None)
    # 4.
    began = time.perf_counter()
    intakes = {stage.topic: stage.intake() for stage in stages}
    if options.recording is None:
        log = read_kafka(settings, intakes, reads, options.save, say)
    else:
        log = read_recording(options.recording, intakes, reads, say)
    read_s = time.perf_counter() - began
    # 5.
    say(f"computing the tables from {log.count:,} readings")
    began = time.perf_counter()
    question = Question(snapshot.tables, rules, _kept(settings), options.limit, options.until, say)
    cases = {}
    for stage in stages:
        taken, at = log.topics[stage.topic], offsets[stage.topic]
        _check_rest(stage, taken, at, options)
        cases[stage.name] = case_of(
            stage, taken, at, None if options.complete else low[stage.topic], question
        )
    _check_until(stages, cases, options)
    comparisons = _compare(stages, cases, snapshot, options, log, reads)
    if options.until is not None:
        windows.check_compared(comparisons, options.until)
    return Report(
        comparisons=comparisons,
        offsets=offsets,
        watermarks={
            stage.topic: {p.number: p.watermark for p in cases[stage.name].partitions} for stage in stages
        },
        readings=log.count,
        read_s=read_s,
        compute_s=time.perf_counter() - began,
    )


def concerned(tables: Sequence[str]) -> list[Stage[Any, Any]]:
    """Return the stages of which one of the tables follows."""
    asked = set(tables)
    return [stage for stage in STAGES if asked & {"ledger", "rejected_count", *stage.tables}]


def _offsets(checkpoints: Checkpoints, audited: Sequence[str]) -> dict[str, dict[int, int]]:
    return {topic: offsets_of(checkpoints, topic) for topic in audited}


def _kept(settings: Settings) -> dict[str, int]:
    return {
        "cell_window": settings.retain_windows_days,
        "sensor_window": settings.retain_sensor_windows_days,
        "request_window": settings.retain_request_windows_days,
        "request": settings.retain_requests_days,
        "vehicle_event": settings.retain_vehicle_events_days,
    }


def _check_rest(stage: Stage[Any, Any], taken: Shelved, offsets: Mapping[int, int], options: Options) -> None:
    if not options.complete:
        return
    beyond = sum(own.count - own.up_to(offsets).count for _, own in taken.partitions())
    if beyond:
        raise CannotAudit(
            f"{beyond:,} readings of {stage.topic} lie beyond what the tables reflect: the system is not at rest; stop "
            "the publishers, or leave out --complete"
        )


def _compare(
    stages: Sequence[Stage[Any, Any]],
    cases: Mapping[str, Case[Any, Any]],
    snapshot: Snapshot,
    options: Options,
    log: Read,
    reads: Offsets,
) -> tuple[Comparison, ...]:
    books = [(stage.name, stage.topic, cases[stage.name].partitions) for stage in stages]
    done = []
    if "ledger" in options.tables:
        done.append(judge_ledger(books, _whole(snapshot, "ledger"), options.limit))
    for stage in stages:
        case = cases[stage.name]
        done += [judge(case) for name, judge in stage.tables.items() if name in options.tables]
    if "rejected_count" in options.tables:
        stored = log.refusals_up_to(reads[topics.REJECTED])
        done.append(judge_refusals(books, reads, log.refusals, options.limit))
        done.append(judge_rejected_count(stored, _whole(snapshot, "rejected_count"), options.limit))
    return tuple(done)


def _whole(snapshot: Snapshot, name: str) -> pl.DataFrame:
    table = snapshot.tables[name]
    return table.all() if isinstance(table, Shelf) else table


def _check_until(
    stages: Sequence[Stage[Any, Any]], cases: Mapping[str, Case[Any, Any]], options: Options
) -> None:
    """Refuse an `until` that no windows have reached."""
    reached = [
        windows.reached(TABLES[name], cases[stage.name])
        for stage in stages
        for name in stage.of_grid
        if name in WINDOWS and name in options.tables
    ]
    if options.until is None or options.complete or not reached or options.until <= max(reached):
        return
    raise CannotAudit(
        f"--until {moment(options.until)}: windows are closed up to {moment(max(reached))} only; give an earlier time, "
        "or wait until the watermark has passed it"
    )
