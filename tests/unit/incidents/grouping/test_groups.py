"""Incidents as alerts come and go on a row of cells a b c d e."""

import h3
import msgspec
import pytest

from streams.grid import locate
from streams.incidents.grouping.incident import MOST_CELLS, rolled_up
from tests.pipeline import T0
from tests.unit.incidents.grouping.grouped import CENTRE, ROW, SECOND, Grouped, cells_of

A, B, C, D, E = ROW[:5]


def test_an_alert_alone_is_an_incident_until_it_is_cleared() -> None:
    city = Grouped()
    [begun] = city.raised(10, A, since=0, severity="major")
    assert (begun.sequence, begun.action, begun.status, begun.severity) == (0, "begun", "active", "major")
    assert (begun.started_at, begun.updated_at, begun.ended_at) == (T0, T0 + 10 * SECOND, None)
    assert (begun.cells, begun.kinds, begun.zones) == ([A], ["oversaturation"], ["metro"])
    assert begun.alerts == list(city.open)
    assert begun.summary == "1 open alert in 1 cell of metro: oversaturation"
    [ended] = city.cleared(60, A)
    assert (ended.sequence, ended.action, ended.status) == (1, "ended", "ended")
    assert ended.ended_at == T0 + 60 * SECOND
    assert (ended.cells, ended.outline) == ([A], begun.outline), "where it was last"
    assert ended.summary == "over: oversaturation in 1 cell of metro"


def test_alerts_on_cells_that_touch_are_one_incident_that_grows_and_shrinks() -> None:
    city = Grouped()
    [begun] = city.raised(0, A)
    [grown] = city.raised(10, B, severity="critical")
    assert (grown.incident_id, grown.action, grown.severity) == (begun.incident_id, "updated", "critical")
    assert (grown.cells, grown.updated_at) == (sorted([A, B]), T0 + 10 * SECOND)
    assert city.changed(15, B, "critical") == [], "as it was"
    [shrunk] = city.cleared(20, A)
    assert (shrunk.incident_id, shrunk.cells) == (begun.incident_id, [B])
    assert (shrunk.started_at, shrunk.status) == (T0, "active")


def test_it_is_over_when_its_last_alert_is() -> None:
    city = Grouped(linger_s=600)
    city.raised(0, A, B)
    city.cleared(20, A)
    [ended] = city.cleared(30, B)
    assert (ended.status, ended.ended_at) == ("ended", T0 + 30 * SECOND)


def test_what_is_over_ended_with_its_last_alert_though_the_one_between_is_forgotten_first() -> None:
    city = Grouped(linger_s=600)
    city.raised(0, A, B, C)
    city.cleared(20, B)
    city.cleared(30, A)
    [ended] = city.cleared(50, C)
    assert ended.ended_at == T0 + 50 * SECOND
    assert city.quiet(620) == [], "it is told no more"


@pytest.mark.parametrize("second", range(8))
def test_alerts_apart_are_two_incidents_and_one_between_them_merges_them_into_the_older(second: int) -> None:
    """Whatever their names are."""
    city = Grouped()
    [older] = city.raised(second, A)
    [younger] = city.raised(10, C)
    city.checkpoint()
    merged, grown = city.raised(20, B)
    assert (merged.incident_id, merged.action, merged.status) == (younger.incident_id, "merged", "merged")
    assert merged.merged_into == older.incident_id
    assert merged.updated_at == merged.ended_at == T0 + 20 * SECOND
    assert (grown.incident_id, grown.cells) == (older.incident_id, sorted([A, B, C]))
    assert set(city.active()) == {older.incident_id}
    city.checkpoint()
    assert list(city.parts) == [older.incident_id]


def test_without_the_one_between_it_splits_and_the_part_of_its_founder_keeps_the_id() -> None:
    city = Grouped()
    [begun] = city.raised(0, C)
    city.raised(10, B)
    city.raised(20, A)
    city.cleared(30, B)
    kept, split = city.quiet(31)
    assert (kept.incident_id, kept.cells) == (begun.incident_id, [C])
    assert (split.action, split.cells, split.split_from) == ("begun", [A], begun.incident_id)
    assert split.started_at == T0 + 20 * SECOND


