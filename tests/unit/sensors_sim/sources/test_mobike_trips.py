import gzip
from datetime import datetime
from pathlib import Path

import pytest

from sensors_sim.batch import AVAILABLE, NO_BATTERY, ON_TRIP, Positions
from sensors_sim.errors import SourceError
from sensors_sim.rhythm import SHANGHAI
from sensors_sim.sources.contract import Report
from sensors_sim.sources.mobike_trips import MobikeTrips, Trip, positions, read

HEADER = "id,bike_id,user_id,start_time,end_time,duration_min,end_lon,end_lat,track_dist_m"
WITH_ORIGIN = "bike_id,user_id,start_time,start_lon,start_lat,end_time,end_lon,end_lat,duration_min"
GOOD = "1,79699,759,2016-08-01 00:23:00,2016-08-01 00:32:00,9,121.525,31.316,867.65"

MINUTE = 60_000
T0 = int(datetime(2016, 8, 1, tzinfo=SHANGHAI).timestamp()) * 1000
HOME, WORK, PARK = (31.2, 121.5), (31.3, 121.4), (31.1, 121.6)


def trip(start: int, end: int, destination: tuple[float, float], bike: str = "a", origin=None) -> Trip:  # type: ignore[no-untyped-def]
    """Minutes since T0."""
    return Trip(f"mobike-{bike}", T0 + start * MINUTE, T0 + end * MINUTE, origin, destination)


def told(out: Positions) -> list[tuple[str, int, int, tuple[float, float]]]:
    """Bike, minute, state, place of each position."""
    return [
        (vehicle.removeprefix("mobike-"), (ts - T0) // MINUTE, state, (lat, lon))
        for vehicle, ts, state, lat, lon in zip(
            out.vehicle_id,
            out.ts.tolist(),
            out.state.tolist(),
            out.lat.tolist(),
            out.lon.tolist(),
            strict=True,
        )
    ]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_bike_seen_for_the_first_time_only_arrives() -> None:
    assert told(positions([trip(1, 9, HOME)])) == [("a", 9, AVAILABLE, HOME)]


def test_a_bike_leaves_from_where_it_stood() -> None:
    out = told(positions([trip(1, 9, HOME), trip(20, 30, WORK)]))
    assert out == [("a", 9, AVAILABLE, HOME), ("a", 20, ON_TRIP, HOME), ("a", 30, AVAILABLE, WORK)]


def test_an_origin_in_the_file_goes_before_where_the_bike_stood() -> None:
    out = told(positions([trip(1, 9, HOME, origin=PARK), trip(20, 30, WORK, origin=PARK)]))
    assert [place for _, _, state, place in out if state == ON_TRIP] == [PARK, PARK]


def test_a_trip_that_begins_when_the_last_one_ends_comes_after_it() -> None:
    out = told(positions([trip(9, 12, WORK), trip(1, 9, HOME)]))
    assert out == [("a", 9, AVAILABLE, HOME), ("a", 9, ON_TRIP, HOME), ("a", 12, AVAILABLE, WORK)]


def test_a_trip_within_one_minute_arrives_first_so_that_its_bike_ends_up_available() -> None:
    out = told(positions([trip(1, 5, HOME), trip(9, 9, WORK)]))
    assert out[1:] == [("a", 9, AVAILABLE, WORK), ("a", 9, ON_TRIP, WORK)]


def test_overlapping_trips_are_told_in_order_of_time() -> None:
    out = told(positions([trip(1, 5, HOME), trip(10, 30, WORK), trip(15, 20, PARK)]))
    assert out == [
        ("a", 5, AVAILABLE, HOME),
        ("a", 10, ON_TRIP, HOME),
        ("a", 15, ON_TRIP, HOME),
        ("a", 20, AVAILABLE, PARK),
        ("a", 30, AVAILABLE, WORK),
    ]


def test_ties_keep_the_order_of_the_file() -> None:
    out = told(positions([trip(1, 9, HOME, "b"), trip(2, 9, WORK, "a"), trip(3, 9, PARK, "c")]))
    assert [bike for bike, *_ in out] == ["b", "a", "c"]


def test_of_two_ends_at_once_the_first_says_where_the_bike_stood() -> None:
    out = told(positions([trip(1, 9, HOME), trip(2, 9, WORK), trip(20, 30, PARK)]))
    assert out[2] == ("a", 20, ON_TRIP, HOME)


def test_local_minutes_become_utc_milliseconds(tmp_path: Path) -> None:
    report = Report()
    (one,) = read(write(tmp_path / "t.csv", HEADER, GOOD), report)
    assert one == Trip("mobike-79699", 1_469_982_180_000, 1_469_982_720_000, None, (31.316, 121.525))
    assert (report.rows, dict(report.skipped)) == (1, {})


def test_both_forms_are_read_plain_and_gzipped_whatever_the_name(tmp_path: Path) -> None:
    row = "79699,759,2016-08-01 00:23:00,121.52,31.309,2016-08-01 00:32:00,121.525,31.316,9"
    plain = write(tmp_path / "od.csv", WITH_ORIGIN, row)
    zipped = tmp_path / "od.dat"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, zipped):
        (one,) = read(path, Report())
        assert one.origin == (31.309, 121.52)


