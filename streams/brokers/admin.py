"""Kafka administration: wait for the broker, create our topics, look at what is there.

Topics are created before anyone uses them: brokers that create unknown topics on demand give them
a partition count of their own, and frames are placed by partition number.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.brokers.kafka_login import PLAIN, KafkaLogin, kafka_login_of, kafka_unavailable
from streams.errors import ServiceUnavailable, SettingsError
from streams.settings import Settings
from streams.topics import LARGEST_RECORD, TopicSpec, kafka_topics

log = logging.getLogger(__name__)

_HOUR_MS = 3_600_000
_ATTEMPT_S = 3.0
"""How long to try before it is said what is wrong; where TLS or a login may be, the brokers are asked. Then twice as
long each time, for a broker that is merely slow."""
_RETRY_S = 0.1
_CREATE_S = 30.0
"""How long topics may take to be created."""
OF_A_BATCH = 10_000
"""Bytes: what a batch says besides its records' values, such as headers."""


class _AdminClient(KafkaAdminClient):  # type: ignore[misc]
    """Closes itself where it cannot connect: kafka-python 3.0.12 leaves a thread and four open files behind each time.

    A worker asks again and again while Kafka is away: after an hour or two it could open no file any more.
    """

    _closed = False  # or else `close` does nothing before there was a connection

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except KafkaError:
            self.close()
            raise


@contextmanager
def admin_client(
    bootstrap: str, timeout_s: float = 10.0, login: KafkaLogin = PLAIN
) -> Iterator[KafkaAdminClient]:
    """Connect to the cluster; any Kafka error inside becomes ServiceUnavailable."""
    timeout_ms = max(1, int(timeout_s * 1000))
    try:
        with quiet_kafka():
            client = _AdminClient(
                bootstrap_servers=bootstrap,
                bootstrap_timeout_ms=timeout_ms,
                request_timeout_ms=timeout_ms,
                **login.options,
            )
        try:
            yield client
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise kafka_unavailable(bootstrap, login, error) from error


def wait_for_kafka(bootstrap: str, timeout_s: float = 30.0, login: KafkaLogin = PLAIN) -> str:
    """Return the cluster id once the broker answers; ServiceUnavailable after `timeout_s`.

    What it waits for is in the log, once: nobody must think that it hangs. So is what refuses us or our TLS: mostly
    waiting does not help there.
    """
    deadline = time.monotonic() + timeout_s
    attempt_s, said = _ATTEMPT_S, ""
    while True:
        try:
            with admin_client(
                bootstrap, max(0.1, min(attempt_s, deadline - time.monotonic())), login
            ) as client:
                return str(client.describe_cluster()["cluster_id"])
        except ServiceUnavailable as error:
            if time.monotonic() > deadline:
                raise
            if str(error) != said:
                said = str(error)
                log.warning("waiting: %s", said)
        attempt_s *= 2
        time.sleep(_RETRY_S)


def create_topics(bootstrap: str, settings: Settings) -> list[str]:
    """Create the topics of streams.topics that are missing; return their names.

    Safe to run again and from several processes at once. Raises SettingsError when a topic exists with fewer
    partitions than the settings ask for. Those that were added to one are left alone, which is logged: keys keep to the
    others, so that workers may read them to the end.
    """
    wanted = kafka_topics(settings.source_partitions, settings.region_partitions)
    with admin_client(bootstrap, _CREATE_S, kafka_login_of(settings)) as client:
        known = _partitions(client)
        missing = [spec for spec in wanted if spec.name not in known]
        for spec in missing:
            # Another process may create it between our look and this line.
            with _tolerating_existing():
                client.create_topics({spec.name: _options(spec)})
        if missing:
            client.wait_for_topics([spec.name for spec in missing], timeout_ms=_CREATE_S * 1000)
        known = _partitions(client)
    lacking = tuple(spec for spec in wanted if known.get(spec.name, 0) < spec.partitions)
    if problems := mismatches(lacking, known):
        raise SettingsError(problems)
    if problems := mismatches(wanted, known):
        log.error("%s", problems)
    return [spec.name for spec in missing]


def topic_partitions(bootstrap: str, timeout_s: float = 3.0, login: KafkaLogin = PLAIN) -> dict[str, int]:
    """Return the number of partitions of every topic of the cluster."""
    with admin_client(bootstrap, timeout_s, login) as client:
        return _partitions(client)


def mismatches(wanted: tuple[TopicSpec, ...], known: dict[str, int]) -> str:
    """Say which wanted topics are missing or have another number of partitions, and what to do; empty: none."""
    missing = [f"topic {spec.name} is missing" for spec in wanted if spec.name not in known]
    others = [
        f"topic {spec.name} has {known[spec.name]} partitions, the settings ask for {spec.partitions}"
        for spec in wanted
        if known.get(spec.name, spec.partitions) != spec.partitions
    ]
    way_out = (
        "set UB_SOURCE_PARTITIONS/UB_REGION_PARTITIONS to what is there, or, where partitions were added since, "
        "delete the topic once it is read"
    )
    return "; ".join([*missing, *others, *([way_out] if others else [])])


def _partitions(client: KafkaAdminClient) -> dict[str, int]:
    return {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()}


def _options(spec: TopicSpec) -> dict[str, object]:
    """Replication is the cluster's default (-1): one copy on a single broker, three in production.

    What is the limit of a record for producers is that of a batch for the topic, which says some things besides.
    """
    if spec.retention_hours is None:
        configs = {"cleanup.policy": "compact"}
    else:
        configs = {"cleanup.policy": "delete", "retention.ms": str(spec.retention_hours * _HOUR_MS)}
    configs["max.message.bytes"] = str(LARGEST_RECORD + OF_A_BATCH)
    return {"num_partitions": spec.partitions, "replication_factor": -1, "configs": configs}


@contextmanager
def _tolerating_existing() -> Iterator[None]:
    try:
        yield
    except TopicAlreadyExistsError:
        return


class _Quiet:
    """Silences kafka-python's log until the last of those that asked for it has no need of it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._level = logging.NOTSET

    @contextmanager
    def __call__(self) -> Iterator[None]:
        kafka = logging.getLogger("kafka")
        with self._lock:
            if self._depth == 0:
                self._level = kafka.level
                kafka.setLevel(logging.CRITICAL)
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    kafka.setLevel(self._level)


quiet_kafka = _Quiet()
"""While connecting: kafka-python logs each failed attempt as an error, and our exception says it once."""
