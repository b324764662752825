"""Where machine code is kept, and that a function works where it cannot be kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams import compiled as module
from streams.compiled import compiled

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
