"""Whether the workers that were just started are at work.

What comes before they are is kept and counted, but it is a backlog to them, of which alerts come late or never
(docs/semantics.md, Alerts). Until they are in their group, and have compiled what was never compiled here, pass from
three seconds to more than a minute.
"""

from typing import LiteralString

from streams import topics
from streams.settings import Settings
from streams.store import queries

_NOW = "SELECT ub.milliseconds(clock_timestamp())"
_CLAIMED = "SELECT count(*) FROM ub.checkpoint WHERE stage = ANY(%s) AND epoch >= %s"
"""Each claim of a partition has an epoch of its own, no less than the database's clock then, in milliseconds."""


def clock_ms(url: str) -> int:
    """Return the time by the database's clock, milliseconds since the epoch."""
    return _number(url, _NOW)


def partitions_of(settings: Settings) -> int:
    """Return how many partitions there are for workers with these settings to look after, of all their stages."""
    specs = topics.kafka_topics(settings.source_partitions, settings.region_partitions)
    partitions = {spec.name: spec.partitions for spec in specs}
    return sum(partitions[topics.READ_BY[stage]] for stage in settings.stage_names)


def claimed(settings: Settings, since_ms: int) -> int:
    """Return how many of them a worker has taken since then, by the database's clock."""
    url = settings.database_url.get_secret_value()
    return _number(url, _CLAIMED, (sorted(settings.stage_names), since_ms))


def _number(url: str, question: LiteralString, values: tuple[object, ...] = ()) -> int:
    with queries.connect(url) as connection:
        row = connection.execute(question, values).fetchone()
    assert row is not None
    return int(row[0])
