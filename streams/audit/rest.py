"""Before the tables are read: whether this is their log, the grid has caught up, all has come to rest."""

import time
from collections.abc import Mapping, Sequence

from streams import topics
from streams.audit.log import Log
from streams.audit.stage import Say
from streams.audit.tables import Checkpoints, Database
from streams.brokers.admin import admin_client, topic_partitions
from streams.brokers.kafka_login import kafka_login_of
from streams.errors import CannotAudit
from streams.settings import Settings

_POLL_S = 0.3


def check_topics(settings: Settings, audited: Sequence[str]) -> None:
    """Check that Kafka has our topics; asking about one that is missing may create it on some brokers."""
    known = topic_partitions(settings.kafka_bootstrap, login=kafka_login_of(settings))
    missing = [topic for topic in (*audited, topics.PARTIALS, topics.REJECTED) if topic not in known]
    if missing:
        raise CannotAudit(
            f"Kafka at {settings.kafka_bootstrap} has no topic {', '.join(missing)}; "
            "give the address of the Kafka that the tables were made from (UB_KAFKA_BOOTSTRAP)"
        )


def offsets_of(checkpoints: Checkpoints, topic: str) -> dict[int, int]:
    """Return the last offset that the tables reflect, by partition of `topic`."""
    return {p: c.offset for (name, p), c in sorted(checkpoints.items()) if name == topic}


def wait_for_stages(
    settings: Settings, database: Database, audited: Sequence[str], wait_s: float, *, complete: bool, say: Say
) -> None:
    """Wait until the grid has stored ub.partials up to its present end.

    With `complete` until every stage of the topics `audited` has stored its topic up to the end. CannotAudit
    after `wait_s`.
    """
    # In the order of the road: what one stage tells lies before the end of the next one's topic.
    awaited = (*audited, topics.PARTIALS, topics.REJECTED) if complete else (topics.PARTIALS,)
    login = kafka_login_of(settings)
    log = Log(settings.kafka_bootstrap, login)
    known = topic_partitions(settings.kafka_bootstrap, login=login)
    deadline = time.monotonic() + wait_s
    for topic in awaited:
        ends = log.last_offsets(topic, known[topic])
        while behind := _behind(database, topic, ends):
            say(f"waiting: {behind}")
            if time.monotonic() > deadline:
                raise CannotAudit(
                    f"after {wait_s:.0f} s still {behind}; is a worker running? Wait longer with --wait"
                )
            time.sleep(_POLL_S)


def _behind(database: Database, topic: str, ends: Mapping[int, int]) -> str:
    stored = offsets_of(database.checkpoints(), topic)
    late = [(p, stored.get(p, -1), end) for p, end in ends.items() if stored.get(p, -1) < end]
    return ", ".join(f"{topic}[{p}] is stored up to {now} of {end}" for p, now, end in late)


def wait_for_rest(settings: Settings, database: Database, wait_s: float, say: Say) -> None:
    """Wait until no stage has stored anything for so long that nothing is on its way any more.

    That is the time after which idle sources stop holding windows open, and three checkpoints: the last
    counts are told one checkpoint after they are stored. CannotAudit after `wait_s` beyond that.
    """
    quiet_s = settings.idle_timeout_s + 3 * settings.checkpoint_interval_s + 1
    began = since = time.monotonic()
    last = database.checkpoints()
    while (now := time.monotonic()) - since < quiet_s:
        say(f"waiting until nothing changes: quiet for {now - since:.0f} s of {quiet_s:.0f} s")
        if now - began > wait_s + quiet_s:
            raise CannotAudit(
                f"within {wait_s:.0f} s the tables did not come to rest; stop the publishers and wait longer "
                "with --wait, or audit the running system (without --complete, straight from Kafka)"
            )
        time.sleep(_POLL_S)
        checkpoints = database.checkpoints()
        if checkpoints != last:
            last, since = checkpoints, time.monotonic()


def check_incarnation(
    checkpoints: Checkpoints, settings: Settings, audited: Sequence[str], *, kafka: bool
) -> None:
    """Check that the tables were made of one log, from its beginning, and, with `kafka`, of the one in that Kafka.

    Raises CannotAudit that names the partition of one of the topics `audited`.
    """
    for (topic, partition), checkpoint in sorted(checkpoints.items()):
        if topic in audited and checkpoint.generation:
            raise CannotAudit(
                f"{topic}[{partition}] is in its generation {checkpoint.generation}: the topic or the cluster was "
                "rebuilt, and the tables rest on logs that are gone; only tables made of one log can be computed "
                "from it (migrate a new database and let the workers fold the log again)"
            )
    if not kafka:
        return
    with admin_client(settings.kafka_bootstrap, login=kafka_login_of(settings)) as client:
        cluster = str(client.describe_cluster().get("cluster_id"))
        ids = {topic: str(client.describe_topics([topic])[0].get("topic_id", "")) for topic in audited}
    for (topic, partition), checkpoint in sorted(checkpoints.items()):
        if topic in audited and (checkpoint.cluster_id, checkpoint.topic_id) != (cluster, ids[topic]):
            raise CannotAudit(
                f"the tables reflect {topic}[{partition}] of cluster {checkpoint.cluster_id} (topic id "
                f"{checkpoint.topic_id}), and Kafka at {settings.kafka_bootstrap} is cluster {cluster} ({ids[topic]}); "
                "give the address of the right Kafka (UB_KAFKA_BOOTSTRAP)"
            )
