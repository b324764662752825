"""Files that are whole or not there: half a file, as a full disk leaves it, would be taken for one."""

from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file. Raises OSError: where it cannot be opened what is there stays; half of it is removed.

    The error is that of the writing, also where half of it cannot be removed.
    """
    file = path.open("wb")
    try:
        with file:
            file.write(content)
    except OSError:
        with suppress(OSError):
            if path.is_file():  # and not a device
                path.resolve().unlink()
        raise
