"""The other stream processors: what is checked of them without installing them."""

from pathlib import Path

import pytest

from tests.bench import closed, run
from tests.bench.contestants import TINY
from tests.bench.expected import Counts, Occupancy, Verdict, compare, expected
from tests.bench.frames import Frame, closing_frames, frames_of
from tests.bench.peers.batch import Batch
from tests.bench.workload import Workload

PEERS = {"bytewax", "pathway", "quix"}


def batch_of(workload: Workload) -> Batch:
    return Batch(
        {
            "shape": workload.shape,
            "resolution": workload.resolution,
            "end_ms": workload.end_ms,
            "partitions": workload.partitions,
        }
    )


def folded(workload: Workload, frames: list[Frame]) -> Verdict:
    """Fold frames by hand, as Bytewax has them folded, and compare with the batch computation."""
    batch, counts, occupancy = batch_of(workload), Counts(), Occupancy()
    for frame in [*frames, *closing_frames(workload)]:
        assert not batch.ended
        batch.fold(frame.partition, frame.value)
        for record in batch.close():
            counts[record["cell"], record["window"]] = record["count"]
            occupancy[record["cell"]] = record["occupancy"]
    assert batch.ended
    cells = {cell for cell, window in counts if window == max(window for _, window in counts)}
    found = expected(workload)
    return compare(counts, found.counts) + compare({c: occupancy[c] for c in cells}, found.present)


@pytest.mark.parametrize("shape", ["columns", "rows"])
def test_batches_by_hand_find_what_the_batch_computation_finds_and_a_lost_frame_is_noticed(
    shape: str,
) -> None:
    workload = Workload(readings=6_000, vehicles=600, shape=shape, frame=70)
    frames = list(frames_of(workload))
    right, lacking = folded(workload, frames), folded(workload, frames[:5] + frames[6:])
    assert right.compared > 1_000
    assert right.wrong == 0
    assert lacking.wrong > 10


def test_of_updates_that_come_in_any_order_the_last_said_holds_and_what_was_taken_back_does_not() -> None:
    workload = Workload()
    early, late = workload.end_ms - 120_000, workload.end_ms
    counted = [(7, early, 3, 2), (7, early, 1, 1), (9, early, 4, 1), (8, late, 1, 3)]
    records = [{"cell": c, "window": w, "count": n, "time": t, "diff": 1} for c, w, n, t in counted]
    records += [{"cell": 7, "window": early, "count": 1, "time": 2, "diff": -1}]
    records += [{"cell": 7, "occupancy": 5, "time": 1, "diff": 1}]
    records += [{"cell": c, "occupancy": 5, "time": 2, "diff": d} for c, d in ((7, -1), (9, 1), (8, 1))]
    assert closed.settled(records, workload) == ({(7, early): 3, (9, early): 4}, {9: 5})


def test_other_stream_processors_run_only_where_they_are_asked_for() -> None:
    assert not PEERS & set(run.chosen(TINY, []))
    assert set(run.chosen(TINY, ["fleet", "quix"])) == {"fleet", "quix"}
    both = PEERS | {"fleet", "floor"}
    assert set(run.chosen(TINY, [], peers=True)) == both | {f"{name}_rows" for name in both}


def test_a_stream_processor_that_is_not_installed_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / ".venv-peers" / "bin" / "python"
    monkeypatch.setattr(run, "PEERS", python)
    with pytest.raises(SystemExit, match=r"\.venv-peers/bin/python is not there, .*`make bench-peers`"):
        run.installed(TINY, ["fleet", "bytewax"], lambda _line: None)
    assert run.installed(TINY, ["fleet"], lambda _line: None) == ["fleet"]
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nexec grep -q quixstreams << end\n"$2"\nend\n'.replace('"$2"', "$2"))
    python.chmod(0o755)
    said: list[str] = []
    assert run.installed(TINY, ["fleet", "bytewax", "quix"], said.append) == ["fleet", "quix"]
    assert len(said) == 1
    assert said[0].startswith("bytewax: left out, as bytewax is not in")


def test_every_package_that_takes_part_is_in_their_lock_file() -> None:
    lock = (Path(__file__).parent / "peers" / "requirements.lock").read_text()
    packages = {one.package for group in run.groups(TINY) for one in group if one.package is not None}
    assert packages == {"bytewax", "pathway", "quixstreams"}
    assert all(f"\n{package}==" in f"\n{lock}" for package in packages)
