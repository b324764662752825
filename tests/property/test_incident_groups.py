"""Incidents against an oracle that knows cells only, and against crashes, over any coming and going of alerts."""

from collections.abc import Iterable
from itertools import chain

import h3
import msgspec
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import shape

from schemas.alerts import SEVERITIES, Alert
from schemas.incidents import Incident
from streams.grid import locate
from streams.incidents.grouping.members import Member
from tests.pipeline import T0
from tests.unit.alerts.events import alert
from tests.unit.incidents.grouping.grouped import CENTRE, REGION, ROW, SECOND, Grouped

CELLS = sorted(h3.grid_disk(CENTRE, 2))
KINDS = ("oversaturation", "anomaly")

deeds = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["raised", "raised", "cleared", "changed", "quiet", "checkpoint"]),
        st.lists(st.sampled_from(CELLS), min_size=1, max_size=4, unique=True),
        st.sampled_from(KINDS),
        st.sampled_from(SEVERITIES),
    ),
    max_size=40,
)
Deeds = list[tuple[int, str, list[str], str, str]]


def play(todo: Deeds, linger_s: int, *, crash: bool = False) -> Grouped:
    """Let alerts come and go; one of a kind is open on a cell. With `crash`: begin again at each checkpoint."""
    city, second = Grouped(linger_s), 0
    for step, deed, cells, kind, severity in todo:
        second += step
        taken = {(one.kind, one.cell) for one in city.open.values()}
        free = [cell for cell in cells if (kind, cell) not in taken]
        if deed == "raised" and free:
            city.raised(second, *free, kind=kind, severity=severity, since=second - step // 2)  # type: ignore[arg-type]
        elif deed == "cleared":
            city.cleared(second, *cells)
        elif deed == "changed":
            city.changed(second, cells[0], severity)  # type: ignore[arg-type]
        elif deed == "checkpoint":
            city.checkpoint()
            if crash:
                city.crash()
        else:
            city.quiet(second)
    city.quiet(second)
    city.checkpoint()
    return city


def connected(cells: Iterable[str]) -> set[frozenset[str]]:
    """Divide cells into those that hang together; the oracle asks for distances, not for neighbours."""
    parts: list[set[str]] = []
    for cell in cells:
        touching = [part for part in parts if any(h3.grid_distance(cell, other) <= 1 for other in part)]
        parts = [part for part in parts if part not in touching]
        parts.append({cell}.union(*touching))
    return {frozenset(part) for part in parts}


@given(deeds)
def test_open_alerts_are_divided_as_their_cells_hang_together(todo: Deeds) -> None:
    city = play(todo, linger_s=0)
    wanted = connected({one.cell for one in city.open.values()})
    assert {frozenset(incident.cells) for incident in city.active().values()} == wanted


@given(deeds, st.sampled_from([0, 30, 600]))
def test_every_open_alert_is_in_one_active_incident_and_neighbours_are_in_the_same(
    todo: Deeds, linger_s: int
) -> None:
    city = play(todo, linger_s)
    of: dict[str, str] = {}
    for id_, incident in city.active().items():
        for one in incident.alerts:
            assert one not in of, "in two incidents"
            of[one] = id_
    assert of.keys() == city.open.keys()
    for one in city.open.values():
        for other in city.open.values():
            if h3.grid_distance(one.cell, other.cell) <= 1:
                assert of[one.alert_id] == of[other.alert_id]


spans = st.lists(
    st.tuples(
        st.sampled_from(ROW[:4]),
        st.integers(0, 20),
        st.none() | st.integers(0, 10),
        st.sampled_from([0, 1, 2]),
    ),
    max_size=10,
)
"""Of each alert its cell, when it began, for how long it was open, and how many others come before it is cleared."""


@given(spans)
def test_what_is_over_hangs_together_with_what_was_open_at_the_same_time(
    todo: list[tuple[str, int, int | None, int]],
) -> None:
    """Whatever order ends come in: those of one stream lie behind the time of another."""
    city = Grouped(linger_s=1_000)
    ends: list[list[Alert]] = [[] for _ in range(len(todo) + 3)]
    last: dict[str, Alert] = {}
    for number, (cell, start, length, later) in enumerate(todo):
        raised = msgspec.structs.replace(
            alert("raised"), alert_id=f"{number}", cell=cell, region=REGION, starts_at=T0 + start * SECOND
        )
        last[raised.alert_id] = raised
        city.fold(100, [raised])
        if length is not None:
            end = T0 + (start + length) * SECOND
            over = msgspec.structs.replace(raised, action="cleared", status="cleared", ends_at=end)
            last[over.alert_id] = over
            ends[number + later].append(over)
        for over in ends[number]:
            city.fold(100, [over])
    for over in chain(*ends[len(todo) :]):
        city.fold(100, [over])
    assume(
        len(city.groups._group_of) == len(todo)
    )  # else some over were parted from all others, and forgotten
    parts: list[set[str]] = []
    for one in last.values():
        beside = {other.alert_id for other in last.values() if _hang_together(one, other)}
        touching = [part for part in parts if part & beside]
        parts = [part for part in parts if part not in touching]
        parts.append({one.alert_id}.union(*touching))
    assert {frozenset(group.members) for group in city.groups._groups.values()} == set(map(frozenset, parts))


@given(deeds, st.sampled_from([0, 30, 60]))
def test_what_is_remembered_is_divided_as_it_hangs_together_whatever_was_forgotten(
    todo: Deeds, linger_s: int
) -> None:
    groups = [group.members for group in play(todo, linger_s).groups._groups.values()]
    members = {one: member for group in groups for one, member in group.items()}
    parts: list[set[str]] = []
    for one in members.values():
        beside = {other.alert_id for other in members.values() if _hang_together(one, other)}
        touching = [part for part in parts if part & beside]
        parts = [part for part in parts if part not in touching]
        parts.append({one.alert_id}.union(*touching))
    assert set(map(frozenset, groups)) == set(map(frozenset, parts))


def _hang_together(one: Alert | Member, other: Alert | Member) -> bool:
    never = 1 << 62
    ends = [never if alert.ends_at is None else alert.ends_at for alert in (one, other)]
    at_one_time = max(one.starts_at, other.starts_at) <= min(ends)
    return at_one_time and h3.grid_distance(one.cell, other.cell) <= 1


@given(deeds, st.sampled_from([0, 30, 600]))
def test_an_incident_says_what_its_open_alerts_say(todo: Deeds, linger_s: int) -> None:
    city = play(todo, linger_s)
    for incident in city.active().values():
        members = [city.open[one] for one in incident.alerts]
        assert incident.cells == sorted({one.cell for one in members})
        assert incident.severity == max((one.severity for one in members), key=SEVERITIES.index)
        assert {one.kind for one in members} <= set(incident.kinds)
        assert incident.started_at <= min(one.starts_at for one in members)


@given(deeds)
def test_the_outline_covers_exactly_its_cells(todo: Deeds) -> None:
    for incident in play(todo, linger_s=30).told:
        outline = {"type": incident.outline.type, "coordinates": incident.outline.coordinates}
        assert {f"{cell:x}" for cell in locate.cells_in_polygon(outline, 9)} == set(incident.cells)
        area = sum(shape(locate.boundary_geojson(int(cell, 16))).area for cell in incident.cells)
        assert abs(shape(outline).area - area) < 1e-9 * area
        assert shapely.is_valid(shape(outline))


@given(deeds, st.sampled_from([0, 30, 600]))
def test_each_incident_is_told_from_beginning_to_end_without_a_gap(todo: Deeds, linger_s: int) -> None:
    lives: dict[str, list[Incident]] = {}
    for incident in play(todo, linger_s).told:
        lives.setdefault(incident.incident_id, []).append(incident)
    for life in lives.values():
        assert [one.sequence for one in life] == list(range(len(life)))
        assert [one.action == "begun" for one in life] == [True] + [False] * (len(life) - 1)
        assert all(one.action != "merged" for one in life[:-1]), (
            "nothing comes after it became part of another"
        )
        assert [one.updated_at for one in life] == sorted(one.updated_at for one in life)
        assert all((one.ended_at is None) == (one.status == "active") for one in life)


@given(deeds, st.sampled_from([0, 30, 600]))
def test_a_crash_at_any_checkpoint_changes_nothing(todo: Deeds, linger_s: int) -> None:
    straight, crashed = play(todo, linger_s), play(todo, linger_s, crash=True)
    assert crashed.told == straight.told
    assert sorted(crashed.joined) == sorted(straight.joined)
    assert crashed.parts.keys() == straight.parts.keys()
