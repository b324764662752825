"""A city to which anything happens in any order: at the end its tables are those of a batch over the log."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.pipeline import T0, frame
from tests.property import rides
from tests.property.rides import OPERATORS, PLACES, SHORT, Reading

SOURCES = st.sampled_from((0, 1))
Move = tuple[int, tuple[float, float], str, int, int]
"""Number of the vehicle in its source, place, state, step of event time and age of the reading in ms."""
MOVES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(PLACES),
        st.sampled_from(("available", "available", "available", "reserved", "on_trip", "missing", "removed")),
        st.sampled_from((500, 500, 3_000, 7_000, 20_000, 61_000, 200_000)),
        st.sampled_from((0, 0, 3_000, 6_500, 9_500, 12_000, 70_000, 200_000)),
    ),
    min_size=1,
    max_size=6,
)


class RoadMachine(RuleBasedStateMachine):
    """Readings, publications, checkpoints, crashes, repeats and silence, drawn one by one."""

    @initialize()
    def found(self) -> None:
        self.city = rides.city(SHORT)
        self.log: list[Reading] = []
        self.now = T0 + 30_000
        self.fed = {0: 0, 1: 0}

    @rule(source=SOURCES, drawn=MOVES)
    def feed(self, source: int, drawn: list[Move]) -> None:
        """Event time goes on by a step for each reading, and the reading is from some time before."""
        readings = []
        for number, (lat, lon), state, step, age in drawn:
            self.now += step
            reading: dict[str, Any] = {
                "vehicle_id": f"bike-{2 * number + source}",
                "operator": OPERATORS[source],
                "ts": self.now - age,
                "lat": lat,
                "lon": lon,
                "vehicle_state": state,
            }
            readings.append(reading)
        self.city.feed(source, frame(readings))
        self.log += readings
        self.fed[source] += len(readings)

    @rule(drawn=MOVES)
    def a_quiet_second(self, drawn: list[Move]) -> None:
        """Both sources speak, and everything is stored: what puts a log behind the horizon."""
        for source in (0, 1):
            self.feed(source, drawn)
            self.city.checkpoint(source)
            self.city.deliver(source)
        self.city.run_grid()
        self.city.checkpoint_grid()

    @rule(source=SOURCES)
    def publish(self, source: int) -> None:
        self.city.publish(source)

    @rule(source=SOURCES)
    def checkpoint(self, source: int) -> None:
        self.city.checkpoint(source)

    @rule(source=SOURCES)
    def publish_without_commit(self, source: int) -> None:
        self.city.publish_without_commit(source)

    @rule(source=SOURCES)
    def crash(self, source: int) -> None:
        self.city.crash(source)

    @rule(source=SOURCES, most=st.integers(1, 4))
    def deliver(self, source: int, most: int) -> None:
        """Partials of the sources reach the grid in any order between them."""
        self.city.deliver(source, most)

    @precondition(lambda self: self.city.partials)
    @rule(index=st.integers(0, 1_000))
    def repeat_a_partial(self, index: int) -> None:
        self.city.repeat(index)

    @rule()
    def run_grid(self) -> None:
        self.city.run_grid()

    @rule()
    def checkpoint_grid(self) -> None:
        self.city.checkpoint_grid()

    @rule()
    def publish_grid_without_commit(self) -> None:
        self.city.publish_grid_without_commit()

    @rule()
    def crash_grid(self) -> None:
        self.city.crash_grid()

    @rule(wall_ms=st.sampled_from((100, 6_000)))
    def idle(self, wall_ms: int) -> None:
        self.city.idle(wall_ms)

    @invariant()
    def the_books_balance(self) -> None:
        for source, fleet in self.city.fleets.items():
            ledger = fleet.ledger
            assert ledger.received == self.fed[source]
            assert ledger.received == ledger.applied + ledger.superseded + ledger.rejected

    def teardown(self) -> None:
        self.city.settle()
        rides.assert_tables(self.city, rides.expected(self.log, SHORT))
        judged = rides.judged(self.log)
        refused = sum(sum(one.refused.values()) for one in judged)
        assert sum(self.city.rejected_counts().values()) == refused


TestRoad = RoadMachine.TestCase
TestRoad.settings = settings(max_examples=400, stateful_step_count=40)
