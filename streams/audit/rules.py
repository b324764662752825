"""What the audit must know of the settings to compute the tables: milliseconds, resolutions, the most vehicles."""

from dataclasses import dataclass


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
