"""One worker process: Faust's own worker around our app, ended by SIGTERM, its exit code ours."""

import asyncio
import logging
from typing import Any

import faust

from streams.settings import Settings
from streams.wiring import Worker

log = logging.getLogger(__name__)


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM (0) or until the worker must not go on (1)."""
    settings.data_dir.mkdir(
        parents=True, exist_ok=True
    )  # Faust wants a directory, though we keep no tables in it
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(settings)
    runner = faust.Worker(
        worker.app,
        loop=loop,
        loglevel="WARNING",
        override_logging=False,
        redirect_stdouts=False,
        daemon=True,
        quiet=True,
    )
    try:
        runner.execute_from_commandline()
    except SystemExit as ended:
        return _code(worker, ended.code)
    except Exception as error:
        log.error("the worker ends: %s", error)
        return 1
    return 0


def _code(worker: Worker, code: Any) -> int:
    if worker.failure is not None:
        return 1
    return code if isinstance(code, int) else 0
