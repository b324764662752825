"""Joint detectors: how windows are cut into messages, and crashes between them, change nothing that is told."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Alert
from tests.unit.incidents.joint.streets import MIDDLE, STREETS, WARM, Row, message, rows, settled, warm

Change = tuple[str, str, float]
changes = st.tuples(
    st.sampled_from((MIDDLE, STREETS[3])),
    st.sampled_from(("flow", "speed")),
    st.sampled_from((0.0, 200.0, 9_000.0)),
)
days = st.lists(st.lists(changes, max_size=2), min_size=1, max_size=8)


def windows(city: Sequence[Sequence[Change]]) -> list[list[Row]]:
    """Return the rows of the windows."""
    return [
        rows(WARM + number, {(cell, metric): mean for cell, metric, mean in changed})
        for number, changed in enumerate(city)
    ]


def said(alerts: Sequence[Alert]) -> list[tuple[object, ...]]:
    """Return what is told, but for where in the log it was read."""
    return [
        (a.alert_id, a.sequence, a.action, a.severity, a.starts_at, a.updated_at, a.summary) for a in alerts
    ]


@settings(max_examples=30, deadline=None)
@given(days, st.data())
def test_borders_of_messages_repeats_and_crashes_change_nothing(
    city: list[list[Change]], data: st.DataObject
) -> None:
    whole, cut = warm(), warm()
    for some in windows(city):
        whole.close(some)
        watermark = some[0][0] + 1
        shuffled = data.draw(st.permutations(some))
        border = data.draw(st.integers(0, len(some)))
        parts = [message(part, watermark) for part in (shuffled[:border], shuffled[border:])]
        repeated = data.draw(st.lists(st.sampled_from(parts), max_size=1))
        for part in (*parts, *repeated, settled(watermark), *repeated):
            cut.fold_bytes(part)
            then = data.draw(st.sampled_from(("", "", "checkpoint", "crash")))
            if then == "checkpoint":
                cut.checkpoint()
            elif then == "crash":
                cut.crash()
    assert said(cut.told()) == said(whole.told())
    straight = warm()
    for value in cut.log[len(straight.log) :]:
        straight.fold_bytes(value)
    cut.checkpoint()
    straight.checkpoint()
    assert cut.database.parts == straight.database.parts
    assert cut.database.tables == straight.database.tables