def test_the_part_of_its_founder_keeps_the_id_though_one_that_began_earlier_joined_it() -> None:
    city = Grouped()
    [begun] = city.raised(10, C)
    city.raised(11, B)
    city.raised(20, A, since=0)
    city.cleared(30, B)
    first, second = city.quiet(31)
    assert {one.incident_id: one.cells for one in (first, second)}[begun.incident_id] == [C]


def test_of_several_alerts_that_come_with_one_record_the_earliest_is_the_founder() -> None:
    before, city = Grouped(), Grouped()
    for since, cell in enumerate((C, B, A)):
        before.raised(since, cell)
    city.open = dict(before.open)
    [begun] = city.fold(10, list(city.open.values()))
    city.cleared(30, B)
    assert {one.incident_id: one.cells for one in city.quiet(31)}[begun.incident_id] == [C]


def test_without_its_founder_the_part_with_the_earliest_alert_keeps_the_id() -> None:
    city = Grouped()
    [begun] = city.raised(0, B)
    city.raised(10, C)
    city.raised(20, A)
    city.cleared(30, B)
    kept, split = city.quiet(31)
    assert (kept.incident_id, kept.cells, split.cells) == (begun.incident_id, [C], [A])


def test_it_ended_with_its_last_alert_though_the_one_between_is_forgotten_at_that_moment() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.raised(10, B)
    city.raised(20, C)
    city.cleared(30, B)
    city.cleared(400, A)
    [ended] = city.cleared(630, C)
    assert (ended.incident_id, ended.ended_at) == (begun.incident_id, T0 + 630 * SECOND)


def test_the_part_that_is_still_open_keeps_the_id_though_the_founder_that_is_over_is_remembered() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.raised(10, B)
    city.raised(20, C, D)
    city.cleared(30, B)
    city.cleared(40, A)
    [same] = city.raised(630, E)
    assert (same.incident_id, same.action, same.cells) == (begun.incident_id, "updated", sorted([C, D, E]))
    assert city.quiet(640) == []


def test_several_kinds_on_one_cell_are_one_incident_and_all_kinds_are_remembered() -> None:
    city = Grouped()
    city.raised(0, A)
    [linked] = city.raised(10, B, kind="anomaly")
    assert linked.kinds == ["anomaly", "oversaturation"]
    [left] = city.cleared(20, A)
    assert (left.kinds, left.cells) == (["anomaly", "oversaturation"], [B])


def test_one_that_comes_late_is_linked_with_one_that_is_over_where_their_times_overlap() -> None:
    """An anomaly is known when its window has closed, and then the cell may be empty again."""
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    [ended] = city.cleared(100, A)
    assert ended.status == "ended"
    [again] = city.raised(160, B, kind="anomaly", since=60)
    assert (again.incident_id, again.status, again.ended_at) == (begun.incident_id, "active", None)
    assert again.kinds == ["anomaly", "oversaturation"]
    city.checkpoint()
    assert {one for _, one in city.joined} == {f"oversaturation/{A}/{T0}", f"anomaly/{B}/{T0 + 60_000}"}


def test_one_that_began_after_the_other_was_over_is_an_incident_of_its_own() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.cleared(100, A)
    [other] = city.raised(160, B, since=101)
    assert other.incident_id != begun.incident_id


def test_what_is_over_is_remembered_for_a_while_only() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.cleared(100, A)
    assert city.quiet(700) == []
    [other] = city.raised(701, B, since=90)
    assert other.incident_id != begun.incident_id
    city.checkpoint()
    assert list(city.parts) == [other.incident_id]


def test_what_stays_in_the_cell_of_one_that_is_forgotten_is_still_beside_its_neighbours() -> None:
    city = Grouped()
    city.raised(0, A)
    [begun] = city.raised(5, A, kind="anomaly")
    [first, _] = city.open.values()
    at = T0 + 10 * SECOND
    city.fold(10, [msgspec.structs.replace(first, action="cleared", status="cleared", ends_at=at)])
    city.quiet(11)
    [grown] = city.raised(20, B)
    assert (grown.incident_id, grown.cells) == (begun.incident_id, sorted([A, B]))


