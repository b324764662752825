"""`urbanbrain console`."""

import asyncio
import logging
import signal

import click

from streams import settings as settings_module


@click.command()
def console() -> None:
    """Serve the live map, open alerts and the HTTP API until SIGTERM; read-only, without login.

    It listens on UB_CONSOLE_HOST and UB_CONSOLE_PORT and needs the database only, as ub_reader.
    """
    from streams.console.service import run  # noqa: PLC0415 - nobody else needs a web server

    settings = settings_module.load()
    logging.getLogger("streams").setLevel(logging.INFO)

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(settings, stop)

    asyncio.run(work())
