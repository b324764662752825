"""A file that a shell reads (`. FILE`), so that commands in another terminal find the services of `urbanbrain up`."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict

from deploy.endpoints import Endpoints
from streams.settings import Settings

_PSQL = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "dbname",
}

_LOGINS = ("UB_MQTT_USERNAME", "UB_MQTT_PASSWORD")


@contextmanager
def environment_file(endpoints: Endpoints) -> Iterator[Path | None]:
    """Give the path of the file while the context lasts; None where the settings name the services already.

    It holds passwords, so nobody else may read it.
    """
    if endpoints.as_set:
        yield None
        return
    path = (endpoints.directory or Path("build").absolute()) / "environment"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # one that a killed process left; its mode may be another
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_lines(endpoints))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _lines(endpoints: Endpoints) -> str:
    """Return the settings of ub_writer for our commands, those of ub_reader for psql, and where our program is."""
    reader = conninfo_to_dict(endpoints.reader_url)
    values = {
        **_own_settings(),
        **endpoints.environment(),
        **{name: str(reader[key]) for name, key in _PSQL.items() if key in reader},
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"', *lines, ""])


def _own_settings() -> dict[str, str]:
    """Return what the environment and .env say of the processes: `doctor` and `alerts replay` go by the same there.

    The other terminal may be in another folder, so files are named from the root. Logins are of other brokers.
    """
    given = {**dotenv_values(".env"), **os.environ}
    names = [f"UB_{field.upper()}" for field in Settings.model_fields]
    values = {name: given[name] or "" for name in names if name in given and name not in _LOGINS}
    return {
        name: str(Path(value).absolute()) if value and name.endswith("_FILE") else value
        for name, value in values.items()
    }
