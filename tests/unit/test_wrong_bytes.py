"""A record with a text that is no UTF-8 ends no fold: it is refused."""

from collections.abc import Callable

import pytest

from schemas import codec
from streams import topics
from streams.fold.contract import Fold, Ledger, Record, Restored
from streams.grid.state import GridConfig, GridState
from tests.pipeline import geometry
from tests.unit.incidents.hotspot.calls import Desk

MINUTE = 60_000


def grid() -> Fold:
    config = GridConfig(MINUTE, 10 * MINUTE, 5_000, 3_600_000)
    return GridState(config, geometry, Restored(0, 0, -1, {}, Ledger()))


def incidents() -> Fold:
    return Desk().fold


@pytest.mark.parametrize(("fold", "topic"), [(grid, topics.PARTIALS), (incidents, topics.CELLS)])
@pytest.mark.parametrize("value", [b'{"type":"\xff"}', b'{"type":"now","region":"a\xe9"}', b"\xff"])
def test_bytes_that_are_no_text_are_refused(fold: Callable[[], Fold], topic: str, value: bytes) -> None:
    state = fold()
    state.apply(Record(topic, 0, 0, value, 1_767_225_600_000))
    [refused] = [out for out in state.take_outputs(at_checkpoint=True) if out.topic == topics.REJECTED]
    assert codec.rejected.decode(refused.value).reason in ("bad_frame", "not_utf8")
