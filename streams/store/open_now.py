"""Which alerts and incidents are open as of the newest checkpoint."""

from collections.abc import Collection
from typing import Any

from psycopg import AsyncConnection

_OPEN = """
SELECT alert_id FROM ub.alert WHERE status = 'active' AND alert_id = ANY(%(ids)s)
UNION ALL
SELECT incident_id FROM ub.incident WHERE status = 'active' AND incident_id = ANY(%(ids)s)
"""


async def open_now(connection: AsyncConnection[Any], ids: Collection[str]) -> set[str]:
    """Return those of these ids of alerts and incidents that are open in the tables, closed by hand or not."""
    found = await connection.execute(_OPEN, {"ids": list(ids)})
    return {id_ for (id_,) in await found.fetchall()}
