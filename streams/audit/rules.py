"""What the audit must know of the settings to compute the tables: milliseconds, resolutions, the most vehicles."""

from dataclasses import dataclass
from typing import Self

from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations in milliseconds. `most_vehicles` is the number beyond which a partition crowds vehicles out."""

    window_ms: int
    lateness_ms: int
    horizon_ms: int
    stale_ms: int
    most_vehicles: int
    resolution: int
    region_resolution: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take them from the settings; they must be those that the workers ran with."""
        return cls(
            window_ms=settings.window_s * 1000,
            lateness_ms=int(settings.allowed_lateness_s * 1000),
            horizon_ms=int(settings.amend_horizon_s * 1000),
            stale_ms=int(settings.stale_after_s * 1000),
            most_vehicles=settings.max_vehicles_per_partition,
            resolution=settings.h3_resolution,
            region_resolution=settings.region_resolution,
        )
