"""The fleet fold alone on fleets of several sizes: what a reading costs once every vehicle is known."""

from collections.abc import Sequence
from dataclasses import asdict

from tests.bench import marks
from tests.bench.fleet_fold import Fleets
from tests.bench.frames import Frame, frames_of
from tests.bench.marks import Lap
from tests.bench.workload import Workload


def main() -> None:
    """Fold one round to get to know a fleet, then measure the rest; each in turn, as often as asked."""
    asked = marks.spec()
    workloads = [Workload(**one) for one in asked["workloads"]]
    frames = [frames_of(workload) for workload in workloads]
    laps: list[list[Lap]] = [[] for _ in workloads]
    for _ in range(asked["runs"]):
        for workload, some, mine in zip(workloads, frames, laps, strict=True):
            mine.append(_lap(workload, some))
    marks.report(laps=[[asdict(lap) for lap in mine] for mine in laps])


def _lap(workload: Workload, frames: Sequence[Frame]) -> Lap:
    first = -(-workload.vehicles // workload.frame)
    fleets = Fleets(workload)
    fleets.fold(frames[:first])
    rest = frames[first:]
    marks.settled()
    begin = marks.now()
    fleets.fold(rest)
    return marks.lap(begin, marks.now(sum(frame.readings for frame in rest)))


if __name__ == "__main__":
    main()
