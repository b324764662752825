"""Windows are let through when all of their rows are there, and as often as they come, once."""

from streams.incidents.joint.gate import Gate, Through
from streams.incidents.messages import Metrics, decoder
from tests.pipeline import T0
from tests.unit.incidents.joint.streets import MIDDLE, STREETS, WINDOW, Row, message

OTHER = STREETS[1]


def put(gate: Gate, offset: int, watermark: int, *rows: Row) -> Through | None:
    read = decoder.decode(message(rows, watermark))
    assert isinstance(read, Metrics)
    return gate.put(read, offset)


def starts(through: Through | None) -> list[int]:
    assert through is not None
    return [(whole.start - T0) // WINDOW for whole in through.windows]


def test_the_rows_of_a_window_come_in_two_messages_and_leave_together_with_the_next_watermark() -> None:
    gate = Gate()
    assert put(gate, 0, 1, (0, MIDDLE, "flow", 1.0, 0)) is None
    assert put(gate, 1, 1, (0, OTHER, "flow", 2.0, 0)) is None
    through = put(gate, 2, 2, (1, MIDDLE, "flow", 3.0, 0))
    assert through is not None
    [whole] = through.windows
    assert whole.values == {"flow": {MIDDLE: 1.0, OTHER: 2.0}}
    assert (whole.began, whole.start, through.reached) == (0, T0, T0 + WINDOW)


def test_windows_that_closed_at_once_leave_oldest_first() -> None:
    gate = Gate()
    put(gate, 0, 3, (2, MIDDLE, "flow", 1.0, 0), (0, MIDDLE, "flow", 1.0, 0), (1, MIDDLE, "flow", 1.0, 0))
    assert starts(put(gate, 1, 4, (3, MIDDLE, "flow", 1.0, 0))) == [0, 1, 2]


def test_a_message_that_comes_again_is_not_held_again() -> None:
    gate = Gate()
    first = (0, MIDDLE, "flow", 1.0, 0)
    put(gate, 0, 1, first)
    put(gate, 1, 1, first)
    assert starts(put(gate, 2, 2, (1, MIDDLE, "flow", 1.0, 0))) == [0]
    assert put(gate, 3, 1, first) is None
    assert starts(put(gate, 4, 3, (2, MIDDLE, "flow", 1.0, 0))) == [1]


def test_an_amended_row_and_one_of_a_window_that_was_let_through_are_left_out() -> None:
    gate = Gate()
    put(gate, 0, 2, (1, MIDDLE, "flow", 1.0, 0), (1, OTHER, "flow", 5.0, 1))
    through = put(gate, 1, 3, (1, OTHER, "flow", 5.0, 0), (0, OTHER, "flow", 5.0, 0))
    assert through is not None
    assert through.windows[0].values == {"flow": {MIDDLE: 1.0}}
    assert starts(put(gate, 2, 4)) == []


def test_what_is_held_back_is_there_again_after_a_restart() -> None:
    gate, again = Gate(), Gate()
    put(gate, 0, 1, (0, MIDDLE, "flow", 1.0, 0))
    for name, part in gate.take_parts().items():
        again.restore(name, part)
    assert gate.take_parts() == {}
    later = (1, MIDDLE, "flow", 3.0, 0)
    assert put(again, 1, 2, later) == put(gate, 1, 2, later)
