"""The batch of citizens' requests on logs small enough to be worked out by hand."""

import itertools
import json
from dataclasses import replace

import h3.api.basic_int as h3
import pytest

from streams.audit.requests.batch import RequestsPartition
from streams.errors import CannotAudit
from tests.unit.audit.audit_logs import HERE, T0, THERE
from tests.unit.audit.request_logs import (
    FAR,
    RULES,
    computed,
    frame,
    one,
    opened,
    said,
    shown,
    taken,
    windows,
)

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))
HOUR = 3_600


def reasons(partition: RequestsPartition) -> list[tuple[int, int, str]]:
    return partition.refused.select("offset", "index", "reason").rows()


def test_a_request_is_opened_closed_reopened_and_rated() -> None:
    found = one(
        opened("r", 10, description="dark", agency_responsible="works", due_s=1_000),
        said("r", "closed", 130),
        opened("r", 190),
        said("r", "closed", 240),
        said("r", "rated", 300, resolved=True, satisfaction=4),
    )
    rows = windows(found)
    assert shown(rows, "opened", "closed", "reopened", "open_now", "resolution_rate") == [
        (0, 1, 0, 0, 1, 0.0),
        (2, 0, 1, 0, 0, 1.0),
        (3, 0, 0, 1, 1, 0.0),
        (4, 0, 1, 0, 0, 1.0),
        (5, 0, 0, 0, 0, None),
    ]
    assert [row["median_s"] for row in rows] == [
        None,
        pytest.approx(120, rel=0.01),
        None,
        pytest.approx(50, rel=0.01),
        None,
    ]
    assert (rows[4]["rated"], rows[4]["resolved_rate"], rows[4]["satisfaction"]) == (1, 1.0, 4.0)
    (state,) = found.rows.to_dicts()
    assert (state["status"], state["reopened"], state["opened_at"], state["closed_at"]) == (
        "closed",
        1,
        T0 + 190_000,
        T0 + 240_000,
    )
    assert state["first_opened_at"] == T0 + 10_000
    assert (state["description"], state["agency_responsible"], state["updated_at"]) == (
        "dark",
        "works",
        T0 + 300_000,
    )
    assert (state["satisfaction"], state["resolved"], state["rated_at"], state["cell"]) == (
        4,
        True,
        T0 + 300_000,
        A,
    )


def test_any_order_of_its_events_gives_the_same_tables() -> None:
    track = [
        opened("r", 10),
        said("r", "updated", 20, THERE),
        said("r", "closed", 80),
        opened("r", 81, "noise"),
        said("r", "closed", 99),
    ]
    straight = one(*track)
    for order in itertools.permutations(track):
        other = one(*order)
        assert windows(other) == windows(straight)
        assert other.rows.rows() == straight.rows.rows()
        assert other.ledger == straight.ledger


def test_at_one_time_an_opening_comes_before_an_update_and_that_before_a_closing() -> None:
    found = one(said("r", "closed", 10), said("r", "updated", 10, THERE), opened("r", 10))
    assert shown(windows(found), "cell", "opened", "closed", "open_now") == sorted(
        [(0, A, 1, 0, 0), (0, B, 0, 1, 0)], key=lambda row: row[1]
    )


def test_an_exact_duplicate_is_superseded_and_another_event_at_the_same_time_is_not() -> None:
    found = one(opened("r", 10), opened("r", 10), said("r", "updated", 10, description="x"))
    assert found.ledger == {"received": 3, "applied": 2, "superseded": 1, "rejected": 0}
    assert shown(windows(found), "opened", "open_now") == [(0, 1, 1)]


def test_a_request_that_moves_is_open_there_from_then_on() -> None:
    found = one(
        opened("r", 10), said("r", "updated", 70, THERE), said("r", "updated", 130, service_code="noise")
    )
    assert sorted(shown(windows(found), "cell", "service_code", "open_now", "opened")) == sorted(
        [
            (0, A, "lamp", 1, 1),
            (1, A, "lamp", 0, 0),
            (1, B, "lamp", 1, 0),
            (2, B, "lamp", 0, 0),
            (2, B, "noise", 1, 0),
        ]
    )


def test_what_moves_out_and_in_within_one_partition_makes_no_row_of_its_own() -> None:
    found = one(
        opened("a", 10),
        opened("b", 10, place=THERE),
        said("a", "updated", 70, THERE),
        said("b", "updated", 75, HERE),
    )
    assert [row["minute"] for row in windows(found)] == [0, 0]


def test_a_request_is_overdue_from_its_time_on_until_it_is_closed() -> None:
    events = [opened("r", 10, due_s=70), said("r", "closed", 300)]
    assert shown(windows(one(*events)), "overdue", "open_now") == [(0, 0, 1), (1, 1, 1), (5, 0, 0)]
    in_time = [opened("r", 10, due_s=70), said("r", "closed", 70)]
    assert shown(windows(one(*in_time)), "overdue") == [(0, 0), (1, 0)]


