"""What sensing tells the grid: partials, each of a size that Kafka takes."""

from collections.abc import Iterator, Sequence
from itertools import batched
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from schemas import codec, envelope
from schemas.partials import MetricCounts, SensingPartial, SensorHealth
from streams import topics
from streams.columnar.arrays import ranges
from streams.fold.clock import EventClock
from streams.fold.contract import Output
from streams.sensing.columns import METRIC_NAMES
from streams.sensing.health.watch import Gone, pieces
from streams.sensing.series import Series
from streams.sensing.slots import Slots
from streams.sensing.tally import TallyRows
from streams.sensing.values import MILLION

_ROW_BYTES, _BIN_BYTES = 200, 12
_MOST_BYTES = 400_000
"""Of one partial, by the estimates above; Kafka takes a million."""
_MOST_SERIES = 1_500
"""Whose health is in one partial."""

_NOTHING = MetricCounts([], [], [], [], [], [], [], [], [], [], [], [])


class Teller:
    """Makes the records of one source partition."""

    def __init__(self, partition: int, generation: int, sources: int, window_ms: int, slots: Slots) -> None:
        self._partition = partition
        self._generation = generation
        self._sources = sources
        self._window_ms = window_ms
        self._slots = slots
        self.told_watermark = 0

    def partials(
        self, offset: int, clock: EventClock, rows: TallyRows | None, *, everyone: bool
    ) -> list[Output]:
        """Return the partials of each region with something to tell; of every region if `everyone`.

        The watermark in the last one of a region says that all windows up to it were told; until then it is the old
        one, lest someone close a window that is told by half.
        """
        before, self.told_watermark = self.told_watermark, clock.watermark
        out = []
        quiet = set(range(len(self._slots.regions)) if everyone else ())
        if rows is not None:
            first_bin = np.cumsum(rows.size) - rows.size
            for region, index, last in self._pieces(rows):
                watermark = clock.watermark if last else before
                counts = self._counts(rows, first_bin, index)
                out.append(self._partial(region, offset, clock, watermark, counts))
                quiet.discard(region)
        return out + [
            self._partial(region, offset, clock, clock.watermark, _NOTHING) for region in sorted(quiet)
        ]

    def presence(self, offset: int, clock: EventClock) -> list[Output]:
        """Return partials that say no more than that we are there; none before the first checkpoint."""
        regions = range(len(self._slots.regions) if self.told_watermark else 0)
        return [self._partial(region, offset, clock, self.told_watermark, _NOTHING) for region in regions]

    def health(
        self, offset: int, clock: EventClock, series: Series, due: NDArray[np.int64], gone: list[Gone]
    ) -> list[Output]:
        """Return partials on the health of the series in these rows, and on those that are gone; before `partials`.

        They carry the watermark that was published before: with the new one, these series would be judged, and windows
        closed, before everything is published.
        """
        of_region: dict[int, list[Gone]] = {}
        for one in gone:
            of_region.setdefault(self._slots.region_of(one[3]), []).append(one)
        told = [
            (region, _farewell(some))
            for region, left in sorted(of_region.items())
            for some in batched(left, _MOST_SERIES)
        ]
        regions = self._slots.region[series.slot[due]]
        told += [
            (region, self._condition(series, rows)) for region, rows in pieces(due, regions, _MOST_SERIES)
        ]
        return [
            self._partial(region, offset, clock, self.told_watermark, _NOTHING, facts)
            for region, facts in told
        ]

    def _condition(self, series: Series, rows: NDArray[np.int64]) -> SensorHealth:
        h = series.health[rows]
        sensors, metrics = series.keys(rows)
        return SensorHealth(
            sensor_id=sensors,
            metric=metrics,
            owner=series.owner_names(rows),
            cell=list(map(self._slots.cell_hex.__getitem__, series.slot[rows].tolist())),
            last_ts=h["told_last"].tolist(),
            expected_ms=h["expected"].tolist(),
            patience_ms=h["patience"].tolist(),
            value=(h["value"] / MILLION).tolist(),
            repeated=h["run"].tolist(),
            repeated_before=h["longest"].tolist(),
            stuck_since=h["told_stuck"].tolist(),
            refused=h["refused"].tolist(),
            refused_since=h["told_broken"].tolist(),
            period=h["done"].tolist(),
            mean=h["mean"].tolist(),
        )

    def _partial(
        self,
        region: int,
        offset: int,
        clock: EventClock,
        watermark: int,
        counts: MetricCounts,
        health: SensorHealth | None = None,
    ) -> Output:
        partial = SensingPartial(
            region=self._slots.regions[region],
            source=self._partition,
            sources=self._sources,
            generation=self._generation,
            offset=offset,
            newest_ts=clock.newest_basis,
            watermark=watermark,
            window_ms=self._window_ms,
            windows=counts,
            health=health,
        )
        value = codec.encode(partial)
        return Output(
            topic=topics.PARTIALS,
            key=partial.region,
            value=value,
            type_=envelope.SENSING_PARTIAL,
            id_=f"sensing/{self._partition}@{self._generation}:{offset}/{partial.region}/{crc32(value):08x}",
            time_ms=clock.newest_ts,
        )

    def _pieces(self, rows: TallyRows) -> Iterator[tuple[int, NDArray[np.intp], bool]]:
        """Yield (region, indices of rows, whether they are its last), a number of rows of moderate size at a time."""
        region = self._slots.region[rows.slot]
        size = _ROW_BYTES + _BIN_BYTES * rows.size
        for number in np.unique(region).tolist():
            here = np.flatnonzero(region == number)
            *others, last = _cut(here, size[here])
            yield from ((number, index, False) for index in others)
            yield number, last, True

    def _counts(self, rows: TallyRows, first_bin: NDArray[np.int64], index: NDArray[np.intp]) -> MetricCounts:
        slot, bins_each = rows.slot[index], rows.size[index]
        end = np.cumsum(bins_each)
        sketches = list(map(slice, (end - bins_each).tolist(), end.tolist()))
        of_bins = ranges(first_bin[index], bins_each)
        readings, total, square_aa, square_ab, square_bb, least, most = rows.sums[index].T.tolist()
        return MetricCounts(
            window_start=rows.window_start[index].tolist(),
            cell=list(map(self._slots.cell_hex.__getitem__, slot.tolist())),
            metric=list(map(METRIC_NAMES.__getitem__, self._slots.metric[slot].tolist())),
            readings=readings,
            total=total,
            square_aa=square_aa,
            square_ab=square_ab,
            square_bb=square_bb,
            least=least,
            most=most,
            bins=list(map(rows.bins[of_bins].tolist().__getitem__, sketches)),
            bin_counts=list(map(rows.bin_counts[of_bins].tolist().__getitem__, sketches)),
        )


def _farewell(gone: Sequence[Gone]) -> SensorHealth:
    sensors, metrics, owners, cells = map(list, zip(*gone, strict=True))
    none = [0] * len(gone)
    hexes = [f"{cell:x}" for cell in cells]
    return SensorHealth(
        sensor_id=sensors,
        metric=metrics,
        owner=owners,
        cell=hexes,
        last_ts=none,
        expected_ms=none,
        patience_ms=none,
        value=[0.0] * len(gone),
        repeated=none,
        repeated_before=none,
        stuck_since=none,
        refused=none,
        refused_since=none,
        period=none,
        mean=[0.0] * len(gone),
    )


def _cut(index: NDArray[np.intp], size: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Cut a list of rows where their sizes have come to another _MOST_BYTES."""
    piece = np.cumsum(size) // _MOST_BYTES
    return np.split(index, np.flatnonzero(np.diff(piece)) + 1)
