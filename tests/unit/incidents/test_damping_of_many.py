"""Thousands of subjects that were raised lately: a record that changes nothing of them looks at none."""

import msgspec

from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Record
from streams.incidents.damping import Damper, FlapConfig
from tests.pipeline import T0
from tests.unit.alerts.events import alert
from tests.unit.incidents.grouping.grouped import REGION, SECOND
from tests.work import lines_run

FLAPS = FlapConfig(raises=2, window_ms=1000 * SECOND, quiet_ms=1000 * SECOND)


class Storm:
    """Many sensors that fell silent, one each second."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.damper = Damper(FLAPS)
        self.offset = 0

    def record(self, second: int, *events: Alert) -> list[Alert]:
        self.offset += 1
        record = Record(topics.CELLS, 0, self.offset, b"", T0)
        clock = REGION, T0 + second * SECOND
        return list(self.damper.pass_on(events, "CellsHealth", clock, record))

    def raised(self) -> None:
        for second in range(self.n):
            self.record(second, self.event(second, second, "raised"))

    def flapped(self) -> None:
        """Have each of them cleared and raised again, and cleared."""
        for action in ("cleared", "raised", "cleared"):
            for second in range(self.n):
                self.record(self.n + second, self.event(second, self.n + second, action))

    def event(self, number: int, second: int, action: str) -> Alert:
        at = T0 + second * SECOND
        return msgspec.structs.replace(
            alert("cleared" if action == "cleared" else "raised"),
            kind="sensor_silent",
            subject=f"s{number}",
            region=REGION,
            starts_at=at,
            updated_at=at,
        )


def work(n: int, second: int, *, flapping: bool) -> int:
    """Return the work of ten records of the second and those after it."""
    storm = Storm(n)
    storm.raised()
    if flapping:
        storm.flapped()
    return lines_run(lambda: [storm.record(second + i) for i in range(10)])


def test_what_is_forgotten_costs_by_what_is_forgotten_not_by_what_is_known() -> None:
    assert work(400, 2000, flapping=False) == work(100, 2000, flapping=False)


def test_ends_that_are_held_back_cost_nothing_until_one_is_told() -> None:
    assert work(400, 900, flapping=True) == work(100, 900, flapping=True)
