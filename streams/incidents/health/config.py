"""When silence of sensors and feeds is told; how long each may be silent is learned (streams/sensing/health)."""

import hashlib
from dataclasses import dataclass

_TOLD_MS = 86_400_000
"""How long an alert stands at least before its sensor or feed is taken as removed."""


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Milliseconds of event time, and numbers.

    feed_sensors    an owner with so many sensors in a region is a feed of its own
    feed_share      and is silent when this share of them is, so many at the least
    warm_windows    gaps between windows of an operator that must be known before its silence means anything
    silent_times    so many usual gaps without a window are silence
    silent_ms       and this much at the least
    forget_ms       a sensor or feed that is silent for so long is taken as removed (`forgotten_after`)
    """

    feed_sensors: int = 3
    feed_share: float = 0.8
    warm_windows: int = 30
    silent_times: float = 5.0
    silent_ms: int = 600_000
    forget_ms: int = 30 * 86_400_000

    def forgotten_after(self, last_ts: int, silent_after: int) -> int:
        """Return the event time after which a sensor or feed is taken as removed.

        Never untold: one that is silent only after weeks, as it reports once a week, is so for a day first, or for a
        quarter of `forget_ms` if that is less.
        """
        return max(last_ts + self.forget_ms, silent_after + min(self.forget_ms // 4, _TOLD_MS))

    @property
    def version(self) -> str:
        """Return a hash of all that decides."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]
