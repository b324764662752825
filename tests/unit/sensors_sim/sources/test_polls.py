"""Polls in files: in order of time, whatever their names, with what is no poll counted."""

import gzip
import json
from pathlib import Path

from sensors_sim.sources.contract import Report
from sensors_sim.sources.polls import RecordedPolls

T0 = 1_725_235_200


def body(at: object) -> str:
    return json.dumps({"last_updated": at, "ttl": 0, "data": {}})


def told(where: Path) -> tuple[list[tuple[str, int]], Report]:
    report = Report()
    return [(poll.where, poll.at // 1000 - T0) for poll in RecordedPolls(where).read(report)], report


def test_polls_come_by_time_and_not_by_name(tmp_path: Path) -> None:
    for name, at in (("c.json", 0), ("a.json", 20), ("b.json", 10)):
        (tmp_path / name).write_text(body(T0 + at))
    assert told(tmp_path)[0] == [("c.json", 0), ("b.json", 10), ("a.json", 20)]


def test_polls_of_the_same_time_come_by_name(tmp_path: Path) -> None:
    for name in ("b.json", "a.json"):
        (tmp_path / name).write_text(body(T0))
    assert [name for name, _ in told(tmp_path)[0]] == ["a.json", "b.json"]


def test_files_whose_times_overlap_are_merged(tmp_path: Path) -> None:
    (tmp_path / "stations.jsonl").write_text("\n".join(body(T0 + at) for at in (0, 20, 40)))
    (tmp_path / "bikes.ndjson.gz").write_bytes(
        gzip.compress("\n\n".join(body(T0 + at) for at in (10, 30)).encode())
    )
    (tmp_path / "later.json").write_text(body(T0 + 35))
    assert [at for _, at in told(tmp_path)[0]] == [0, 10, 20, 30, 35, 40]


def test_times_of_all_versions_are_understood(tmp_path: Path) -> None:
    times = [T0, str(T0 + 1), T0 * 1000 + 2000, "2024-09-02T02:00:03+02:00", "2024-09-02T00:00:04Z", T0 + 5.0]
    (tmp_path / "p.jsonl").write_text("\n".join(body(at) for at in times))
    assert [at for _, at in told(tmp_path / "p.jsonl")[0]] == [0, 1, 2, 3, 4, 5]


def test_what_is_no_poll_is_counted_with_where_it_stood_and_how_it_began(tmp_path: Path) -> None:
    lines = [body(T0), "404 Not Found", '{"last_upd', "[1]", body("soon"), body(T0 + 60)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    found, report = told(tmp_path / "p.jsonl")
    assert [at for _, at in found] == [0, 60]
    assert dict(report.skipped) == {"not_json": 2, "not_a_feed": 1, "no_last_updated": 1}
    assert report.examples["not_json"] == "p.jsonl line 2: '404 Not Found'"


def test_a_damaged_file_in_a_folder_harms_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(body(T0))
    lines = "\n".join(body(T0 + at) for at in range(5_000)).encode()
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines)[:-2_000])
    (tmp_path / "c.json").write_text(body(T0 + 9_000))
    found, report = told(tmp_path)
    assert found[0] == ("a.json", 0)
    assert found[-1] == ("c.json", 9_000)
    assert dict(report.skipped) == {"file_unreadable": 1}


def test_a_poll_dated_back_within_its_file_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n".join(body(T0 + at) for at in (0, 60, 30, 90)))
    assert [at for _, at in told(tmp_path / "p.jsonl")[0]] == [0, 60, 30, 90]


def test_lists_in_lists_without_end_are_no_poll(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n".join([body(T0), "[" * 100_000, body(T0 + 60)]))
    found, report = told(tmp_path / "p.jsonl")
    assert [at for _, at in found] == [0, 60]
    assert dict(report.skipped) == {"not_json": 1}


def test_a_time_of_hundreds_of_digits_is_none(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n".join([body(10**400), body(T0)]))
    found, report = told(tmp_path / "p.jsonl")
    assert [at for _, at in found] == [0]
    assert dict(report.skipped) == {"no_last_updated": 1}
