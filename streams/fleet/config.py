"""What the fleet is told once."""

from collections.abc import Iterable
from dataclasses import dataclass

from streams.fleet.ground import Ground
from streams.fleet.news import NOTHING, NewsConfig
from streams.fold.presence import EVERY_MS


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Milliseconds, the number of partitions of ub.vehicles, and the most vehicles to keep in one of them.

    `news`: what is looked for in single vehicles; `edges`: areas in which they are counted by position; None: in none.
    `presence_ms`: see streams/fold/presence.py.
    """

    window_ms: int
    allowed_lateness_ms: int
    amend_horizon_ms: int
    stale_after_ms: int
    sources: int
    most_vehicles: int = 300_000
    news: NewsConfig = NOTHING
    edges: Ground | None = None
    presence_ms: int = EVERY_MS

    def learn(self, cells: Iterable[str]) -> None:
        """Find where cells (hex strings) lie in all areas; in a thread: of a city it takes seconds."""
        names = list(cells)
        for ground in self._grounds():
            ground.learn(names)

    def _grounds(self) -> list[Ground]:
        """Return all areas that positions are asked about."""
        speeds = None if self.news.speeds is None else self.news.speeds.ground
        return [ground for ground in (self.news.ground, speeds, self.edges) if ground is not None]
