"""Invariants of feeds over anything that a server could answer with."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors_sim.encode import arrays
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report, Source
from sensors_sim.sources.files import Document
from sensors_sim.sources.formats import Feed, open_feed
from sensors_sim.sources.gbfs import GbfsReader
from sensors_sim.sources.gbfs_reference import Station
from sensors_sim.sources.gbfs_zones import features
from sensors_sim.sources.polls import poll
from streams.gateway.decode import Limits, decode
from tests.unit.sensors_sim.sources.feed_samples import open311_xml

T0 = 1_725_235_200
LIMITS = Limits(max_payload_bytes=10_000_000, max_clock_ahead_ms=0)
few = settings(max_examples=150, deadline=None)

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
times = st.integers(T0 - 4_000, T0 + 700) | st.sampled_from(
    ["2024-09-02T00:01:00Z", "soon", 0, None, True, 1e300]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def often(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any] = anything) -> st.SearchStrategy[Any]:
    return st.one_of(*[usual] * 9, rare)


vehicle_rows = st.fixed_dictionaries(
    {
        "lat": often(st.floats(59, 60)),
        "lon": often(st.floats(10, 11)),
    },
    optional={
        "bike_id": often(st.integers(0, 9).map(str)),
        "vehicle_id": often(st.integers(0, 9).map(str)),
        "is_reserved": often(st.booleans()),
        "is_disabled": often(st.sampled_from([0, 1])),
        "last_reported": times,
        "current_fuel_percent": often(st.floats(0, 1)),
        "vehicle_type_id": anything,
        "station_id": anything,
    },
)
station_rows = st.fixed_dictionaries(
    {"station_id": often(st.integers(0, 9).map(str))},
    optional={
        "lat": often(st.floats(59, 60)),
        "lon": often(st.floats(10, 11)),
        "capacity": often(st.integers(0, 9)),
        "num_bikes_available": often(st.integers(0, 30)),
        "num_vehicles_available": often(st.integers(0, 30)),
        "num_bikes_disabled": anything,
        "num_docks_available": often(st.integers(0, 30)),
        "is_renting": anything,
        "is_installed": anything,
        "last_reported": times,
    },
)
bodies = st.one_of(
    st.fixed_dictionaries({"bikes": st.lists(often(vehicle_rows), max_size=15)}),
    st.fixed_dictionaries({"vehicles": st.lists(often(vehicle_rows), max_size=15)}),
    st.fixed_dictionaries({"stations": st.lists(often(station_rows), max_size=15)}),
    st.fixed_dictionaries({"geofencing_zones": anything}),
    st.fixed_dictionaries({"vehicle_types": anything, "system_id": anything}),
)
polls = st.fixed_dictionaries(
    {"data": often(bodies), "last_updated": often(st.integers(T0, T0 + 600), times)}
)
answers = st.lists(often(polls.map(json.dumps), st.binary(max_size=30)), min_size=1, max_size=8)


@few
@given(answers)
def test_any_answers_of_a_gbfs_server_are_told_or_counted_and_never_stop_it(
    given_: list[str | bytes],
) -> None:
    report = Report()
    reader = GbfsReader(report, "oslo")
    reader.reference.stations |= {str(number): Station((59.5, 10.5), 9.0) for number in range(5)}
    told = 0
    last = 0
    newest: dict[str, int] = {}
    for number, text in enumerate(given_):
        found = poll(Document(f"poll {number}", text.encode() if isinstance(text, str) else text), report)
        if found is None:
            continue
        batch = reader.read(found)
        for part in batch.parts:
            for row in part.row.tolist():  # type: ignore[attr-defined]
                key = f"{getattr(row, 'vehicle_id', '')} {getattr(row, 'sensor_id', '')} {getattr(row, 'metric', '')}"
                times_strictly_increase = row.ts > newest.get(key, 0)
                assert times_strictly_increase
                newest[key] = row.ts
        if len(batch):
            assert batch.ts[0] >= last
            last = int(batch.ts[-1])
        nothing_is_refused(batch)
        entities = {(getattr(row, "vehicle_id", None), getattr(row, "sensor_id", None))
                    for part in batch.parts for row in part.row.tolist()  # type: ignore[attr-defined]
                    if getattr(row, "vehicle_state", None) != "removed"}  # fmt: skip
        told += len(entities)
        if isinstance(found.body["data"], dict) and features(found.body["data"]) is not None:
            told += len(reader.zones)
    every_row_is_told_or_skipped = report.rows == told + sum(report.skipped.values())
    assert every_row_is_told_or_skipped
    assert set(report.examples) == set(report.skipped) | set(report.noted)


def nothing_is_refused(batch: Any) -> None:
    for message in arrays(batch, 500):
        decoded = decode(message.topic, message.payload, now_ms=int(batch.ts[-1]), limits=LIMITS)
        assert decoded.rejected == []


events = st.fixed_dictionaries(
    {
        "device_id": often(st.uuids().map(str)),
        "vehicle_state": often(st.sampled_from(["available", "on_trip"])),
    },
    optional={
        "provider_id": often(st.just("p")),
        "timestamp": often(st.integers(T0, T0 + 9).map(lambda s: 1000 * s)),
        "location": often(
            st.fixed_dictionaries({"lat": often(st.floats(59, 60)), "lng": often(st.floats(10, 11))})
        ),
        "battery_percent": anything,
    },
)
statuses = st.fixed_dictionaries(
    {"device_id": often(st.uuids().map(str))},
    optional={"last_event": often(events), "last_telemetry": often(events), "provider_id": anything},
)
pages = st.one_of(
    st.fixed_dictionaries({"events": st.lists(often(events), max_size=9)}),
    st.fixed_dictionaries({"vehicles_status": st.lists(often(statuses), max_size=9)}),
    st.fixed_dictionaries({"vehicles": anything}),
)
requests = st.lists(
    often(
        st.fixed_dictionaries(
            {
                "service_request_id": often(st.integers(0, 9)),
                "service_code": often(st.just("P")),
                "lat": often(st.floats(59, 60)),
                "long": often(st.floats(10, 11)),
                "requested_datetime": often(st.just("2024-09-02T00:01:00Z")),
            },
            optional={
                "status": often(st.sampled_from(["open", "closed"])),
                "updated_datetime": often(st.sampled_from(["2024-09-02T00:02:00Z", "2024-09-01T00:01:00"])),
                "expected_datetime": times,
                "description": anything,
                "address": anything,
                "agency_responsible": anything,
                "status_notes": anything,
            },
        ),
        scalars,
    ),
    max_size=9,
)


@few
@given(
    st.sampled_from(["mds", "open311", "gbfs"]),
    st.lists(st.one_of(pages, requests, polls, anything), min_size=1, max_size=4),
)
def test_any_folder_is_read_to_its_end_or_refused_with_a_reason(format_: str, documents: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        for number, document in enumerate(documents):
            (Path(folder) / f"{number}.json").write_text(json.dumps(document))
        try:
            source: Source = open_feed(format_, Feed(folder))
        except SourceError:
            return
        last = 0
        for batch in source.batches():
            if len(batch):
                assert batch.ts[0] >= last
                last = int(batch.ts[-1])
                nothing_is_refused(batch)
        assert set(source.report.examples) == set(source.report.skipped) | set(source.report.noted)


words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
)
fields = st.none() | st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9).filter(lambda x: x % 1) | words
same_requests = st.lists(
    st.fixed_dictionaries(
        {
            "service_request_id": often(st.integers(0, 9), fields),
            "service_code": often(st.just("P"), fields),
            "lat": often(st.floats(59.1, 59.9), fields),
            "long": often(st.floats(10.1, 10.9), fields),
            "requested_datetime": often(st.just("2024-09-02T00:01:00Z"), fields),
        },
        optional={
            "status": often(st.sampled_from(["open", "closed"]), fields),
            "updated_datetime": often(st.just("2024-09-02T00:02:00Z"), fields),
            "expected_datetime": often(st.just("2024-09-03T00:02:00+02:00"), fields),
            "description": fields,
            "address": fields,
            "agency_responsible": fields,
            "status_notes": fields,
            "media_url": fields,
        },
    ),
    max_size=9,
)


@few
@given(same_requests)
def test_the_same_requests_are_told_alike_whether_written_in_json_or_in_xml(written: list[Any]) -> None:
    heard = []
    with TemporaryDirectory() as folder:
        page = Path(folder, "requests")
        for body in (json.dumps(written).encode(), open311_xml(written)):
            page.write_bytes(body)
            source = open_feed("open311", Feed(str(page)))
            told = [row for batch in source.batches() for part in batch.parts for row in part.row.tolist()]  # type: ignore[attr-defined]
            heard.append((told, source.report))
    xml_says_what_json_says = heard[0] == heard[1]
    assert xml_says_what_json_says


pieces = st.sampled_from(
    ["<service_requests>", "</service_requests>", "<request>", "</request>", "<lat>59", "</lat>", "&amp;", "&x;",
     "<errors>", "<error>", "</error>", "</errors>", "<code/>", "<!DOCTYPE a [<!ENTITY x 'y'>]>",
     "<?xml version='1.0'?>", "<![CDATA[", "]]>"]
)  # fmt: skip


@few
@given(
    st.lists(st.one_of(pieces.map(str.encode), st.binary(max_size=3)), max_size=12).map(b"".join),
    st.integers(0, 99),
)
def test_any_bytes_are_read_as_xml_or_counted(body: bytes, cut: int) -> None:
    whole = open311_xml([{"service_request_id": 1, "lat": 59.9}])
    with TemporaryDirectory() as folder:
        (Path(folder) / "1.xml").write_bytes(whole)
        (Path(folder) / "2.xml").write_bytes(b"<" + body)
        (Path(folder) / "3.xml").write_bytes(whole[:cut] + body + whole[cut:])
        report = open_feed("open311", Feed(folder)).report
    assert set(report.examples) == set(report.skipped)
    every_row_is_counted = report.rows == sum(report.skipped.values())
    assert every_row_is_counted
