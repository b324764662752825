"""The series of one partition, (sensor, metric) pairs, in columns: row by pair, everything else by row."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from schemas.metrics import METRICS
from schemas.rejected import Reason
from schemas.sensors import SENSOR_STATUSES
from streams.columnar.arrays import grown
from streams.columnar.ids import Ids, names_of, words_of
from streams.columnar.json_text import Words
from streams.fold.frames import UNKNOWN, is_id
from streams.sensing.columns import METRIC_CODE, METRIC_NAMES, STATUS_CODE
from streams.sensing.frame import Frame
from streams.sensing.health import record
from streams.sensing.owners import Owners
from streams.sensing.readings import Readings
from streams.sensing.slots import Slots
from streams.sensing.values import MILLION, Refuse

REFUSED = -1
_ID_RULE = "1 to 64 letters, digits or _ . : - expected"


class Series:
    """Newest state per series, and the owner: whoever the log names first for any series of the sensor.

    Newest is the greatest (ts, value, cell, status, lat, lon), so that order does not matter. `at_...` is the place
    that was located last, for readings to come; `health` is what streams/sensing/health remembers.
    """

    _FILL: ClassVar[dict[str, float]] = {"at_lat": np.nan, "at_lon": np.nan}

    def __init__(self) -> None:
        self.owners = Owners()
        self._ids = Ids()
        """Rows by metric and sensor, see `_keyed`."""
        self._keys: list[tuple[str, str] | None] = []
        self._rows_of: dict[str, list[int]] = {}
        """Rows by sensor; no list is empty."""
        self._free: list[int] = []
        size = 1024
        self.owner = np.zeros(size, np.int32)
        self.metric = np.zeros(size, np.int8)
        self.slot = np.zeros(size, np.int32)
        self.ts = np.zeros(size, np.int64)
        self.value = np.zeros(size, np.int64)
        self.status = np.zeros(size, np.int8)
        self.lat = np.zeros(size)
        self.lon = np.zeros(size)
        self.received_at = np.zeros(size, np.int64)
        self.changed = np.zeros(size, np.bool_)
        self.at_lat = np.full(size, np.nan)
        self.at_lon = np.full(size, np.nan)
        self.at_slot = np.zeros(size, np.int32)
        self.health = np.zeros(size, record.RECORD)

    def __len__(self) -> int:
        return len(self._keys) - len(self._free)

    def rows_of(self, c: Frame, take: NDArray[np.intp], refuse: Refuse) -> NDArray[np.int64]:
        """Return the row of each reading in `take`, REFUSED for those that are refused.

        A series not heard of gets a row; its sensor belongs to the owner that the log names first.
        """
        owner, metric, words = self.owners.numbers(c.owner, len(c)), c.metric, c.words
        if len(take) < len(c):
            owner, metric, words = owner[take], metric[take], words[take]
        keys = self._ids.as_wide(_keyed(metric, words))
        rows = self._ids.rows_of(keys).astype(np.int64)
        if rows.min(initial=0) < 0:
            self._find_new(c, keys, owner, take, rows, refuse)
        foreign = (rows >= 0) & (self.owner[rows] != owner)
        for position in np.flatnonzero(foreign).tolist():
            refuse(*self._foreign(int(self.owner[rows[position]]), int(owner[position])), int(take[position]))
            rows[position] = REFUSED
        return rows

    def _find_new(
        self,
        c: Frame,
        keys: Words,
        owner: NDArray[np.int32],
        take: NDArray[np.intp],
        rows: NDArray[np.int64],
        refuse: Refuse,
    ) -> None:
        """Give rows to those that have none and may have one, in the order of the log."""
        added: list[int] = []
        for position in np.flatnonzero(rows < 0).tolist():
            index, number = int(take[position]), int(owner[position])
            sensor_id, metric = c.columns.sensor_id[index], METRIC_NAMES[c.metric[index]]
            row = self._row(sensor_id, metric)
            if row == REFUSED:
                others = self._rows_of.get(sensor_id)
                belongs_to = int(self.owner[others[0]]) if others else number
                if number == UNKNOWN or belongs_to != number:
                    refuse(*self._foreign(belongs_to, number), index)
                elif others or is_id(sensor_id):
                    row = self._add((sensor_id, metric), number)
                    added.append(position)
                else:
                    refuse("bad_id", f"sensor_id: {_ID_RULE}", index)
            rows[position] = row
        if added:
            self._ids.put_words(keys[added], rows[added])

    def _foreign(self, belongs_to: int, number: int) -> tuple[Reason, str]:
        if number == UNKNOWN:
            return "bad_id", f"owner: {_ID_RULE}"
        return "operator_conflict", f"sensor belongs to owner {self.owners.names[belongs_to]}"

    def _row(self, sensor_id: str, metric: str) -> int:
        code = METRIC_CODE.get(metric, UNKNOWN)
        for row in self._rows_of.get(sensor_id, ()):
            if self.metric[row] == code:
                return row
        return REFUSED

    def _add(self, key: tuple[str, str], owner: int) -> int:
        if self._free:
            row = self._free.pop()
            self._keys[row] = key
        else:
            row = len(self._keys)
            self._keys.append(key)
            if row >= len(self.ts):
                for name, array in vars(self).items():
                    if isinstance(array, np.ndarray):
                        setattr(self, name, grown(array, row + 1, self._FILL.get(name, 0)))
        self._rows_of.setdefault(key[0], []).append(row)
        self.owner[row] = owner
        self.metric[row] = METRIC_CODE[key[1]]
        return row

    def row_of(self, sensor_id: str, metric: str, owner: str) -> int | None:
        """Return the row of a series that is on file under this owner, or None."""
        row = self._row(sensor_id, metric)
        return row if row != REFUSED and self.owners.names[self.owner[row]] == owner else None

    @property
    def rows_in_use(self) -> int:
        """All rows are below this number; some of them may be free."""
        return len(self._keys)

    def owner_names(self, rows: NDArray[np.integer]) -> list[str]:
        """Return the owners of rows in use."""
        return [self.owners.names[number] for number in self.owner[rows].tolist()]

    def rows_of_sensor(self, sensor_id: str) -> Sequence[int]:
        """Return the rows of all series of a sensor."""
        return self._rows_of.get(sensor_id, ())

    def rows_on_file(self, sensor_ids: Sequence[str], metric: NDArray[np.int8]) -> NDArray[np.int32]:
        """Return the rows of series, all of which are on file; metrics are codes."""
        rows = self._ids.rows_of(self._ids.as_wide(_keyed(metric, words_of(names_of(sensor_ids)))))
        if rows.min(initial=0) < 0:
            raise KeyError(sensor_ids[int(rows.argmin())])
        return rows

    def keys(self, rows: NDArray[np.integer]) -> tuple[list[str], list[str]]:
        """Return (sensor ids, metric names) of rows in use."""
        keys = [self._keys[row] or ("", "") for row in rows.tolist()]
        return [key[0] for key in keys], [key[1] for key in keys]

    def remove(self, rows: NDArray[np.intp]) -> None:
        """Forget series; their rows may be given to others."""
        for row, key in zip(rows.tolist(), zip(*self.keys(rows), strict=True), strict=True):
            self._keys[row] = None
            self._rows_of[key[0]].remove(row)
            if not self._rows_of[key[0]]:
                del self._rows_of[key[0]]
        self._ids.remove(rows)
        self.ts[rows] = 0
        self.changed[rows] = False
        self.health[rows] = np.zeros(1, record.RECORD)
        self.at_lat[rows] = np.nan
        self._free += rows.tolist()

    def silent(self, before: int, at_least: int) -> NDArray[np.intp]:
        """Return the rows of the series longest silent: `at_least` of them, or fewer if not so many ended by `before`.

        Those that fell silent at the same ts go together.
        """
        candidates = np.flatnonzero((self.ts > 0) & (self.ts <= before))
        if len(candidates) > at_least:
            ts = self.ts[candidates]
            candidates = candidates[ts <= np.partition(ts, at_least - 1)[at_least - 1]]
        return candidates

    def longest_silent(self) -> int:
        """Return the least of the newest ts of all series."""
        return int(self.ts[self.ts > 0].min(initial=np.iinfo(np.int64).max))

    def update(self, newest: Readings, slots: Slots) -> None:
        """Put readings on file, one for each series, where they are newer than what is there."""
        rows = newest.series
        pairs = (
            (newest.ts, self.ts[rows]),
            (newest.value, self.value[rows]),
            (slots.cell[newest.slot], slots.cell[self.slot[rows]]),
            (newest.status, self.status[rows]),
            (newest.lat, self.lat[rows]),
            (newest.lon, self.lon[rows]),
        )
        newer, equal = np.zeros(len(rows), np.bool_), np.ones(len(rows), np.bool_)
        for theirs, ours in pairs:
            newer |= equal & (theirs > ours)
            equal &= theirs == ours
        won = newest.select(np.flatnonzero(newer))
        rows = won.series
        for name in ("slot", "ts", "value", "status", "lat", "lon", "received_at"):
            getattr(self, name)[rows] = getattr(won, name)
        self.changed[rows] = True

    def take_changed(self, partition: int, slots: Slots) -> dict[str, Sequence[Any]] | None:
        """Return the rows changed since the last call as columns of ub.sensor_state, or None."""
        rows = np.flatnonzero(self.changed)
        if not len(rows):
            return None
        self.changed[rows] = False
        sensor_ids, metrics = self.keys(rows)
        return {
            "sensor_id": sensor_ids,
            "metric": metrics,
            "kind": [METRICS[name].kind for name in metrics],
            "owner": self.owner_names(rows),
            "partition": [partition] * len(rows),
            "ts": self.ts[rows].tolist(),
            "value": (self.value[rows] / MILLION).tolist(),
            "unit": [METRICS[name].unit for name in metrics],
            "status": [SENSOR_STATUSES[code] for code in self.status[rows].tolist()],
            "lat": self.lat[rows].tolist(),
            "lon": self.lon[rows].tolist(),
            "cell": slots.cell[self.slot[rows]].tolist(),
            "received_at": self.received_at[rows].tolist(),
            "health": record.dump(self.health[rows]),
        }

    def restore(self, columns: Mapping[str, Sequence[Any]], slots: Slots) -> None:
        """Fill an empty table from the rows of ub.sensor_state of this partition."""
        n = len(columns["sensor_id"])
        pairs = zip(columns["sensor_id"], columns["metric"], strict=True)
        for key, owner in zip(pairs, columns["owner"], strict=True):
            self._add(key, self.owners.number(owner))
        metrics = [METRIC_CODE[name] for name in columns["metric"]]
        keys = _keyed(np.array(metrics, np.int8), words_of(names_of(columns["sensor_id"])))
        self._ids.put_words(keys, np.arange(n))
        self.slot[:n] = list(map(slots.slot, columns["cell"], metrics))
        self.ts[:n] = columns["ts"]
        self.value[:n] = np.rint(np.array(columns["value"], np.float64) * MILLION)
        self.status[:n] = [STATUS_CODE[name] for name in columns["status"]]
        self.lat[:n] = self.at_lat[:n] = columns["lat"]
        self.lon[:n] = self.at_lon[:n] = columns["lon"]
        self.at_slot[:n] = self.slot[:n]
        self.received_at[:n] = columns["received_at"]
        self.health[:n] = record.load(columns["health"])


def _keyed(metric: NDArray[np.int8], words: Words) -> Words:
    """Return ids of sensors with a word before them that says the metric; none is all zero."""
    keys = np.empty((len(words), 1 + words.shape[1]), np.uint64)
    keys[:, 0] = metric
    keys[:, 0] += np.uint64(1)
    keys[:, 1:] = words
    return keys
