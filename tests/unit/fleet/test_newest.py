"""Last writer wins, against a loop that does it one reading at a time."""

import numpy as np
import pytest

from streams.fleet.newest import newest_wins


def one_by_one(ts: list[int], rows: list[int], on_file: list[int]) -> list[bool]:
    known = list(on_file)
    applied = []
    for time, row in zip(ts, rows, strict=True):
        applied.append(time > known[row])
        known[row] = max(known[row], time)
    return applied


@pytest.mark.parametrize("vehicles", [1, 3, 50])
@pytest.mark.parametrize("seed", range(20))
def test_a_frame_applies_what_a_loop_would(vehicles: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    n = int(chance.integers(1, 40))
    ts = chance.integers(0, 12, n) * int(chance.choice([1, 4 * 10**12]))
    rows, on_file = chance.integers(0, vehicles, n), chance.integers(0, 8, vehicles)
    before = on_file.copy()
    applied, once = newest_wins(ts, rows, on_file, np.full(vehicles, 7, np.int64))
    assert applied.tolist() == one_by_one(ts.tolist(), rows.tolist(), before.tolist())
    assert (on_file == before).all(), "nothing is put on file here"
    assert not once or len(set(rows.tolist())) == n
