"""Records of readings as columns: a frame (an object of columns), an array of readings, or one reading."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from streams.audit.records import TIMES, LogRecord, Unfit, check_int64


class ReadingsReader:
    """Reads the records of a topic of readings; for streams.audit.records.Intake.

    `columns` are what is read of them, first the ids, last `received_at`: readings outside a frame have their
    record's timestamp for it.
    """

    def __init__(
        self, frame: type[msgspec.Struct], reading: type[msgspec.Struct], columns: Iterable[str]
    ) -> None:
        *self._names, _ = columns
        self._frame = msgspec.json.Decoder(frame)
        self._reading = msgspec.json.Decoder(reading)
        self._readings = msgspec.json.Decoder(list[reading])  # type: ignore[valid-type]

    def __call__(self, record: LogRecord) -> Sequence[Any]:
        """Return the columns of a record; Unfit where they are not of one length, or of no time."""
        value = record.value
        if value.lstrip()[:1] == b"[":
            return self._of_readings(self._readings.decode(value), record.timestamp)
        try:
            frame: Any = self._frame.decode(value)
        except msgspec.ValidationError:
            if b'"received_at"' in value:  # it means to be a frame
                raise
            return self._of_readings([self._reading.decode(value)], record.timestamp)
        columns = [getattr(frame, name) for name in self._names]
        n = len(columns[0])
        if frame.received_at not in TIMES or any(isinstance(c, list) and len(c) != n for c in columns):
            raise Unfit(max(1, n))
        check_int64(frame.ts)
        return (*columns, frame.received_at)

    def _of_readings(self, readings: Sequence[Any], timestamp: int) -> Sequence[Any]:
        columns = [[getattr(reading, name) for reading in readings] for name in self._names]
        check_int64([reading.ts for reading in readings])
        return (*columns, timestamp)
