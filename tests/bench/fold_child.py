"""The fleet fold alone on a fleet of a given size: what a reading costs once every vehicle is known."""

from tests.bench import marks
from tests.bench.fleet_fold import Fleets
from tests.bench.frames import frames_of
from tests.bench.workload import Workload


def main() -> None:
    """Fold one round to get to know the fleet, then measure the rest."""
    workload = Workload(**marks.spec()["workload"])
    frames = frames_of(workload)
    first = -(-workload.vehicles // workload.frame)
    fleets = Fleets(workload)
    fleets.fold(frames[:first])
    marks.settled()
    begin = marks.now()
    fleets.fold(frames[first:])
    marks.report(begin=begin, end=marks.now(sum(frame.readings for frame in frames[first:])))


if __name__ == "__main__":
    main()
