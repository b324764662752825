"""The batch of sensors on logs small enough to be worked out by hand."""

import json
import statistics
from dataclasses import replace

import h3.api.basic_int as h3
import pytest

from streams.audit.sensing.batch import SensingPartition, compute
from streams.errors import CannotAudit
from tests.unit.audit.audit_logs import HERE, RULES, T0, THERE
from tests.unit.audit.sensor_logs import FAR, frame, measured, one, taken, windows

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))


def reasons(partition: SensingPartition) -> list[tuple[int, str]]:
    return partition.refused.select("offset", "reason").rows()


def test_a_window_holds_count_sum_extremes_spread_and_quantiles_of_its_readings() -> None:
    values = [20.5, 21.25, 19.0, 22.0]
    found = one(*(measured(f"s{n}", 5 + n, value) for n, value in enumerate(values)))
    (row,) = windows(found)
    assert (row["minute"], row["cell"], row["metric"], row["unit"]) == (0, A, "temperature", "Cel")
    assert row["region"] == f"{h3.cell_to_parent(A, 2):x}"
    assert (row["readings"], row["total"], row["least"], row["most"]) == (4, 82.75, 19.0, 22.0)
    assert row["mean"] == 82.75 / 4
    assert row["stddev"] == pytest.approx(statistics.stdev(values), rel=1e-12)
    # rank floor(0.5 x 3) = 1 and floor(0.95 x 3) = 2 of 19, 20.5, 21.25, 22
    assert row["median"] == pytest.approx(20.5, rel=0.01)
    assert row["p95"] == pytest.approx(21.25, rel=0.01)
    assert row["bin_counts"] == "{1,1,1,1}"


def test_one_reading_has_no_spread_and_equal_ones_have_none_to_speak_of() -> None:
    assert windows(one(measured("s", 5, 1013.25, "pressure")))[0]["stddev"] is None
    equal = one(*(measured(f"s{n}", 5, 1013.25, "pressure") for n in range(1_000)))
    assert windows(equal)[0]["stddev"] == 0.0


def test_large_values_that_hardly_vary_keep_the_digits_of_their_spread() -> None:
    found = one(*(measured(f"s{n}", 5, 1013.25 + n / 10**6, "pressure") for n in range(3)))
    assert windows(found)[0]["stddev"] == pytest.approx(1e-6, rel=1e-12)


def test_an_exact_duplicate_is_superseded_and_another_value_at_the_same_time_counts() -> None:
    near = HERE[0] + 1e-6
    found = one(measured("s", 5, 20.0), measured("s", 5, 20.0, lat=near), measured("s", 5, 21.0))
    assert found.ledger == {"received": 3, "applied": 2, "superseded": 1, "rejected": 0}
    assert [(row["cell"], row["readings"]) for row in windows(found)] == [(A, 2)]


def test_the_same_value_at_the_same_time_in_another_cell_is_another_reading() -> None:
    found = one(measured("s", 5, 20.0), measured("s", 5, 20.0, place=THERE))
    assert found.ledger["applied"] == 2
    assert sorted((row["cell"], row["readings"]) for row in windows(found)) == sorted([(A, 1), (B, 1)])
    assert found.rows["cell"].to_list() == [max(A, B)]


def test_the_first_of_equal_readings_says_when_it_was_received() -> None:
    frames = [frame([measured("s", 5, 20.0)], received_at=FAR + more) for more in (7, 0, 9)]
    (found,) = compute(taken(frames), RULES)
    assert found.rows["received_at"].to_list() == [FAR + 7]


def test_a_value_that_is_the_same_in_its_canonical_unit_is_the_same() -> None:
    found = one(
        measured("s", 5, 20.0), measured("s", 5, 293.15, unit="K"), measured("s", 5, 68.0, unit="[degF]")
    )
    assert found.ledger == {"received": 3, "applied": 1, "superseded": 2, "rejected": 0}


def test_order_changes_no_row() -> None:
    readings = [measured(f"s{n % 3}", n, n % 7) for n in range(9)]
    straight, back = one(*readings), one(*reversed(readings))
    assert windows(straight) == windows(back)
    assert straight.rows.sort("sensor_id").rows() == back.rows.sort("sensor_id").rows()


def test_the_newest_by_event_time_is_the_state_and_of_several_at_once_the_greatest() -> None:
    found = one(
        measured("s", 5, 19.0),
        measured("s", 9, 21.0, place=THERE, status="degraded"),
        measured("s", 9, 20.0),
        measured("s", 7, 30.0),
        measured("s", 6, 40.0, "humidity"),
    )
    rows = {row["metric"]: row for row in found.rows.to_dicts()}
    assert (rows["temperature"]["ts"], rows["temperature"]["value"]) == (T0 + 9_000, 21.0)
    assert (rows["temperature"]["cell"], rows["temperature"]["status"]) == (B, "degraded")
    assert (rows["humidity"]["value"], rows["humidity"]["unit"]) == (40.0, "%")


