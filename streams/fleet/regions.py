"""The regions that are told how time goes on: those with vehicles, and those that had some not long ago.

An alert in a region that its last vehicle has left ends when event time has come far enough there. After a restart
nobody would tell of that region any more, and the alert would stay open for good. So regions are saved, each with the
hour in which anything was counted there last.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streams.fleet.slots import Slots

_HOUR_MS = 3_600_000


class Regions:
    """When something was counted last, by number of the region: hours since the epoch, event time."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._hour: dict[int, int] = {}
        self._unsaved = False

    def count(self, slots: NDArray[np.integer], at_ms: NDArray[np.int64]) -> None:
        """Take note that something was counted in slots, each at an event time."""
        regions = self._slots.region_of(slots)
        for region in np.unique(regions).tolist():
            hour = int(at_ms[regions == region].max()) // _HOUR_MS
            if hour > self._hour.get(region, -1):
                self._hour[region] = hour
                self._unsaved = True

    def take_unsaved(self) -> dict[str, int] | None:
        """Return the hours by name of the region, or None where none has changed since the last call."""
        if not self._unsaved:
            return None
        self._unsaved = False
        return {self._slots.cells.regions[region]: hour for region, hour in self._hour.items()}

    def restore(self, hours: Mapping[str, int], since_ms: int) -> None:
        """Tell of the saved regions, but for those in which nothing was counted since then."""
        for name, hour in hours.items():
            if (hour + 1) * _HOUR_MS > since_ms:
                region = self._slots.cells.number_of_region(name)
                self._hour[region] = hour
                self._slots.regions.add(region)
