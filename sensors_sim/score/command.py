"""`urbanbrain sim score`: run a scenario and judge the alerts, or judge recorded ones."""

import json
import os
import secrets
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any, get_args

import click
from click.core import ParameterSource
from rich.console import Console

from schemas.alerts import AlertKind
from sensors_sim.errors import ScenarioError, ScoreError
from sensors_sim.numbers import Real, Whole
from sensors_sim.options import EXISTING_FILE, Populations, connection_options, options_from, speed_option
from sensors_sim.run import Options, Outcome, may_be_lost, refused_by_broker, run
from sensors_sim.scenario import MOST_BIKES, MOST_SECONDS, MOST_SEED, Scenario, load
from sensors_sim.score.catching_up import (
    ALERTING,
    ALIVE_S,
    LIVE_WITHIN_MS,
    STILL_S,
    Reached,
    Tables,
    seen_before,
    wait_for,
    wait_for_workers,
)
from sensors_sim.score.figures import figures, shortfalls
from sensors_sim.score.files import AlertLog, parse_truth, read_alerts, read_truth
from sensors_sim.score.last_change import LastChange
from sensors_sim.score.listen import RETAINED_WITHIN_S, Listener
from sensors_sim.score.lives import lives
from sensors_sim.score.matching import EARLIER, Judged, judge
from sensors_sim.score.needs import too_fast, unmet
from sensors_sim.score.report import as_json as report_json
from sensors_sim.score.report import render
from sensors_sim.score.truth import ANY_KIND, Truth
from sensors_sim.sources.simulated import BIKES, POPULATIONS, REQUESTS, SimulatedCity
from sensors_sim.stop import Stop
from sensors_sim.tables import choice
from sensors_sim.truth.entry import Truth as ScenarioTruth
from sensors_sim.truth.witness import Witness, truth_of

_NO_TERMINAL = 10_000
"""Columns: where nobody folds lines nothing is cut."""
_SHARE = Real(0, 1)


@click.command()
@click.argument("name", metavar="[SCENARIO]", required=False)
@click.option(
    "--truth",
    "truth_file",
    type=EXISTING_FILE,
    help="File that says which alerts are due (default: computed from SCENARIO).",
)
@click.option(
    "--alerts",
    "alerts_file",
    type=EXISTING_FILE,
    help="Score these instead of a run: output of `urbanbrain alerts tail --json`, or rows of api.alert_history.",
)
@click.option("--kind", "kinds", multiple=True, help="Score only alerts of this kind; repeatable.")
@click.option(
    "--only",
    type=Populations(),
    default=",".join(POPULATIONS),
    help="Publish only these, as for `sim run`; alerts that they cannot cause are not due.",
)
@click.option("--bikes", type=Whole(1, MOST_BIKES), help="Number of bikes (default: the scenario's).")
@click.option("--seed", type=Whole(0, MOST_SEED), help="Seed (default: the scenario's).")
@click.option(
    "--for",
    "seconds",
    type=Whole(1, MOST_SECONDS),
    help="Seconds of event time (default: the scenario's duration).",
)
@click.option("--least-recall", type=_SHARE, help="Exit with code 1 if the recall is lower (0 to 1).")
@click.option("--least-precision", type=_SHARE, help="Exit with code 1 if the precision is lower (0 to 1).")
@click.option(
    "--settle",
    type=Real(min=0, max=600),
    default=10.0,
    show_default=True,
    help="After the run, wait until no alert has arrived for this many seconds.",
)
@click.option(
    "--database-url",
    envvar="UB_DATABASE_URL",
    show_envvar=True,
    help="Database that shows whether the run is processed; better set in the environment.",
)
@speed_option
@connection_options
@click.pass_context
def score(
    ctx: click.Context,
    /,
    name: str | None,
    truth_file: Path | None,
    alerts_file: Path | None,
    kinds: tuple[str, ...],
    only: frozenset[str],
    bikes: int | None,
    seed: int | None,
    seconds: int | None,
    least_recall: float | None,
    least_precision: float | None,
    settle: float,
    database_url: str | None,
    as_json: bool,
    quiet: bool,
    **sending: Any,
) -> None:
    """Run a SCENARIO and compare the alerts with those due.

    SCENARIO (a name from `sim list` or a TOML file) is published to the running system. With --alerts, recorded alerts
    are scored instead; SCENARIO is not needed then if --truth is given.
    """
    duration = None if seconds is None else timedelta(seconds=seconds)
    scenario = None if name is None else load(name).with_(bikes=bikes, seed=seed, duration=duration)
    truth = None if truth_file is None else read_truth(truth_file)
    if truth is not None and scenario is not None:
        _check_same(truth, scenario, truth_file)
    log = None if alerts_file is None else read_alerts(alerts_file)
    _check_kinds(kinds, truth, log)
    console = Console(stderr=True, quiet=quiet)
    if log is not None:
        found = _recorded(log, truth, scenario, only)
    elif scenario is not None:
        if ctx.get_parameter_source("faults") is ParameterSource.DEFAULT:
            sending["faults"] = scenario.faults
        tables = Tables(database_url) if database_url else None
        options = replace(options_from(**sending), zone=scenario.city.zone)
        found = _live(scenario, only, truth, options, settle, tables, console)
    else:
        raise click.UsageError("name a SCENARIO to run, or what to score: --truth FILE --alerts FILE")

    alerts = [life for life in lives(found.log.events) if not kinds or life.kind in kinds]
    judged = judge(found.truth.only(kinds) if kinds else found.truth, alerts, earlier=found.earlier)
    notes = [*found.notes, *_notes(judged, found.log), *too_fast(judged, found.speed)]
    if as_json:
        click.echo(json.dumps(report_json(judged, notes)))
    else:
        terminal = sys.stdout.isatty()
        Console(width=None if terminal else _NO_TERMINAL).print(render(judged, notes))
    short = shortfalls(figures(judged), least_recall, least_precision)
    for sentence in short:
        click.echo(sentence, err=True)
    sys.exit(1 if short else 0)


