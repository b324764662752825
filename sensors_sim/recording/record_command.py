"""`urbanbrain sim record` and `sim info`."""

import json
import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, monotonic_ns, time_ns

import click
from rich.console import Console

from sensors_sim.broker import Broker
from sensors_sim.counted import counted
from sensors_sim.numbers import Real, Whole
from sensors_sim.options import EXISTING_FILE, BrokerOptions, broker_options
from sensors_sim.progress import LOG_EVERY_S, TERMINAL_EVERY_S
from sensors_sim.recording.chunks import VERSION, Head
from sensors_sim.recording.filters import check_filters
from sensors_sim.recording.info import as_json as info_json
from sensors_sim.recording.info import gaps_line
from sensors_sim.recording.info import lines as info_lines
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.kafka_tap import KafkaTap
from sensors_sim.recording.mqtt_tap import MqttTap
from sensors_sim.recording.options import kafka_options, only_option
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.rounds import Selection
from sensors_sim.recording.tap import Arrivals, record
from sensors_sim.recording.writer import Writer
from sensors_sim.stop import on_signals

MQTT_FILTERS = ("ub/v1/#",)
KAFKA_TOPICS = ("ub.vehicles", "ub.sensors", "ub.requests")


@click.command("record")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@broker_options
@kafka_options
@click.option(
    "--topic",
    "topics",
    multiple=True,
    help=f"MQTT topic filter [{', '.join(MQTT_FILTERS)}] or Kafka topic [{', '.join(KAFKA_TOPICS)}]; repeatable.",
)
@only_option
@click.option("--for", "seconds", type=Real(min=0, min_open=True), help="Stop after this many seconds.")
@click.option("--messages", "most", type=Whole(min=1), help="Stop after this many messages.")
@click.option("--from-beginning", is_flag=True, help="Kafka: also record what the topics already hold.")
@click.option("--json", "as_json", is_flag=True, help="Also print the summary as one JSON line on stdout.")
@click.option("--quiet", is_flag=True, help="Print no progress.")
def record_command(
    file: Path,
    mqtt: BrokerOptions,
    kafka: Kafka | None,
    topics: tuple[str, ...],
    only: tuple[str, ...],
    seconds: float | None,
    most: int | None,
    from_beginning: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Record MQTT or Kafka traffic to FILE until Ctrl-C.

    A FILE that exists is never overwritten.
    """
    if from_beginning and not kafka:
        raise click.UsageError("--from-beginning is for Kafka: MQTT keeps no past; add --kafka host:port")
    arrival = Arrivals(time_ns, monotonic_ns)
    broker = mqtt.broker()
    selection = Selection(only=only)
    console = Console(stderr=True, quiet=quiet)
    with ExitStack() as stack:
        tap, head = _tap(stack, broker, kafka, topics, from_beginning, arrival)
        writer = stack.enter_context(Writer(file, head))
        stop = stack.enter_context(on_signals())
        console.print(
            f"recording {head.source} at {head.address} to {file}; Ctrl-C ends it",
            highlight=False,
            soft_wrap=True,
        )
        began = monotonic()
        said = _Said(console, writer, began)
        stack.callback(said.end)

        def stopping() -> bool:
            said.tick()
            return stop.requested() or (seconds is not None and monotonic() - began >= seconds)

        record(tap, writer, now=arrival, wanted=selection.wants, stopping=stopping, most=most)
    took = monotonic() - began
    click.echo(
        f"recorded {counted(writer.messages, 'message')} in {writer.bytes:,} bytes, in {took:.1f} s", err=True
    )
    if writer.gaps:
        click.echo(gaps_line(writer.gaps), err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "messages": writer.messages,
                    "bytes": writer.bytes,
                    "gaps": writer.gaps,
                    "seconds": round(took, 3),
                }
            )
        )


def _tap(
    stack: ExitStack,
    broker: Broker,
    kafka: Kafka | None,
    topics: tuple[str, ...],
    from_beginning: bool,
    arrival: Arrivals,
) -> tuple[MqttTap | KafkaTap, Head]:
    """Connect, and return what listens, and the head of its recording."""
    if kafka is not None:
        names = list(topics or KAFKA_TOPICS)
        reader = stack.enter_context(KafkaTap(kafka, names, from_beginning, arrival))
        return reader, Head(VERSION, "kafka", str(kafka), names, arrival())
    names = list(topics or MQTT_FILTERS)
    check_filters(names)
    client_id = f"ub-record-{os.getpid()}-{secrets.token_hex(4)}"
    subscriber = stack.enter_context(MqttTap(broker, names, client_id, arrival))
    return subscriber, Head(VERSION, "mqtt", str(broker), names, arrival())


class _Said:
    """A line about a recorder while it records, rewritten on a terminal."""

    def __init__(self, console: Console, writer: Writer, began: float) -> None:
        self._console = console
        self._writer = writer
        self._began = self._last = began
        self._status = console.status("nothing yet") if console.is_terminal else None
        if self._status:
            self._status.start()

    def tick(self) -> None:
        now = monotonic()
        if now - self._last < (TERMINAL_EVERY_S if self._status else LOG_EVERY_S):
            return
        self._last = now
        messages = counted(self._writer.messages, "message")
        text = f"recorded {messages}, {self._writer.bytes:,} bytes, {now - self._began:.0f} s"
        if self._status:
            self._status.update(text)
        else:
            self._console.print(text, highlight=False, soft_wrap=True)

    def end(self) -> None:
        if self._status:
            self._status.stop()


@click.command("info")
@click.argument("file", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info_command(file: Path, as_json: bool) -> None:
    """Show what a recording holds.

    Time span, messages by topic, size, and whether it is complete.
    """
    recording = Recording(file)
    if as_json:
        click.echo(json.dumps(info_json(recording)))
    else:
        for line in info_lines(recording):
            click.echo(line)
