"""PostgreSQL over TLS as docs/operations.md sets it up: who is meant is let in, all else is told the way out."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.endpoints import with_database
from deploy.native.directory import private_directory
from deploy.native.postgres import Postgres
from streams.doctor.database import check_database
from streams.doctor.examination import guarded
from streams.settings import load
from streams.store import queries
from tests import certificates
from tests.certificates import Certificates
from tests.stack import native_services_or_skip
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@dataclass(frozen=True, slots=True)
class TlsPostgres:
    """A server that takes TLS only, with a certificate for 127.0.0.1."""

    server: Postgres
    data: Path
    made: Certificates
    others: Certificates
    """Of an authority that has nothing to do with it."""

    def url(self, **more: str) -> str:
        return make_conninfo(with_database(self.server.url, "postgres"), **more)

    def show(self, certificate: Certificates) -> None:
        """Have the server show another certificate, as after a renewal."""
        for source, name in ((certificate.server, "server.crt"), (certificate.key, "server.key")):
            shutil.copy(source, self.data / name)
            (self.data / name).chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(self.data / name, "postgres")


@pytest.fixture(scope="module")
def postgres() -> Iterator[TlsPostgres]:
    with native_services_or_skip(), private_directory() as directory:
        server, data = Postgres(directory), directory / "postgres"
        made, others = certificates.made(directory / "tls"), certificates.made(directory / "others")
        found = TlsPostgres(server, data, made, others)
        try:
            server.start()
            found.show(made)
            with psycopg.connect(found.url(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET ssl = on")
                connection.execute("SELECT pg_reload_conf()")
            rules = data / "pg_hba.conf"
            rules.write_text(rules.read_text().replace("\nhost ", "\nhostssl "))
            server.restart()
            yield found
        finally:
            server.stop()


def said(url: str) -> tuple[str, str]:
    """Return what the doctor finds, and the way out."""
    found = guarded("database", lambda: check_database(load(database_url=url)))
    return found[0].detail, found[0].advice


def test_a_server_that_is_who_it_says_is_asked_over_tls(postgres: TlsPostgres) -> None:
    url = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.made.ca))
    with queries.connect(url) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)
    assert "answers" in said(url)[0]


@pytest.mark.parametrize(
    ("options", "what", "way_out"),
    [
        ({"sslmode": "disable"}, "refuses us without TLS", "add sslmode=verify-full"),
        ({"sslmode": "verify-full", "sslrootcert": "/nowhere.pem"}, "cannot be verified", "set sslrootcert"),
        ({"sslmode": "verify_full"}, "cannot be asked", "correct UB_DATABASE_URL"),
    ],
)
def test_what_lacks_is_said_with_the_way_out(
    postgres: TlsPostgres, options: dict[str, str], what: str, way_out: str
) -> None:
    detail, advice = said(postgres.url(**options))
    assert f" {what} (" in detail
    assert advice.startswith(way_out)


def test_a_certificate_of_another_authority_or_for_another_name_is_refused(postgres: TlsPostgres) -> None:
    of_others = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.others.ca))
    elsewhere = postgres.url(
        sslmode="verify-full", sslrootcert=str(postgres.made.ca), host="localhost", hostaddr="127.0.0.1"
    )
    for url, way_out in ((of_others, "set sslrootcert"), (elsewhere, "set the host in UB_DATABASE_URL")):
        detail, advice = said(url)
        assert " shows a certificate that is refused (" in detail
        assert advice.startswith(way_out)


def test_another_certificate_is_shown_once_the_server_reads_its_files_again(postgres: TlsPostgres) -> None:
    url = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.made.ca))
    with psycopg.connect(url, autocommit=True) as before:
        postgres.show(postgres.others)
        before.execute("SELECT pg_reload_conf()")
        wait_until(lambda: "answers" not in said(url)[0], "the other certificate")
        assert before.execute("SELECT 1").fetchone() == (1,), "who is let in already goes on"
        postgres.show(postgres.made)
        before.execute("SELECT pg_reload_conf()")
        wait_until(lambda: "answers" in said(url)[0], "the first certificate")
