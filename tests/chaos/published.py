"""What loads wrote down of what they published: in each one's directory KIND.jsonl, one JSON array a line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.plan import Kind


def files(loads: Iterable[Path], kind: Kind) -> list[Path]:
    """Return the files of one kind."""
    return [load / f"{kind}.jsonl" for load in loads]


def items(published: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yield every reading or event of the files, in the order in which they were published."""
    for path in published:
        with path.open("rb") as lines:
            for line in lines:
                yield from msgspec.json.decode(line)