@dataclass(frozen=True, slots=True)
class _Found:
    """The alerts to judge, and the truth to judge them by; `earlier`: ids of those that were open before the run.

    `speed` is that of the run; 0 if nothing was run.
    """

    truth: Truth
    log: AlertLog
    earlier: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    speed: float = 0.0


def _check_same(truth: Truth, scenario: Scenario, file: Path | None) -> None:
    for what, theirs, ours in (
        ("scenario", truth.scenario, scenario.name),
        ("seed", truth.seed, scenario.seed),
        ("begin", truth.begin, scenario.start_ms),
    ):
        if theirs not in (None, ours):
            raise ScenarioError(
                f"{file} is the truth of another run: its {what} is {theirs}, that of this run {ours}"
            )


def _check_kinds(kinds: Collection[str], truth: Truth | None, log: AlertLog | None) -> None:
    """Refuse a kind that no alert can have: nothing would be judged, so every bound on the score would be met."""
    entries = () if truth is None else (*truth.due, *truth.may, *truth.silent)
    events = () if log is None else log.events
    known = {*get_args(AlertKind), *(one.kind for one in (*entries, *events))} - {ANY_KIND}
    for kind in kinds:
        if kind not in known:
            raise click.BadParameter(
                f"no alert is of kind {kind!r}; {choice(kind, known)}", param_hint="--kind"
            )


def _recorded(log: AlertLog, truth: Truth | None, scenario: Scenario | None, only: frozenset[str]) -> _Found:
    if truth is None:
        if scenario is None:
            raise click.UsageError(
                "nothing says which alerts are due: give --truth FILE, or name the SCENARIO"
            )
        truth = _to_score(truth_of(scenario, only))
    return _Found(truth, log)


def _live(
    scenario: Scenario,
    only: frozenset[str],
    truth: Truth | None,
    options: Options,
    settle_s: float,
    tables: Tables | None,
    console: Console,
) -> _Found:
    """Run the scenario and collect its alerts. Without a truth, a witness who watches the run says what was due."""
    log, witness = AlertLog(), Witness(scenario, only)
    changes = LastChange(witness)
    notes = [] if tables is None else list(_ready(tables, only, console))
    with Listener(options.broker, f"ub-score-{os.getpid()}-{secrets.token_hex(4)}") as listener:
        listener.collect(log, RETAINED_WITHIN_S)
        earlier = frozenset(event.alert_id for event in log.events)
        before = tables.reached() if tables else Reached(0, 0)
        stop = Stop()
        outcome = run(lambda: SimulatedCity(scenario, only, changes, stop.requested), options, console, stop)
        console.print("sent; waiting for the system to catch up", highlight=False)
        notes += [*_notes_of_run(outcome), *_caught_up(tables, before, outcome, changes.at_ms, settle_s)]
        listener.collect(log, settle_s)
    ended = outcome.ended_ms(scenario)
    if ended <= scenario.start_ms:
        raise ScoreError(
            "the run was stopped before anything was sent: there is nothing to score; run it again"
        )
    truth = _to_score(witness.truth(ended)) if truth is None else truth.until(ended)
    return _Found(truth, log, earlier, tuple(notes), options.speed)


