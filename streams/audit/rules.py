"""What the audit must know of the settings to compute the tables."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations in milliseconds.

    most_vehicles, most_series  number beyond which a partition crowds vehicles, or series of sensors, out
    districts                   GeoJSON text
    """

    window_ms: int
    lateness_ms: int
    horizon_ms: int
    stale_ms: int
    most_vehicles: int
    resolution: int
    region_resolution: int
    most_series: int = 300_000
    forget_request_ms: int = 90 * 86_400_000
    districts: str | None = None
