"""What others wrote is listed as it is: a name like a tag of rich's markup is a name."""

from pathlib import Path

import psycopg
import pytest

from tests.conftest import Database
from tests.e2e.commands import clean_environment, run
from tests.integration import store_rows as rows
from tests.integration.store_rows import T0
from tests.integration.store_support import write

pytestmark = pytest.mark.integration


def test_what_is_set_for_a_database_changes_nothing_in_how_it_is_read(
    migrated: Database, tmp_path: Path
) -> None:
    """A city's server may write dates as its people do, and give its clients Latin letters only."""
    write(migrated, *rows.alert("raised", 0, T0, zone="浦东新区"))
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        for setting in ("datestyle = 'German'", "client_encoding = 'LATIN1'", "timezone = 'Asia/Shanghai'"):
            connection.execute(f"ALTER DATABASE {migrated.name} SET {setting}".encode())
    environment = {**clean_environment(), "UB_DATABASE_URL": migrated.writer_url, "COLUMNS": "250"}
    done = run("alerts", "list", environment=environment, directory=tmp_path)
    assert "2023-11-14" in done.out, done.err
    assert "浦东新区" in done.out


def test_a_category_that_looks_like_markup_ends_no_list(migrated: Database, tmp_path: Path) -> None:
    """Whoever may publish requests names their category, and the summary of a hot spot quotes it."""
    summary = "13 requests of '[/b]' in 3 cells"
    write(migrated, *rows.alert("raised", 0, T0, kind="hot_spot", subject="[/b]", summary=summary))
    environment = {**clean_environment(), "UB_DATABASE_URL": migrated.writer_url, "COLUMNS": "250"}

    def urbanbrain(*arguments: str) -> str:
        done = run(*arguments, environment=environment, directory=tmp_path)
        assert done.code == 0, done.err
        return done.out

    assert summary in urbanbrain("alerts", "list")
    urbanbrain("alerts", "silence", "add", "zone=default", "--until", "1h", "--by", "a", "--reason", "[/b]")
    assert "[/b]" in urbanbrain("alerts", "silence", "list")
