"""Sizes of the tables whose rows come and go: they must not grow with the ids that ever were."""

from typing import Any

import psycopg

_CONTENT = """
SELECT (SELECT count(*) FROM ub.vehicle_state)             AS "rows of vehicle_state",
       (SELECT count(*) FROM ub.cell_now)                  AS "rows of cell_now",
       count(*)                                            AS "parts of checkpoints",
       coalesce(sum(octet_length(value)), 0)::bigint       AS "bytes in parts of checkpoints"
FROM ub.checkpoint_part
"""
_DISK = """
SELECT pg_total_relation_size('ub.vehicle_state')          AS "vehicle_state on disk",
       pg_total_relation_size('ub.checkpoint_part')        AS "checkpoint_part on disk"
"""


def content(connection: psycopg.Connection[dict[str, Any]]) -> dict[str, int]:
    """Return how much the tables hold."""
    return _row(connection.execute(_CONTENT))


def on_disk(connection: psycopg.Connection[dict[str, Any]]) -> dict[str, int]:
    """Return the bytes that they take, indexes and dead rows included."""
    return _row(connection.execute(_DISK))


def _row(cursor: psycopg.Cursor[dict[str, Any]]) -> dict[str, int]:
    row = cursor.fetchone()
    assert row is not None
    return row
