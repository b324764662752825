"""Parts of a checkpoint that this program cannot read: another version stored them.

The structs of parts forbid unknown fields, and folds parts of unknown names: what has more was stored by a later
version. New fields come last, with a default. Alerts, which are on Kafka as well, may have more.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from streams.errors import StateError
from streams.fold.zstd import zstd


@contextmanager
def reading(stage: str, part: str) -> Iterator[None]:
    """Decode a part of a stage's checkpoint inside of it: StateError where the part has another form."""
    try:
        yield
    except (msgspec.DecodeError, zstd.ZstdError, LookupError, ValueError) as error:
        raise _of_another_version(stage, part, str(error)) from error


def check_names(stage: str, parts: Iterable[str], known: Collection[str]) -> None:
    """Raise StateError where the name of a part, up to its first slash, is not among those known."""
    for part in parts:
        if part.partition("/")[0] not in known:
            raise _of_another_version(stage, part, f"known are {', '.join(sorted(known))}")


def _of_another_version(stage: str, part: str, why: str) -> StateError:
    return StateError(
        f"the stored state of stage {stage}, part {part}, is of another version of this program ({why}); "
        "run the version that stored it, or restore the backup from before it, or begin with an empty database "
        "and new topics"
    )
