"""Processes that end in mid-stream, in order or not: the tables hold every reading once all the same."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests import oracle
from tests.e2e.city import City, OwnProcess
from tests.e2e.feed import Feed
from tests.e2e.tables import ledger, settled
from tests.e2e.traffic import arrays, traffic

pytestmark = pytest.mark.e2e

Interrupt = Callable[[City, OwnProcess, OwnProcess], None]


def the_worker_is_stopped(city: City, gateway: OwnProcess, worker: OwnProcess) -> None:
    worker.stop()
    city.start_worker()


def a_worker_process_is_killed(city: City, gateway: OwnProcess, worker: OwnProcess) -> None:
    """kill -9; its supervisor starts it again."""
    os.kill(worker.children()[0], signal.SIGKILL)


def the_gateway_is_stopped_and_the_next_one_killed(
    city: City, gateway: OwnProcess, worker: OwnProcess
) -> None:
    """What the one that is killed had not acknowledged comes again: twice in the log, once in the tables."""
    gateway.stop()
    os.kill(city.start_gateway().pid, signal.SIGKILL)
    city.start_gateway()


@pytest.mark.parametrize(
    ("processes", "interrupt"),
    [
        (1, the_worker_is_stopped),
        (1, a_worker_process_is_killed),
        (2, a_worker_process_is_killed),
        (1, the_gateway_is_stopped_and_the_next_one_killed),
    ],
)
def test_every_reading_counts_once_though(city: City, processes: int, interrupt: Interrupt) -> None:
    readings = traffic(seed=4, bikes=600, minutes=40)
    gateway, worker = city.start_gateway(), city.start_worker(processes)
    eventually_owned_by(city, processes)
    with Feed(city, readings, size=400) as feed:
        city.eventually(lambda: ledger(city)["received"])
        interrupt(city, gateway, worker)
        feed.interrupted()
    settled(city, oracle.batch(readings))
    balance = ledger(city)
    assert balance["applied"] == len(readings)
    assert balance["received"] == balance["applied"] + balance["superseded"] + balance["rejected"]


def test_a_kafka_that_lost_its_data_is_read_anew_by_processes_that_go_on(city: City) -> None:
    """With as many partitions as before: Tansu, asked for a topic that it lacks, would make one with four."""
    readings = traffic(seed=5, bikes=200, minutes=40)
    half = len(readings) // 2
    gateway, worker = city.start_gateway(), city.start_worker(2)
    eventually_owned_by(city, 2)
    with city.publisher() as publisher:
        publisher.publish(arrays(readings[:half], 400))
        settled(city, oracle.batch(readings[:half]))  # nothing is on its way from one stage to the next
        city.lose_kafka()
        publisher.publish(arrays(readings[half:], 400))
    settled(city, oracle.batch(readings))
    assert ledger(city)["applied"] == len(readings)
    assert gateway.running
    assert worker.running


def eventually_owned_by(city: City, processes: int) -> None:
    """Wait until so many worker processes share the partitions of the fleet."""
    owners = "SELECT count(DISTINCT owner) FROM ub.checkpoint WHERE stage = 'fleet'"
    partitions = "SELECT count(*) FROM ub.checkpoint WHERE stage = 'fleet'"
    city.eventually(lambda: city.count(owners), until=lambda n: n == processes)
    city.eventually(lambda: city.count(partitions), until=lambda n: n == 4)


def test_a_supervisor_that_is_killed_takes_its_workers_with_it(city: City) -> None:
    worker = city.start_worker(2)
    children = city.eventually(worker.children, until=lambda found: len(found) == 2)
    os.kill(worker.pid, signal.SIGKILL)
    city.eventually(lambda: [pid for pid in children if lives(pid)], until=lambda left: not left)


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not reaped does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] not in ("", "Z")
