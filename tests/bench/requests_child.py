"""The requests fold alone: events in frames in; partials, rows and state at every checkpoint out."""

from streams import topics
from streams.grid import locate
from streams.requests.districts import Districts
from streams.requests.state import RequestsConfig, RequestsState
from tests.bench import marks
from tests.bench.cells import beginning
from tests.bench.citizens import Hotline, frames_of
from tests.bench.folding import drive
from tests.bench.requests_results import verdict
from tests.bench.workload import WINDOW_MS

CHECKPOINT_EVENTS = 40_000
"""About as many as a second brings at full speed."""
CONFIG = RequestsConfig(
    window_ms=WINDOW_MS,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=600_000,
    forget_request_ms=90 * 86_400_000,
    sources=1,
)


def main() -> None:
    """Measure, and compare with a batch computation."""
    asked = marks.spec()
    hotline = Hotline(**asked["hotline"])
    fold = RequestsState(CONFIG, locate.Locator(hotline.resolution, 2), Districts(), beginning())
    told = drive(fold, topics.REQUESTS, frames_of(hotline), max(1, CHECKPOINT_EVENTS // hotline.frame))
    found = verdict(hotline, told, CONFIG.allowed_lateness_ms)
    marks.report(begin=told.begin, end=told.end, compared=found.compared, wrong=found.wrong)


if __name__ == "__main__":
    main()
