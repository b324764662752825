"""One sensing fold for the examples and properties: its log, its checkpoints, and a listener to its partials."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from schemas import codec
from schemas.partials import SensingPartial
from schemas.rejected import Rejected
from streams import topics
from streams.fold.contract import Changes, Ledger, Output, Record, Restored
from streams.sensing.state import SensingConfig, SensingState

T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z, the start of a window."""
MINUTE = 60_000
FAR_FUTURE = 4_000_000_000_000

CONFIG = SensingConfig(
    window_ms=MINUTE, allowed_lateness_ms=10_000, amend_horizon_ms=10 * MINUTE, sources=1, most_series=1000
)

KINDS = {
    "temperature": "weather",
    "flow": "traffic",
    "speed": "traffic",
    "no2": "air",
    "laeq": "noise",
    "free_spaces": "parking",
    "occupied_spaces": "parking",
}


class Squares:
    """Cells of a tenth of a degree; two neighbours of a row are in different regions. Counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the cell of each position."""
        self.asked += len(lat)
        return [round(a * 10) * 10_000 + round(b * 10) for a, b in zip(lat, lon, strict=True)]

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        return f"{cell % 2:x}"


def cell(number: int) -> int:
    """Return the cell of square `number`."""
    return 312 * 10_000 + 1214 + number


def reading(value: float, seconds: float = 0, metric: str = "temperature", **fields: Any) -> dict[str, Any]:
    """Return a reading `seconds` after T0 in square `at` (0)."""
    at = fields.pop("at", 0)
    return {
        "sensor_id": "s-1",
        "kind": KINDS.get(metric, "weather"),
        "metric": metric,
        "value": value,
        "ts": T0 + round(seconds * 1000),
        "lat": 31.2,
        "lon": 121.4 + at / 10,
        "owner": "city",
        **fields,
    }


_DEFAULTS = {"unit": None, "status": "ok", "capacity": None}


def frame(readings: Sequence[Mapping[str, Any]], received_at: int = FAR_FUTURE) -> bytes:
    """Return a frame as the gateway writes it: a column of one value throughout is that value."""
    columns: dict[str, Any] = {}
    for name in (*reading(0), *_DEFAULTS):
        column = [one.get(name, _DEFAULTS.get(name)) for one in readings]
        whole = name in ("sensor_id", "value", "ts") or column.count(column[0]) < len(column)
        columns[name] = column if whole else column[0]
    return msgspec.json.encode({**columns, "received_at": received_at})


class Station:
    """A fold; `windows` is what a listener holds who keeps, of each row, what was told at the highest offset."""

    def __init__(self, config: SensingConfig = CONFIG) -> None:
        self.config = config
        self.locator = Squares()
        self.log: list[bytes] = []
        self.parts: dict[str, bytes] = {}
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.stored = -1
        self.stored_ledger = Ledger()
        self.windows: dict[tuple[int, int, str], dict[str, Any]] = {}
        self.partials: list[SensingPartial] = []
        self.refused: dict[tuple[str, int], Rejected] = {}
        self._offset_of: dict[tuple[int, int, str], int] = {}
        self.fold = self._open()

    def _open(self) -> SensingState:
        restored = Restored(0, 0, self.stored, dict(self.parts), self.stored_ledger)
        rows = list(self.rows.values())
        columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else None
        return SensingState(self.config, self.locator, restored, columns)

    def feed(self, *readings: Mapping[str, Any], received_at: int = FAR_FUTURE) -> None:
        """Fold a frame of readings."""
        self.feed_bytes(frame(readings, received_at))

    def feed_bytes(self, value: bytes) -> None:
        """Append a record to the log and fold it."""
        self.log.append(value)
        self._apply(len(self.log) - 1)

    def _apply(self, offset: int) -> None:
        self.fold.apply(Record(topics.SENSORS, 0, offset, self.log[offset], FAR_FUTURE))

    def tell(self, *, at_checkpoint: bool = True) -> list[SensingPartial]:
        """Publish; returns the partials."""
        told = [self._hear(output) for output in self.fold.take_outputs(at_checkpoint=at_checkpoint)]
        partials = [partial for partial in told if partial is not None]
        self.partials += partials
        return partials

    def _hear(self, output: Output) -> SensingPartial | None:
        if output.topic == topics.REJECTED:
            refusal = codec.rejected.decode(output.value)
            self.refused[refusal.source, refusal.sequence] = refusal
            return None
        partial = codec.partial.decode(output.value)
        assert isinstance(partial, SensingPartial)
        assert output.key == partial.region
        for key, row in rows_of(partial):
            if partial.offset >= self._offset_of.get(key, -1):
                self._offset_of[key], self.windows[key] = partial.offset, row
        return partial

    def checkpoint(self) -> Changes:
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
        for rows in sorted(changes.rows, key=lambda rows: not rows.delete):
            assert rows.table == "sensor_state"
            for values in zip(*rows.columns.values(), strict=True):
                row = dict(zip(rows.columns, values, strict=True))
                key = (row["sensor_id"], row["metric"])
                if rows.delete:
                    self.rows.pop(key, None)
                else:
                    self.rows[key] = row
        return changes

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

    def window(self, minute: int = 0, metric: str = "temperature", square: int = 0) -> dict[str, Any]:
        """Return a window as the listener holds it."""
        return self.windows[T0 + minute * MINUTE, cell(square), metric]

    def reasons(self) -> list[str]:
        """Return the reasons of all refusals, in order."""
        return [self.refused[key].reason for key in sorted(self.refused)]

    def books(self) -> tuple[int, int, int]:
        """Return (applied, superseded, rejected) as stored."""
        ledger = self.stored_ledger
        assert ledger.received == ledger.applied + ledger.superseded + ledger.rejected
        return ledger.applied, ledger.superseded, ledger.rejected


def rows_of(partial: SensingPartial) -> Iterable[tuple[tuple[int, int, str], dict[str, Any]]]:
    """Yield (key, row by column name) of a partial."""
    columns = msgspec.structs.asdict(partial.windows)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        key = (row.pop("window_start"), int(row.pop("cell"), 16), row.pop("metric"))
        yield key, row