def test_a_sensor_belongs_to_the_owner_that_the_log_names_first() -> None:
    found = one(
        measured("s", 5, 20.0), measured("s", 6, 21.0, owner="other"), measured("s", 7, 22.0, "humidity")
    )
    assert reasons(found) == [(1, "operator_conflict")]
    assert found.ledger["applied"] == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sensor_id": "no id"}, "bad_id"),
        ({"owner": ""}, "bad_id"),
        ({"lat": -90.5}, "coordinate_out_of_range"),
        ({"ts": 1_700_000_000}, "time_out_of_range"),
        ({"status": "asleep"}, "wrong_type"),
        ({"metric": "moisture"}, "unknown_metric"),
        ({"kind": "air"}, "unknown_metric"),
        ({"unit": "kPa"}, "bad_unit"),
        ({"unit": "nonsense"}, "bad_unit"),
        ({"value": 65.000001}, "value_out_of_range"),
        ({"value": 70, "unit": "K"}, "value_out_of_range"),
    ],
)
def test_a_reading_that_breaks_a_rule_is_refused(changes: dict[str, object], reason: str) -> None:
    found = one({**measured("s", 5, 20.0), **changes})
    assert reasons(found) == [(0, reason)]
    assert found.ledger == {"received": 1, "applied": 0, "superseded": 0, "rejected": 1}
    assert (len(found.rows), windows(found)) == (0, [])


def test_more_free_spaces_than_there_are_is_out_of_range_and_more_cars_is_not() -> None:
    def parked(name: str, metric: str, value: float) -> dict[str, object]:
        return measured(name, 5, value, metric, "parking", capacity=100)

    found = one(
        parked("a", "free_spaces", 100),
        parked("b", "free_spaces", 101),
        parked("c", "free_spaces", -1),
        parked("d", "occupied_spaces", 120),
    )
    assert reasons(found) == [(1, "value_out_of_range"), (2, "value_out_of_range")]


def test_what_is_behind_the_horizon_is_too_late_and_what_is_out_of_range_moves_no_watermark() -> None:
    edge = (600_000 - RULES.lateness_ms - RULES.horizon_ms) / 1000
    found = one(
        measured("z", 9_000, 99.0),
        measured("z", 600, 20.0),
        measured("a", edge, 20.0),
        measured("b", edge - 0.001, 20.0),
    )
    assert reasons(found) == [(0, "value_out_of_range"), (3, "too_late")]


def test_a_value_on_the_edge_of_its_range_is_judged_as_it_is_counted_in_millionths() -> None:
    found = one(measured("s", 5, 65.000_000_4), measured("s", 6, 65.000_000_6))
    assert reasons(found) == [(1, "value_out_of_range")]


def test_more_series_than_are_kept_cannot_be_audited() -> None:
    readings = taken([frame([measured(f"s{n}", 5, 20.0) for n in range(4)])])
    assert len(compute(readings, replace(RULES, most_series=4))[0].rows) == 4
    with pytest.raises(CannotAudit, match="heard of 4 series"):
        compute(readings, replace(RULES, most_series=3))


def test_partitions_add_up() -> None:
    parts = [compute(taken([frame([measured(f"s{p}", 5, p)])], p), RULES)[0] for p in (1, 3)]
    (row,) = windows(*parts)
    assert (row["readings"], row["total"], row["mean"]) == (2, 4.0, 2.0)


def test_a_frame_an_array_and_a_single_reading_are_read_alike() -> None:
    reading = measured("s", 5, 20.0, unit="Cel", capacity=None, status="ok")
    array = json.dumps([reading]).encode()
    forms = [frame([reading]), array, b" \n" + array, json.dumps(reading).encode()]
    read = taken(forms)
    assert len(read.bad_frames) == 0
    assert len(read.readings.drop("offset").unique()) == 1


def test_columns_of_one_value_hold_for_all_and_columns_of_another_length_make_a_bad_frame() -> None:
    columns = {
        "sensor_id": ["a", "b"],
        "metric": "pm10",
        "kind": "air",
        "owner": "city",
        "value": [1.0, 2.0],
        "ts": [T0, T0],
        "lat": 31.0,
        "lon": 121.0,
        "received_at": FAR,
    }
    good, bad = json.dumps(columns).encode(), json.dumps({**columns, "unit": ["ug/m3"]}).encode()
    read = taken([good, bad])
    assert read.readings.select("sensor_id", "metric", "unit", "status").rows() == [
        ("a", "pm10", None, "ok"),
        ("b", "pm10", None, "ok"),
    ]
    assert read.bad_frames["count"].to_list() == [2]
