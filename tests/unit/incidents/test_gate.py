"""Windows are let through when they are whole, with what they are by then, and as often as they come, once."""

import pytest

from streams.incidents.anomaly import gate as gate_module
from streams.incidents.anomaly.gate import Gate, Through
from streams.incidents.messages import Metrics, decoder
from tests.pipeline import T0
from tests.unit.incidents.joint.streets import MIDDLE, REGION, STREETS, WINDOW, Row, message

OTHER = STREETS[1]


def put(gate: Gate, offset: int, *rows: Row) -> None:
    read = decoder.decode(message(rows, rows[0][0] + 1))
    assert isinstance(read, Metrics)
    gate.put(read, offset)


def go_on(gate: Gate, watermark: int) -> Through | None:
    return gate.go_on(REGION, T0 + watermark * WINDOW)


def starts(through: Through | None) -> list[int]:
    assert through is not None
    return [(whole.start - T0) // WINDOW for whole in through.windows]


def test_the_rows_of_a_window_come_in_two_messages_and_leave_together_when_they_are_all() -> None:
    gate = Gate()
    put(gate, 0, (0, MIDDLE, "flow", 1.0, 0))
    assert starts(go_on(gate, 0)) == []
    put(gate, 1, (0, OTHER, "flow", 2.0, 0))
    through = go_on(gate, 1)
    assert through is not None
    [whole] = through.windows
    assert whole.values == {"flow": {MIDDLE: 1.0, OTHER: 2.0}}
    assert (whole.began, whole.start, through.reached, whole.late) == (0, T0, T0 + WINDOW, False)


def test_windows_that_closed_at_once_leave_oldest_first() -> None:
    gate = Gate()
    put(gate, 0, (2, MIDDLE, "flow", 1.0, 0), (0, MIDDLE, "flow", 1.0, 0), (1, MIDDLE, "flow", 1.0, 0))
    assert starts(go_on(gate, 2)) == [0, 1]
    assert starts(go_on(gate, 3)) == [2]


def test_time_that_does_not_go_on_and_that_of_a_grid_without_sensors_lets_nothing_through() -> None:
    gate = Gate()
    assert go_on(gate, 5) is None
    put(gate, 0, (0, MIDDLE, "flow", 1.0, 0))
    assert gate.go_on(REGION, None) is None
    assert starts(go_on(gate, 1)) == [0]
    put(gate, 1, (0, OTHER, "flow", 1.0, 0))
    assert go_on(gate, 1) is None


def test_a_row_that_is_amended_while_it_is_held_is_as_it_was_amended() -> None:
    gate = Gate()
    put(gate, 0, (0, MIDDLE, "flow", 1.0, 0))
    put(gate, 1, (0, MIDDLE, "flow", 3.0, 1), (0, OTHER, "flow", 5.0, 1))
    through = go_on(gate, 1)
    assert through is not None
    assert through.windows[0].values == {"flow": {MIDDLE: 3.0}}
    put(gate, 2, (0, MIDDLE, "flow", 4.0, 2))
    assert starts(go_on(gate, 2)) == []


def test_rows_of_a_window_that_was_let_through_follow_as_late_ones() -> None:
    gate = Gate()
    put(gate, 0, (1, MIDDLE, "flow", 1.0, 0))
    go_on(gate, 2)
    put(gate, 1, (0, OTHER, "flow", 5.0, 0), (2, MIDDLE, "flow", 1.0, 0))
    through = go_on(gate, 3)
    assert through is not None
    assert [((w.start - T0) // WINDOW, w.late) for w in through.windows] == [(0, True), (2, False)]


def test_what_is_held_back_is_there_again_after_a_restart() -> None:
    gate, again = Gate(), Gate()
    put(gate, 0, (0, MIDDLE, "flow", 1.0, 0))
    for name, part in gate.take_parts().items():
        again.restore(name, part)
    assert gate.take_parts() == {}
    assert go_on(again, 1) == go_on(gate, 1)


def test_a_gate_holds_the_figure_and_the_metrics_that_are_asked_for() -> None:
    gate = Gate("most")
    gate.metrics = {"flow"}
    put(gate, 0, (0, MIDDLE, "flow", 1.0, 0), (0, MIDDLE, "speed", 2.0, 0))
    through = go_on(gate, 1)
    assert through is not None
    assert through.windows[0].values == {"flow": {MIDDLE: 1.0}}


def test_where_more_is_held_than_a_checkpoint_should_store_the_oldest_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_module, "MOST_HELD", 3)
    gate = Gate()
    put(gate, 0, *((minute, MIDDLE, "flow", 1.0, 0) for minute in range(5)))
    assert starts(gate.go_on(REGION, None)) == [0, 1]
    assert gate.go_on(REGION, None) is None
    assert starts(go_on(gate, 4)) == [2, 3]
