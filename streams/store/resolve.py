"""Ids as people give them: the beginning is enough."""

from typing import Any

from psycopg import Connection

from streams.errors import AlertError


def resolved(connection: Connection[Any], query: str, prefix: str, what: str, help_: str) -> str:
    """Return the only id that `query` finds for a prefix; AlertError where there is none, or more than one."""
    if not prefix:
        raise AlertError(f"the id is empty; {help_}")
    found = [str(row[0]) for row in connection.execute(query.encode(), (prefix,)).fetchall()]
    if not found:
        raise AlertError(f"there is no {what} whose id begins with {prefix!r}; {help_}")
    if len(found) > 1 and prefix not in found:
        raise AlertError(f"{prefix!r} begins more than one id ({', '.join(found)}); give more of it")
    return prefix if prefix in found else found[0]
