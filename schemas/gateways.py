"""What a gateway says of itself, so that one that is gone is missed."""

import msgspec


class GatewayAtWork(msgspec.Struct, frozen=True):
    """A gateway is at work: said every ten seconds and retained, so that the last time is known afterwards."""

    gateway_id: str
    at: int
    """Milliseconds since the epoch, by its own clock."""
