"""What holds for every source of real feeds, whatever its format."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sensors_sim.columns import Columns, Mixed
from sensors_sim.encode import arrays, singles
from sensors_sim.sources.contract import Source
from sensors_sim.sources.formats import FORMATS, Feed, open_feed
from sensors_sim.sources.mobike_sample import BAD_ROWS, write_sample
from streams.gateway.decode import Limits, decode
from tests.unit.sensors_sim.sources import feed_samples as samples
from tests.unit.sensors_sim.sources.feed_samples import Expected

Writer = Callable[[Path, np.random.Generator], tuple[Path, Expected]]


def _mobike(with_origin: bool) -> Writer:
    def write(folder: Path, rng: np.random.Generator) -> tuple[Path, Expected]:
        path = folder / "trips.csv.gz"
        write_sample(path, int(rng.integers(2**31)), 100, with_origin=with_origin, bad_rows=len(BAD_ROWS))
        reasons = {"bad_bike_id": 1, "coordinates_missing": 1, "coordinates_out_of_range": 1,
                   "coordinates_unreadable": 1, "end_before_start": 1, "time_unreadable": 1}  # fmt: skip
        return path, Expected(rows=100 + len(BAD_ROWS), skipped=Counter(reasons))

    return write


def _gbfs(version: str, form: str) -> Writer:
    return lambda folder, rng: samples.write_gbfs(folder, rng, version, form)


def _stations(version: str, form: str) -> Writer:
    return lambda folder, rng: samples.write_stations(folder, rng, version, form)


@dataclass(frozen=True)
class Member:
    """A format, a sample of it, and its mapping if it needs one."""

    format: str
    write: Writer
    mapping: str | None = None


MEMBERS = {
    "mobike trips": Member("mobike-trips", _mobike(False)),
    "mobike trips with origin": Member("mobike-trips", _mobike(True)),
    **{
        f"gbfs {version} vehicles, {form}": Member("gbfs", _gbfs(version, form))
        for version in ("1.1", "2.3", "3.0")
        for form in ("folder", "lines")
    },
    **{
        f"gbfs {version} stations, {form}": Member("gbfs", _stations(version, form))
        for version in ("1.1", "2.3", "3.0")
        for form in ("folder", "lines")
    },
    "mds status": Member("mds", samples.write_mds_status),
    "mds events": Member("mds", samples.write_mds_events),
    "open311 json": Member("open311", samples.write_open311_json),
    "open311 xml": Member("open311", samples.write_open311_xml),
    "open311 csv": Member("open311", samples.write_open311_csv),
    "csv of vehicles": Member("csv", samples.write_vehicles_table, samples.VEHICLES_TOML),
    "csv of sensors, a column a metric": Member("csv", samples.write_wide_table, samples.WIDE_TOML),
    "csv of sensors, a row a metric": Member("csv", samples.write_long_table, samples.LONG_TOML),
    "csv of requests": Member("csv", samples.write_requests_table, samples.REQUESTS_TOML),
}


@dataclass
class Sampled:
    """A sample on disk, that can be opened again and again."""

    open: Callable[[], Source]
    expected: Expected


@pytest.fixture(params=MEMBERS.values(), ids=MEMBERS)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sampled:
    member: Member = request.param
    folder = tmp_path / "feed"
    folder.mkdir()
    where, expected = member.write(folder, np.random.default_rng(7))
    mapping = None
    if member.mapping is not None:
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(member.mapping)
    return Sampled(lambda: open_feed(member.format, Feed(str(where), mapping)), expected)


def read(source: Source) -> list[Columns]:
    return [batch for batch in source.batches() if len(batch)]


def test_every_format_is_in_the_suite() -> None:
    assert {member.format for member in MEMBERS.values()} == set(FORMATS)


def test_times_never_decrease(sample: Sampled) -> None:
    ts = np.concatenate([batch.ts for batch in read(sample.open())])
    assert len(ts) > 15
    assert (np.diff(ts) >= 0).all()


def test_the_source_ends_where_it_says_and_starts_where_it_says(sample: Sampled) -> None:
    source = sample.open()
    batches = read(source)
    assert source.start_ms == batches[0].ts[0]
    assert source.end_ms is not None
    assert source.end_ms >= batches[-1].ts[-1]


def test_a_reading_is_never_told_before_it_was_measured_nor_its_entity_back_in_time(sample: Sampled) -> None:
    newest: dict[str, int] = {}
    for batch in read(sample.open()):
        for part in batch.parts if isinstance(batch, Mixed) else ():
            for at, row in zip(part.ts.tolist(), part.row.tolist(), strict=True):
                assert row.ts <= at
                id_ = f"{row.__struct_fields__[0]} {getattr(row, row.__struct_fields__[0])}"
                assert row.ts >= newest.get(id_, 0)
                newest[id_] = row.ts


def test_every_row_is_published_or_counted_with_its_reason_and_an_example(sample: Sampled) -> None:
    source, expected = sample.open(), sample.expected
    told: Counter[str] = sum((_told(batch) for batch in read(source)), Counter())
    report = source.report
    assert report.skipped == +expected.skipped
    assert report.noted == expected.noted
    assert report.rows == expected.rows
    assert set(report.examples) == set(report.skipped) | set(report.noted)
    assert all(report.examples.values())
    if expected.told:
        assert told == expected.told


def _told(batch: Columns) -> Counter[str]:
    counts: Counter[str] = Counter()
    for message in arrays(batch, 500):
        counts[message.about] += message.readings
    return counts


@pytest.mark.parametrize("form", [lambda batch: arrays(batch, 500), singles], ids=["arrays", "singles"])
def test_the_gateway_refuses_nothing_of_it(sample: Sampled, form: Callable[[Columns], object]) -> None:
    limits = Limits(max_payload_bytes=1_000_000, max_clock_ahead_ms=0)
    accepted = 0
    for batch in read(sample.open()):
        for message in form(batch):  # type: ignore[attr-defined]
            decoded = decode(message.topic, message.payload, now_ms=int(batch.ts[-1]), limits=limits)
            assert decoded.rejected == []
            accepted += len(decoded.accepted)
    assert accepted > 15


def test_the_same_feed_read_twice_says_the_same_byte_for_byte(sample: Sampled) -> None:
    one, two = sample.open(), sample.open()
    payloads = [
        [(message.topic, message.payload) for batch in read(source) for message in arrays(batch, 500)]
        for source in (one, two)
    ]
    assert payloads[0] == payloads[1]
    assert one.report == two.report


def test_batches_are_cut_anywhere_without_a_change(sample: Sampled) -> None:
    whole = read(sample.open())
    batch = max(whole, key=len)
    cuts = [0, *sorted({len(batch) // 3, len(batch) // 2}), len(batch)]
    pieces = [batch.take(slice(first, last)) for first, last in pairwise(cuts)]
    assert sum((_told(piece) for piece in pieces), Counter()) == _told(batch)
