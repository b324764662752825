"""`urbanbrain notify`."""

import asyncio
import logging
import os
import signal

import click

from streams import settings as settings_module
from streams.commands.alerts import district_of
from streams.ending import end_at_once_on_sigterm
from streams.log import speak_as
from streams.numbers import Real

log = logging.getLogger(__name__)


@click.command()
@click.option("--check", is_flag=True, help="Check UB_NOTIFY_FILE, list its receivers, and exit.")
@click.option(
    "--wait",
    type=Real(min=0, max=86_400),
    default=30.0,
    show_default=True,
    help="Seconds to wait for Kafka at startup.",
)
def notify(check: bool, wait: float) -> None:
    """Send alerts to the webhooks of UB_NOTIFY_FILE.

    Runs until SIGTERM. Each receiver has its own queue, so a slow one does not delay the others.
    """
    from streams.brokers.admin import create_topics, wait_for_kafka  # noqa: PLC0415
    from streams.brokers.kafka_login import kafka_login_of, say_refusals  # noqa: PLC0415
    from streams.brokers.own_topics import aiokafka_makes_no_topics  # noqa: PLC0415
    from streams.brokers.seldom import say_seldom  # noqa: PLC0415
    from streams.notify.service import load_inhibitions, load_receivers, run  # noqa: PLC0415

    settings = settings_module.load()
    receivers, inhibitions = load_receivers(settings, os.environ), load_inhibitions(settings)
    if check:
        for receiver in receivers:
            matchers = " ".join(str(matcher) for matcher in receiver.match) or "all alerts"
            what = "escalations only" if receiver.escalations_only else matchers
            click.echo(f"{receiver.name}: {receiver.format} to {receiver.address}, {what}")
        for rule in inhibitions:
            source, target = (" ".join(map(str, side)) for side in (rule.source, rule.target))
            same = f", of the same {', '.join(rule.equal)}" if rule.equal else ""
            click.echo(f"{source} inhibits {target}{same}")
        return
    end_at_once_on_sigterm()
    speak_as("notify")
    settings_module.say_misspelt()
    district = district_of(settings)
    login = kafka_login_of(settings)
    say_seldom()
    aiokafka_makes_no_topics()
    say_refusals(settings.kafka_bootstrap, login)
    wait_for_kafka(settings.kafka_bootstrap, wait, login)
    create_topics(settings.kafka_bootstrap, settings)

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(settings, receivers, district, stop, inhibitions)

    asyncio.run(work())
    log.info("stopped")
