"""Errors that a person may see. Each message names the value, the rule and the way out.

UrbanBrainError
├── SettingsError        a setting is missing or contradicts another
├── ServiceUnavailable   MQTT, Kafka or the database does not answer, or refuses us
├── MigrationError       the database schema is older or newer than this program
├── Fenced               another worker owns the partition now; our writes are refused
│   └── SetBack          the database has lost what we stored of a partition
├── LogGap               records of a partition were skipped; folding on would lose them
├── LogReplaced          a topic is another log than before, or gone
├── StateError           a checkpoint holds state that another version of this program stored
├── PolicyError          a policy file cannot be used
├── MatcherError         a matcher of alerts cannot be read
├── AlertError           an alert or a silence is not there, or not in a state for what was asked
├── BadQuery             what the console was asked cannot be understood
├── Busy                 more is asked of the console than the database answers in time
├── CannotReplay         the log does not hold what an alert came from, or nothing judges it any more
└── CannotAudit          the log or the tables do not hold what an audit needs
"""

from collections.abc import Sequence

_ADDRESS = {
    "MQTT": "UB_MQTT_HOST and UB_MQTT_PORT",
    "Kafka": "UB_KAFKA_BOOTSTRAP",
    "PostgreSQL": "UB_DATABASE_URL",
}
"""The settings that say where a service is."""


class UrbanBrainError(Exception):
    """Base of all errors that are reported to a person in one line."""


class SettingsError(UrbanBrainError):
    """A setting is missing or contradicts another."""


class ServiceUnavailable(UrbanBrainError):
    """A service does not answer, or `refuses` us, or `what` it does; `retry_after` is a hint in seconds.

    `way_out` is empty where nothing more is known than what helps with any service.
    """

    def __init__(
        self,
        service: str,
        address: str,
        reason: str,
        retry_after: float = 1.0,
        *,
        refuses: bool = False,
        what: str = "",
        way_out: str = "",
    ) -> None:
        does, helps = (
            ("refuses us", "if this persists, correct the user, the password or what is asked for")
            if refuses
            else ("does not answer", f"start it, or correct {_ADDRESS.get(service, 'the address')}")
        )
        super().__init__(
            f"{service} at {address} {what or does} ({reason}); {way_out or helps}; "
            "`urbanbrain doctor` checks all of them"
        )
        self.service = service
        self.does = what or does
        self.address = address
        self.retry_after = retry_after
        self.way_out = way_out


class MigrationError(UrbanBrainError):
    """The database schema is older or newer than this program."""


class Fenced(UrbanBrainError):
    """Another worker owns the partition now; our writes are refused.

    `partitions` are the (stage, topic, partition) that were lost; nothing of the commit was written.
    """

    def __init__(self, message: str, partitions: Sequence[tuple[str, str, int]] = ()) -> None:
        super().__init__(message)
        self.partitions = tuple(partitions)


class SetBack(Fenced):
    """The database has lost what we stored of a partition: what we remember of it must not be built on."""


class LogGap(UrbanBrainError):
    """Records of a partition were skipped; folding on would lose them."""


class LogReplaced(UrbanBrainError):
    """A topic is another log than before, or gone."""


class StateError(UrbanBrainError):
    """A checkpoint holds state that another version of this program stored."""


class PolicyError(UrbanBrainError):
    """A policy file cannot be used."""


class MatcherError(UrbanBrainError):
    """A matcher of alerts cannot be read."""


class AlertError(UrbanBrainError):
    """An alert or a silence is not there, or not in a state for what was asked."""


class BadQuery(UrbanBrainError):
    """What the console was asked cannot be understood."""


class Busy(UrbanBrainError):
    """More is asked of the console than the database answers in time; it is well, and less at a time helps."""


class CannotReplay(UrbanBrainError):
    """The log does not hold what an alert came from, or nothing judges it any more."""


class CannotAudit(UrbanBrainError):
    """The log or the tables do not hold what an audit needs."""
