"""Where machine code is kept, that a function works where it cannot be kept, and that asking for memory is harmless."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.columnar import compiled as module
from streams.columnar.compiled import compiled, fetch

SOURCE = "def twice(number):\n    return 2 * number\n"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    module._folder.cache_clear()
    room = tmp_path / "room"
    room.mkdir()
    (room / "loops.py").write_text(SOURCE)
    return room


def block(folder: Path) -> None:
    """Put a file where the folder would be: not even root can write into it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("")


def function_of(room: Path) -> Callable[[int], int]:
    names: dict[str, Callable[[int], int]] = {}
    exec(compile(SOURCE, str(room / "loops.py"), "exec"), names)
    return compiled(names["twice"])


def test_machine_code_is_kept_beside_the_module(room: Path) -> None:
    assert function_of(room)(21) == 42
    assert list((room / "__pycache__").glob("compiled-*/**/*.nbc"))


def test_machine_code_of_other_sources_is_kept_elsewhere(room: Path) -> None:
    """Else a function would go on with what an old version of another file had compiled into it."""
    first = module._folder(room)
    (room / "another.py").write_text("LIMIT = 1\n")
    module._folder.cache_clear()
    second = module._folder(room)
    (room / "another.py").write_text("LIMIT = 2\n")
    module._folder.cache_clear()
    assert len({first, second, module._folder(room)}) == 3


def test_a_folder_that_is_named_comes_first(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    folder = module._folder(room)
    assert folder is not None
    assert folder.parent == tmp_path / "named"


def test_where_the_module_lies_in_a_folder_that_cannot_be_written_the_users_cache_serves(
    room: Path, tmp_path: Path
) -> None:
    block(room / "__pycache__")
    folder = module._folder(room)
    assert folder is not None
    assert folder.parent == tmp_path / "cache" / "urbanbrain"


def test_where_nothing_can_be_written_a_function_works_all_the_same(room: Path, tmp_path: Path) -> None:
    block(room / "__pycache__")
    block(tmp_path / "cache" / "urbanbrain")
    assert module._folder(room) is None
    assert function_of(room)(21) == 42


def test_memory_that_is_asked_for_is_not_changed_wherever_it_lies() -> None:
    """Of records, of rows of several numbers and of numbers, of every other one, and beyond both ends."""
    records = np.zeros(100, np.dtype([("number", np.int64), ("name", "S40"), ("last", np.int8)]))
    records["number"] = np.arange(100)
    rows, numbers = np.arange(300).reshape(100, 3), np.arange(100, dtype=np.int8)
    for array in (records, records[::2], rows, rows[::-1], numbers, numbers[::2]):
        before = array.copy()
        for row in (0, len(array) - 1, len(array), -1, 2**40, -(2**40)):
            _ask(array, row)
        assert (array == before).all()


@compiled
def _ask(array: NDArray[np.generic], row: int) -> None:
    fetch(array, row)
