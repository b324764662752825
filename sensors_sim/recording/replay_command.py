"""`urbanbrain sim replay` of a recording."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import click
from rich.console import Console

from sensors_sim.counted import counted
from sensors_sim.errors import RecordingError
from sensors_sim.faults import Faults, faults_line
from sensors_sim.options import BrokerOptions, all_of
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.moments import Moment, MomentIn, ShiftText
from sensors_sim.recording.options import kafka_options, only_option
from sensors_sim.recording.reader import Recording, is_recording
from sensors_sim.recording.replay import Replayed, ReplayOptions
from sensors_sim.recording.replay import replay as play_back
from sensors_sim.recording.rounds import Selection, Shift
from sensors_sim.run import check_delivered

recording_options = all_of(
    kafka_options,
    click.option(
        "--from",
        "from_",
        type=MomentIn(),
        help="Recording: first moment to play: 90s or 5m after its beginning, or ISO 8601.",
    ),
    click.option(
        "--to",
        type=MomentIn(),
        help="Recording: moment at which to stop, itself excluded, in the same form.",
    ),
    click.option("--loop", is_flag=True, help="Recording: start again at the end, until Ctrl-C."),
    only_option,
    click.option(
        "--shift",
        type=ShiftText(),
        help="Recording: shift the timestamps of readings so that they begin now or at TIME, or by a span.",
    ),
)
"""Those of `sim replay` that are for recordings."""


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """What the options above say."""

    kafka: Kafka | None
    from_: Moment | None
    to: Moment | None
    loop: bool
    only: tuple[str, ...]
    shift: Shift | None

    def refuse(self) -> None:
        """Refuse what is given of them: another format than a recording has no use for it."""
        for field in fields(self):
            if getattr(self, field.name):
                raise click.UsageError(
                    f"--{field.name.strip('_')} is for recordings (files of `urbanbrain sim record`), without --format"
                )

    def selection(self, recording: Recording) -> Selection:
        """Return which messages are played."""
        first = None if self.from_ is None else self.from_.us(recording.first)
        until = None if self.to is None else self.to.us(recording.first)
        if first is not None and until is not None and first >= until:
            raise RecordingError("--from is not before --to: nothing would be played; swap them")
        return Selection(first, until, self.only)


def replay_recording(
    file: Path,
    given: RecordingOptions,
    *,
    speed: float,
    mqtt: BrokerOptions,
    batch: int,
    single: bool,
    in_flight: int,
    faults: Faults,
    as_json: bool,
    quiet: bool,
) -> None:
    """Play a recording to where it came from: its topics, its bytes, its times."""
    if not is_recording(file):
        raise click.UsageError(f"{file} is not a recording; --format says what it is")
    if single:
        raise click.UsageError("--single is not for recordings: messages are played as they were recorded")
    recording = Recording(file)
    options = ReplayOptions(
        mqtt.broker(),
        given.kafka,
        given.selection(recording),
        given.shift,
        given.loop,
        speed,
        in_flight,
        faults,
    )
    outcome = play_back(recording, options, Console(stderr=True, quiet=quiet))
    _summarise(outcome, as_json)
    check_delivered(outcome.counts, outcome.unacknowledged)


def _summarise(outcome: Replayed, as_json: bool) -> None:
    """Print the summary for people on stderr and, if asked for, one JSON line on stdout."""
    counts, skipped = outcome.counts, dict(sorted(outcome.report.skipped.items()))
    median, p99 = outcome.errors.quantile_ms(0.5), outcome.errors.quantile_ms(0.99)
    click.echo(
        f"{'stopped' if outcome.stopped else 'done'}: {counted(counts.messages_sent, 'message')} "
        f"({counted(counts.readings_sent, 'reading')}), {counts.messages_acknowledged:,} acknowledged, "
        f"in {outcome.seconds:.1f} s",
        err=True,
    )
    if outcome.left_out:
        click.echo(
            f"left out: {counted(outcome.left_out, 'message')} that the system itself published; --only "
            "'ub/v1/alerts/*' plays those of that level",
            err=True,
        )
    elif not outcome.rounds and not outcome.stopped and not skipped:
        click.echo(
            "nothing to play: no message arrived in that part of the recording, or none has such a topic; "
            "`urbanbrain sim info` shows both",
            err=True,
        )
    if median is not None:
        click.echo(
            f"sent later than due: {median:.1f} ms at the median, {p99:.1f} ms at the 99th percentile",
            err=True,
        )
    if outcome.rounds > 1:
        click.echo(f"{outcome.rounds} rounds", err=True)
    if outcome.faults:
        click.echo(faults_line(outcome.faults), err=True)
    for reason, count in skipped.items():
        click.echo(f"skipped {count:,}: {reason}, first {outcome.report.examples[reason]}", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "messages": counts.messages_sent,
                    "messages_acknowledged": counts.messages_acknowledged,
                    "readings_sent": counts.readings_sent,
                    "readings_acknowledged": counts.readings_acknowledged,
                    "readings_refused": counts.readings_refused,
                    "reconnects": counts.reconnects,
                    "timing_error_ms": {"median": median, "p99": p99},
                    "rounds": outcome.rounds,
                    "faults": dict(outcome.faults),
                    "skipped": skipped,
                    "left_out": outcome.left_out,
                    "first_at": outcome.first,
                    "last_at": outcome.last,
                    "seconds": round(outcome.seconds, 3),
                    "stopped": outcome.stopped,
                }
            )
        )
