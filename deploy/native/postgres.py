"""PostgreSQL 17 with TimescaleDB on the loopback interface, in a cluster made for one run."""

import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.endpoints import database_url, with_database, with_login
from deploy.native import programs
from deploy.native.ports import LOOPBACK, answers, free_port
from deploy.native.process import POLL_S, ServiceFailed, ServiceProcess, as_user, is_root
from deploy.roles import READER, WRITER, ensure_roles

OWNER = "ub_owner"
DATABASE = "urbanbrain"
START_TIMEOUT_S = 30.0
_END_S = 10.0
"""Within it the backends of a killed server notice the death of their parent."""

_SETTINGS = f"""
listen_addresses = '{LOOPBACK}'
port = {{port}}
unix_socket_directories = ''
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 8
max_worker_processes = 20
max_connections = 100
shared_buffers = 128MB
max_wal_size = 2GB
wal_level = minimal
max_wal_senders = 0
timezone = 'UTC'
log_timezone = 'UTC'
# The data is thrown away at the end of the run, so nothing waits for the disk. What is committed survives a
# crash of PostgreSQL (the operating system has the pages), not one of the machine. Never in production.
fsync = off
full_page_writes = off
"""


class Postgres:
    """One server. `url` is the owner's, a superuser with a random password; the data survives restarts.

    PostgreSQL refuses to run as root; then it runs as user `postgres`, who must be able to reach `directory`.
    """

    def __init__(self, directory: Path) -> None:
        self._data = directory / "postgres"
        self._user = "postgres" if is_root() else None
        self._port = free_port()
        self._passwords = {role: secrets.token_urlsafe(18) for role in (OWNER, WRITER, READER)}
        self.url = database_url(OWNER, self._passwords[OWNER], LOOPBACK, self._port, DATABASE)
        self.writer_url = with_login(self.url, WRITER, self._passwords[WRITER])
        self.reader_url = with_login(self.url, READER, self._passwords[READER])
        self._process = ServiceProcess(
            "PostgreSQL",
            [str(programs.postgres_directory() / "postgres"), "-D", str(self._data)],
            directory / "postgres.log",
            user=self._user,
            stop_signal=signal.SIGINT,  # fast shutdown: open transactions are rolled back
            stop_timeout_s=20.0,
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def pid(self) -> int:
        """The postmaster's process id; raises ServiceFailed while it does not run."""
        return self._process.pid

    @property
    def process(self) -> ServiceProcess:
        """The postmaster."""
        return self._process

    @property
    def running(self) -> bool:
        """Whether the postmaster was started and has not ended."""
        return self._process.running

    def start(self) -> None:
        """Start it, the first time with a new cluster, database and roles; return when it accepts queries."""
        new = not self._data.exists()
        if new:
            self._create_cluster()
        self._process.start(self._accepts, START_TIMEOUT_S)
        if new:
            self._create_database()

    def _create_cluster(self) -> None:
        if self._user is not None:
            _check_reachable(self._data.parent, self._user)
        self._data.mkdir(mode=0o700)
        password_file = self._data.parent / "owner.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._passwords[OWNER])
        if self._user is not None:
            shutil.chown(self._data, self._user)
            shutil.chown(password_file, self._user)
        command = [
            *as_user(self._user),
            *(str(programs.postgres_directory() / "initdb"), "--pgdata", str(self._data)),
            *("--username", OWNER, "--pwfile", str(password_file), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-sync", "--no-instructions"),
        ]
        done = subprocess.run(
            command,
            check=False,
            cwd=self._data.parent,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        password_file.unlink()
        if done.returncode != 0:
            raise ServiceFailed(f"initdb failed in {self._data} (exit {done.returncode}):\n{done.stdout}")
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(_SETTINGS.format(port=self._port))

    def _create_database(self) -> None:
        with psycopg.connect(with_database(self.url, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        ensure_roles(self.url, {role: self._passwords[role] for role in (WRITER, READER)})

    def _accepts(self) -> bool:
        if not answers(self._port):
            return False
        try:
            psycopg.connect(with_database(self.url, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:  # "the database system is starting up"
            return False
        return True

    def stop(self) -> None:
        """Stop it in order: what is open is rolled back, what is committed is on disk."""
        self._process.stop()

    def kill(self) -> None:
        """Crash it: the server and all its backends vanish; the next start recovers from the log."""
        if not self._process.running:
            return
        backends = _children(self._process.pid)
        self._process.kill()
        _await_end(backends)

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()


def _check_reachable(directory: Path, user: str) -> None:
    """Raise ServiceFailed when `user` (not in our groups) cannot descend to `directory`."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise ServiceFailed(
            f"PostgreSQL does not run as root and there is no user {user}; "
            "run as an ordinary user, or create it"
        ) from None
    for parent in (directory, *directory.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ServiceFailed(
                f"PostgreSQL does not run as root, and user {user} cannot enter {parent}; "
                "set TMPDIR to a directory open to all users, such as /tmp"
            )


def _children(pid: int) -> list[int]:
    """Return the process ids of a process's children (Linux; empty elsewhere)."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _await_end(pids: list[int]) -> None:
    """Wait until the backends of a killed server are gone: a new one refuses to start before.

    They notice the death of their parent by themselves, in milliseconds.
    """
    deadline = time.monotonic() + _END_S
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise ServiceFailed(f"backends {pids} of a killed PostgreSQL still run after {_END_S:g} s")
        time.sleep(POLL_S)


def _alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie that init has yet to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
