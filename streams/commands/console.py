"""`urbanbrain console`."""

import asyncio
import signal

import click

from streams import settings as settings_module
from streams.log import speak_as


@click.command()
def console() -> None:
    """Serve the live map and the HTTP API until SIGTERM.

    Read-only, without login. Listens on UB_CONSOLE_HOST and UB_CONSOLE_PORT; needs only the database, as ub_reader.
    """
    from streams.console.service import run  # noqa: PLC0415 - nobody else needs a web server
    from streams.files.districts import load_districts  # noqa: PLC0415

    settings = settings_module.load()
    speak_as("console")
    settings_module.say_misspelt()
    district = None if settings.districts_file is None else load_districts(settings).of

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(settings, stop, district)

    asyncio.run(work())
