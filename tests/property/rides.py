"""Readings for property tests: few vehicles and few places, so that they meet; and cities whose horizons are near.

A window is a minute, lateness 10 s, the horizon two minutes, a silent vehicle is missing after ten minutes:
a log of some minutes passes every edge there is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from schemas.vehicles import VEHICLE_STATES
from streams.fleet.config import FleetConfig
from streams.grid.locate import Locator
from streams.grid.state import GridConfig
from tests import oracle
from tests.pipeline import FAR_FUTURE, T0, City, frame

LATENESS_MS = 10_000
HORIZON_MS = 120_000
STALE_AFTER_MS = 600_001  # odd, while readings come at whole 500 ms: never a tie with a reading
FLEET = FleetConfig(
    window_ms=60_000,
    allowed_lateness_ms=LATENESS_MS,
    amend_horizon_ms=HORIZON_MS,
    stale_after_ms=STALE_AFTER_MS,
    sources=2,
)
GRID = GridConfig(
    window_ms=60_000, amend_horizon_ms=HORIZON_MS, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)
LOCATOR = Locator(9, 2)  # without state of its own: every city may share it

SHORT = replace(FLEET, window_ms=5_000)
"""Windows shorter than the lateness: a reading that comes late moves flows from one window to another."""
PATIENT = replace(FLEET, stale_after_ms=10**12)
"""No vehicle is ever missing."""

PLACES = (
    (31.2335, 121.4765),
    (31.2336, 121.4766),  # the same cell
    (31.2372, 121.4810),  # other cells of the same region
    (31.2300, 121.4700),
    (39.9042, 116.4074),  # another region
)
VEHICLES = tuple(f"bike-{number}" for number in range(5))
OPERATORS = ("north", "south")

Reading = Mapping[str, Any]
Log = list[Reading]
"""Readings in the order in which they reach the gateway."""


def city(fleet: FleetConfig = FLEET) -> City:
    """Return an empty city of two sources with the horizons above."""
    grid = replace(GRID, window_ms=fleet.window_ms)
    return City(sources=2, fleet=fleet, grid=grid, locator=LOCATOR)


def source_of(reading: Reading) -> int:
    """Return the partition of a reading: a vehicle stays in its own."""
    return int(str(reading["vehicle_id"])[-1]) % 2


def by_source(log: Iterable[Reading]) -> dict[int, Log]:
    """Return the log of each source."""
    parted: dict[int, Log] = {0: [], 1: []}
    for reading in log:
        parted[source_of(reading)].append(reading)
    return parted


@st.composite
def logs(draw: st.DrawFn, *, steps: Sequence[int], delays: st.SearchStrategy[int]) -> Log:
    """Draw readings; event time goes on by one of `steps` (ms), each reading reaches us `delays` later.

    Each (vehicle, ts) is there once, and a vehicle is its operator's own.
    """
    size = draw(st.sampled_from((3, 15, 50)))  # left to itself a list has some five elements
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(VEHICLES),
                st.sampled_from(PLACES),
                st.sampled_from(("available", "available", "available", *VEHICLE_STATES)),
                st.sampled_from(steps),
                delays,
            ),
            min_size=size // 2,
            max_size=size,
        )
    )
    arrivals, seen, ts = [], set(), T0 + 30_000
    for number, (vehicle_id, (lat, lon), state, step, delay) in enumerate(drawn):
        ts += step
        if (vehicle_id, ts) in seen:
            continue
        seen.add((vehicle_id, ts))
        reading = {
            "vehicle_id": vehicle_id,
            "operator": OPERATORS[int(vehicle_id[-1]) % 2],
            "ts": ts,
            "lat": lat,
            "lon": lon,
            "vehicle_state": state,
        }
        arrivals.append((ts + delay, number, reading))
    return [reading for _, _, reading in sorted(arrivals, key=lambda item: item[:2])]


within_lateness = logs(
    steps=(0, 500, 3_000, 20_000, 61_000, 700_000),
    delays=st.integers(0, LATENESS_MS // 500 - 1).map(lambda n: 500 * n),
)
"""Logs in which each reading comes before event time has passed it by the allowed lateness."""

of_any_lateness = logs(
    steps=(0, 500, 3_000, 7_000, 20_000, 61_000, 400_000),
    delays=st.sampled_from((0, 0, 3_000, 6_500, 9_500, 12_000, 70_000, 130_000, 200_000)),
)
"""Logs with readings that come late, or too late."""


@dataclass(frozen=True)
class Disorder:
    """Mix two logs and do to the city what may happen to it in between."""

    sources: tuple[int, ...]
    sizes: tuple[int, ...]
    deeds: tuple[str, ...]

    def run(self, city: City, log: Iterable[Reading]) -> None:
        """Feed the log in frames, with one deed after each frame, and settle."""
        waiting, turn = by_source(log), 0
        while any(waiting.values()):
            source = self.sources[turn % len(self.sources)]
            source = source if waiting[source] else 1 - source
            size = self.sizes[turn % len(self.sizes)]
            city.feed(source, frame(waiting[source][:size]))
            waiting[source] = waiting[source][size:]
            self._do(city, self.deeds[turn % len(self.deeds)], source)
            turn += 1
        city.settle()

    def _do(self, city: City, deed: str, source: int) -> None:
        match deed:
            case "publish":
                city.publish(source)
            case "checkpoint":
                city.checkpoint(source)
            case "crash":
                city.crash(source)
            case "publish without commit":
                city.publish_without_commit(source)
            case "run grid":
                city.deliver(source)
                city.run_grid()
            case "checkpoint grid":
                city.checkpoint_grid()
            case "crash grid":
                city.crash_grid()
            case "publish grid without commit":
                city.publish_grid_without_commit()
            case "nothing":
                pass


PEACE = ("nothing", "publish", "checkpoint", "run grid", "checkpoint grid")
CRASHES = ("crash", "publish without commit", "crash grid", "publish grid without commit")


def disorders(deeds: Sequence[str] = PEACE) -> st.SearchStrategy[Disorder]:
    """Draw interleavings, cut points and what happens after each frame."""
    return st.builds(
        Disorder,
        sources=st.lists(st.integers(0, 1), min_size=1, max_size=12).map(tuple),
        sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6).map(tuple),
        deeds=st.lists(st.sampled_from(deeds), min_size=1, max_size=12).map(tuple),
    )


IN_ORDER = Disorder(sources=(0,), sizes=(1_000,), deeds=("checkpoint",))
"""One source after the other, each in one frame."""
ONE_BY_ONE = Disorder(sources=(0, 1), sizes=(1,), deeds=("nothing",))


def run(log: Iterable[Reading], disorder: Disorder = IN_ORDER, fleet: FleetConfig = FLEET) -> City:
    """Return the settled city of a log."""
    result = city(fleet)
    disorder.run(result, log)
    return result


def expected(log: Iterable[Reading], fleet: FleetConfig = FLEET) -> oracle.Expected:
    """Return the tables that the oracle makes of a log."""
    return oracle.tables(judged(log, fleet), window_ms=fleet.window_ms)


def judged(log: Iterable[Reading], fleet: FleetConfig = FLEET) -> list[oracle.Judged]:
    """Return what the oracle makes of each source's log."""
    return [
        oracle.judge(
            ((reading, FAR_FUTURE) for reading in part),
            lateness_ms=LATENESS_MS,
            horizon_ms=HORIZON_MS,
            stale_after_ms=fleet.stale_after_ms,
        )
        for part in by_source(log).values()
    ]


def assert_tables(found: City, expected: oracle.Expected) -> None:
    """Fail with the rows that differ."""
    for table in ("vehicle_state", "cell_now", "cell_window"):
        rows = oracle.differences(getattr(expected, table), getattr(found, table)())
        assert not rows, f"{table}:\n" + "\n".join(rows)


def assert_same_tables(found: City, other: City) -> None:
    """Fail with the rows in which two cities differ."""
    assert_tables(found, oracle.Expected(other.vehicle_state(), other.cell_now(), other.cell_window()))
