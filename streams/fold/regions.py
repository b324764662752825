"""The regions that are told how time goes on, though a restart finds nothing there any more.

An alert in a region that its last vehicle or sensor has left ends when event time has come far enough there. After a
restart nobody would tell of that region any more, and the alert would stay open for good. So regions are saved, each
with the hour in which something was counted there last.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

PART = "regions"
"""Name of the part of a checkpoint."""
KEPT_MS = 45 * 86_400_000
"""Event time without anything after which a region is forgotten at a restart: as long as for a silent vehicle."""
_HOUR_MS = 3_600_000

_hours = msgspec.msgpack.Decoder(dict[str, int])


class Regions:
    """When something was counted last, by name of the region: hours since the epoch, event time."""

    def __init__(self) -> None:
        self._hour: dict[str, int] = {}
        self._unsaved = False

    def count(self, names: Sequence[str], regions: NDArray[np.integer], at_ms: NDArray[np.int64]) -> None:
        """Take note that something was counted in regions, each at an event time; they are numbers into `names`."""
        hours = np.full(len(names), -1)
        np.maximum.at(hours, regions, at_ms // _HOUR_MS)
        for region in np.flatnonzero(hours >= 0).tolist():
            name, hour = names[region], int(hours[region])
            if hour > self._hour.get(name, -1):
                self._hour[name] = hour
                self._unsaved = True

    def take_part(self) -> bytes | None:
        """Return what is to be saved, or None where nothing has changed since the last call."""
        if not self._unsaved:
            return None
        self._unsaved = False
        return msgspec.msgpack.encode(self._hour)

    def restore(self, data: bytes, now_ms: int) -> Sequence[str]:
        """Take back what was saved; returns the regions to tell of at an event time."""
        self._hour = {
            name: hour
            for name, hour in _hours.decode(data).items()
            if (hour + 1) * _HOUR_MS + KEPT_MS > now_ms
        }
        return list(self._hour)
