"""What the load is to be: its plan, and the messages that it consists of."""

from dataclasses import dataclass
from typing import Literal

OPERATORS = ("alpha", "beta", "gamma")
"""Who publishes: each has a fleet, sensors and a hotline, and one connection for all of them."""
TICK_MS = 100
PLACES = 300
CITIES = ((31.23, 121.47), (39.90, 116.40))  # Shanghai and Beijing: regions of their own

LONG_AGO_MS = 86_400_000
"""What is meant to be too late lies so far back: beyond any horizon, and no run takes half as long."""

Kind = Literal["vehicles", "sensors", "requests"]
KINDS: tuple[Kind, ...] = ("vehicles", "sensors", "requests")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make. `rate`: readings of bikes, `measurements`: readings of sensors, `events`: events of citizens'
    requests, each per second of wall time; `speed`: event time per wall time.

    Of the messages a share `held_back` is published up to `most_held_back_s` (wall time) late, and a share
    `repeated` a second time, as late again. A share `rotating` of the bikes has a new id after each `poll_s`
    (wall time), as GBFS feeds do; the old one is never heard of again.
    """

    seed: int
    rate: int
    begin_ms: int
    bikes: int = 20_000
    measurements: int = 0
    events: int = 0
    speed: float = 1.0
    message_size: int = 120
    held_back: float = 0.15
    repeated: float = 0.05
    most_held_back_s: float = 4.0
    rotating: float = 0.0
    poll_s: float = 10.0

    def __post_init__(self) -> None:
        if self.rate * TICK_MS / 1000 * len(OPERATORS) > self.bikes:
            raise ValueError(
                f"{self.bikes} bikes cannot give {self.rate} readings/s with one each {TICK_MS} ms "
                f"at most: use {self.rate * TICK_MS // 1000 * len(OPERATORS)} bikes or more"
            )

    @property
    def tick_ms(self) -> int:
        """Event time of one tick."""
        return max(1, int(TICK_MS * self.speed))


@dataclass(frozen=True, slots=True)
class Message[R]:
    """Readings or events of one operator, all of one kind; `first` is false when it was published before."""

    operator: str
    readings: tuple[R, ...]
    first: bool = True
    kind: Kind = "vehicles"


def long_ago(ts: int, newest: int) -> bool:
    """Return whether a reading was meant to be too late, given the newest one of the run so far."""
    return ts < newest - LONG_AGO_MS // 2
