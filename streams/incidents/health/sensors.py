"""What is known of one sensor: of each of its metrics what sensing said last."""

from dataclasses import dataclass, field

import msgspec

from schemas.cells import CellsHealth


class Series(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A row of schemas.partials.SensorHealth, and when it was said: (generation, offset) of the source."""

    said: tuple[int, int]
    last_ts: int
    expected_ms: int
    patience_ms: int
    value: float
    repeated: int
    repeated_before: int
    stuck_since: int
    refused: int
    refused_since: int
    period: int
    mean: float


class SavedSensor(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A sensor between checkpoints."""

    owner: str
    cell: str
    series: dict[str, Series]


@dataclass(slots=True)
class Sensor:
    """A sensor in a region; `series` by metric."""

    owner: str
    cell: str
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def last_ts(self) -> int:
        """Newest event time that was heard of it."""
        return max((series.last_ts for series in self.series.values()), default=0)

    @property
    def patience_ms(self) -> int:
        """The shortest silence that is unusual; 0: not yet known of any metric."""
        return min((s.patience_ms for s in self.series.values() if s.patience_ms), default=0)

    def silent_after(self, awake_ms: int) -> int | None:
        """Return the event time from which on it is silent; `awake_ms`: its feed was silent until then.

        The newest ts that is known may be a quarter of the patience older than the newest there is. None: not known.
        """
        return self._after(awake_ms, 5)

    def doubtful_after(self, awake_ms: int) -> int | None:
        """Return the event time until which it would have been heard of, as a rule: half its patience."""
        return self._after(awake_ms, 2)

    def _after(self, awake_ms: int, quarters: int) -> int | None:
        waits = [
            max(series.last_ts, awake_ms) + series.patience_ms * quarters // 4
            for series in self.series.values()
            if series.patience_ms
        ]
        return max(waits, default=None)

    def slowest(self) -> Series:
        """Return the series with the most patience: the one that silence was judged by."""
        return max(self.series.values(), key=lambda series: (series.patience_ms, series.last_ts))


def rows(message: CellsHealth) -> list[tuple[str, str, str, str, Series]]:
    """Return (sensor, metric, owner, cell, series) of each row of a message."""
    h = message.sensors
    if h is None:
        return []
    said = message.generation, message.offset
    figures = zip(
        *(h.last_ts, h.expected_ms, h.patience_ms, h.value),
        *(h.repeated, h.repeated_before, h.stuck_since, h.refused, h.refused_since, h.period, h.mean),
        strict=True,
    )
    names = zip(h.sensor_id, h.metric, h.owner, h.cell, strict=True)
    return [(*name, Series(said, *figure)) for name, figure in zip(names, figures, strict=True)]
