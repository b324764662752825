"""One requests fold for the examples and properties: its log, its checkpoints, and a listener to its partials."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from schemas import codec
from schemas.partials import RequestsPartial
from schemas.rejected import Rejected
from streams import topics
from streams.fold.contract import Ledger, Record, Restored
from streams.requests.districts import Districts
from streams.requests.needed import Needed, needed
from streams.requests.state import RequestsConfig, RequestsState

T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z, the start of a window."""
MINUTE = 60_000
DAY = 86_400_000
FAR_FUTURE = 4_000_000_000_000

CONFIG = RequestsConfig(
    window_ms=MINUTE,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=10 * MINUTE,
    forget_request_ms=90 * DAY,
    sources=1,
)

Row = tuple[int, int, str]
"""Window start, cell, service_code."""


class Squares:
    """Cells of a tenth of a degree; two neighbours of a row are in different regions."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the cell of each position."""
        return [round(a * 10) * 10_000 + round(b * 10) for a, b in zip(lat, lon, strict=True)]

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        return f"{cell % 2:x}"


def place(number: int) -> dict[str, float]:
    """Return a position in square `number`."""
    return {"lat": 31.2, "lon": 121.4 + number / 10}


def cell(number: int) -> int:
    """Return the cell of square `number`."""
    return 312 * 10_000 + 1214 + number


def event(kind: str, minute: float, name: str = "r-1", **fields: Any) -> dict[str, Any]:
    """Return an event `minute` minutes after T0; `at` is short for a place, `code` for service_code."""
    said: dict[str, Any] = {"service_request_id": name, "event": kind, "ts": T0 + round(minute * MINUTE)}
    if "at" in fields:
        said |= place(fields.pop("at"))
    if "code" in fields:
        said["service_code"] = fields.pop("code")
    if "due" in fields:
        said["expected_datetime"] = T0 + round(fields.pop("due") * MINUTE)
    return {"owner": "city", **said, **fields}


def opened(minute: float, name: str = "r-1", **fields: Any) -> dict[str, Any]:
    """Return an opening in square 0 of category `light`, unless said otherwise."""
    return event("opened", minute, name, **{"at": 0, "code": "light", **fields})


def frame(events: Iterable[Mapping[str, Any]], received_at: int = FAR_FUTURE) -> bytes:
    """Return a frame as the gateway writes it."""
    return msgspec.json.encode({"events": list(events), "received_at": received_at})


class Desk:
    """A fold; `counts` is what a listener holds who keeps the newest word on each row."""

    def __init__(self, config: RequestsConfig = CONFIG, districts: str | None = None) -> None:
        self.config = config
        self.districts = Districts.parse(districts)
        self.log: list[bytes] = []
        self.parts: dict[str, bytes] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.stored = -1
        self.stored_ledger = Ledger()
        self.counts: dict[Row, dict[str, Any]] = {}
        self.partials: list[RequestsPartial] = []
        self.refused: dict[tuple[str, int], Rejected] = {}
        self.fold = self._open()

    def _open(self) -> RequestsState:
        restored = Restored(0, 0, self.stored, dict(self.parts), self.stored_ledger)
        since, ids = self.needed()
        rows = [
            row
            for name, row in self.rows.items()
            if row["status"] == "open" or row["updated_at"] >= since or name in ids
        ]
        columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else None
        return RequestsState(self.config, Squares(), self.districts, restored, columns)

    def needed(self) -> Needed:
        """Return which rows of the table a fold is given that goes on."""
        return needed(self.parts, self.config.forget_request_ms, self.config.amend_horizon_ms)

    def feed(self, *events: Mapping[str, Any]) -> None:
        """Fold a frame of events."""
        self.feed_bytes(frame(events))

    def feed_bytes(self, value: bytes) -> None:
        """Append a record to the log and fold it."""
        self.log.append(value)
        self._apply(len(self.log) - 1)

    def _apply(self, offset: int) -> None:
        self.fold.apply(Record(topics.REQUESTS, 0, offset, self.log[offset], FAR_FUTURE))

    def tell(self, *, at_checkpoint: bool = True) -> list[RequestsPartial]:
        """Publish; returns the partials."""
        told = []
        for output in self.fold.take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.REJECTED:
                refusal = codec.rejected.decode(output.value)
                self.refused[refusal.source, refusal.sequence] = refusal
                continue
            partial = codec.partial.decode(output.value)
            assert isinstance(partial, RequestsPartial)
            told.append(partial)
            for start, row in rows_of(partial):
                self.counts[start, int(row["cell"], 16), row["service_code"]] = row
        self.partials += told
        return told

    def checkpoint(self) -> None:
        """Publish and store."""
        self.tell()
        changes = self.fold.take_changes()
        self.stored = len(self.log) - 1
        assert changes.ledger is not None
        self.stored_ledger = changes.ledger
        for name, value in changes.parts.items():
            if value is None:
                del self.parts[name]
            else:
                self.parts[name] = value
        for rows in changes.rows:
            assert rows.table == "request"
            for values in zip(*rows.columns.values(), strict=True):
                row = dict(zip(rows.columns, values, strict=True))
                self.rows[row["service_request_id"]] = row

    def crash(self) -> None:
        """Lose the memory, load the checkpoint and fold the rest of the log again."""
        self.fold = self._open()
        for offset in range(self.stored + 1, len(self.log)):
            self._apply(offset)

    def crash_before_commit(self) -> None:
        """Publish a checkpoint's outputs, and crash before they are stored."""
        self.tell()
        self.fold.take_changes()
        self.crash()

    def count(self, minute: int, square: int = 0, code: str = "light") -> dict[str, int]:
        """Return the counts of a window that are not zero, as the listener holds them."""
        row = self.counts.get((T0 + minute * MINUTE, cell(square), code), {})
        return {name: value for name, value in row.items() if name not in _LABELS and value}

    def reasons(self) -> list[str]:
        """Return the reasons of all refusals, in order."""
        return [self.refused[key].reason for key in sorted(self.refused)]


_LABELS = ("window_start", "cell", "service_code")


def rows_of(partial: RequestsPartial) -> list[tuple[int, dict[str, Any]]]:
    """Return (window start, row by column name) of a partial."""
    columns = msgspec.structs.asdict(partial.windows)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [(row["window_start"], row) for row in rows]
