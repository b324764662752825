"""What the audit tests share: traffic with repeats and latecomers, and the audit's JSON answer."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.e2e.city import City
from tests.e2e.tables import ledger
from tests.e2e.traffic import Reading


def disordered(readings: Sequence[Reading], seed: int, lateness_ms: int = 8_000) -> list[Reading]:
    """Return the readings in an order of arrival within the lateness, one in ten of them twice."""
    rng = random.Random(seed)
    arrivals = [(r["ts"] + rng.uniform(0, lateness_ms), r) for r in readings]
    arrivals += [(at + rng.uniform(0, lateness_ms), r) for at, r in arrivals if rng.random() < 0.1]
    return [reading for _, reading in sorted(arrivals, key=lambda pair: pair[0])]


def audited(city: City, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `urbanbrain audit --json`; return its exit code and answer."""
    done = city.run("audit", "--json", *arguments, timeout_s=180.0)
    assert done.code in {0, 1}, f"{done}\n{city.state()}"
    return done.code, json.loads(done.out)


def received(city: City, count: int, stage: str = "fleet") -> None:
    """Wait until a stage has stored so many readings."""
    city.eventually(lambda: ledger(city, stage)["received"], 90.0, until=lambda n: n >= count)


@contextmanager
def changed(city: City, table: str, change: LiteralString) -> Iterator[None]:
    """Change a table of schema ub while the context lasts."""
    name = sql.Identifier("ub", table)
    with psycopg.connect(city.database.owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLE public.kept AS TABLE {}").format(name))
        try:
            assert connection.execute(change).rowcount == 1
            yield
        finally:
            connection.execute(sql.SQL("DELETE FROM {}").format(name))
            connection.execute(sql.SQL("INSERT INTO {} TABLE public.kept").format(name))
            connection.execute("DROP TABLE public.kept")
