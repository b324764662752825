import pytest

from sensors_sim.errors import ScoreError
from sensors_sim.score.catching_up import (
    READY_WITHIN_S,
    STILL_S,
    Reached,
    Tables,
    seen_before,
    wait_for,
    wait_for_workers,
)


class Stages:
    """Stages that receive so many readings a second, up to a number, live cells `behind_s` after them.

    Their clock runs only while one sleeps.
    """

    def __init__(
        self, rate: int, most: int, pause_s: tuple[float, float] = (0.0, 0.0), behind_s: float = 0.0
    ) -> None:
        self.now = 0.0
        self._rate, self._most, self._pause, self._behind_s = rate, most, pause_s, behind_s

    def reached(self) -> Reached:
        return Reached(self._by(self.now), self._by(max(0.0, self.now - self._behind_s)))

    def _by(self, now: float) -> int:
        first, last = self._pause
        worked = now - max(0.0, min(now, last) - first)
        return min(int(worked * self._rate), self._most)

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def missing(self, wanted: int) -> int:
        found = wait_for(Reached(wanted, wanted), self.reached, wall=self.wall, sleep=self.sleep)
        return wanted - min(found.received, found.live_ms)


def test_it_waits_as_long_as_the_stages_get_on() -> None:
    stages = Stages(rate=10, most=5_000)
    assert stages.missing(4_000) == 0
    assert 400 <= stages.now < 402


def test_it_waits_for_the_live_cells_too() -> None:
    stages = Stages(rate=10, most=5_000, behind_s=50.0)
    assert stages.missing(4_000) == 0
    assert 450 <= stages.now < 452


def test_a_pause_that_is_short_enough_is_waited_for() -> None:
    stages = Stages(rate=100, most=5_000, pause_s=(10.0, STILL_S))
    assert stages.missing(4_000) == 0


def test_when_nothing_moves_any_more_it_says_what_is_missing() -> None:
    stages = Stages(rate=100, most=700)
    assert stages.missing(1_000) == 300
    assert stages.now < 8 + STILL_S + 1


def test_a_system_that_takes_little_of_it_may_have_seen_that_time() -> None:
    before = Reached(1_000, 0, not_taken=500)
    said = seen_before(before, Reached(2_000, 0, not_taken=1_400), 1_000)
    assert said is not None
    assert said.startswith(
        "900 of 1,000 readings were superseded or rejected (api.rejected_summary says why)"
    )
    assert "score on one that has not" in said


def test_a_system_that_takes_nearly_all_of_it_has_not() -> None:
    assert seen_before(Reached(0, 0, not_taken=500), Reached(1_000, 0, not_taken=600), 1_000) is None
    assert seen_before(Reached(0, 0), Reached(0, 0), 0) is None


def test_a_database_that_is_away_is_named_with_the_way_out() -> None:
    with pytest.raises(ScoreError, match=r"cannot be asked how far the system is .*UB_DATABASE_URL"):
        Tables("postgresql://nobody@127.0.0.1:1/none").reached()


class Workers:
    """Workers that are there after so many seconds, the one of fleet twice as late."""

    def __init__(self, after_s: float) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self._after = {"fleet": 2 * after_s, "sensing": after_s}

    def unattended(self) -> list[str]:
        return [stage for stage, after in self._after.items() if self.now < after]

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def missing(self) -> list[str]:
        return wait_for_workers(self.unattended, wall=self.wall, sleep=self.sleep, say=self.said.append)


def test_nothing_is_said_where_all_are_looked_after() -> None:
    workers = Workers(after_s=0)
    assert (workers.missing(), workers.now, workers.said) == ([], 0, [])


def test_workers_that_start_are_waited_for_and_it_is_said() -> None:
    workers = Workers(after_s=4)
    assert workers.missing() == []
    assert workers.now == 8
    assert workers.said == [
        "no worker for fleet, sensing; waiting for one, 60 s more",
        "no worker for fleet; waiting for one, 55 s more",
    ]


def test_who_does_not_come_is_named() -> None:
    workers = Workers(after_s=40)
    assert workers.missing() == ["fleet"]
    assert READY_WITHIN_S <= workers.now <= READY_WITHIN_S + 1


def test_whether_workers_are_there_cannot_be_asked_of_a_database_that_is_away() -> None:
    with pytest.raises(ScoreError, match="UB_DATABASE_URL"):
        Tables("postgresql://nobody@127.0.0.1:1/none").unattended(["fleet"])