def test_what_is_over_is_forgotten_though_something_else_was_cleared_later() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.raised(0, E)
    city.cleared(100, A)
    city.cleared(500, E)
    assert city.quiet(700) == []
    [other] = city.raised(701, B, since=90)
    assert other.incident_id != begun.incident_id


def test_what_is_over_is_forgotten_after_a_restart_too() -> None:
    city = Grouped(linger_s=600)
    city.raised(0, A, B, C)
    city.cleared(20, B)
    city.checkpoint()
    city.crash()
    assert city.quiet(619) == []
    city.quiet(620)
    assert cells_of(city.active().values()) == sorted([[A], [C]])


def test_one_that_begins_as_the_other_ends_is_of_the_same_incident() -> None:
    city = Grouped(linger_s=600)
    [begun] = city.raised(0, A)
    city.cleared(20, A)
    [again] = city.raised(20, B)
    assert (again.incident_id, again.status) == (begun.incident_id, "active")


def test_the_same_cell_with_a_new_alert_after_the_end_is_a_new_incident() -> None:
    city = Grouped()
    [one] = city.raised(0, A)
    city.cleared(10, A)
    [other] = city.raised(20, A)
    assert one.incident_id != other.incident_id


def test_an_alert_that_comes_and_goes_with_one_record_is_no_incident() -> None:
    city = Grouped()
    city.raised(0, A)
    [raised] = city.open.values()
    cleared = msgspec.structs.replace(raised, action="cleared", status="cleared", ends_at=T0)
    other = Grouped()
    assert other.fold(10, [raised, cleared]) == []
    assert other.quiet(11) == []


def test_nor_does_it_keep_one_beside_it_that_stays_from_being_one() -> None:
    before, city = Grouped(), Grouped()
    before.raised(0, A, B)
    stays, goes = before.open.values()
    cleared = msgspec.structs.replace(goes, action="cleared", status="cleared", ends_at=T0)
    [begun] = city.fold(10, [stays, goes, cleared])
    assert (begun.action, begun.cells) == ("begun", [A])


def test_alerts_that_were_open_before_there_were_incidents_are_grouped_with_the_next_record() -> None:
    before = Grouped()
    before.raised(0, A, B)
    city = Grouped()
    city.open = dict(before.open)
    city.crash()
    [begun] = city.quiet(10)
    assert begun.cells == sorted([A, B])
    assert city.quiet(11) == []


def test_a_restored_alert_that_is_cleared_first_is_no_incident() -> None:
    before = Grouped()
    before.raised(0, A)
    city = Grouped()
    city.open = dict(before.open)
    city.crash()
    assert city.cleared(10, A) == []
    assert city.quiet(20) == []


def test_the_severity_of_its_worst_alert_is_that_of_the_incident_up_and_down() -> None:
    city = Grouped()
    city.raised(0, A)
    city.raised(1, B, severity="major")
    [worse] = city.changed(2, A, "critical")
    [better] = city.changed(3, A, "minor")
    assert (worse.severity, better.severity) == ("critical", "major")


def test_a_large_one_is_rolled_up_to_parents() -> None:
    many = sorted(h3.grid_disk(CENTRE, 6))
    city = Grouped()
    [begun] = city.raised(0, *many)
    assert begun.cells == many
    assert len(begun.rollup) <= MOST_CELLS < len(many)
    assert set(begun.rollup) == {h3.cell_to_parent(cell, 8) for cell in many}
    assert rolled_up(many[:MOST_CELLS], locate.coarser) == many[:MOST_CELLS]


def test_cells_of_a_ring_leave_a_hole_in_the_outline() -> None:
    city = Grouped()
    [begun] = city.raised(0, *h3.grid_ring(CENTRE, 1))
    [[outer, hole]] = begun.outline.coordinates
    assert (len(outer), len(hole)) == (19, 7)


def test_two_far_apart_have_nothing_to_do_with_each_other() -> None:
    city = Grouped()
    city.raised(0, A, C, E)
    assert cells_of(city.active().values()) == sorted([[A], [C], [E]])
    assert city.cleared(1, C)[0].cells == [C]
    assert city.raised(2, D)[0].action in ("updated", "begun")
