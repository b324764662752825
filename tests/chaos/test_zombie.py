"""A worker that sleeps while its partitions belong to another, and has nothing of its own to store when it wakes."""

import signal

import pytest

from tests.chaos.city import City, Load
from tests.chaos.drive import RATE, SEED, await_autosave
from tests.chaos.processes import send
from tests.chaos.report import exact
from tests.chaos.verdict import await_stillness, judge
from tests.chaos.watched import owners
from tests.waiting import eventually

pytestmark = pytest.mark.chaos

HANDED_OVER = "handed over at offset"
"""What a worker logs for each partition that it gives to another: here, to the one that woke up."""
RECEIVED = "SELECT coalesce(sum(received), 0)::bigint AS n FROM ub.ledger WHERE stage = 'fleet'"


def received(city: City) -> int:
    return int(city.query(RECEIVED)[0]["n"])


def a_load(city: City, seconds: float, seed: int) -> Load:
    load = city.start_load(seconds, seed=seed, rate=RATE)
    load.began()
    return load


@pytest.mark.parametrize("flowing", [True, False], ids=["in the flow", "at rest"])
def test_a_worker_that_missed_part_of_the_log_while_asleep_does_not_go_on_from_there(flowing: bool) -> None:
    """Frozen at rest it has nothing to store, so no fence stops it when it wakes; what it holds is old all the same."""
    with City() as city:
        city.start()
        loads = [a_load(city, 8.0, SEED)]
        eventually(lambda: len(owners(city)) == 2, 60.0)
        loads[0].finish(60.0)
        await_autosave(city)
        await_stillness(city)
        sleeper, _ = city.worker_processes()
        send(signal.SIGSTOP, [sleeper])
        try:
            eventually(lambda: len(owners(city)) == 1, 60.0)
            loads.append(a_load(city, 8.0, SEED + 1))
            loads[1].finish(60.0)
            await_stillness(city)
            if flowing:
                before = received(city)
                loads.append(a_load(city, 20.0, SEED + 2))
                eventually(lambda: received(city) > before, 60.0)
        finally:
            handed_over = city.worker.said().count(HANDED_OVER)
            send(signal.SIGCONT, [sleeper])
        if not flowing:
            eventually(lambda: city.worker.said().count(HANDED_OVER) > handed_over, 60.0)
            loads.append(a_load(city, 8.0, SEED + 2))
        loads[2].finish(90.0)
        verdict = judge(city, [load.published for load in loads])
        exact(verdict, city, f"zombie {'in the flow' if flowing else 'at rest'}")
