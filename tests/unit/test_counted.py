"""Of one thing a text says one."""

from types import ModuleType

import pytest

import sensors_sim.counted
import streams.counted
from sensors_sim.errors import SimError
from sensors_sim.publish import Counts
from sensors_sim.recording.info import gaps_line
from sensors_sim.run import check_delivered
from sensors_sim.sources.command import report_lines
from sensors_sim.sources.contract import Report
from streams.commands.policy import _perhaps
from streams.incidents.showing import Waiting


@pytest.mark.parametrize("of", [streams.counted, sensors_sim.counted])
def test_only_what_is_one_is_singular(of: ModuleType) -> None:
    assert [of.counted(count, "row") for count in (0, 1, 2, 2_000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "2,000 rows",
    ]
    assert of.counted(1, "story", "stories") == "1 story"
    assert of.counted(3, "story", "stories") == "3 stories"


def test_a_feed_says_so_of_a_row() -> None:
    report = Report(rows=1)
    report.skip("bad_id", "row 2: ''")
    assert list(report_lines(report)) == ["skipped 1 of 1 row: bad_id, first row 2: ''"]


def test_a_run_says_so_of_what_the_broker_has_not() -> None:
    with pytest.raises(SimError, match="the broker refused 1 reading "):
        check_delivered(Counts(readings_refused=1, refusal="not authorized"), 0)
    with pytest.raises(SimError, match="acknowledged 1 message; it may be lost"):
        check_delivered(Counts(), 1)


def test_what_nearly_was_told_once_is_said_so() -> None:
    (once,) = _perhaps([Waiting(("cell",), "x", 0, 60_000)])
    assert ", once, from 1970-01-01 00:00 (UTC)" in once


def test_a_recording_that_lost_its_connection_once_says_so() -> None:
    assert gaps_line(1) == "the connection was lost once; what passed then may be missing"
    assert gaps_line(2) == "the connection was lost 2 times; what passed then may be missing"
