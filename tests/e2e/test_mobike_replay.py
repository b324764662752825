"""A month of real trips, replayed through the whole road: the tables equal a batch computation over the same file."""

import json
from pathlib import Path
from typing import Any

import h3
import pytest

from sensors_sim.sources.mobike_sample import BAD_ROWS, write_sample
from tests.e2e import mobike_batch as batch
from tests.e2e.city import City
from tests.e2e.tables import ledger
from tests.oracle import differences
from tests.realdata import real_file

pytestmark = pytest.mark.e2e

REAL_FILES = (
    "mobike_shanghai/mobike_sh_201608_trips.csv.gz",
    "mobike_shanghai/mobike_sh_201608_full_od.csv.gz",
)
REPLAY_TIMEOUT_S = 120.0


@pytest.mark.parametrize("with_origin", [False, True])
def test_a_generated_file_gives_the_tables_of_a_batch_computation(
    city: City, tmp_path: Path, with_origin: bool
) -> None:
    """It has what the real ones hardly have: ties in one minute, trips that overlap, rows that are no trip."""
    path = tmp_path / "trips.csv.gz"
    write_sample(path, seed=5, trips=4_000, with_origin=with_origin, bad_rows=2 * len(BAD_ROWS))
    sent = replay(city, path)
    assert sum(sent["skipped"].values()) == 2 * len(BAD_ROWS)
    tables_equal_a_batch_over(city, path)


@pytest.mark.parametrize("name", REAL_FILES)
def test_a_real_file_gives_the_tables_of_a_batch_computation(city: City, name: str) -> None:
    path = real_file(name)
    assert replay(city, path)["skipped"] == {}
    tables_equal_a_batch_over(city, path)
    # In the real files no trip overlaps another: whoever just counts the ends of trips finds the same.
    assert differences(batch.naive_arrivals(batch.trips(path)), arrivals(city)) == []


def replay(city: City, path: Path) -> dict[str, Any]:
    """Replay a file and wait until every position is in the ledger; return what the replay says of itself."""
    city.start_gateway()
    city.start_worker()
    done = city.run(
        *("sim", "replay", str(path), "--format", "mobike-trips", "--speed", "max", "--json", "--quiet"),
        timeout_s=REPLAY_TIMEOUT_S,
    )
    assert done.code == 0, done
    sent: dict[str, Any] = json.loads(done.out)
    received = sent["readings_sent"]
    city.eventually(lambda: ledger(city)["received"], REPLAY_TIMEOUT_S, until=lambda n: n == received)
    return sent


def tables_equal_a_batch_over(city: City, path: Path) -> None:
    trips = batch.trips(path)
    positions = batch.positions(trips)
    assert ledger(city)["applied"] == len(positions)
    expected = batch.arrivals(positions)
    city.eventually(
        lambda: differences(expected, arrivals(city)), REPLAY_TIMEOUT_S, until=lambda lines: not lines
    )
    assert differences(batch.final_states(positions), final_states(city)) == []


def arrivals(city: City) -> dict[tuple[int, str], int]:
    """Return the arrivals of ub.cell_window by (hour, resolution 8 parent)."""
    counts: dict[tuple[int, str], int] = {}
    for row in city.query(
        "SELECT (extract(epoch FROM time_bucket(INTERVAL '1 hour', window_start)) * 1000)::bigint AS hour, "
        "to_hex(cell) AS hex, sum(arrivals)::int AS n FROM ub.cell_window GROUP BY 1, 2 HAVING sum(arrivals) > 0"
    ):
        key = row["hour"], h3.cell_to_parent(row["hex"], batch.PARENT_RESOLUTION)
        counts[key] = counts.get(key, 0) + row["n"]
    return counts


def final_states(city: City) -> dict[str, tuple[int, float, float, str, str]]:
    """Return ub.vehicle_state in the form of the batch computation."""
    return {
        row["vehicle_id"]: (row["ms"], row["lat"], row["lon"], row["hex"], row["vehicle_state"])
        for row in city.query(
            "SELECT *, to_hex(cell) AS hex, (extract(epoch FROM ts) * 1000)::bigint AS ms FROM ub.vehicle_state"
        )
    }
