"""What a gateway says of itself, so that one that is gone, or gets no further, is missed."""

import msgspec


class GatewayAtWork(msgspec.Struct, frozen=True):
    """A gateway is at work: said every ten seconds and retained, so that the last time is known afterwards."""

    gateway_id: str
    at: int
    """Milliseconds since the epoch, by its own clock."""
    unconfirmed_s: int = 0
    """For how many seconds Kafka has confirmed nothing where the oldest record waits for it; 0: none waits."""
