"""Tables by a mapping, and Open311."""

import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Source
from sensors_sim.sources.formats import Feed, open_feed
from sensors_sim.sources.mapping import parse
from sensors_sim.sources.table import MappedCsv, Open311
from sensors_sim.told import Row
from tests.realdata import real_file
from tests.unit.requests.desk import Desk
from tests.unit.sensors_sim.sources import feed_samples as samples
from tests.unit.sensors_sim.sources.feed_samples import T0, rfc3339


def rows(source: Source) -> list[Any]:
    return [row for batch in source.batches() for part in batch.parts for row in part.row.tolist()]  # type: ignore[attr-defined]


def table(path: Path, mapping: str, text: str, encoding: str = "utf-8") -> tuple[list[Any], MappedCsv]:
    path.write_text(text, encoding)
    source = MappedCsv(path, parse(tomllib.loads(mapping)))
    return rows(source), source


def test_columns_constants_and_meanings_make_a_position(tmp_path: Path) -> None:
    (row,), _ = table(
        tmp_path / "t.csv",
        samples.VEHICLES_TOML,
        'x;y;bike;state;day;time\n"10,7";52,4;7;unterwegs;31.03.2024;12:00\n',
    )
    assert (row.vehicle_id, row.lat, row.lon, row.vehicle_state, row.vehicle_type) == (
        "n-7", 52.4, 10.7, "on_trip", "cargo_bicycle",
    )  # fmt: skip
    assert row.ts == 1_711_879_200_000  # 10:00 UTC: summer time began that morning


def test_a_star_is_what_every_other_text_means(tmp_path: Path) -> None:
    mapping = samples.VEHICLES_TOML.replace('"on_trip" }', '"on_trip", "*" = "non_operational" }')
    lines = "".join(
        f"10;52;{n};{state};27.10.2024;04:30\n" for n, state in enumerate(("frei", "kaputt", "weg", "*"))
    )
    told, source = table(tmp_path / "t.csv", mapping, f"x;y;bike;state;day;time\n{lines}")
    assert [row.vehicle_state for row in told] == ["available", *["non_operational"] * 3]
    assert dict(source.report.skipped) == {}


def test_an_hour_that_comes_twice_is_the_first_of_the_two(tmp_path: Path) -> None:
    (row,), _ = table(
        tmp_path / "t.csv", samples.VEHICLES_TOML, "x;y;bike;state;day;time\n10;52;7;frei;27.10.2024;02:30\n"
    )
    assert row.ts == 1_729_989_000_000  # 00:30 UTC


@pytest.mark.parametrize(
    ("day", "noted"),
    [
        ("27.10.2024", {"time_comes_twice": 1}),
        ("31.03.2024", {"time_skipped": 1}),
        ("28.10.2024", {}),
    ],
)
@pytest.mark.parametrize("format_", ["%d.%m.%Y %H:%M", "iso"])
def test_a_time_at_which_clocks_are_changed_is_noted(
    tmp_path: Path, day: str, noted: dict[str, int], format_: str
) -> None:
    written = day if format_ != "iso" else "-".join(reversed(day.split(".")))
    _, source = table(
        tmp_path / "t.csv",
        samples.VEHICLES_TOML.replace("%d.%m.%Y %H:%M", format_),
        f"x;y;bike;state;day;time\n10;52;7;frei;{written};02:30\n10;52;7;frei;{written};03:30\n",
    )
    assert dict(source.report.noted) == noted
    assert all(example == f"line 2: ts '{written} 02:30'" for example in source.report.examples.values())


def test_a_time_with_an_offset_is_in_no_doubt(tmp_path: Path) -> None:
    text = "x;y;bike;state;day;time\n10;52;7;frei;2024-10-27;02:30+01:00\n"
    _, source = table(tmp_path / "t.csv", samples.VEHICLES_TOML.replace("%d.%m.%Y %H:%M", "iso"), text)
    assert dict(source.report.noted) == {}


def test_what_a_table_says_of_itself_before_the_names_of_its_columns_is_passed_over(tmp_path: Path) -> None:
    before = 'Data supplied on 1/2/2024\n"All Data GMT hour ending"\n,,"Ladywood",,\n\n'
    text = f"{before}station,year,month,day,hour,PM2.5,TEMP\nD,2013,3,1,0,4,33.1\nD,2013,3,1,1,x,32\n"
    told, source = table(tmp_path / "t.csv", samples.WIDE_TOML, text)
    assert [row.value for row in told] == [4, 33.1, 32]
    assert source.report.examples == {"value_unreadable": "line 7: PM2.5 'x'"}
    with pytest.raises(SourceError, match=r"lacks the columns TEMP; found: station, year, month"):
        table(tmp_path / "t.csv", samples.WIDE_TOML, text.replace("TEMP", "Temp"))


def test_a_point_of_thousands_is_not_taken_for_that_of_a_decimal(tmp_path: Path) -> None:
    mapping = samples.WIDE_TOML.replace("missing =", 'delimiter = ";"\ndecimal = ","\nmissing =')
    text = "station;year;month;day;hour;PM2.5;TEMP\nD;2013;3;1;0;980,5;1.250\nD;2013;3;1;1;1.250,5;32\n"
    told, source = table(tmp_path / "t.csv", mapping, text)
    assert [(row.metric, row.value) for row in told] == [("pm25", 980.5), ("temperature", 32)]
    assert dict(source.report.noted) == {"value_unreadable": 2}


def test_a_folder_of_tables_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    header = "station,year,month,day,hour,PM2.5,TEMP\n"
    (tmp_path / "b.csv").write_text(f"{header}B,2013,3,1,0,1,10\nB,2013,3,1,2,3,10\n")
    (tmp_path / "deeper" / "a.csv.gz").write_bytes(gzip.compress(f"{header}A,2013,3,1,1,2,NA\n".encode()))
    (tmp_path / "readme.md").write_text("no table")
    source = MappedCsv(tmp_path, parse(tomllib.loads(samples.WIDE_TOML)))
    told = rows(source)
    assert [(row.sensor_id, row.value) for row in told if row.metric == "pm25"] == [
        ("B", 1),
        ("A", 2),
        ("B", 3),
    ]
    assert source.report.examples == {"value_missing": "deeper/a.csv.gz line 2: TEMP"}
    assert source.report.rows == 3


def test_a_row_without_an_id_has_none(tmp_path: Path) -> None:
    _, source = table(
        tmp_path / "t.csv", samples.VEHICLES_TOML, "x;y;bike;state;day;time\n10;52;;frei;27.10.2024;04:30\n"
    )
    assert source.report.examples == {"id_missing": "line 2: 'vehicle_id'"}


def test_a_column_a_metric_and_units_are_told_as_they_are(tmp_path: Path) -> None:
    told, source = table(
        tmp_path / "t.csv",
        samples.WIDE_TOML,
        "station,year,month,day,hour,PM2.5,TEMP\nD,2013,3,1,0,4,33.1\nD,2013,3,1,1,NA,32\n",
    )
    assert [(row.kind, row.metric, row.value, row.unit) for row in told] == [
        ("air", "pm25", 4, None),
        ("weather", "temperature", 33.1, "[degF]"),
        ("weather", "temperature", 32, "[degF]"),
    ]
    assert told[0].ts == 1_362_067_200_000
    assert dict(source.report.noted) == {"value_missing": 1}


def test_a_row_whose_unit_does_not_fit_its_metric_is_skipped(tmp_path: Path) -> None:
    mapping = samples.LONG_TOML.replace('capacity = "most"', 'unit = "in"')
    told, source = table(
        tmp_path / "t.csv",
        mapping,
        f"id,t,lat,lon,what,v,in\n1,{T0}000,59,10,temperature,50,[degF]\n"
        f"1,{T0}000,59,10,temperature,50,degF\n1,{T0}000,59,10,pm25,5,\n",
    )
    assert [(row.metric, row.unit) for row in told] == [("temperature", "[degF]"), ("pm25", None)]
    assert dict(source.report.skipped) == {"bad_unit": 1}
    assert source.report.examples["bad_unit"].startswith(
        "line 3: \"unit 'degF': temperature is measured in Cel"
    )


def test_a_table_in_latin_1_with_any_line_ends_is_read(tmp_path: Path) -> None:
    mapping = samples.REQUESTS_TOML + '\n[constants]\ndistrict = "x"\n'
    mapping = 'encoding = "latin-1"\n' + mapping.replace('"TYPE"', '"Größe"')
    text = "CASE,OPEN_DT,CLOSED_DT,TARGET_DT,Größe,LATITUDE,LONGITUDE\r\n1,06/01/2015 12:28:00 AM,,,Straße,42.3,-71\r\n"
    (row,), _ = table(tmp_path / "t.csv", mapping, text, "latin-1")
    assert (row.service_code, row.district) == ("Straße", "x")


