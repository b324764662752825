"""Tables as they come from the database: cut into parts that hold whole rows."""

import csv
from io import StringIO

import pytest

from streams.audit.tables import whole_rows

ROWS = [["a", "1"], ['says "no"\nand goes', "2"], ["b,c", ""], ["\n\n", '"'], ["e", "5"]]


@pytest.mark.parametrize("size", [1, 7, 20, 1_000])
@pytest.mark.parametrize("block", [1, 3, 1_000])
def test_parts_hold_whole_rows_wherever_the_blocks_end(size: int, block: int) -> None:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(ROWS)
    data = text.getvalue().encode()
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    parts = list(whole_rows(blocks, size))
    assert b"".join(parts) == data
    assert [row for part in parts for row in csv.reader(StringIO(part.decode(), newline=""))] == ROWS
    assert all(len(part) >= size for part in parts[:-1])


def test_a_table_without_rows_has_no_parts() -> None:
    assert list(whole_rows([], 10)) == []
