"""What the last poll of a system said, kept in a file: whoever leaves the feed between two runs is told as `removed`.

Without it nobody knows of a vehicle that was rented while nothing was polled; where ids change with each ride it would
stand there for as long as the pipeline waits for vehicles (UB_STALE_AFTER_S, 45 days).
"""

import os
from pathlib import Path

import msgspec

from sensors_sim.errors import SourceError
from sensors_sim.not_json import NOT_JSON
from sensors_sim.sources.gbfs_vehicles import Said


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose vehicles, when they were polled, and what each of them said."""

    owner: str
    at: int
    vehicles: dict[str, Said]


_decoder = msgspec.json.Decoder(Kept)


class Memory:
    """The file. It is replaced as a whole, so that it is never half of one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Kept | None:
        """Return what was kept, or None where nothing was yet. Raises SourceError where it is something else."""
        try:
            return _decoder.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, *NOT_JSON) as error:
            raise SourceError(
                f"--memory {self._path} does not hold what a poll said ({error}); name another file, or delete it"
            ) from None

    def write(self, kept: Kept) -> None:
        """Replace what was kept. Raises OSError."""
        new = self._path.with_name(f".{self._path.name}.new")
        new.write_bytes(msgspec.json.encode(kept))
        os.replace(new, self._path)