def test_rows_out_of_order_come_by_time_and_those_of_one_time_as_they_stood(tmp_path: Path) -> None:
    mapping = (
        'kind = "vehicles"\nowner = "n"\ncolumns = { vehicle_id = "i", ts = "t", lat = "y", lon = "x" }\n'
    )
    text = "i,t,y,x\n" + "".join(f"{i},{T0 + at},59,10\n" for i, at in enumerate((5, 1, 5, 1, 0)))
    told, source = table(tmp_path / "t.csv", mapping, text)
    assert [row.vehicle_id for row in told] == ["4", "1", "3", "0", "2"]
    assert (source.start_ms, source.end_ms) == (T0 * 1000, (T0 + 5) * 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a,b\n1,2\n",
            "lacks the columns bike, day, time, y, x, state; found: a,b; check the names, the delimiter (';') and the",
        ),
        ("", "found: none"),
    ],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError) as error:
        table(tmp_path / "t.csv", samples.VEHICLES_TOML, text)
    assert said in str(error.value)


@pytest.mark.parametrize("before", ["sep=;\n", '"sep=;"\r\n', "\n\r\n", ";;;;;\n"])
def test_what_excel_puts_before_the_names_of_the_columns_is_passed_over(tmp_path: Path, before: str) -> None:
    text = f"{before}x;y;bike;state;day;time\n10;52;7;frei;27.10.2024;02:30\n"
    told, _ = table(tmp_path / "t.csv", samples.VEHICLES_TOML, text, "utf-8-sig")
    assert len(told) == 1


def test_a_workbook_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a workbook or an archive .*; save the table as CSV"):
        table(tmp_path / "t.csv", samples.VEHICLES_TOML, "PK\x03\x04" + "x" * 50)


def test_a_position_is_told_without_a_battery_that_cannot_be(tmp_path: Path) -> None:
    mapping = samples.VEHICLES_TOML.replace("columns = { ", 'columns = { battery_percent = "battery", ')
    text = "x;y;bike;state;day;time;battery\n" + "".join(
        f"10;52;{number};frei;27.10.2024;04:30;{battery}\n"
        for number, battery in enumerate(("101", "-1", "full", "80,4"))
    )
    told, source = table(tmp_path / "t.csv", mapping, text)
    assert [row.battery_percent for row in told] == [None, None, None, 80]
    assert dict(source.report.noted) == {"value_unreadable": 3}


SPACES_TOML = """
kind = "sensors"
owner = "city"
columns = { sensor_id = "id", ts = "t", lat = "y", lon = "x", metric = "m", value = "v", capacity = "c" }
"""


def test_a_value_is_told_without_a_capacity_that_is_no_number(tmp_path: Path) -> None:
    text = "id,t,y,x,m,v,c\n" + "".join(
        f"s,2024-09-01T12:0{minute}Z,52,13,free_spaces,5,{capacity}\n"
        for minute, capacity in enumerate(("n/a", "30", ""))
    )
    told, source = table(tmp_path / "t.csv", SPACES_TOML, text)
    assert [(row.value, row.capacity) for row in told] == [(5, None), (5, 30), (5, None)]
    assert dict(source.report.noted) == {"value_unreadable": 1}
    assert source.report.examples["value_unreadable"] == "line 2: capacity 'n/a'"


def test_a_table_in_another_encoding_is_noted(tmp_path: Path) -> None:
    """Two categories would be one: B�che."""
    text = "CASE,OPEN_DT,CLOSED_DT,TARGET_DT,TYPE,LATITUDE,LONGITUDE\n" + "".join(
        f"{number},01/02/2024 10:00:00 AM,,,{name},42.3,-71.0\n"
        for number, name in enumerate(("Bäche", "Büche", "Baum"))
    )
    told, source = table(tmp_path / "t.csv", samples.REQUESTS_TOML, text, "cp1252")
    assert len(told) == 3
    assert dict(source.report.noted) == {"not_in_encoding": 2}
    example = source.report.examples["not_in_encoding"]
    assert example.startswith("line 2: service_code 'B\ufffdche'; set `encoding`")
    mapping = f'encoding = "cp1252"\n{samples.REQUESTS_TOML}'
    told, source = table(tmp_path / "t.csv", mapping, text, "cp1252")
    assert [row.service_code for row in told] == ["Bäche", "Büche", "Baum"]
    assert dict(source.report.noted) == {}


