"""When the ways of single vehicles become alerts."""

import hashlib
from dataclasses import dataclass

from schemas.alerts import Severity

POLICY = "vehicles"
"""What alerts of single vehicles name as their policy."""


@dataclass(frozen=True, slots=True)
class VehiclesConfig:
    """What is watched; the fleet's looks (streams/fleet/news.py) go by the same settings.

    jumps            whether jumps are looked for
    jump_quiet_ms    event time without a jump after which the alert is cleared
    jumps_for_minor  one glitch of GPS is two jumps, there and back: from so many on it is more than that
    battery          (low below, fine from), per cent; None: batteries are not watched
    """

    jumps: bool = True
    jump_quiet_ms: int = 900_000
    jumps_for_minor: int = 3
    battery: tuple[int, int] | None = None

    @property
    def version(self) -> str:
        """Hash of all that decides."""
        return hashlib.sha256(f"1{self}".encode()).hexdigest()[:12]

    def severity_of_jumps(self, jumps: int) -> Severity:
        """Return how bad so many jumps are."""
        return "minor" if jumps >= self.jumps_for_minor else "warning"
