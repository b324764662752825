"""Which kind of input an MQTT topic carries, and what it says about it."""

import functools
from typing import Any

from schemas.owners import OWN_LEVELS
from schemas.vehicles import MAX_ID_LENGTH
from streams.gateway.kind import Kind, Target
from streams.gateway.requests import REQUESTS
from streams.gateway.rules import is_id
from streams.gateway.sensors import SENSORS
from streams.gateway.vehicles import VEHICLES

KINDS: tuple[Kind[Any], ...] = (VEHICLES, SENSORS, REQUESTS)
ADDRESSES = tuple(address for kind in KINDS for address in kind.addresses)

_BY_NAME = {kind.name: kind for kind in KINDS}
_KNOWN_TOPICS = 1 << 17
_LONGEST = max(len(address) for address in ADDRESSES) + 2 * MAX_ID_LENGTH


def parse(topic: str) -> Target | None:
    """Return what `topic` says, None when it is none of ADDRESSES, or of no publisher but of the system itself.

    Remembers answers: each vehicle has a topic.
    """
    return _remembered(topic) if len(topic) <= _LONGEST else _parse(topic)


def _parse(topic: str) -> Target | None:
    levels = topic.split("/")
    if len(levels) < 4 or levels[:2] != ["ub", "v1"] or not is_id(levels[2]):
        return None
    if levels[2] in OWN_LEVELS:  # who subscribes to alerts would get positions
        return None
    kind = _BY_NAME.get(levels[3])
    if kind is None:
        return None
    if len(levels) == 4:
        return Target(kind, levels[2], None)
    if tuple(levels[5:]) == kind.tail:
        return Target(kind, levels[2], levels[4])
    return None


_remembered = functools.lru_cache(maxsize=_KNOWN_TOPICS)(_parse)