@pytest.mark.parametrize(("watermark_s", "minutes"), [(70, [0]), (70.001, [0, 1])])
def test_it_is_overdue_once_the_watermark_has_passed_it(watermark_s: float, minutes: list[int]) -> None:
    rest = opened("z", watermark_s + RULES.lateness_ms / 1000, "noise")
    rows = windows(one(opened("r", 10, due_s=70), rest))
    assert [row["minute"] for row in rows if row["service_code"] == "lamp"] == minutes


def test_one_that_was_due_before_it_was_opened_is_overdue_at_its_opening() -> None:
    assert shown(windows(one(opened("r", 130, due_s=70))), "overdue") == [(2, 1)]


def test_another_time_to_be_done_by_takes_a_request_off_the_overdue() -> None:
    found = one(opened("r", 10, due_s=70), said("r", "updated", 200, due_s=900))
    assert shown(windows(found), "overdue") == [(0, 0), (1, 1), (3, 0)]


def test_what_was_closed_without_an_opening_counts_as_closed_only() -> None:
    found = one(said("r", "closed", 10, HERE, service_code="lamp"))
    (row,) = windows(found)
    assert (row["closed"], row["open_now"], row["median_s"], row["resolution_rate"]) == (1, 0, None, 1.0)
    (state,) = found.rows.to_dicts()
    assert (state["status"], state["opened_at"]) == ("closed", None)


def test_an_event_of_an_unknown_request_without_a_place_waits_for_its_opening() -> None:
    events = [said("r", "closed", 20), opened("r", 10)]
    assert one(events[0]).ledger == {"received": 1, "applied": 1, "superseded": 0, "rejected": 0}
    assert len(one(events[0]).rows) == 0
    assert shown(windows(one(*events)), "opened", "closed") == [(0, 1, 1)]


def test_and_is_refused_by_the_record_that_carries_the_watermark_past_the_horizon() -> None:
    past = 20 + (RULES.horizon_ms + RULES.lateness_ms) / 1000
    waiting = frame([said("r", "closed", 20), said("q", "rated", 20, resolved=True)])
    at_it = computed([waiting, frame([opened("z", past)])])
    assert reasons(at_it) == []
    beyond = computed([waiting, frame([opened("z", past), opened("z", past + 0.001)])])
    assert reasons(beyond) == [(1, 2, "bad_event"), (1, 3, "bad_event")]
    assert beyond.ledger == {"received": 4, "applied": 2, "superseded": 0, "rejected": 2}


def test_a_request_that_is_over_has_another_life_and_its_number_is_free() -> None:
    later = HOUR + 200
    again = one(
        opened("r", 10), said("r", "closed", 20), opened("z", later), opened("r", later, owner="other")
    )
    assert reasons(again) == []
    assert {row["service_request_id"]: row["owner"] for row in again.rows.to_dicts()} == {
        "r": "other",
        "z": "city",
    }
    assert [row["reopened"] for row in again.rows.to_dicts()] == [0, 0]
    at_once = one(opened("r", 10), said("r", "closed", 20), opened("r", 30, owner="other"))
    assert reasons(at_once) == [(2, 0, "operator_conflict")]


def test_an_open_request_is_never_over() -> None:
    found = one(opened("r", 10), opened("z", 10 * HOUR), said("r", "closed", 10 * HOUR))
    (row,) = found.rows.filter(service_request_id="r").to_dicts()
    assert (row["status"], row["opened_at"]) == ("closed", T0 + 10_000)


def test_the_district_is_its_own_or_that_of_its_place() -> None:
    lat, lon = HERE
    box = [
        [lon + x, lat + y]
        for x, y in ((-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01), (-0.01, -0.01))
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {"type": "Polygon", "coordinates": [box]},
        }
        for name in ("first", "second")
    ]
    rules = replace(RULES, districts=json.dumps({"type": "FeatureCollection", "features": features}))
    found = one(opened("a", 1), opened("b", 2, place=THERE), opened("c", 3, district="own"), rules=rules)
    assert found.rows["district"].to_list() == ["first", None, "own"]
    assert one(opened("a", 1)).rows["district"].to_list() == [None]


