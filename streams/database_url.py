"""UB_DATABASE_URL as libpq reads it. A password shows in no message, so all else must be what it seems."""

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

FORM = (
    "postgresql://user:password@host:port/database is expected, with special characters of the password "
    "percent-encoded (/ is %2F, @ is %40)"
)


def parts_of(url: str) -> dict[str, Any]:
    """Return the parts of a URL or conninfo string. ValueError, without a word of it, where it cannot be meant so.

    Of a "/" in the password libpq takes what stands before for the port; of an "@", what stands behind for the host.
    """
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:  # its text quotes parts of the string, and one of them may be the password
        raise ValueError(FORM) from None
    host, port, database = (str(parts.get(name) or "") for name in ("host", "port", "dbname"))
    misread = (
        ("@" in host and not host.startswith("@"))  # "@name" is an abstract socket
        or not set(port) <= set("0123456789,")
        or ("://" in url and "@" in database and "%40" not in url)
    )
    if misread:
        raise ValueError(FORM)
    return parts
