"""Reads a recording: its heads at once, its messages from any moment on."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sensors_sim.errors import RecordingError
from sensors_sim.recording.chunks import START, VERSION, ChunkHead, Damaged, End, Head, heads, unpack
from sensors_sim.recording.record import Recorded, from_line
from sensors_sim.sources.contract import Report


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk and where it stands in the file."""

    position: int
    head: ChunkHead


def is_recording(path: Path) -> bool:
    """Say whether the file begins as a recording does."""
    try:
        with path.open("rb") as file:
            return file.read(len(START)) == START
    except OSError:
        return False


class Recording:
    """The heads of a recording, in memory; messages are read when they are asked for.

    end  None where the recorder did not end in order; damage says where the file breaks off, or does not go on
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end: End | None = None
        self.damage: Damaged | None = None
        chunks: list[Chunk] = []
        head: Head | None = None
        try:
            with path.open("rb") as file:
                self.bytes = file.seek(0, 2)
                try:
                    for position, found in heads(file):
                        match found:
                            case Head():
                                head = head or found
                            case ChunkHead():
                                chunks.append(Chunk(position, found))
                            case End():
                                self.end = found
                except Damaged as damage:
                    self.damage = damage
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}; give a file that can be read") from None
        if head is None:
            reason = self.damage.reason if self.damage else "it has no head"
            raise RecordingError(f"{path} is not a recording ({reason}); `urbanbrain sim record` writes them")
        if head.version != VERSION:
            raise RecordingError(
                f"{path}: version {head.version} of the format; this program reads version {VERSION}"
            )
        self.head = head
        self.chunks = tuple(chunks)

    @property
    def messages(self) -> int:
        """Messages in all chunks."""
        return sum(chunk.head.messages for chunk in self.chunks)

    @property
    def first(self) -> int | None:
        """Arrival of the first message, microseconds since the epoch."""
        return self.chunks[0].head.first if self.chunks else None

    @property
    def last(self) -> int | None:
        """Arrival of the last message, microseconds since the epoch."""
        return self.chunks[-1].head.last if self.chunks else None

    def by_topic(self) -> Counter[str]:
        """Return the messages by topic (record.family)."""
        counts: Counter[str] = Counter()
        for chunk in self.chunks:
            counts.update(chunk.head.topics)
        return counts

    def read(
        self,
        report: Report,
        first: int | None = None,
        until: int | None = None,
        wanted: Callable[[str], bool] | None = None,
    ) -> Iterator[Recorded]:
        """Yield the messages with first <= at < until whose topic is wanted, in the order in which they arrived.

        What cannot be read is skipped and reported: a chunk, a line, a file that breaks off.
        """
        start = 0
        if first is not None:
            start = bisect_left(self.chunks, first, key=lambda chunk: chunk.head.last)
        with self.path.open("rb") as file:
            for chunk in self.chunks[start:]:
                if until is not None and chunk.head.first >= until:
                    return
                file.seek(chunk.position)
                try:
                    lines = unpack(file.read(chunk.head.packed))
                except ValueError as error:
                    report.rows += chunk.head.messages
                    report.skip("chunk_unreadable", f"at byte {chunk.position}: {error}", chunk.head.messages)
                    continue
                for line in lines.splitlines():
                    report.rows += 1
                    try:
                        message = from_line(line)
                    except ValueError as error:
                        report.skip("line_unreadable", f"in the chunk at byte {chunk.position}: {error}")
                        continue
                    if first is not None and message.at < first:
                        continue
                    if until is not None and message.at >= until:
                        return
                    if wanted is None or wanted(message.topic):
                        yield message
        if self.damage is not None:
            report.skip("cut_off", f"at byte {self.damage.position}: {self.damage.reason}")
        elif self.end is None:
            report.skip("cut_off", "after its last chunk: the recorder did not end in order")
