"""The faults, by name: what each does to a city, for how long, and how it is healed.

A fault is a function that hurts and returns the function that heals. Both are called from the main
thread (the services' death signals follow it) and return soon.
"""

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.city import City
from tests.chaos.processes import send, tree
from tests.chaos.proxy import TROUBLES, Trouble

Heal = Callable[[], None]
Hurt = Callable[[City, random.Random], Heal]

FROZEN_S = (8.0, 10.0)
"""Longer than Tansu's session timeout (6 s): partitions of a frozen worker move to another."""
SHORT_S = (3.0, 6.0)
RESTART_S = (2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """`hold`: shortest and longest time from hurting to healing, seconds. `needs`: a part of the city that
    not every city has ("disk", or the name of a clock).
    """

    hurt: Hurt
    hold: tuple[float, float]
    needs: str = ""


def _nothing() -> None:
    """Nothing to heal: a supervisor does it, or it was healed at once."""


# ---------------------------------------------------------------------- processes


def kill_worker(city: City, rng: random.Random) -> Heal:
    """Its supervisor starts another."""
    if workers := city.worker_processes():
        send(signal.SIGKILL, [rng.choice(workers)])
    return _nothing


def freeze_worker(city: City, rng: random.Random) -> Heal:
    """A zombie: when it wakes up, its partitions belong to another."""
    chosen = [rng.choice(city.worker_processes())] if city.worker_processes() else []
    return _freeze(chosen)


def kill_supervisor(city: City, _rng: random.Random) -> Heal:
    """The supervisor alone, by `kill -9`: its workers end with it, and the next one starts workers of its own."""
    city.worker.kill()
    return city.worker.start


def kill_all_workers(city: City, _rng: random.Random) -> Heal:
    """Supervisor and workers at once, as a machine that loses its power."""
    pids = tree(city.worker.pid)
    city.worker.kill()
    send(signal.SIGKILL, pids)
    return city.worker.start


def restart_workers(city: City, _rng: random.Random) -> Heal:
    """In order: SIGTERM to each worker process; the supervisor starts the next."""
    send(signal.SIGTERM, city.worker_processes())
    return _nothing


def add_worker(city: City, _rng: random.Random) -> Heal:
    """One more for a while, then it leaves in order."""
    return city.add_worker().stop


def kill_gateway(city: City, _rng: random.Random) -> Heal:
    city.gateway.kill()
    return city.gateway.start


def freeze_gateway(city: City, _rng: random.Random) -> Heal:
    return _freeze(tree(city.gateway.pid)) if city.gateway.running else _nothing


def kill_console(city: City, _rng: random.Random) -> Heal:
    city.console.kill()
    return city.console.start


def freeze_console(city: City, _rng: random.Random) -> Heal:
    return _freeze(tree(city.console.pid)) if city.console.running else _nothing


def kill_mosquitto(city: City, _rng: random.Random) -> Heal:
    """What it confirmed since its last autosave is lost with it; the publishers send that again."""
    city.mosquitto.kill()
    return city.mosquitto.start


def restart_mosquitto(city: City, _rng: random.Random) -> Heal:
    city.mosquitto.stop()
    return city.mosquitto.start


def freeze_mosquitto(city: City, _rng: random.Random) -> Heal:
    return _freeze(tree(city.mosquitto.pid))


def kill_postgres(city: City, _rng: random.Random) -> Heal:
    city.postgres.kill()
    return city.postgres.start


def shut_postgres_down(city: City, _rng: random.Random) -> Heal:
    """Immediate shutdown: backends quit where they are, the next start recovers."""
    send(signal.SIGQUIT, [city.postgres.pid])

    def heal() -> None:
        city.postgres.kill()  # gone by now; otherwise it must not be in the way
        city.postgres.start()

    return heal


def freeze_postgres(city: City, _rng: random.Random) -> Heal:
    return _freeze(tree(city.postgres.pid))


def freeze_kafka(city: City, _rng: random.Random) -> Heal:
    """Tansu keeps its log in memory: it can be stopped for a while, not killed."""
    return _freeze(tree(city.tansu.pid))


def _freeze(pids: list[int]) -> Heal:
    send(signal.SIGSTOP, pids)
    return lambda: send(signal.SIGCONT, pids)


# ---------------------------------------------------------------------- links, disk, clocks


def _link(name: str, trouble: Trouble, client: str = "") -> Hurt:
    def hurt(city: City, _rng: random.Random) -> Heal:
        city.links[name].trouble(trouble, client)
        return lambda: city.links[name].trouble("none", client)

    return hurt


def fill_disk(city: City, _rng: random.Random) -> Heal:
    """PostgreSQL may refuse writes, or panic and end; then it is started again once there is room."""
    assert city.disk is not None
    disk = city.disk
    disk.fill()

    def heal() -> None:
        disk.empty()
        if not city.postgres.running:
            city.postgres.kill()
            city.postgres.start()

    return heal


def _step_clock(name: str, seconds: int) -> Hurt:
    def hurt(city: City, _rng: random.Random) -> Heal:
        city.clocks[name].step(seconds)
        return lambda: city.clocks[name].step(0)

    return hurt


_KAFKA_CLIENTS = {"gateway-kafka": "gateway", "worker-kafka": "faust"}
LINK_NAMES = (
    "alpha-mosquitto",
    "gateway-mosquitto",
    "worker-mosquitto",
    "worker-postgres",
    "console-postgres",
    *_KAFKA_CLIENTS,
)

PROCESSES: dict[str, Fault] = {
    "kill worker": Fault(kill_worker, (0, 0)),
    "freeze worker": Fault(freeze_worker, FROZEN_S),
    "kill supervisor": Fault(kill_supervisor, RESTART_S),
    "kill all workers": Fault(kill_all_workers, RESTART_S),
    "restart workers": Fault(restart_workers, (0, 0)),
    "add and remove worker": Fault(add_worker, (12.0, 15.0)),
    "kill gateway": Fault(kill_gateway, RESTART_S),
    "freeze gateway": Fault(freeze_gateway, FROZEN_S),
    "kill console": Fault(kill_console, RESTART_S),
    "freeze console": Fault(freeze_console, FROZEN_S),
    "kill mosquitto": Fault(kill_mosquitto, RESTART_S),
    "restart mosquitto": Fault(restart_mosquitto, RESTART_S),
    "freeze mosquitto": Fault(freeze_mosquitto, SHORT_S),
    "kill postgres": Fault(kill_postgres, RESTART_S),
    "shut postgres down": Fault(shut_postgres_down, RESTART_S),
    "freeze postgres": Fault(freeze_postgres, SHORT_S),
    "freeze kafka": Fault(freeze_kafka, SHORT_S),
}
LINKS: dict[str, Fault] = {
    f"{trouble} {link}": Fault(
        _link("kafka", trouble, _KAFKA_CLIENTS[link]) if link in _KAFKA_CLIENTS else _link(link, trouble),
        FROZEN_S if trouble == "silent" and link == "worker-kafka" else SHORT_S,
    )
    for link in LINK_NAMES
    for trouble in TROUBLES
}
DISK: dict[str, Fault] = {"fill disk": Fault(fill_disk, (5.0, 8.0), needs="disk")}
CLOCKS: dict[str, Fault] = {
    f"step {name} clock {'on' if seconds > 0 else 'back'}": Fault(
        _step_clock(name, seconds), SHORT_S, needs=name
    )
    for name, seconds in (("gateway", 3600), ("gateway", -30), ("worker", 3600), ("worker", -3600))
}
ALL: dict[str, Fault] = {**PROCESSES, **LINKS, **DISK, **CLOCKS}
