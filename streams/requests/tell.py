"""What the requests tell the grid: partials with the windows that were touched, each of a size that Kafka takes."""

from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np

from schemas import codec, envelope
from schemas.partials import RequestCounts, RequestsPartial
from streams import topics
from streams.fold.clock import EventClock
from streams.fold.contract import Output
from streams.fold.sketch import bins_of
from streams.requests.life import COLUMNS
from streams.requests.windows import Pair, Tally

Touched = tuple[int, Pair, Tally]
"""Window start, pair and tally."""


_ROW_BYTES, _BIN_BYTES, _CHARACTER_BYTES = 200, 12, 4
_MOST_BYTES = 400_000
"""Of one partial, by the estimates above; Kafka takes a million."""


class Teller:
    """Makes the records of one source partition. `told_watermark`: all windows up to it were told."""

    def __init__(self, partition: int, generation: int, sources: int, window_ms: int) -> None:
        self._partition = partition
        self._generation = generation
        self._sources = sources
        self._window_ms = window_ms
        self.told_watermark = 0

    def partials(
        self, offset: int, clock: EventClock, by_region: Mapping[str, Sequence[Touched]]
    ) -> list[Output]:
        """Return the partials of each region; one without windows hears that time has moved on.

        The watermark in the last one of a region says that all windows up to it were told; until then it is the old
        one, lest someone close a window that is told by half.
        """
        before, self.told_watermark = self.told_watermark, clock.watermark
        out = []
        for region in sorted(by_region):
            *others, last = _cut(by_region[region])
            out += [self._partial(region, offset, clock, before, touched) for touched in others]
            out.append(self._partial(region, offset, clock, clock.watermark, last))
        return out

    def presence(self, offset: int, clock: EventClock, regions: Iterable[str]) -> list[Output]:
        """Return partials that say no more than that we are there; none before the first checkpoint."""
        if not self.told_watermark:
            return []
        return [self._partial(region, offset, clock, self.told_watermark, ()) for region in sorted(regions)]

    def _partial(
        self, region: str, offset: int, clock: EventClock, watermark: int, touched: Sequence[Touched]
    ) -> Output:
        partial = RequestsPartial(
            region=region,
            source=self._partition,
            sources=self._sources,
            generation=self._generation,
            offset=offset,
            newest_ts=clock.newest_basis,
            watermark=watermark,
            window_ms=self._window_ms,
            windows=_columns(touched),
        )
        value = codec.encode(partial)
        return Output(
            topic=topics.PARTIALS,
            key=region,
            value=value,
            type_=envelope.REQUESTS_PARTIAL,
            id_=f"requests/{self._partition}@{self._generation}:{offset}/{region}/{crc32(value):08x}",
            time_ms=clock.newest_ts,
        )


def _cut(touched: Sequence[Touched]) -> list[Sequence[Touched]]:
    """Cut rows into pieces of moderate size; without rows there is one piece."""
    pieces, begin, size = [], 0, 0
    for at, (_, (_, service_code), tally) in enumerate(touched):
        if size >= _MOST_BYTES:
            pieces.append(touched[begin:at])
            begin, size = at, 0
        size += _ROW_BYTES + _CHARACTER_BYTES * len(service_code) + _BIN_BYTES * len(tally.took)
    return [*pieces, touched[begin:]]


def _columns(touched: Sequence[Touched]) -> RequestCounts:
    bins, bin_counts = _sketches([tally for _, _, tally in touched])
    rows = np.array([tally.counts for _, _, tally in touched], np.int64).reshape(-1, len(COLUMNS))
    counts = dict(zip(COLUMNS, rows.T.tolist(), strict=True))
    return RequestCounts(
        window_start=[start for start, _, _ in touched],
        cell=[f"{cell:x}" for _, (cell, _), _ in touched],
        service_code=[service_code for _, (_, service_code), _ in touched],
        bins=bins,
        bin_counts=bin_counts,
        **counts,
    )


def _sketches(tallies: Sequence[Tally]) -> tuple[list[list[int]], list[list[int]]]:
    """Return bins and their counts of the seconds to close of each tally."""
    took = np.array([took_ms for tally in tallies for took_ms in tally.took], np.float64)
    codes = iter(bins_of(took / 1000).tolist())
    bins: list[list[int]] = []
    bin_counts: list[list[int]] = []
    for tally in tallies:
        if not tally.took:
            bins.append([])
            bin_counts.append([])
            continue
        sketch: dict[int, int] = {}
        for count in tally.took.values():
            code = next(codes)
            sketch[code] = sketch.get(code, 0) + count
        bins.append(sorted(sketch))
        bin_counts.append([sketch[code] for code in sorted(sketch)])
    return bins, bin_counts