def test_a_file_whose_first_line_is_none_of_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .* \(field larger than field limit"):
        read(write(tmp_path / "od.csv", "x" * 200_000), Report())


def test_an_empty_origin_falls_back_to_where_the_bike_stood(tmp_path: Path) -> None:
    rows = (
        "7,1,2016-08-01 00:00:00,121.52,31.309,2016-08-01 00:10:00,121.525,31.316,9",
        "7,1,2016-08-01 01:00:00,,,2016-08-01 01:10:00,121.6,31.2,9",
    )
    out = told(positions(read(write(tmp_path / "od.csv", WITH_ORIGIN, *rows), Report())))
    assert out[2][2:] == (ON_TRIP, (31.316, 121.525))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2,3,yesterday,2016-08-01 00:32:00,9,121.5,31.3,1", "time_unreadable"),
        ("1,2,3,2016-08-01 00:23:00,,9,121.5,31.3,1", "time_unreadable"),
        ("1,2,3,2016-08-01 00:33:00,2016-08-01 00:32:00,9,121.5,31.3,1", "end_before_start"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,,,1", "coordinates_missing"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,121.5,,1", "coordinates_missing"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,east,31.3,1", "coordinates_unreadable"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,nan,31.3,1", "coordinates_unreadable"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,31.3,121.5,1", "coordinates_out_of_range"),
        ("1,2,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,0,0,1", "coordinates_out_of_range"),
        ("1,,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,121.5,31.3,1", "bad_bike_id"),
        ("1,a b,3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,121.5,31.3,1", "bad_bike_id"),
        (f"1,{'9' * 80},3,2016-08-01 00:23:00,2016-08-01 00:32:00,9,121.5,31.3,1", "bad_bike_id"),
        ("1,2,3,2016-08-01 00:23:00", "too_few_columns"),
        (f"1,2,{'x' * 200_000}", "not_csv"),
    ],
)
def test_a_bad_row_is_counted_with_its_reason_and_the_rest_is_read(
    tmp_path: Path, row: str, reason: str
) -> None:
    report = Report()
    trips = read(write(tmp_path / "t.csv", HEADER, GOOD, row, GOOD), report)
    assert len(trips) == 2
    assert (report.rows, dict(report.skipped)) == (3, {reason: 1})
    assert report.examples[reason].startswith("line 3: ")


def test_bytes_that_are_no_text_spoil_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(
        f"{HEADER}\n".encode() + GOOD.replace("79699", "\xff").encode("latin-1") + f"\n{GOOD}\n".encode()
    )
    report = Report()
    assert len(read(path, report)) == 1
    assert dict(report.skipped) == {"bad_bike_id": 1}


def test_a_byte_order_mark_spaces_and_another_column_order_do_no_harm(tmp_path: Path) -> None:
    header = "\ufeffEnd_Lat, end_lon,end_time,start_time,bike_id,weather"
    row = "31.3,121.5,2016-08-01 00:32:00,2016-08-01 00:23:00, 7 ,rain"
    (one,) = read(write(tmp_path / "t.csv", header, row), Report())
    assert (one.vehicle_id, one.destination) == ("mobike-7", (31.3, 121.5))


def test_another_form_is_refused_with_the_columns_found_and_expected(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"lacks the columns bike_id, end_lon, end_lat; found: .*ended; expected"
    ):
        MobikeTrips(write(tmp_path / "t.csv", "ride,start_time,end_time,ended", "1,2,3,4"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found: none"):
        MobikeTrips(write(tmp_path / "t.csv"))


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    lines = "\n".join(GOOD.replace("79699", str(n)) for n in range(5_000))
    path.write_bytes(gzip.compress(f"{HEADER}\n{lines}".encode())[:-2_000])
    with pytest.raises(SourceError, match=r"cannot read .*t\.csv\.gz"):
        MobikeTrips(path)


def test_a_file_without_trips_is_an_empty_source(tmp_path: Path) -> None:
    source = MobikeTrips(write(tmp_path / "t.csv", HEADER))
    assert source.start_ms is None
    assert list(source.batches()) == []


def test_positions_carry_operator_and_no_battery(tmp_path: Path) -> None:
    (batch,) = MobikeTrips(write(tmp_path / "t.csv", HEADER, GOOD)).batches()
    assert batch.operators == ("mobike",)
    assert batch.battery.tolist() == [NO_BATTERY]
