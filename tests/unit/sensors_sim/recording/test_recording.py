"""A recording gives back what was written, from any moment on, also where it was cut off or damaged."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors_sim.errors import RecordingError
from sensors_sim.recording import chunks
from sensors_sim.recording.chunks import START, VERSION, ChunkHead, Head, framed, pack
from sensors_sim.recording.reader import Recording, is_recording
from sensors_sim.recording.record import Recorded, family, from_line, to_line
from sensors_sim.recording.writer import CHUNK_BYTES, CHUNK_US, Writer
from sensors_sim.sources.contract import Report
from tests.unit.sensors_sim.recording.messages import T0, S, head, positions, read, written

OF_ALL_SORTS = [
    Recorded(T0, "ub/v1/hello/vehicles", b'[{"vehicle_id": "b-1", "ts": 1}]'),
    Recorded(T0, "ub/v1/hello/vehicles", b""),
    Recorded(T0 + 1, "ub/v1/x/sensors/s-1", b'{"cut off', retain=True),
    Recorded(T0 + 2, "ub/v1/x/requests", "暖气\r\n\u2028".encode()),
    Recorded(T0 + 2, "ub/v1/x/requests", b"\xff\x00 not text"),
    Recorded(
        T0 + 9, "ub.vehicles", b"{}", 3, 17, 1_772_406_000_001, b"key", (("ce_id", b"1"), ("none", None))
    ),
    Recorded(T0 + 9, "ub.alerts", None, 0, 0, 5, b"\xfe", (("bytes", b"\xfd"),)),
]


def test_every_sort_of_message_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read(written(tmp_path / "r", OF_ALL_SORTS)) == OF_ALL_SORTS


@given(st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_any_bytes_survive_a_line(
    payload: bytes, key: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    message = Recorded(T0, "ub.vehicles", payload, 0, 1, 2, key, tuple(headers))
    line = to_line(message)
    assert line.splitlines(keepends=True) == [line]
    assert from_line(line) == message


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"at": 1}', b'{"at":1,"topic":"t","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
)
def test_a_line_that_is_no_message_is_refused_with_the_reason(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|array|missing|recursion depth"):
        from_line(text)


def test_a_recording_is_a_zstandard_file_of_json_lines_for_other_tools(tmp_path: Path) -> None:
    zstdcat = shutil.which("zstdcat")
    if zstdcat is None:
        pytest.skip("zstdcat is not installed")
    path = written(tmp_path / "r.jsonl.zst", OF_ALL_SORTS)
    lines = subprocess.run([zstdcat, path], capture_output=True, check=True).stdout.splitlines()
    assert [msgspec.json.decode(line)["topic"] for line in lines] == [m.topic for m in OF_ALL_SORTS]


def test_reading_from_a_moment_to_another_gives_what_arrived_then(tmp_path: Path) -> None:
    messages = positions(400)
    path = written(tmp_path / "r", messages)
    assert len(Recording(path).chunks) > 50
    for first, until in ((0, 400), (0, 1), (17, 203), (399, 400), (5, 5)):
        found = read(path, first=T0 + first * S, until=T0 + until * S)
        assert found == messages[first:until]
    assert read(path, first=T0 + 400 * S) == []
    assert read(path, until=T0) == []


def test_seeking_reads_no_chunk_before_the_moment(tmp_path: Path) -> None:
    messages = positions(400)
    path = written(tmp_path / "r", messages)
    data = bytearray(path.read_bytes())
    for chunk in Recording(path).chunks[:-1]:
        data[chunk.position : chunk.position + chunk.head.packed] = bytes(chunk.head.packed)
    path.write_bytes(data)
    last = Recording(path).chunks[-1].head
    assert read(path, first=last.first) == [m for m in messages if m.at >= last.first]


def test_only_the_topics_that_are_wanted_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "r", OF_ALL_SORTS)
    assert read(path, wanted=lambda topic: topic.endswith("requests")) == OF_ALL_SORTS[3:5]


def test_heads_count_messages_by_topic_and_devices_together(tmp_path: Path) -> None:
    recording = Recording(written(tmp_path / "r", OF_ALL_SORTS))
    assert recording.by_topic() == {
        "ub/v1/hello/vehicles": 2,
        "ub/v1/x/sensors/#": 1,
        "ub/v1/x/requests": 2,
        "ub.vehicles": 1,
        "ub.alerts": 1,
    }
    assert (recording.messages, recording.first, recording.last) == (7, T0, T0 + 9)
    assert recording.end is not None
    assert family("ub/v1/hello/vehicles/b-1/position") == "ub/v1/hello/vehicles/#"


def test_a_recording_that_was_cut_off_anywhere_gives_its_complete_chunks(tmp_path: Path) -> None:
    messages = positions(40)
    path = written(tmp_path / "r", messages)
    data = path.read_bytes()
    whole = Recording(path)
    seams = [c.position + c.head.packed for c in whole.chunks]  # where a recorder that is killed mostly is
    for length in (*range(len(START) + len(framed(head())), len(data) - 1, 7), *seams):
        path.write_bytes(data[:length])
        report = Report()
        found = list(Recording(path).read(report))
        complete = [c for c in whole.chunks if c.position + c.head.packed <= length]
        assert found == messages[: sum(c.head.messages for c in complete)]
        assert Recording(path).end is None
        assert report.skipped["cut_off"] == 1


def test_what_waits_to_be_written_is_a_mebibyte_or_five_seconds(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with Writer(path, head()) as writer:
        writer.write(positions(1)[0])
        assert read(path) == []
        writer.tick(T0 + CHUNK_US - 1)
        assert read(path) == []
        writer.tick(T0 + CHUNK_US)
        assert len(read(path)) == 1
        writer.write(Recorded(T0 + CHUNK_US, "t", bytes(CHUNK_BYTES)))
        assert len(read(path)) == 2


def test_a_damaged_chunk_is_skipped_and_counted_and_the_next_one_read(tmp_path: Path) -> None:
    messages = positions(40)
    path = written(tmp_path / "r", messages)
    second = Recording(path).chunks[1]
    data = bytearray(path.read_bytes())
    data[second.position + second.head.packed // 2] ^= 0xFF
    path.write_bytes(data)
    report = Report()
    found = list(Recording(path).read(report))
    assert len(found) == 40 - second.head.messages
    assert report.skipped == {"chunk_unreadable": second.head.messages}
    assert report.rows == 40
    assert f"at byte {second.position}" in report.examples["chunk_unreadable"]


def test_a_chunk_that_unpacks_to_more_than_any_has_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, bomb = tmp_path / "r", pack(bytes(CHUNK_BYTES))
    chunk = framed(ChunkHead(1, T0, T0, len(bomb), 1, 1, {}))
    path.write_bytes(START + framed(head()) + chunk + bomb)
    monkeypatch.setattr(chunks, "LONGEST_CHUNK", CHUNK_BYTES - 1)
    report = Report()
    assert not list(Recording(path).read(report))
    assert report.skipped["chunk_unreadable"] == 1
    assert report.examples["chunk_unreadable"].endswith(": more than 1,048,575 bytes of lines")


def test_a_chunk_without_its_end_is_skipped(tmp_path: Path) -> None:
    path, cut = tmp_path / "r", pack(bytes(CHUNK_BYTES))[:-5]
    path.write_bytes(START + framed(head()) + framed(ChunkHead(1, T0, T0, len(cut), 1, 1, {})) + cut)
    report = Report()
    assert not list(Recording(path).read(report))
    assert report.examples["chunk_unreadable"].endswith(": it breaks off")


@pytest.mark.parametrize(
    "data", [b"", b"bike_id,start_time\n", START, START + b"\x57\x2a\x4d\x18\x02\x00\x00\x00{}"]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "r"
    path.write_bytes(data)
    assert is_recording(path) == data.startswith(START)
    with pytest.raises(RecordingError, match=r"is not a recording .*sim record"):
        Recording(path)


def test_a_head_that_is_no_text_is_damage_behind_which_nothing_is_read(tmp_path: Path) -> None:
    messages = positions(40)
    path = written(tmp_path / "r", messages)
    second = Recording(path).chunks[1]
    data = bytearray(path.read_bytes())
    data[data.rindex(b"ub/v1", 0, second.position)] = 0xFF
    path.write_bytes(data)
    report = Report()
    first = Recording(path).chunks[0].head.messages
    assert list(Recording(path).read(report)) == messages[:first]
    assert "the head of a chunk cannot be read" in report.examples["cut_off"]


def test_a_head_with_a_length_that_cannot_be_is_damage_and_not_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "r"
    made = head()
    path.write_bytes(START + framed(made) + framed(ChunkHead(1, T0, T0, -8, 1, 1, {})))
    recording = Recording(path)
    assert recording.damage is not None
    assert recording.damage.position == len(START + framed(made))


def test_a_later_version_of_the_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(START + framed(Head(VERSION + 1, "mqtt", "", [], T0)))
    with pytest.raises(RecordingError, match=r"version 2 .* reads version 1"):
        Recording(path)


def test_a_recording_never_overwrites(tmp_path: Path) -> None:
    path = written(tmp_path / "r", OF_ALL_SORTS)
    with pytest.raises(RecordingError, match="exists; a recording never overwrites"):
        Writer(path, head())
    with pytest.raises(RecordingError, match="No such file"):
        Writer(tmp_path / "no" / "r", head())
