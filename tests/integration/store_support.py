"""Short questions to a test's database, asked as its owner."""

from typing import Any

import psycopg


def query(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of one statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()
