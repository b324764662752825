"""The private directory of one native stack: created for it, locked while it lives, removed with it."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "urbanbrain-native-"
_NEWBORN_S = 60.0


@contextlib.contextmanager
def private_directory(parent: Path | None = None) -> Iterator[Path]:
    """Create a directory below `parent` (default: the system's temporary directory), remove it at the end.

    The directory is locked (flock) for our lifetime; the kernel drops the lock however we end. What a killed
    process left behind is therefore recognised, and swept here. Mode 0711: services that run as
    another user can reach their own sub-directory and list nothing else.
    """
    root = parent if parent is not None else Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        directory.chmod(0o711)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(handle)


def sweep(root: Path) -> list[Path]:
    """Remove the directories whose owners are dead; return them.

    One younger than a minute may stand between its creation and its lock, so it is left alone; so is
    whatever belongs to another user.
    """
    swept = []
    for directory in root.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            if time.time() - directory.stat().st_mtime < _NEWBORN_S:
                continue
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
                swept.append(directory)
            finally:
                os.close(handle)
    return swept