def _ready(tables: Tables, only: frozenset[str], console: Console) -> Iterator[str]:
    """Wait for workers; yield a note for the report if none came."""
    stages = {{BIKES: "fleet", REQUESTS: "requests"}.get(name, "sensing") for name in only} | {*ALERTING}
    missing = wait_for_workers(
        lambda: tables.unattended(stages),
        wall=monotonic,
        sleep=sleep,
        say=lambda text: console.print(text, highlight=False),
    )
    if missing:
        yield (
            f"as the run began no worker had looked after {', '.join(missing)} for {ALIVE_S:g} s: what one finds "
            "later is a backlog, of which alerts are late or never come"
        )


def _caught_up(
    tables: Tables | None, before: Reached, outcome: Outcome, changed_ms: int | None, settle_s: float
) -> Iterator[str]:
    """Wait until the system has worked off what was sent; yield notes for the report, if there are any.

    `changed_ms`: when a bike last reported another cell or state. Live cells show no later time (docs/tables.md).
    """
    if tables is None:
        yield (
            f"it is not known whether the system kept up: alerts that came later than {settle_s:g} s after the one "
            "before are not counted; set UB_DATABASE_URL to have the tables checked"
        )
        return
    sent = outcome.counts.readings_acknowledged
    live = min(outcome.last_ts or 0, changed_ms or 0) if outcome.sent["vehicles"] else 0
    wanted = Reached(before.received + sent, max(0, live - LIVE_WITHIN_MS))
    found = wait_for(wanted, tables.reached, wall=monotonic, sleep=sleep)
    if found.received < wanted.received:
        yield f"{wanted.received - found.received:,} of {sent:,} readings are in no ledger after {STILL_S:g} s"
    if found.live_ms < wanted.live_ms:
        yield f"the live cells stand still {(live - found.live_ms) / 1000:.0f} s of event time before their last change"
    if said := seen_before(before, found, sent):
        yield said


def _to_score(truth: ScenarioTruth) -> Truth:
    """Return what a scenario knows as scoring needs it; by way of JSON, as if it had been read from a file."""
    return parse_truth(json.dumps(truth.to_dict()).encode(), f"the truth of {truth.scenario}")


def _notes_of_run(outcome: Outcome) -> list[str]:
    notes = []
    if outcome.stopped:
        notes.append("the run was stopped; only what came before is scored")
    if outcome.counts.readings_refused:
        notes.append(refused_by_broker(outcome.counts))
    if outcome.unacknowledged:
        notes.append(f"not acknowledged: {may_be_lost(outcome.unacknowledged)}")
    return notes


def _notes(judged: Judged, log: AlertLog) -> list[str]:
    """Return what a reader must know before believing the figures."""
    notes = []
    if log.skipped:
        notes.append(f"records that are no alerts: {log.skipped:,}; first {log.example}")
    seen = sum(why == EARLIER and life.raised_at >= judged.truth.begin for life, why in judged.not_judged)
    if seen:
        notes.append(
            f"before the run began {seen} alerts were open that were raised after the scenario's beginning: the system "
            "has seen this time before, and takes no position twice; score on a system that has not"
        )
    ours = {_resolution(cell) for due in judged.due for cell in due.entry.cells}
    theirs = {_resolution(life.cell) for life, _ in judged.false if life.cell}
    if ours and theirs and not ours & theirs:
        notes.append(
            f"the alerts are about cells of H3 resolution {sorted(theirs)}, the truth about {sorted(ours)}: "
            "they cannot match"
        )
    return [*notes, *unmet(judged)]


def _resolution(cell: str) -> int:
    """Return the resolution of an H3 cell: bits 52 to 55 of its index."""
    return int(cell[1], 16)
