"""Pages of Open311, in XML and JSON."""

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import BadRow, Source
from sensors_sim.sources.open311_pages import from_json, from_xml
from sensors_sim.sources.table import Open311
from tests.unit.sensors_sim.sources.feed_samples import T0, open311_xml, rfc3339

EXAMPLE = """<?xml version="1.0" encoding="utf-8"?>
<service_requests>
    <request>
        <service_request_id>638344</service_request_id>
        <status>closed</status>
        <status_notes>Duplicate request.</status_notes>
        <service_name>Sidewalk and Curb Issues</service_name>
        <service_code>006</service_code>
        <description></description>
        <agency_responsible></agency_responsible>
        <service_notice></service_notice>
        <requested_datetime>2010-04-14T06:37:38-08:00</requested_datetime>
        <updated_datetime>2010-04-14T06:37:38-08:00</updated_datetime>
        <expected_datetime>2010-04-15T06:37:38-08:00</expected_datetime>
        <address>8TH AVE and JUDAH ST</address>
        <address_id>545483</address_id>
        <zipcode>94122</zipcode>
        <lat>37.762221815</lat>
        <long>-122.4651145</long>
        <media_url>http://city.gov.s3.amazonaws.com/requests/media/638344.jpg </media_url>
    </request>
</service_requests>
"""
"""Of https://wiki.open311.org/GeoReport_v2/."""


def read(page: str | bytes) -> list[Any]:
    return list(from_xml(BytesIO(page.encode() if isinstance(page, str) else page)))


def rows(source: Source) -> list[Any]:
    return [row for batch in source.batches() for part in batch.parts for row in part.row.tolist()]  # type: ignore[attr-defined]


def request(number: int) -> dict[str, Any]:
    return {
        "service_request_id": f"{number}", "service_code": "P", "lat": 59.9, "long": 10.7,
        "requested_datetime": rfc3339(T0 + number),
    }  # fmt: skip


def test_the_example_of_the_standard_is_a_request_opened_and_closed(tmp_path: Path) -> None:
    (tmp_path / "requests.xml").write_text(EXAMPLE)
    opened, closed = rows(Open311(tmp_path / "requests.xml", "sf"))
    assert (opened.event, closed.event, opened.ts, closed.ts) == (
        "opened",
        "closed",
        *[1_271_255_858_000] * 2,
    )
    assert (closed.service_request_id, closed.service_code, closed.lat, closed.lon) == (
        "sf-638344", "006", 37.762221815, -122.4651145,
    )  # fmt: skip
    assert (closed.status_notes, closed.address) == ("Duplicate request.", "8TH AVE and JUDAH ST")
    assert (closed.description, closed.agency_responsible) == (None, None)


def test_an_empty_element_is_null_and_a_field_may_hold_markup() -> None:
    page = "<service_requests><request><a/><b></b><c>x<i>y</i>z &amp; <![CDATA[<&>]]></c></request></service_requests>"
    assert read(page) == [{"a": None, "b": None, "c": "xyz & <&>"}]


def test_a_page_without_requests_is_a_page(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text("<service_requests/>")
    source = Open311(tmp_path / "r.xml", None)
    assert (rows(source), source.report.rows, source.report.figures["pages"]) == ([], 0, 1)


@pytest.mark.parametrize(
    "page",
    [
        '<service_requests xmlns="http://x"><request><a>1</a></request></service_requests>',
        '<o:service_requests xmlns:o="http://x"><o:request><o:a>1</o:a></o:request></o:service_requests>',
        '<o:service_requests xmlns:o="http://x"><request><a>1</a></request></o:service_requests>',
        '<service_requests xmlns:g="http://g"><request><a>1</a><g:a>2</g:a></request></service_requests>',
    ],
)
def test_fields_are_those_of_the_namespace_of_their_request(page: str) -> None:
    assert read(page) == [{"a": "1"}]


@pytest.mark.parametrize(
    ("declared", "encoded"),
    [("iso-8859-1", "latin-1"), ("windows-1252", "cp1252"), ("UTF-16", "utf-16"), ("utf-8", "utf-8-sig")],
)
def test_the_encoding_is_that_of_the_prolog(tmp_path: Path, declared: str, encoded: str) -> None:
    page = EXAMPLE.replace("utf-8", declared).replace("JUDAH ST", "Größe Straße")
    (tmp_path / "r.xml").write_bytes(page.encode(encoded))
    opened, _ = rows(Open311(tmp_path / "r.xml", None))
    assert opened.address == "8TH AVE and Größe Straße"


@pytest.mark.parametrize(
    "before", [b"\n \n", b"\xef\xbb\xbf\r\n", b"\r\n\xef\xbb\xbf\xef\xbb\xbf", b"  \n" * 500]
)
def test_what_servers_put_before_the_prolog_does_no_harm(tmp_path: Path, before: bytes) -> None:
    """Empty lines, of templates that write nothing, and a byte order mark for each file that a page is made of."""
    (tmp_path / "r.txt").write_bytes(before + EXAMPLE.encode())
    assert len(rows(Open311(tmp_path / "r.txt", None))) == 2


def test_a_large_page_is_read_while_its_requests_are_taken() -> None:
    file = BytesIO(open311_xml(map(request, range(20_000))))
    size = len(file.getvalue())
    requests = from_xml(file)
    assert next(requests)["service_request_id"] == "0"
    assert file.tell() < size / 10
    assert sum(1 for _ in requests) == 19_999


ERRORS = "<errors><error><code>404</code><description>No such request</description></error></errors>"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    "<service_requests><request><a>&b;</a></request></service_requests>"
)
OUTSIDE = BOMB.replace('<!ENTITY a "ha"><!ENTITY b "&a;&a;">', '<!ENTITY b SYSTEM "file:///etc/hostname">')


