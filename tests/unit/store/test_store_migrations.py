"""Which migrations are to be applied: decided without a database."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from streams.errors import MigrationError
from streams.store.migrate import Applied, Migration, load, pending

ONE = Migration(1, "0001_one", "SELECT 1", community=False)
TWO = Migration(2, "0002_two", "SELECT 2", community=True)
THREE = Migration(3, "0003_three", "SELECT 3", community=False)
KNOWN = [ONE, TWO, THREE]


def applied(*migrations: Migration) -> list[Applied]:
    return [Applied(m.version, m.name, m.checksum) for m in migrations]


def test_an_empty_database_gets_all_in_order() -> None:
    assert pending(KNOWN, [], community=True) == KNOWN


def test_what_is_applied_is_not_applied_again() -> None:
    assert pending(KNOWN, applied(ONE, TWO), community=True) == [THREE]


def test_the_apache_edition_leaves_out_what_it_cannot_do() -> None:
    assert pending(KNOWN, [], community=False) == [ONE, THREE]


def test_a_later_change_of_edition_finds_what_was_left_out() -> None:
    assert pending(KNOWN, applied(ONE, THREE), community=True) == [TWO]


def test_a_migration_of_a_newer_program_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"is at migration 0003_three.*up to 0002"):
        pending([ONE, TWO], applied(ONE, TWO, THREE), community=True)


def test_the_newest_migration_of_a_newer_program_is_named() -> None:
    with pytest.raises(MigrationError, match=r"is at migration 0003_three.*up to 0001"):
        pending([ONE], applied(ONE, TWO, THREE), community=True)


def test_an_edited_migration_is_refused() -> None:
    edited = Migration(1, "0001_one", "SELECT 'edited'", community=False)
    with pytest.raises(MigrationError, match="0001_one was edited"):
        pending([edited], applied(ONE), community=True)


def test_a_database_from_before_a_comment_was_reworded_is_not_refused() -> None:
    known = load()
    of_now = known[8]
    former = replace(of_now, sql=of_now.sql.replace("of streams/fold/", "of streams/", 1))
    assert former.checksum != of_now.checksum
    assert pending(known, applied(*known[:8], former), community=True) == known[9:]


def test_migrations_that_databases_have_are_never_edited() -> None:
    """Not even a comment: databases hold their checksums. A change goes into a new file; this digest stays."""
    checksums = "".join(m.checksum for m in load()[:34])
    digest = hashlib.sha256(checksums.encode()).hexdigest()
    assert digest == "cc1f07067447efd5ff5ab551c9416e55650db2dccd686b6b607f7caea0d82dd0"


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match="0001_a and 0001_b have the same number"):
        load(tmp_path)


def test_line_ends_of_another_system_do_not_change_the_checksum(tmp_path: Path) -> None:
    file = tmp_path / "0001_a.sql"
    file.write_bytes(b"SELECT 1;\n")
    (unix,) = load(tmp_path)
    file.write_bytes(b"SELECT 1;\r\n")
    (dos,) = load(tmp_path)
    assert unix.checksum == dos.checksum


def test_the_files_are_numbered_without_gaps_and_do_not_commit() -> None:
    migrations = load()
    assert [m.version for m in migrations] == list(range(1, len(migrations) + 1))
    assert [m.name for m in migrations if "COMMIT;" in m.sql.upper()] == []
