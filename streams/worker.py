"""One worker process: Faust's own worker around our app, ended by SIGTERM, its exit code ours."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
from typing import Any

import faust

from streams.brokers.admin import create_topics, wait_for_kafka
from streams.brokers.kafka_login import kafka_login_of, say_refusals
from streams.brokers.own_topics import aiokafka_makes_no_topics
from streams.brokers.refused_records import aiokafka_knows_invalid_records
from streams.brokers.seldom import say_seldom
from streams.columnar.compiled import MAKING
from streams.memory import keep_memory, spare_collector
from streams.runtime.driver import FetchWaitConsumer
from streams.settings import Settings
from streams.warm import warm
from streams.wiring import Worker

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


def end_with(supervisor: int) -> None:
    """Have the kernel send us SIGTERM when our supervisor is gone, `kill -9` included (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:  # it went before we could ask
        sys.exit(1)


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM (0) or until the worker must not go on (1)."""
    keep_memory()
    # Faust wants a directory, though we keep no tables in it.
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if "fleet" in settings.stage_names:
        log.info(MAKING)
        warm()
    say_seldom()
    aiokafka_makes_no_topics()
    aiokafka_knows_invalid_records()
    login = kafka_login_of(settings)
    wait_for_kafka(settings.kafka_bootstrap, login=login)
    create_topics(settings.kafka_bootstrap, settings)  # a Kafka that lost its data has lost them, too
    say_refusals(settings.kafka_bootstrap, login)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(settings)
    runner = runner_of(worker.app, loop)
    spare_collector()
    log.info("joining the group of workers; partitions come once all have answered")
    try:
        runner.execute_from_commandline()
    except SystemExit as ended:
        code = _code(worker, ended.code)
    except Exception as error:
        log.error("the worker ends: %s", error)
        return 1
    else:
        code = 0
    if code == 0:
        log.info("stopped")
    return code


def runner_of(app: faust.App, loop: asyncio.AbstractEventLoop) -> faust.Worker:
    """Return Faust's own worker around our app. All that it has to say goes to our log."""
    runner = faust.Worker(
        app,
        loop=loop,
        loglevel="WARNING",
        override_logging=False,
        redirect_stdouts=False,
        daemon=True,
        quiet=True,
    )
    runner.spinner = None  # even a quiet one writes control characters, into logs too
    # Faust tells each step of its services.
    logging.getLogger(FetchWaitConsumer.__module__).setLevel(logging.WARNING)
    return runner


def _code(worker: Worker, code: Any) -> int:
    if worker.failure is not None:
        return 1
    return code if isinstance(code, int) else 0