@pytest.mark.parametrize(
    ("format_", "text", "ts"),
    [
        ("seconds", "1725192000.5", 1_725_192_000_500),
        ("milliseconds", "1725192000500", 1_725_192_000_500),
        ("seconds", "1700000", None),  # a clock that counts from 1970 since it was switched on
        ("milliseconds", "1725192000", None),
        ("seconds", "1725192000500", None),
        ("seconds", "9" * 400, None),
    ],
)
def test_a_time_whose_unit_is_said_is_not_guessed(
    tmp_path: Path, format_: str, text: str, ts: int | None
) -> None:
    mapping = f'{SPACES_TOML}time = {{ format = "{format_}" }}'
    told, source = table(tmp_path / "t.csv", mapping, f"id,t,y,x,m,v,c\ns,{text},52,13,free_spaces,5,9\n")
    assert [row.ts for row in told] == ([] if ts is None else [ts])
    assert dict(source.report.skipped) == ({"time_unreadable": 1} if ts is None else {})


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8", "U8"])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, encoding: str) -> None:
    text = "\ufeffid,t,y,x,m,v,c\ns,2024-09-01T12:00Z,52,13,free_spaces,5,9\n"
    told, _ = table(tmp_path / "t.csv", f'encoding = "{encoding}"\n{SPACES_TOML}', text)
    assert len(told) == 1


def test_rows_that_are_none_are_counted_by_line(tmp_path: Path) -> None:
    long = "x" * 200_000
    text = f"x;y;bike;state;day;time\n1;2\n\n{long};1;1;1;1;1\n10;52;7;frei;27.10.2024;04:30\n"
    told, source = table(tmp_path / "t.csv", samples.VEHICLES_TOML, text)
    assert len(told) == 1
    assert source.report.examples == {
        "too_few_columns": "line 2: '1;2'",
        "not_csv": "line 4: field larger than field limit (131072)",
    }
    assert source.report.rows == 3


# ------------------------------------------------------------------ requests


def request(**changes: Any) -> dict[str, Any]:
    return {
        "service_request_id": "1", "service_code": "P", "status": "open", "lat": 59.9, "long": 10.7,
        "requested_datetime": rfc3339(T0), **changes,
    }  # fmt: skip


