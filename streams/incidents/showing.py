"""What a book knows of the subject of an alert, in words: for people who look at how an alert came about."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from schemas.alerts import Alert, AlertKind


@dataclass(frozen=True, slots=True)
class Seen:
    """The value that is judged, the threshold, and the state that this led to."""

    value: str
    threshold: str
    state: str


def active(alert: Alert | None, otherwise: str = "quiet") -> str:
    """Return the state of a condition in words: `active` with the severity of its open alert, or `otherwise`."""
    return otherwise if alert is None else f"active {alert.severity}"


@runtime_checkable
class Showing(Protocol):
    """A book that can be asked about one of its alerts."""

    def version(self, alert: Alert) -> str | None:
        """Return the version of what would judge the alert's subject now; None where nothing would."""

    def seen(self, alert: Alert) -> Seen | None:
        """Return what is known of the alert's subject now; None where nothing is."""


About = tuple[AlertKind, str, str | None]
"""What an alert is about: its kind, cell and subject."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A condition that holds since an event time, and becomes an alert when it has lasted for `min_duration_ms`.

    `name` is for people.
    """

    about: About
    name: str
    since: int
    min_duration_ms: int
