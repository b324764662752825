"""One pure fold driven as a worker drives it: what a checkpoint asks for included, no Kafka, no Faust, no database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.fold.contract import Changes, Fold, Output
from tests.bench import marks
from tests.bench.cells import record
from tests.bench.frames import Frame


@dataclass(slots=True)
class Told:
    """What a fold handed out, and when it began and ended."""

    begin: marks.Mark
    end: marks.Mark
    outputs: list[Output] = field(default_factory=list)
    changes: list[Changes] = field(default_factory=list)


def drive(fold: Fold, topic: str, frames: Iterable[Frame], checkpoint: int) -> Told:
    """Fold frames in, with a checkpoint after each `checkpoint` of them and after the last; what is told is kept."""
    ready = [
        (record(topic, at, frame.value, frame.timestamp), frame.readings) for at, frame in enumerate(frames)
    ]
    marks.settled()
    told = Told(marks.now(), marks.now())
    done = 0
    for number, (one, readings) in enumerate(ready, start=1):
        fold.apply(one)
        done += readings
        at_checkpoint = number % checkpoint == 0 or number == len(ready)
        told.outputs += fold.take_outputs(at_checkpoint=at_checkpoint)
        if at_checkpoint:
            told.changes.append(fold.take_changes())
    told.end = marks.now(done)
    return told


def table(
    changes: Iterable[Changes], name: str, key: tuple[str, ...]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows that a table holds after all changes, by their key."""
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in _rows(changes, name):
        held[tuple(row[column] for column in key)] = row
    return held


def _rows(changes: Iterable[Changes], name: str) -> Iterator[dict[str, Any]]:
    for rows in (rows for change in changes for rows in change.rows if rows.table == name):
        for values in zip(*rows.columns.values(), strict=True):
            yield dict(zip(rows.columns, values, strict=True))
