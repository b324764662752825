"""Resident memory of the city's processes."""

from pathlib import Path

from tests.chaos.city import City

_PAGE = 4096


def resident(city: City) -> dict[str, int]:
    """Return the resident bytes of each process that lives now, by name."""
    workers = {f"worker {number}": pid for number, pid in enumerate(city.worker_processes())}
    processes = {
        "gateway": city.gateway.pid,
        "supervisor": city.worker.pid,
        "console": city.console.pid,
        **workers,
        "mosquitto": city.mosquitto.pid,
        "kafka": city.tansu.pid,
        "postgres": city.postgres.pid,
    }
    return {name: size for name, pid in processes.items() if (size := _resident(pid))}


def _resident(pid: int) -> int:
    """Return the resident bytes of a process, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
