"""What the fleet is told once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Milliseconds, the number of partitions of ub.vehicles, and the most vehicles to keep in one of them."""

    window_ms: int
    allowed_lateness_ms: int
    amend_horizon_ms: int
    stale_after_ms: int
    sources: int
    most_vehicles: int = 300_000
