"""Writes a recording, chunk by chunk: what was written is readable, however the recorder ends."""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from sensors_sim.errors import RecordingError
from sensors_sim.recording.chunks import START, ChunkHead, End, Head, framed, pack
from sensors_sim.recording.record import Recorded, family, to_line

CHUNK_BYTES = 1 << 20
"""Lines are packed when they are so long together, before compression."""
CHUNK_US = 5_000_000
"""... or when the oldest of them has waited so long: what a killed recorder loses at most."""


class Writer:
    """A context manager that closes the file. `write` messages by arrival, and `tick` when there are none."""

    def __init__(self, path: Path, head: Head) -> None:
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise RecordingError(f"{path} exists; a recording never overwrites: give another name") from None
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}; give a file that can be written") from None
        self.messages = 0
        self.bytes = 0
        self.gaps = 0
        """How often the connection was lost; noted in the file's end."""
        self._last = head.began
        self._began_chunk = 0
        self._lines: list[bytes] = []
        self._plain = 0
        self._payload = 0
        self._topics: Counter[str] = Counter()
        self._put(START + framed(head))

    def write(self, message: Recorded) -> None:
        """Add a message."""
        if not self._lines:
            self._began_chunk = message.at
        line = to_line(message)
        self._lines.append(line)
        self._plain += len(line)
        self._payload += len(message.payload or b"")
        self._topics[family(message.topic)] += 1
        self._last = message.at
        self.messages += 1
        if self._plain >= CHUNK_BYTES:
            self._flush()
        else:
            self.tick(message.at)

    def tick(self, now: int) -> None:
        """Write what has waited long enough at `now`, microseconds since the epoch."""
        if self._lines and now - self._began_chunk >= CHUNK_US:
            self._flush()

    def _flush(self) -> None:
        frame = pack(b"".join(self._lines))
        head = ChunkHead(
            messages=len(self._lines),
            first=self._began_chunk,
            last=self._last,
            packed=len(frame),
            plain=self._plain,
            payload=self._payload,
            topics=dict(self._topics),
        )
        self._put(framed(head) + frame)
        self._lines.clear()
        self._topics.clear()
        self._plain = self._payload = 0

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise RecordingError(
                f"{self._file.name}: {error.strerror}; what was written before can be played"
            ) from None
        self.bytes += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, RecordingError):
                if self._lines:
                    self._flush()
                self._put(framed(End(self.messages, self._last, self.gaps)))
        finally:
            self._file.close()
