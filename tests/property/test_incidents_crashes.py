"""Alerts, damped, and their incidents: crashes between checkpoints change nothing that anybody reads."""

from hypothesis import given
from hypothesis import strategies as st

from streams.incidents.damping import FlapConfig
from tests.unit.incidents.grouping.test_fold import City

FLAPS = FlapConfig(raises=2, window_ms=300_000, quiet_ms=40_000)
bikes = st.sampled_from([0, 47, 60, 85, 95, 130])
looks = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), bikes, max_size=3),
        st.sampled_from(["", "", "checkpoint", "crash"]),
    ),
    min_size=1,
    max_size=40,
)
Looks = list[tuple[int, dict[str, int], str]]


def play(steps: Looks, *, crashes: bool) -> City:
    city, second = City(flaps=FLAPS), 0
    for step, cells, then in steps:
        second += step
        city.look(second, **cells)
        if then == "checkpoint":
            city.checkpoint()
        elif then == "crash" and crashes:
            city.crash()
    city.checkpoint()
    return city


@given(looks)
def test_crashes_leave_the_tables_the_topics_and_what_is_retained_as_they_were(steps: Looks) -> None:
    straight, crashed = play(steps, crashes=False), play(steps, crashes=True)
    assert crashed.database.tables == straight.database.tables
    assert crashed.database.parts == straight.database.parts
    once = {output.id_: output.value for output in straight.outputs}
    assert {output.id_: output.value for output in crashed.outputs} == once
    assert crashed.retained() == straight.retained()


@given(looks)
def test_every_open_alert_on_file_is_in_one_active_incident(steps: Looks) -> None:
    city = play(steps, crashes=True)
    active = [row for row in city.rows("incident") if row["status"] == "active"]
    members = [alert for row in active for alert in row["alerts"].strip('[]"').split('","') if alert]
    assert sorted(members) == sorted(
        row["alert_id"] for row in city.rows("alert") if row["status"] == "active"
    )
