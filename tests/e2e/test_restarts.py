"""Processes that end in mid-stream, in order or not: the tables hold every reading once all the same."""

import os
import signal
from collections.abc import Callable

import pytest

from tests import oracle
from tests.e2e.city import City, OwnProcess
from tests.e2e.tables import ledger, settled
from tests.e2e.traffic import arrays, traffic

pytestmark = pytest.mark.e2e

Interrupt = Callable[[City, OwnProcess, OwnProcess], None]


def the_worker_is_stopped_and_another_started(city: City, gateway: OwnProcess, worker: OwnProcess) -> None:
    worker.stop()
    city.start_worker()


def the_worker_is_killed(city: City, gateway: OwnProcess, worker: OwnProcess) -> None:
    """Its supervisor starts it again."""
    (process,) = worker.children()
    os.kill(process, signal.SIGKILL)


def the_gateway_is_stopped_and_another_started(city: City, gateway: OwnProcess, worker: OwnProcess) -> None:
    gateway.stop()
    city.start_gateway()


@pytest.mark.parametrize(
    "interrupt",
    [
        the_worker_is_stopped_and_another_started,
        the_worker_is_killed,
        the_gateway_is_stopped_and_another_started,
    ],
)
def test_nothing_is_lost_or_counted_twice_when(city: City, interrupt: Interrupt) -> None:
    readings = traffic(seed=4, bikes=300, minutes=40)
    run_in_three_parts(city, readings, processes=1, interrupt=interrupt)
    settled(city, oracle.batch(readings))
    assert ledger(city)["received"] == len(readings)


def run_in_three_parts(city: City, readings: list, processes: int, interrupt: Interrupt) -> None:
    """Publish; the second third is on its way when `interrupt` comes, the last one follows at once."""
    gateway, worker = city.start_gateway(), city.start_worker(processes)
    third = len(readings) // 3
    with city.publisher() as publisher:
        publisher.publish(arrays(readings[:third]))
        city.eventually(lambda: ledger(city)["received"], until=lambda n: n > 0)
        publisher.publish(arrays(readings[third : 2 * third]))
        interrupt(city, gateway, worker)
        publisher.publish(arrays(readings[2 * third :]))