@pytest.mark.parametrize(
    ("page", "reason", "said"),
    [
        (ERRORS, "error_answer", "'404 No such request'"),
        (BOMB, "entity_declared", "'it declares the entity a'"),
        (OUTSIDE, "entity_declared", "'it declares the entity b'"),
        (OUTSIDE.replace("ENTITY b", "ENTITY % b"), "entity_declared", "'it declares the entity b'"),
        ("<!DOCTYPE html><html><br></html>", "not_a_feed", "'<!DOCTYPE html><html><br></html>'"),
        ("<errors><error><code>403</code><description/></error></errors>", "error_answer", "'403'"),
        ("<errors/>", "error_answer", "'no error is named'"),
        ("<rss><channel/></rss>", "not_a_feed", "'<rss><channel/></rss>'"),
        ("<service_requests><request></service_requests>", "not_xml", "'mismatched tag: line 1, column 29'"),
        ("<service_requests>\n<request>", "not_xml", "'it ends early, in line 2'"),
        ("<service_requests>\n<request><lat>5</la", "not_xml", "'it ends early, in line 2'"),
        ("<errors><error><code>4", "not_xml", "'it ends early, in line 1'"),
        ("<?xml version='1.0' encoding='klingon'?><service_requests/>", "not_xml",
         "'unknown encoding: klingon; save it as UTF-8'"),
        ("<?xml version='1.0' encoding='gbk'?><service_requests/>", "not_xml",
         "'multi-byte encodings are not supported; save it as UTF-8'"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_counted_in_a_folder_and_refused_alone(
    tmp_path: Path, page: str, reason: str, said: str
) -> None:
    (tmp_path / "1.xml").write_text(page)
    with pytest.raises(SourceError, match="holds no Open311 requests") as error:
        Open311(tmp_path / "1.xml", None)
    assert str(error.value).endswith(f"found: 1.xml: {said}")
    (tmp_path / "2.xml").write_text(EXAMPLE)
    source = Open311(tmp_path, None)
    assert len(rows(source)) == 2
    assert (dict(source.report.skipped), source.report.rows) == ({reason: 1}, 2)
    assert source.report.examples == {reason: f"1.xml: {said}"}
    assert source.report.figures["pages"] == 1


def test_an_error_that_is_answered_in_json_is_told_like_one_in_xml() -> None:
    with pytest.raises(BadRow) as error:
        list(from_json(b'[{"code": 404, "description": "No such request"}]'))
    assert (error.value.reason, error.value.value) == ("error_answer", "404 No such request")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda page: page[:-30], "not_xml"),
        (lambda page: page.replace(b"</request></service_requests>", b"<a>&nope;"), "not_xml"),
        (lambda page: page + page, "not_xml"),
        (lambda page: gzip.compress(page)[:-30], "file_unreadable"),
    ],
    ids=["cut", "broken", "twice", "gzip that is cut"],
)
def test_what_comes_before_the_damage_is_used(tmp_path: Path, damage: Any, reason: str) -> None:
    (tmp_path / "r.xml").write_bytes(damage(open311_xml(map(request, range(2_000)))))
    source = Open311(tmp_path / "r.xml", None)
    assert 1_500 < len(rows(source)) <= 2_000
    assert (dict(source.report.skipped), source.report.figures["pages"]) == ({reason: 1}, 1)


def test_xml_is_known_by_what_it_is_and_a_line_of_a_log_is_not_the_whole_log(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(EXAMPLE)
    (tmp_path / "2.jsonl").write_text("<html>502</html>\n" + json.dumps([request(1)]) + "\n")
    source = Open311(tmp_path, "sf")
    assert [row.service_request_id for row in rows(source)] == ["sf-638344", "sf-638344", "sf-1"]
    assert source.report.examples == {"not_a_feed": "2.jsonl line 1: '<html>502</html>'"}
    assert len(rows(Open311(tmp_path / "2.jsonl", "sf"))) == 1


def test_a_damaged_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "r.xml.gz").write_bytes(gzip.compress(EXAMPLE.encode())[:15])
    with pytest.raises(SourceError, match=r"cannot read .*r\.xml\.gz \(.*; it must be XML, JSON or CSV"):
        Open311(tmp_path / "r.xml.gz", None)


@pytest.mark.parametrize(
    "page",
    [
        b'{"service_requests": {"request": [{"service_request_id": "7"}]}}',
        b'{"service_requests": {"request": {"service_request_id": "7"}}}',
        b'{"service_requests": [{"request": {"service_request_id": "7"}}]}',
        b'[{"request": {"service_request_id": "7"}}]',
    ],
)
def test_json_that_a_tool_made_of_xml_is_read(page: bytes) -> None:
    assert list(from_json(page)) == [{"service_request_id": "7"}]