def told(tmp_path: Path, *requests: dict[str, Any]) -> tuple[list[tuple[str, str, int]], Open311]:
    (tmp_path / "r.json").write_text(json.dumps(requests))
    source = Open311(tmp_path / "r.json", "oslo")
    return [(row.service_request_id, row.event, row.ts // 1000 - T0) for row in rows(source)], source


def test_a_request_on_two_pages_is_told_once(tmp_path: Path) -> None:
    for name, numbers in (("1", (1, 2)), ("2", (2, 3))):
        (tmp_path / f"{name}.json").write_text(json.dumps([request(service_request_id=n) for n in numbers]))
    source = Open311(tmp_path, "oslo")
    assert [row.service_request_id for row in rows(source)] == ["oslo-1", "oslo-2", "oslo-3"]
    assert source.report.skipped == {"repeat": 1}


def downloads(folder: Path, *documents: dict[str, Any]) -> Open311:
    """Return a folder with one document a day."""
    for day, document in enumerate(documents):
        (folder / f"day {day}.json").write_text(json.dumps([document]))
    return Open311(folder, "oslo")


def updated(minute: int, **changes: Any) -> dict[str, Any]:
    return request(updated_datetime=rfc3339(T0 + 60 * minute), **changes)


def counted(source: Source) -> dict[str, Any]:
    """Return the row of ub.request that a source makes of its one request, and what is counted in all."""
    desk = Desk()
    for row in rows(source):
        desk.feed({"owner": "oslo", **msgspec.to_builtins(row)})
    desk.checkpoint()
    names = ("opened", "closed", "reopened")
    sums = {name: sum(count[name] for count in desk.counts.values()) for name in names}
    assert desk.reasons() == []
    return desk.rows["oslo-1"] | sums


def test_of_two_downloads_the_request_stands_as_the_newer_one_has_it(tmp_path: Path) -> None:
    older = updated(
        1, service_code="Water", agency_responsible="Water Works", expected_datetime=rfc3339(T0 + 60)
    )
    newer = updated(2, service_code="Roads", agency_responsible="Public Works", lat=59.95)
    source = downloads(tmp_path, older, newer)
    found = counted(source)
    assert (found["service_code"], found["agency_responsible"], found["lat"]) == (
        "Roads",
        "Public Works",
        59.95,
    )
    assert (found["opened"], found["status"]) == (1, "open")
    assert dict(source.report.skipped) == {"told_otherwise": 1}


def test_a_request_that_is_open_after_it_was_closed_was_opened_again(tmp_path: Path) -> None:
    days = (updated(1), updated(2, status="closed"), updated(3), updated(4, status="closed"), updated(5))
    found = counted(downloads(tmp_path, *days))
    assert (found["status"], found["opened"], found["closed"], found["reopened"]) == ("open", 1, 2, 2)
    assert found["opened_at"] == (T0 + 300) * 1000


def test_a_request_is_closed_by_the_first_document_that_says_so(tmp_path: Path) -> None:
    found = counted(downloads(tmp_path, updated(2, status="closed"), updated(3, status="closed")))
    assert (found["closed"], found["closed_at"]) == (1, (T0 + 120) * 1000)


def test_a_closing_says_where_and_what_for_whoever_missed_the_opening(tmp_path: Path) -> None:
    *_, closing = rows(downloads(tmp_path, updated(1, status="closed", status_notes="done")))
    assert (closing.event, closing.service_code, closing.lat, closing.status_notes) == (
        "closed",
        "P",
        59.9,
        "done",
    )


def test_an_id_is_the_same_number_however_json_writes_it(tmp_path: Path) -> None:
    found = downloads(
        tmp_path, *(request(service_request_id=n, service_code=c) for n, c in ((1, 4), (1.0, 4.0)))
    )
    assert [(row.service_request_id, row.service_code) for row in rows(found)] == [("oslo-1", "4")]


def test_an_open_request_is_opened_and_perhaps_updated(tmp_path: Path) -> None:
    later = rfc3339(T0 + 60)
    events, _ = told(
        tmp_path, request(), request(service_request_id="2", updated_datetime=later, status_notes="x")
    )
    assert events == [("oslo-1", "opened", 0), ("oslo-2", "opened", 0), ("oslo-2", "updated", 60)]


def test_nested_values_of_a_request_are_no_texts(tmp_path: Path) -> None:
    nested = request(address={}, description={"text": "x"}, status_notes=[], expected_datetime={})
    (tmp_path / "r.json").write_text(json.dumps([nested]))
    source = Open311(tmp_path / "r.json", "oslo")
    (opened,) = rows(source)
    assert (opened.address, opened.description, dict(source.report.noted)) == (None, None, {})


def test_a_closed_request_was_closed_when_it_was_last_updated(tmp_path: Path) -> None:
    events, _ = told(tmp_path, request(status="Closed", updated_datetime=rfc3339(T0 + 60)))
    assert events == [("oslo-1", "opened", 0), ("oslo-1", "closed", 60)]


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"status": "closed"}, "closed_without_a_time"),
        ({"status": "Completed"}, "status_unknown"),
        ({"status": "closed", "updated_datetime": rfc3339(T0 - 9)}, "closed_before_opened"),
        ({"updated_datetime": "soon"}, "time_left_out"),
        ({"description": "x" * 5_000}, "text_cut"),
        ({"service_code": "x" * 200}, "text_cut"),
    ],
)
def test_what_is_left_out_of_a_request_is_noted(tmp_path: Path, changes: dict[str, Any], noted: str) -> None:
    events, source = told(tmp_path, request(**changes))
    assert events == [("oslo-1", "opened", 0)]
    assert dict(source.report.noted) == {noted: 1}


@pytest.mark.parametrize("after", [None, 5_000])
def test_a_closed_request_was_closed_when_the_table_says_so_whenever_it_was_updated(
    tmp_path: Path, after: int | None
) -> None:
    mapping = (
        'kind = "requests"\nowner = "oslo"\n[columns]\nservice_request_id = "id"\nopened = "from"\nclosed = "to"\n'
        'updated = "at"\nstatus = "is"\nservice_code = "what"\nlat = "y"\nlon = "x"\n'
    )
    at = "" if after is None else rfc3339(T0 + after)
    line = f"1,{rfc3339(T0)},{rfc3339(T0 + 60)},{at},Closed,P,59.9,10.7\n"
    told, source = table(tmp_path / "t.csv", mapping, f"id,from,to,at,is,what,y,x\n{line}")
    assert [(row.event, row.ts) for row in told] == [("opened", T0 * 1000), ("closed", (T0 + 60) * 1000)]
    assert dict(source.report.noted) == {}


