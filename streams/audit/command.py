"""`urbanbrain audit`: exit code 0 where nothing differs, 1 where something does, 2 where it cannot be told."""

import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from streams import settings as settings_module
from streams.numbers import Real, Whole
from streams.output import echo_json_text, told_or
from streams.terminal import Terminal

_TABLES = (
    "ledger",
    "vehicle_state",
    "vehicle_event",
    "cell_now",
    "cell_window",
    "sensor_state",
    "sensor_window",
    "request",
    "request_window",
    "rejected_count",
)
_CANNOT = 2
_FEWEST_DIGITS = 12
"""Of milliseconds since the epoch: from March 1973 on."""


class _Moment(click.ParamType):
    """Event time: ISO 8601 (UTC where no zone is given), or milliseconds since the epoch in 12 digits or more.

    The rule of `urbanbrain sim` (sensors_sim/recording/moments.py): fewer digits are seconds, or a day.
    """

    name = "time"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            if value.isascii() and value.isdecimal() and len(value) >= _FEWEST_DIGITS:
                moment = datetime.fromtimestamp(int(value) / 1000, UTC)
            else:
                moment = datetime.fromisoformat(value)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is not a time; give 2026-03-01T12:00:00Z, or milliseconds since the epoch, 1772366400000",
                param,
                ctx,
            )
        return round(moment.timestamp() * 1000)


@click.command()
@click.option(
    "--complete",
    is_flag=True,
    help="Nobody publishes any more: wait until all is stored, then compare every row.",
)
@click.option(
    "--until",
    type=_Moment(),
    help="Only windows that end by this time (event time, UTC unless it names a zone).",
)
@click.option(
    "--table", "tables", multiple=True, type=click.Choice(_TABLES), help="Only this table; repeatable."
)
@click.option(
    "--wait",
    type=Real(min=0, max=86_400),
    default=60.0,
    show_default=True,
    help="Seconds to wait for the workers to catch up.",
)
@click.option(
    "--recording",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the log from this file instead of Kafka.",
)
@click.option(
    "--save", type=click.Path(path_type=Path), help="Save what is read from Kafka as a recording (.gz)."
)
@click.option(
    "--limit",
    type=Whole(min=0),
    default=20,
    show_default=True,
    help="Maximum number of differences to show per table.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit(
    complete: bool,
    until: int | None,
    tables: tuple[str, ...],
    wait: float,
    recording: Path | None,
    save: Path | None,
    limit: int,
    as_json: bool,
) -> None:
    """Recompute the tables from the log, and compare every row.

    Works on a running system. Exit codes: 0 no difference, 1 differences, 2 the comparison is not possible.
    """
    if recording and save:
        raise click.UsageError("--save keeps what is read from Kafka; with --recording nothing is")
    from streams.audit import report as report_module  # noqa: PLC0415 - Polars takes half a second to import
    from streams.audit.run import Options, run  # noqa: PLC0415

    options = Options(
        tables=tables or _TABLES,
        complete=complete,
        until=until,
        wait_s=wait,
        recording=recording,
        save=save,
        limit=limit,
    )
    # As Ctrl-C does: what is begun (--save) goes.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.getLogger("kafka").setLevel(logging.ERROR)
    progress = Terminal(stderr=True)
    with told_or(_CANNOT, "audit"):
        try:
            with progress.status("beginning") as status:
                report = run(settings_module.load(), options, status.update)
        finally:
            signal.signal(signal.SIGTERM, before)
        if as_json:
            echo_json_text(report_module.as_json(report))
        else:
            report_module.show(report, Terminal())
    sys.exit(1 if report.differing else 0)
