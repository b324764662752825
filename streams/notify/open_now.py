"""Open alerts as the tables hold them, which programs of other versions may have written."""

import logging
from collections.abc import Iterable, Iterator

import msgspec

from schemas import codec
from schemas.alerts import Alert

log = logging.getLogger(__name__)


def decoded(bodies: Iterable[bytes]) -> Iterator[tuple[Alert, bytes]]:
    """Yield alerts with their JSON; the log names those that this program does not know."""
    for body in bodies:
        try:
            yield codec.alert.decode(body), body
        except msgspec.DecodeError as error:
            log.error("an open alert cannot be read: %s; nobody is told of it: %.200r", error, body)