def test_a_status_of_its_own_is_no_doubt_where_the_table_says_when_it_was_closed(tmp_path: Path) -> None:
    mapping = (
        'kind = "requests"\nowner = "oslo"\n[columns]\nservice_request_id = "id"\nopened = "from"\nclosed = "to"\n'
        'status = "status"\nservice_code = "code"\nlat = "lat"\nlon = "lon"\n'
    )
    opened, closed = rfc3339(T0), rfc3339(T0 + 60)
    ends = [f"1,{opened},{closed}", f"2,{opened},"]
    text = "\n".join(["id,from,to,status,code,lat,lon", *(f"{end},Completed,P,59.9,10.7" for end in ends)])
    events, source = table(tmp_path / "t.csv", mapping, text)
    assert [(row.service_request_id, row.event) for row in events] == [
        ("1", "opened"),
        ("2", "opened"),
        ("1", "closed"),
    ]
    assert dict(source.report.noted) == {"status_unknown": 1}


def test_a_category_that_moves_terminals_is_cleaned_as_the_gateway_would_refuse_it(tmp_path: Path) -> None:
    found = downloads(tmp_path, request(service_code="a\x9b31m\x85b"))
    assert [row.service_code for row in rows(found)] == ["a 31m b"]


def test_numbers_and_texts_are_the_same_in_json(tmp_path: Path) -> None:
    events, source = told(tmp_path, request(service_request_id=77, lat="59.9", long="10.7"))
    assert events == [("oslo-77", "opened", 0)]
    assert dict(source.report.skipped) == {}


def test_a_csv_file_may_lack_what_the_standard_leaves_free(tmp_path: Path) -> None:
    path = samples.write_csv(
        tmp_path / "r.csv", [{key: value for key, value in request().items() if key != "status"}]
    )
    assert [row.event for row in rows(Open311(path, None))] == ["opened"]


@pytest.mark.parametrize("text", ["404 Not Found", "[5]", '{"errors": []}'])
def test_what_holds_no_requests_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(SourceError):
        Open311(tmp_path / "r.json", None)


def test_a_month_of_a_real_city_is_told_whole(tmp_path: Path) -> None:
    """Against the same file read by Polars: every opening, and every closing that is not dated before it."""
    path = real_file("boston_311/boston_311_2015_june.csv.gz")
    mapping = tmp_path / "boston.toml"
    mapping.write_text(samples.REQUESTS_TOML.replace("CASE", "CASE_ENQUIRY_ID"))
    source = open_feed("csv", Feed(str(path), mapping))
    found: list[Row] = rows(source)
    expected = pl.read_csv(path, schema_overrides={"CASE_ENQUIRY_ID": pl.String}).select(
        pl.col("CASE_ENQUIRY_ID").alias("id"),
        *(
            pl.col(name).str.to_datetime("%m/%d/%Y %I:%M:%S %p", time_unit="ms")
            .dt.replace_time_zone("America/New_York", ambiguous="earliest").dt.epoch("ms").alias(alias)
            for name, alias in (("OPEN_DT", "opened"), ("CLOSED_DT", "closed"))
        ),
    )  # fmt: skip
    opened = dict(expected.select("id", "opened").iter_rows())
    closed = dict(expected.filter(pl.col("closed") >= pl.col("opened")).select("id", "closed").iter_rows())
    assert {row.service_request_id: row.ts for row in found if row.event == "opened"} == opened  # type: ignore[union-attr]
    assert {row.service_request_id: row.ts for row in found if row.event == "closed"} == closed  # type: ignore[union-attr]
    assert dict(source.report.skipped) == {}
    backwards = expected.filter(pl.col("closed") < pl.col("opened")).height
    assert dict(source.report.noted) == {"closed_before_opened": backwards}


def test_a_table_that_is_in_another_encoding_is_refused(tmp_path: Path) -> None:
    mapping = 'encoding = "utf-16"\n' + samples.VEHICLES_TOML
    with pytest.raises(SourceError, match=r"cannot read .*t\.csv"):
        table(tmp_path / "t.csv", mapping, "x;y;bike;state;day;time\n", "ascii")


def test_the_example_of_a_skipped_row_is_one_that_was_skipped(tmp_path: Path) -> None:
    lines = "station,year,month,day,hour,PM2.5,TEMP\nD,2013,3,1,0,NA,33.1\nE,2013,3,1,1,NA,NA\n"
    _, source = table(tmp_path / "t.csv", samples.WIDE_TOML, lines)
    assert source.report.skipped["value_missing"] == 1
    assert source.report.examples["value_missing"] == "line 3: 'E'"
