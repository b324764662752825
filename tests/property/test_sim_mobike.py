"""Invariants of the trips source over generated files, and over the published ones where they are at hand."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors_sim.batch import AVAILABLE, ON_TRIP, Positions
from sensors_sim.sources.contract import Report
from sensors_sim.sources.mobike_sample import BAD_ROWS, write_sample
from sensors_sim.sources.mobike_trips import BATCH, MobikeTrips, Trip, read
from tests.realdata import real_file

few = settings(max_examples=25, deadline=None)
samples = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "trips": st.integers(1, 400),
        "with_origin": st.booleans(),
        "bad_rows": st.integers(0, 20),
    }
)


def sampled(name: str, **options: int) -> tuple[bytes, list[Trip], MobikeTrips]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_sample(path, options.pop("seed"), options.pop("trips"), **options)  # type: ignore[arg-type]
        return path.read_bytes(), read(path, Report()), MobikeTrips(path)


def check(trips: list[Trip], source: MobikeTrips) -> None:
    """What holds for every file of trips."""
    batches = list(source.batches())
    assert all(0 < len(batch) <= BATCH for batch in batches)
    ts = np.concatenate([batch.ts for batch in batches])
    assert (np.diff(ts) >= 0).all()
    assert (source.start_ms, source.end_ms) == (ts[0], ts[-1])

    ends, starts = rows(batches, AVAILABLE), rows(batches, ON_TRIP)
    assert sorted(ends) == sorted((trip.vehicle_id, trip.end, *trip.destination) for trip in trips)
    assert len(starts) <= len(trips)

    last: dict[str, tuple[float, float]] = {}
    newest: dict[str, int] = {}
    for trip in sorted(trips, key=lambda trip: trip.end):
        if newest.get(trip.vehicle_id, -1) < trip.end:
            last[trip.vehicle_id], newest[trip.vehicle_id] = trip.destination, trip.end
    final: dict[str, tuple[float, float]] = {}
    seen: dict[str, int] = {}
    for batch in batches:
        for vehicle, at, lat, lon, state in columns(batch):
            if seen.get(vehicle, -1) < at:  # the pipeline's rule: of two at once, the first counts
                seen[vehicle] = at
                if state == AVAILABLE:
                    final[vehicle] = (lat, lon)
    assert final == last


def columns(batch: Positions) -> list[tuple[str, int, float, float, int]]:
    return list(
        zip(
            batch.vehicle_id.tolist(),
            batch.ts.tolist(),
            batch.lat.tolist(),
            batch.lon.tolist(),
            batch.state.tolist(),
            strict=True,
        )
    )


def rows(batches: list[Positions], wanted: int) -> list[tuple[str, int, float, float]]:
    return [row[:4] for batch in batches for row in columns(batch) if row[4] == wanted]


@few
@given(samples)
def test_every_trip_ends_once_in_order_and_bikes_end_up_where_their_last_trip_did(
    options: dict[str, int],
) -> None:
    bad = options["bad_rows"]
    wanted = options["trips"]
    _, trips, source = sampled("trips.csv", **options)
    assert len(trips) == wanted
    assert sum(source.report.skipped.values()) == bad
    assert len(source.report.skipped) == min(bad, len(BAD_ROWS))
    check(trips, source)


@few
@given(samples)
def test_the_same_seed_writes_the_same_sample(options: dict[str, int]) -> None:
    one, _, _ = sampled("trips.csv.gz", **options)
    two, _, _ = sampled("trips.csv.gz", **options)
    assert one == two


@pytest.mark.parametrize("name", ["mobike_sh_201608_trips.csv.gz", "mobike_sh_201608_full_od.csv.gz"])
def test_the_same_holds_for_the_published_trips(name: str) -> None:
    path = real_file(f"mobike_shanghai/{name}")
    trips = read(path, Report())
    assert len(trips) > 10_000
    check(trips, MobikeTrips(path))
