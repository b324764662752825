"""Recordings: what is written is read, and what cannot be used is named."""

import base64
import struct
import sys
from pathlib import Path

import pytest

from streams import topics
from streams.audit import recording
from streams.audit.fleet import records as fleet
from streams.audit.log import check_beginnings
from streams.audit.records import LogRecord
from streams.audit.source import Read, read_recording
from streams.errors import CannotAudit
from tests.unit.audit.audit_logs import frame, reading, records

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def said(_line: str) -> None:
    """Take progress."""


def read_vehicles(path: Path, vehicles: dict[int, int], rejected: dict[int, int]) -> Read:
    """Read vehicles and refusals up to these offsets."""
    offsets = {topics.VEHICLES: vehicles, topics.REJECTED: rejected}
    return read_recording(path, {topics.VEHICLES: fleet.intake()}, offsets, said)


def written(path: Path, log: list[LogRecord]) -> Path:
    with recording.Recorder(path) as recorder:
        for record in log:
            recorder.write(record)
    return path


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    log = records([frame([reading("a", 1)]), b"", b"{not json", b"\xff\x00 not text"])
    assert list(recording.read(written(tmp_path / name, log))) == log


def test_a_recording_gives_readings_and_refusals(tmp_path: Path) -> None:
    refusal = b'{"source": "g", "sequence": 1, "reason": "empty", "topic": "t"}'
    log = [
        *records([frame([reading("a", 1), reading("b", 2)])]),
        LogRecord(topics.REJECTED, 0, 0, 0, refusal),
    ]
    read = read_vehicles(written(tmp_path / "log", log), {0: 0}, {0: 0})
    assert (read.count, len(read.refusals)) == (2, 1)


def test_a_recording_that_ends_before_what_the_tables_reflect_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log", records([frame([reading("a", 1)])]))
    with pytest.raises(CannotAudit, match=r"ub\.vehicles\[0\] ends at offset 0, the tables reflect 4"):
        read_vehicles(path, {0: 4}, {})
    with pytest.raises(CannotAudit, match=r"ub\.vehicles\[3\] ends at offset -1"):
        read_vehicles(path, {0: 0, 3: 0}, {})


def test_a_recording_without_its_beginning_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log", records([frame([reading("a", 1)])] * 3)[1:])
    with pytest.raises(CannotAudit, match=r"ub\.vehicles\[0\] begins at offset 1"):
        read_vehicles(path, {0: 2}, {})


def test_a_recording_out_of_order_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log", records([frame([reading("a", 1)])] * 3)[::-1])
    with pytest.raises(CannotAudit, match="offset 1 comes after 2"):
        read_vehicles(path, {0: 2}, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [('{"topic": 1}', "line 2: .*topic"), ("nonsense", "line 2"), ('{"topic": "t"}', "line 2: .*partition")],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path / "log", records([b"x"]))
    path.write_text(path.read_text() + text + "\n")
    with pytest.raises(CannotAudit, match=reason):
        list(recording.read(path))


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotAudit, match=r"missing: No such file"):
        list(recording.read(tmp_path / "missing"))
    (tmp_path / "short.gz").write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(CannotAudit, match=r"short\.gz"):
        list(recording.read(tmp_path / "short.gz"))
    with pytest.raises(CannotAudit, match="can be written"):
        recording.Recorder(tmp_path / "no" / "folder")


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_recording_is_never_written_over_another(tmp_path: Path, name: str) -> None:
    older = records([frame([reading("a", 1)])])
    path = written(tmp_path / name, older)
    with pytest.raises(CannotAudit, match=rf"{name} exists, and is never overwritten: give another name"):
        recording.Recorder(path)
    assert list(recording.read(path)) == older


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_log_that_cannot_be_read_to_its_end_leaves_no_recording(tmp_path: Path, name: str) -> None:
    def trimmed() -> None:
        with recording.Recorder(tmp_path / name) as recorder:
            recorder.write(records([b"x"])[0])
            check_beginnings({("ub.vehicles", 1): 70})

    with pytest.raises(CannotAudit, match="retention"):
        trimmed()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_is_begun_has_another_name_and_is_not_written_by_two(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with recording.Recorder(path):
        assert not path.exists()
        with pytest.raises(CannotAudit, match=r"log\.part is being written by another audit"):
            recording.Recorder(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_what_a_killed_audit_left_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.part").write_bytes(b"half a line" * 10_000)
    log = records([frame([reading("a", 1)])])
    recording.check_free(tmp_path / name)
    assert list(recording.read(written(tmp_path / name, log))) == log
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_disk_that_is_full_is_named_and_leaves_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_open", lambda *_, **__: Path("/dev/full").open("wb"))  # noqa: SIM115 - the recorder closes it
    with pytest.raises(CannotAudit, match="log: No space left on device; give a file that can be written"):
        written(tmp_path / "log", records([b"x"]))
    assert list(tmp_path.iterdir()) == []


def test_a_gzip_file_that_is_damaged_anywhere_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "log.gz", records([frame([reading(f"bike-{n}", n)]) for n in range(50)]))
    whole = path.read_bytes()
    for at in range(10 + len("log.gz.part\0"), len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(CannotAudit, match=r"log\.gz"):
            list(recording.read(path))


def test_a_log_that_lost_its_beginning_cannot_be_audited() -> None:
    check_beginnings({("ub.vehicles", 0): 0, ("ub.vehicles", 1): 0})
    with pytest.raises(CannotAudit, match=r"ub\.vehicles\[1\] begins at offset 70: .*retention"):
        check_beginnings({("ub.vehicles", 0): 0, ("ub.vehicles", 1): 70})


def packed(path: Path, log: list[LogRecord]) -> Path:
    """A file in the form of `urbanbrain sim record --kafka`: frames of lines with more fields, heads between them."""
    frames = [zstd.compress(b"")]
    for at, r in enumerate(log):
        head = b'{"is":"chunk"}'
        line = b'{"at":%d,"topic":"%s","partition":%d,"offset":%d,"timestamp":%d,"headers":[["a","b"]],'
        line += b'"value_base64":"%s"}\n'
        place = (at, r.topic.encode(), r.partition, r.offset, r.timestamp, base64.b64encode(r.value))
        frames += [struct.pack("<II", 0x184D2A57, len(head)) + head, zstd.compress(line % place)]
    path.write_bytes(b"".join(frames))
    return path


def test_a_recording_of_the_simulator_is_read_whatever_its_name(tmp_path: Path) -> None:
    log = records([frame([reading("a", 1)]), b"", b"\xff\x00 not text"])
    assert list(recording.read(packed(tmp_path / "day.gz", log))) == log


def test_a_recording_of_the_simulator_that_is_cut_off_or_damaged_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path / "day", records([frame([reading("a", 1)])] * 3))
    data = path.read_bytes()
    for spoilt in (data[:-5], data[:-20] + bytes(20)):
        path.write_bytes(spoilt)
        with pytest.raises(CannotAudit, match=r"day: .*sim record --kafka"):
            list(recording.read(path))
