"""The two login roles of services, with passwords. Migrations grant them rights; whoever starts a
server gives them passwords (deploy/timescaledb/roles.sql does it in Docker).
"""

import psycopg
from psycopg import sql

WRITER = "ub_writer"
READER = "ub_reader"


def ensure_roles(owner_url: str, passwords: dict[str, str]) -> None:
    """Create each role that is missing, and set its password. `owner_url` must be allowed to."""
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
        for role, password in passwords.items():
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(role), sql.Literal(password)
                )
            )
