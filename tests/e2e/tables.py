"""The tables of a city in the form of tests/oracle.py, and where they differ from what the oracle expects."""

from collections.abc import Sequence

from tests.e2e.city import City
from tests.oracle import VISIBLE, Expected, differences


def found(city: City) -> Expected:
    """Read the three tables; rows without a count in them are as good as absent."""
    tables = Expected()
    for row in city.query(
        "SELECT *, to_hex(cell) AS hex, (extract(epoch FROM ts) * 1000)::bigint AS ms FROM ub.vehicle_state"
    ):
        tables.vehicle_state[row["vehicle_id"]] = {
            "ts": row["ms"],
            "operator": row["operator"],
            "cell": row["hex"],
            "vehicle_state": row["vehicle_state"],
        }
    for row in city.query("SELECT *, to_hex(cell) AS hex FROM ub.cell_now"):
        counts = {state: row[state] for state in sorted(VISIBLE)}
        if any(counts.values()):
            tables.cell_now[row["hex"], row["operator"]] = counts
    for row in city.query(
        "SELECT *, to_hex(cell) AS hex, (extract(epoch FROM window_start) * 1000)::bigint AS ms FROM ub.cell_window"
    ):
        counts = {name: row[name] for name in ("readings", "arrivals", "departures", "occupancy")}
        if row["readings"] or row["arrivals"] or row["departures"]:
            tables.cell_window[row["ms"], row["hex"], row["operator"]] = counts
    return tables


def difference(city: City, expected: Expected) -> Sequence[str]:
    """Return the first rows that differ, table by table; empty when the tables are as expected."""
    tables = found(city)
    return [
        f"{name}: {line}"
        for name in ("vehicle_state", "cell_now", "cell_window")
        for line in differences(getattr(expected, name), getattr(tables, name), limit=4)
    ]


def settled(city: City, expected: Expected, timeout_s: float = 60.0) -> None:
    """Wait until the tables are as expected, every row of them."""
    city.eventually(lambda: difference(city, expected), timeout_s, until=lambda lines: not lines)


def ledger(city: City, stage: str = "fleet") -> dict[str, int]:
    """Return the ledger of a stage, summed over its partitions."""
    names = ("received", "applied", "superseded", "rejected")
    (row,) = city.query(
        "SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(applied), 0)::bigint AS applied, "
        "coalesce(sum(superseded), 0)::bigint AS superseded, coalesce(sum(rejected), 0)::bigint AS rejected "
        "FROM ub.ledger WHERE stage = %s",
        stage,
    )
    return {name: row[name] for name in names}
