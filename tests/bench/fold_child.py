"""The fleet fold alone on a fleet of a given size: what a reading costs once every vehicle is known."""

from dataclasses import asdict

from tests.bench import marks
from tests.bench.fleet_fold import Fleets
from tests.bench.frames import Frame, frames_of
from tests.bench.marks import Lap
from tests.bench.workload import Workload


def main() -> None:
    """Fold one round to get to know the fleet, then measure the rest; as often as asked, ever from the beginning."""
    asked = marks.spec()
    workload = Workload(**asked["workload"])
    frames = frames_of(workload)
    first = -(-workload.vehicles // workload.frame)
    laps = [_lap(workload, frames[:first], frames[first:]) for _ in range(asked["runs"])]
    marks.report(laps=[asdict(lap) for lap in laps])


def _lap(workload: Workload, first: tuple[Frame, ...], rest: tuple[Frame, ...]) -> Lap:
    fleets = Fleets(workload)
    fleets.fold(first)
    marks.settled()
    begin = marks.now()
    fleets.fold(rest)
    return marks.lap(begin, marks.now(sum(frame.readings for frame in rest)))


if __name__ == "__main__":
    main()
