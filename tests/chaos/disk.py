"""A small disk that can be filled: a tmpfs, which only root may mount."""

import os
import subprocess
from pathlib import Path
from typing import Self

import pytest

_BLOCK = b"\0" * 1_000_000


class SmallDisk:
    """Use as a context; mounted at `path` while it lasts. Skips the test where mounting is not allowed."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        self.path.mkdir()
        options = f"size={self._megabytes}m,mode=0711"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(
                f"a small disk cannot be mounted ({done.stderr.strip()}); run as root, with CAP_SYS_ADMIN"
            )
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def fill(self) -> int:
        """Write until nothing more fits; return the bytes written."""
        written = 0
        with (self.path / "ballast").open("wb", buffering=0) as ballast:
            try:
                while size := ballast.write(_BLOCK):
                    written += size
            except OSError:
                return written
        return written

    def empty(self) -> None:
        """Take the ballast away."""
        (self.path / "ballast").unlink()

    @property
    def free(self) -> int:
        """Bytes that are free."""
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize
