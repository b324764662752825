"""The health of all series of a partition: learned from their readings, published when it changed or may be doubted.

Whether a sensor is silent cannot be judged here, as the event time of a partition that is silent as a whole stands
still. So the newest ts of a series is published, together with its patience: for how long silence is not unusual. The
incidents stage judges it by a clock that goes on. A series is published again when a quarter of the shortest patience
there can be is over, and when this partition's own clock says that it is silent. So a reader that waits for one and a
quarter of the patience after the last published ts never takes a sensor for silent that is not. Nor does it take a feed
for silent by the patience of its fastest sensor: the slow ones are published as soon as the fast ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.metrics import METRICS
from streams.fold import intervals
from streams.sensing.columns import METRIC_CODE
from streams.sensing.health import broken, gaps, means, runs
from streams.sensing.health.arrivals import news
from streams.sensing.health.broken import OutOfRange
from streams.sensing.health.rule import HealthRule
from streams.sensing.readings import Readings
from streams.sensing.series import Series
from streams.sensing.slots import Slots
from streams.sensing.values import MILLION

_CONSTANT = ("brightness", "power")
"""Metrics that somebody sets: they may well keep one value for days."""
_BOUNDED = ("flow", "free_spaces", "occupied_spaces", *(m.name for m in METRICS.values() if m.kind == "air"))
"""Metrics whose lowest or highest value may repeat for long: empty roads, full car parks, air too clean to measure."""
_TRAFFIC = np.array([metric.kind == "traffic" for metric in METRICS.values()])
_FLOW = METRIC_CODE["flow"]
_SET = np.isin(np.arange(len(METRICS)), [METRIC_CODE[name] for name in _CONSTANT])
_BOUND = np.isin(np.arange(len(METRICS)), [METRIC_CODE[name] for name in _BOUNDED])
_LOWEST = np.array([round(metric.lowest * MILLION) for metric in METRICS.values()])
_HIGHEST = np.array([round(metric.highest * MILLION) for metric in METRICS.values()])


Gone = tuple[str, str, str, int]
"""Sensor, metric, owner and cell of a series that was told of and is no more."""


class Health:
    """What is learned goes into `series.health`."""

    def __init__(self, rule: HealthRule, series: Series, slots: Slots) -> None:
        self._rule = rule
        self._series = series
        self._slots = slots
        self._refused: list[OutOfRange] = []
        self._touched: list[NDArray[np.int32]] = []
        self._passed: dict[int, dict[int, int]] = {}
        """By row of a series that has changed regions since the last call of `due`: a cell in each of them."""
        self.gone: list[Gone] = []

    def refuse(self, row: int, ts: int, place: int) -> None:
        """Hear of a reading out of range; `place` is the number of readings of the batch that came before it."""
        self._refused.append(OutOfRange(row, ts, place))

    @property
    def waiting(self) -> bool:
        """Whether refusals wait for the batch to be settled."""
        return bool(self._refused)

    def learn(self, r: Readings | None, place: NDArray[np.intp] | None) -> None:
        """Take in a batch sorted by (series, ts), before the newest states are brought up to date."""
        series, records = self._series, self._series.health
        refused, self._refused = self._refused, []
        nothing = np.zeros(0, np.int32)
        if r is None or place is None:
            rows, ts, value, place = (
                nothing,
                np.zeros(0, np.int64),
                np.zeros(0, np.int64),
                nothing.astype(np.intp),
            )
        else:
            rows, ts, value = r.series, r.ts, r.value
            self._note_regions(r)
        found = news(rows, ts, value, place, series.ts)
        of, lengths = gaps.taught(found, refused, series.ts, records)
        if len(of):
            intervals.learn(records["gaps"], records["heard"], of, lengths)
        broken.learn(records, refused, found, self._rule)
        touched = np.array(sorted({item.row for item in refused}), np.int32)
        if len(found):
            first = np.flatnonzero(found.first())
            runs.learn(records, found, series.ts, self._lasts_ms(series.metric[found.row]), self._rule)
            smooth = means.SMOOTH[series.metric[found.row]]
            if smooth.any():
                means.learn(records, found.select(smooth))
            touched = np.concatenate((touched, found.row[first]))
        if len(touched):
            series.changed[touched] = True
            self._touched.append(touched)

    def _note_regions(self, r: Readings) -> None:
        """Note which series were in another region than before; an owner that was lost may have told of them there."""
        region, on_file = self._slots.region, self._series.ts[r.series] > 0
        first = np.concatenate(([True], r.series[1:] != r.series[:-1]))
        begin = np.flatnonzero(first)[np.cumsum(first) - 1]
        before = np.where(on_file, self._series.slot[r.series], r.slot[begin])
        for i in np.flatnonzero(region[r.slot] != region[before]).tolist():
            cells = self._passed.setdefault(int(r.series[i]), {})
            for slot in (int(before[i]), int(r.slot[i])):
                cells[int(region[slot])] = int(self._slots.cell[slot])

    def _bring_up_to_date(self, rows: NDArray[np.int64]) -> None:
        records, rule = self._series.health, self._rule
        expected, median, longest = intervals.usual(records["gaps"][rows])
        warm = records["heard"][rows] >= rule.warm_gaps
        waits = intervals.patience_ms(median, longest, rule.silent_times, rule.silent_ms)
        records["patience"][rows] = np.where(warm, waits, 0)
        records["expected"][rows] = expected

    def forget(self, rows: NDArray[np.intp]) -> None:
        """Series are about to leave."""
        for row in set(rows.tolist()) & self._passed.keys():
            self._leave(row, self._passed.pop(row).values())
        told = rows[self._series.health["told_cell"][rows] != 0]
        if len(told):
            sensors, metrics = self._series.keys(told)
            cells = self._series.health["told_cell"][told].tolist()
            self.gone += zip(sensors, metrics, self._series.owner_names(told), cells, strict=True)

    def due(self, watermark: int) -> NDArray[np.int64]:
        """Return the rows to be told of now, and take note that they are told."""
        series = self._series
        touched = np.zeros(series.rows_in_use, np.bool_)
        for some in self._touched:
            touched[some] = True
        self._touched = []
        passed, self._passed = self._passed, {}
        touched &= series.ts[: len(touched)] > 0
        self._bring_up_to_date(np.flatnonzero(touched))
        rows: NDArray[np.int64] = np.flatnonzero(touched | self._silent(watermark))
        if not len(rows):
            return rows
        h = series.health[rows]
        heard, cell = self._heard(rows), self._slots.cell[series.slot[rows]]
        stuck = np.where(self._stuck(rows), h["since"], 0)
        out = np.where(h["broken"] > 0, h["refused_since"], 0)
        warm = h["patience"] > 0
        lease = self._rule.silent_ms // 4
        again = (h["told_last"] == 0) | (heard - h["told_last"] >= lease) | (h["told_cell"] != cell)
        again |= (heard > h["told_last"]) & (heard + h["patience"] < watermark)
        again |= h["done"] > h["told_done"]
        tell = (
            np.isin(rows, list(passed))
            | (warm & again)
            | (h["told_stuck"] != stuck)
            | (h["told_broken"] != out)
        )
        rows = rows[tell]
        self._take_leave(rows, cell[tell], passed)
        for name, values in (
            ("told_last", heard),
            ("told_stuck", stuck),
            ("told_broken", out),
            ("told_cell", cell),
            ("told_done", h["done"]),
        ):
            series.health[name][rows] = values[tell]
        series.changed[rows] = True
        return rows

    def _take_leave(
        self, rows: NDArray[np.int64], cell: NDArray[np.int64], passed: Mapping[int, Mapping[int, int]]
    ) -> None:
        """Say of series that they are gone from the regions where they were told of, or may have been."""
        old = self._series.health["told_cell"][rows]
        moved = np.flatnonzero(((old != 0) & (old != cell)) | np.isin(rows, list(passed)))
        for row, before, now in zip(
            rows[moved].tolist(), old[moved].tolist(), cell[moved].tolist(), strict=True
        ):
            cells = dict(passed.get(row, {}))
            if before:
                cells[self._slots.region_of(before)] = before
            cells.pop(self._slots.region_of(now), None)
            self._leave(row, cells.values())

    def _leave(self, row: int, cells: Iterable[int]) -> None:
        (sensor,), (metric,) = self._series.keys(np.array([row]))
        (owner,) = self._series.owner_names(np.array([row]))
        self.gone += [(sensor, metric, owner, cell) for cell in cells]

    def _silent(self, watermark: int) -> NDArray[np.bool_]:
        """Return by row which series are silent by this partition's clock, where their newest ts was not told."""
        n = self._series.rows_in_use
        h = self._series.health[:n]
        heard = np.maximum(self._series.ts[:n], h["refused_last"])
        silent: NDArray[np.bool_] = (
            (h["patience"] > 0) & (heard > h["told_last"]) & (heard + h["patience"] < watermark)
        )
        return silent

    def _heard(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        heard: NDArray[np.int64] = np.maximum(
            self._series.ts[rows], self._series.health["refused_last"][rows]
        )
        return heard

    def _stuck(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which series are stuck: all that a sensor measures must stand still, not one figure of several.

        Traffic may stand still as well: where a road carries all it can, flow, speed and occupancy are what they are.
        """
        series = self._series
        found = runs.stuck(series.health[rows], series.ts[rows], self._natural(rows), self._rule)
        sensors, _ = series.keys(rows[found])
        for position, sensor in zip(np.flatnonzero(found).tolist(), sensors, strict=True):
            since = series.health["since"]
            all_of_it = np.array(series.rows_of_sensor(sensor))
            heard = all_of_it[series.ts[all_of_it] > since[rows[position]]]
            metric = self._slots.metric[series.slot[heard]]
            still = series.ts[heard] - since[heard] >= self._lasts_ms(metric)
            full = (metric == _FLOW) & self._natural(heard)
            found[position] = bool(still.all() and not full.any())
        return found

    def _lasts_ms(self, metric: NDArray[Any]) -> NDArray[np.int64]:
        """Return by metric code how long values must stand still: traffic may do so for longer."""
        lasts: NDArray[np.int64] = np.where(_TRAFFIC[metric], 2, 1) * self._rule.stuck_ms
        return lasts

    def _natural(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which values may well stay as they are: nothing, the least and the most there can be."""
        metric = self._slots.metric[self._series.slot[rows]]
        h = self._series.health[rows]
        value = h["value"]
        extreme = (value == 0) | (value == _LOWEST[metric]) | (value == _HIGHEST[metric])
        extreme |= _BOUND[metric] & ((value == h["most"]) | (value == h["least"]))
        natural: NDArray[np.bool_] = extreme | _SET[metric]
        return natural


def pieces(
    rows: NDArray[np.int64], region: NDArray[np.int32], most: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield (region, rows) for each region, `most` rows at a time."""
    for number in np.unique(region).tolist():
        here = rows[region == number]
        for first in range(0, len(here), most):
            yield number, here[first : first + most]
