"""Parts of a checkpoint that this program cannot read: another version stored them.

The structs of parts forbid unknown fields: what has more was stored by a later version. New fields come last, with a
default. Alerts, which are on Kafka as well, may have more.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from streams.errors import StateError
from streams.fold.zstd import zstd


@contextmanager
def reading(stage: str, part: str) -> Iterator[None]:
    """Decode a part of a stage's checkpoint inside of it: StateError where the part has another form."""
    try:
        yield
    except (msgspec.DecodeError, zstd.ZstdError) as error:
        raise StateError(
            f"the stored state of stage {stage}, part {part}, is of another version of this program ({error}); "
            "run the version that stored it, or restore the backup from before it, or begin with an empty database "
            "and new topics"
        ) from error
