"""Named invariant: of readings of one vehicle with one time the first in the log counts, whatever dies meanwhile."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleet.road import FAR, HERE, NEXT, Fleet, at


class Step(NamedTuple):
    """A reading, and what happens after it."""

    bike: int
    second: int
    place: tuple[float, float]
    state: str
    stored: bool


steps = st.builds(
    Step,
    st.integers(0, 1),
    st.integers(0, 12),
    st.sampled_from((HERE, NEXT)),
    st.sampled_from(("available", "on_trip", "missing")),
    st.booleans(),
)


def windows(log: list[Step], *, crash: bool) -> dict[tuple[int, str], tuple[int, int, int]]:
    """Return what was told in the end, where each checkpoint is followed by a crash or by none."""
    fleet = Fleet()
    for step in log:
        fleet.feed(at(step.second, step.place, step.state, bike=f"bike-{step.bike}"))
        if step.stored:
            fleet.checkpoint()
            if crash:
                fleet.crash()
    fleet.feed(at(300, FAR, bike="of-another-region"))
    fleet.checkpoint()
    return fleet.windows()


@given(st.lists(steps, min_size=1, max_size=25))
def test_crashes_right_after_checkpoints_change_no_window(log: list[Step]) -> None:
    assert windows(log, crash=True) == windows(log, crash=False)
