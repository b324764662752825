"""The sensing fold alone: readings in frames in; partials, newest states and state at every checkpoint out."""

from streams import topics
from streams.grid import locate
from streams.sensing.state import SensingConfig, SensingState
from tests.bench import marks
from tests.bench.cells import beginning
from tests.bench.folding import drive
from tests.bench.sensing_results import verdict
from tests.bench.sensors import Network, frames_of
from tests.bench.workload import WINDOW_MS

CHECKPOINT_READINGS = 250_000
"""Fewer than a second brings at full speed."""
CONFIG = SensingConfig(window_ms=WINDOW_MS, allowed_lateness_ms=10_000, amend_horizon_ms=600_000, sources=1)


def main() -> None:
    """Measure, and compare with a batch computation."""
    asked = marks.spec()
    network = Network(**asked["network"])
    fold = SensingState(CONFIG, locate.Locator(network.resolution, 2), beginning())
    told = drive(fold, topics.SENSORS, frames_of(network), max(1, CHECKPOINT_READINGS // network.frame))
    found = verdict(network, told)
    marks.report(begin=told.begin, end=told.end, compared=found.compared, wrong=found.wrong)


if __name__ == "__main__":
    main()