def test_the_parts_of_a_district_may_overlap() -> None:
    """A worker joins them; where the audit cut out what both hold, each request there was a difference."""
    lat, lon = THERE

    def square(size: float) -> list[list[list[float]]]:
        west, south, east, north = lon - size, lat - size, lon + size, lat + size
        return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]

    feature = {
        "type": "Feature",
        "properties": {"name": "both"},
        "geometry": {"type": "MultiPolygon", "coordinates": [square(0.02), square(0.01)]},
    }
    rules = replace(RULES, districts=json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert one(opened("b", 2, place=THERE), rules=rules).rows["district"].to_list() == ["both"]


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"features": [{}]}',
        '{"features": [null]}',
        "[" * 100_000,
        '{"features": [{"properties": {"name": "a"}, "geometry": {"type": "Cube", "coordinates": []}}]}',
        '{"features": [{"properties": {"name": "a"}, "geometry": {"type": "Polygon", "coordinates": [[[1, 2]]]}}]}',
    ],
)
def test_districts_that_are_none_cannot_be_audited(document: str) -> None:
    with pytest.raises(CannotAudit, match="UB_DISTRICTS_FILE: not a FeatureCollection of named areas"):
        one(opened("a", 1), rules=replace(RULES, districts=document))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (opened("no id", 5), "bad_id"),
        (opened("r", 5, owner="no id"), "bad_id"),
        (opened("r", 5, ts=1_700_000_000), "time_out_of_range"),
        (opened("r", 5, expected_datetime=5), "time_out_of_range"),
        (said("r", "updated", 5, lat=31.0), "missing_field"),
        (opened("r", 5, place=(91.0, 0.0)), "coordinate_out_of_range"),
        (opened("r", 5, code=""), "bad_id"),
        (opened("r", 5, agency_responsible="a\nb"), "bad_id"),
        (opened("r", 5, agency_responsible="a\x9bb"), "bad_id"),
        (opened("r", 5, description="x" * 4_001), "too_large"),
        (opened("r", 5, address="a\0b"), "wrong_type"),
        (said("r", "opened", 5, service_code="lamp"), "bad_event"),
        (said("r", "rated", 5, HERE, service_code="lamp"), "bad_event"),
        (opened("r", 5, satisfaction=3), "bad_event"),
        (said("r", "rated", 5, HERE, service_code="lamp", satisfaction=6), "number_out_of_range"),
        (said("r", "burnt", 5, HERE), "wrong_type"),
        ({**opened("r", 5), "colour": "red"}, "unknown_field"),
        ({"service_request_id": "r", "event": "updated"}, "missing_field"),
    ],
)
def test_an_event_that_breaks_a_rule_is_refused_and_its_neighbours_are_not(
    event: dict[str, object], reason: str
) -> None:
    found = computed([frame([opened("a", 1), event, opened("b", 2)])])
    assert reasons(found) == [(0, 1, reason)]
    assert found.ledger == {"received": 3, "applied": 2, "superseded": 0, "rejected": 1}


def test_what_is_behind_the_horizon_is_too_late() -> None:
    edge = (600_000 - RULES.lateness_ms - RULES.horizon_ms) / 1000
    assert reasons(one(opened("z", 600), opened("a", edge), opened("b", edge - 0.001))) == [
        (2, 0, "too_late")
    ]


def test_a_request_has_a_thousand_events_within_the_horizon_and_no_more() -> None:
    many = [said("r", "updated", at / 10, description=str(at)) for at in range(999)]
    crowd = computed([frame([opened("r", 0), *many, said("r", "closed", 100), opened("r", 0)])])
    assert crowd.ledger == {"received": 1_002, "applied": 1_000, "superseded": 1, "rejected": 1}
    assert reasons(crowd) == [(0, 1_000, "bad_event")]
    spread = [said("r", "updated", at * 2) for at in range(1_500)]
    assert computed([frame([opened("r", 0), *spread])]).ledger["applied"] == 1_501


def test_partitions_add_up() -> None:
    here = computed([frame([opened("a", 10), said("a", "closed", 20)])])
    there = computed([frame([opened("b", 30)])])
    (row,) = windows(here, there)
    assert (row["opened"], row["closed"], row["open_now"], row["resolution_rate"]) == (2, 1, 1, 0.5)


def test_a_frame_an_array_and_a_single_event_are_read_alike() -> None:
    event = opened("r", 5)
    read = taken([frame([event]), json.dumps([event]).encode(), json.dumps(event).encode()])
    assert len(read.bad_frames) == 0
    assert len(read.readings.drop("offset").unique()) == 1


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"{", 1),
        (b"7", 1),
        (json.dumps({"neither": "frame nor event"}).encode(), 1),
        (json.dumps({"received_at": FAR}).encode(), 1),
        (json.dumps({"events": [opened("r", 5)]}).encode(), 1),
        (frame([opened("r", 5), opened("s", 5)], received_at=5), 2),
    ],
)
def test_what_is_no_frame_is_a_bad_one_of_as_many_as_it_claims(value: bytes, count: int) -> None:
    found = computed([value])
    assert found.ledger == {"received": count, "applied": 0, "superseded": 0, "rejected": count}
