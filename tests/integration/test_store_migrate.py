"""Migrations against a real PostgreSQL + TimescaleDB."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import h3.api.basic_int as h3
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from deploy.endpoints import with_login
from streams.errors import MigrationError, ServiceUnavailable
from streams.store.migrate import MIGRATIONS, load, migrate, missing, say_what_differs
from streams.store.tables import TABLES
from tests.conftest import Database
from tests.integration.store_rows import CELL, T0, sensor_windows, windows
from tests.integration.store_support import query, write

pytestmark = pytest.mark.integration

EVERYWHERE = [migration.name for migration in load() if not migration.community]


def run(database: Database, folder: Path = MIGRATIONS) -> list[str]:
    return asyncio.run(migrate(database.owner_url, lambda line: None, folder))


def applied(database: Database) -> list[str]:
    return [
        name for (name,) in query(database.owner_url, "SELECT name FROM ub.schema_migration ORDER BY version")
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def test_the_second_migration_finds_nothing_to_do(database: Database) -> None:
    assert asyncio.run(missing(database.owner_url)) == EVERYWHERE
    first = run(database)
    assert first == applied(database)
    assert set(EVERYWHERE) <= set(first)
    assert run(database) == []
    assert asyncio.run(missing(database.writer_url)) == []


def test_two_processes_at_once_apply_each_migration_once(database: Database) -> None:
    program = (
        "import asyncio, sys; from streams.store.migrate import migrate;"
        "print(*asyncio.run(migrate(sys.argv[1], lambda line: None)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, database.owner_url], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(name for output in outputs for name in output) == applied(database)


def test_a_worker_of_the_program_before_goes_on_and_its_stages_are_not_said_to_be_alone(
    database: Database, folder: Path
) -> None:
    """It claims and stores as it always did; where nothing comes it says nothing for hours."""
    later = sorted(path for path in folder.glob("*.sql") if path.name >= "0026_")
    for path in later:
        path.rename(folder.parent / path.name)
    run(database, folder)
    claimed = (
        "INSERT INTO ub.checkpoint AS c "
        '(stage, topic, partition, cluster_id, topic_id, generation, "offset", owner, epoch, updated_at) '
        "VALUES ('grid', 'ub.partials', %s, 'c', 't', 0, -1, 'worker-0', 1, now() - interval '9 h') "
        "ON CONFLICT (stage, topic, partition) DO UPDATE SET epoch = c.epoch + 1, updated_at = now() RETURNING 1"
    )
    query(database.writer_url, claimed, 0)
    assert run(database) == [path.stem for path in later]
    query(database.writer_url, claimed, 1)
    seen = "SELECT stage, partitions, seen_at FROM api.stage"
    assert query(database.reader_url, seen) == [("grid", 2, None)]
    newer = "UPDATE ub.checkpoint SET seen_at = updated_at WHERE partition = 0 RETURNING seen_at"
    ((at,),) = query(database.writer_url, newer)
    assert query(database.reader_url, seen) == [("grid", 2, at)]
    query(database.writer_url, claimed, 0)
    assert query(database.reader_url, seen) == [("grid", 2, None)], "the old one took it over again"


def test_what_a_database_was_filled_with_is_read_from_its_newest_window(
    database: Database, folder: Path
) -> None:
    later = sorted(path for path in folder.glob("*.sql") if path.name >= "0045_")
    for path in later:
        path.rename(folder.parent / path.name)
    run(database, folder)
    region = {"region": h3.int_to_str(h3.cell_to_parent(CELL, 3))}
    write(
        database, windows({"window_s": 20} | region), sensor_windows({"window_start": T0 + 60_000} | region)
    )
    assert run(database) == [path.stem for path in later]
    assert query(database.writer_url, "SELECT setting, value FROM ub.filled_with ORDER BY setting") == [
        *(("UB_H3_RESOLUTION", 9), ("UB_REGION_RESOLUTION", 3), ("UB_WINDOW_S", 60))
    ]


def test_nothing_is_noted_of_a_database_that_is_empty(migrated: Database) -> None:
    assert query(migrated.writer_url, "SELECT * FROM ub.filled_with") == []


def test_an_edited_migration_is_refused(database: Database, folder: Path) -> None:
    run(database, folder)
    with (folder / "0002_tables.sql").open("a") as file:
        file.write("-- edited\n")
    with pytest.raises(MigrationError, match=r"0002_tables was edited after it was applied.*new migration"):
        run(database, folder)


def test_a_database_newer_than_the_program_is_refused(database: Database, folder: Path) -> None:
    (folder / "9999_future.sql").write_text("CREATE TABLE ub.future ();")
    run(database, folder)
    with pytest.raises(MigrationError, match=r"is at migration 9999_future.*run the newer program"):
        run(database)


def test_a_worker_says_that_its_database_is_older_or_newer_than_the_program(
    database: Database, folder: Path
) -> None:
    def said() -> list[str]:
        lines: list[str] = []
        asyncio.run(say_what_differs(database.writer_url, lines.append))
        return lines

    future = folder / "9999_future.sql"
    newest = max(path for path in folder.glob("*.sql") if not path.stem.endswith(".community"))
    late = newest.rename(folder.parent / newest.name)
    run(database, folder)
    assert [line.split(";")[0] for line in said()] == [
        f"the database lacks migrations of this program, from {newest.stem} on"
    ]
    late.rename(newest)
    run(database, folder)
    assert said() == []
    future.write_text("CREATE TABLE ub.future ();")
    run(database, folder)
    assert [line.split(",")[0] for line in said()] == ["the database is at migration 9999_future"]


def test_nothing_is_said_of_the_schema_of_a_database_that_is_away() -> None:
    """Whoever needs it waits for it, and says so."""
    lines: list[str] = []
    asyncio.run(say_what_differs("postgresql://ub_writer@127.0.0.1:1/urbanbrain", lines.append))
    assert lines == []


def test_a_failing_migration_leaves_nothing_behind(database: Database, folder: Path) -> None:
    (folder / "9998_broken.sql").write_text("CREATE TABLE ub.half (); SELECT 1 / 0;")
    with pytest.raises(MigrationError, match=r"9998_broken failed and was rolled back \(division by zero"):
        run(database, folder)
    assert query(database.owner_url, "SELECT to_regclass('ub.half')") == [(None,)]
    assert "9998_broken" not in applied(database)


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://ub_owner:sesame@127.0.0.1:1/urbanbrain?application_name={tmp_path.name[:20]}"
    with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:1/urbanbrain") as caught:
        asyncio.run(migrate(url, lambda line: None))
    assert "sesame" not in str(caught.value)


def test_community_migrations_run_on_that_edition_only(migrated: Database) -> None:
    ((edition,),) = query(migrated.owner_url, "SELECT current_setting('timescaledb.license')")
    community = [migration.name for migration in load() if migration.community]
    assert [name for name in community if name in applied(migrated)] == (
        community if edition == "timescale" else []
    )


def test_the_writers_tables_are_those_of_the_database(migrated: Database) -> None:
    stored_as = {"time": "timestamp with time zone", "json": "jsonb", "integer[]": "ARRAY"}
    for table in TABLES.values():
        columns = query(
            migrated.owner_url,
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'ub' AND table_name = %s",
            table.name,
        )
        assert dict(columns) == {name: stored_as.get(type_, type_) for name, type_ in table.columns.items()}
        key = query(
            migrated.owner_url,
            "SELECT a.attname FROM pg_index i "
            "CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
            "WHERE i.indisprimary AND i.indrelid = to_regclass('ub.' || %s) ORDER BY k.place",
            table.name,
        )
        assert tuple(name for (name,) in key) == table.key


def test_arrays_of_the_writers_tables_hold_integers(migrated: Database) -> None:
    arrays = query(
        migrated.owner_url,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'ub' AND udt_name = '_int4' AND data_type = 'ARRAY' ORDER BY 1, 2",
    )
    assert arrays == [
        (table.name, name)
        for table in sorted(TABLES.values(), key=lambda table: table.name)
        for name, type_ in sorted(table.columns.items())
        if type_ == "integer[]"
    ]


def test_windows_events_and_refusals_are_hypertables(migrated: Database) -> None:
    names = query(
        migrated.owner_url,
        "SELECT hypertable_name FROM timescaledb_information.hypertables "
        "WHERE hypertable_schema = 'ub' ORDER BY 1",
    )
    assert [name for (name,) in names] == [
        *("alert_event", "cell_window", "rejected"),
        *("request_window", "sensor_window", "vehicle_event"),
    ]


def test_every_view_and_function_of_the_api_says_what_it_is(migrated: Database) -> None:
    described = query(
        migrated.owner_url,
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
        "WHERE relnamespace = 'api'::regnamespace "
        "UNION ALL SELECT proname, obj_description(oid, 'pg_proc') FROM pg_proc "
        "WHERE pronamespace = 'api'::regnamespace",
    )
    assert {"vehicle_latest", "cell_now", "cell_minute", "cell_hour", "alerts_open", "alert_history"} <= {
        name for name, _ in described
    }
    assert [name for name, comment in described if not comment] == []


def test_every_column_of_the_api_says_what_it_is(migrated: Database) -> None:
    columns = query(
        migrated.owner_url,
        "SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'api'::regnamespace",
    )
    assert len(columns) > 250
    assert [name for name, comment in columns if not comment] == []


def test_limits_of_readers_are_set_again_where_a_database_lacks_them_and_what_was_chosen_stays(
    migrated: Database,
) -> None:
    """As one does that was restored: a dump holds neither the rights on a database nor settings of roles in it."""
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        here = Identifier(connection.info.dbname)
        for statement in (
            "ALTER ROLE ub_reader IN DATABASE {} RESET ALL",
            "ALTER ROLE ub_reader IN DATABASE {} SET statement_timeout = '10s'",
            "GRANT TEMPORARY ON DATABASE {} TO PUBLIC",
            "REVOKE TEMPORARY ON DATABASE {} FROM ub_writer",
        ):
            connection.execute(SQL(statement).format(here))
    assert run(migrated) == []
    assert query(migrated.reader_url, "SHOW statement_timeout") == [("10s",)]
    assert query(migrated.reader_url, "SHOW temp_file_limit") == [("1GB",)]
    may = "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
    assert [query(url, may) for url in (migrated.reader_url, migrated.writer_url)] == [[(False,)], [(True,)]]


def test_rights_that_a_restored_database_lost_are_granted_again_and_no_more_than_those(
    migrated: Database,
) -> None:
    """As on a server on which the roles were not there when the dump was restored: all that names them fails there."""
    rights = (
        "SELECT r.name, c.oid::regclass::text, p.name "
        "FROM pg_class c, (VALUES ('ub_writer'), ('ub_reader')) AS r (name), "
        "(VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (name) "
        "WHERE c.relnamespace IN ('ub'::regnamespace, 'api'::regnamespace) AND c.relkind IN ('r', 'v') "
        "AND has_schema_privilege(r.name, c.relnamespace, 'USAGE') AND has_table_privilege(r.name, c.oid, p.name) "
        "UNION ALL SELECT r.name, 'drop_old_chunks', has_function_privilege(r.name, "
        "'ub.drop_old_chunks(text, interval)', 'EXECUTE')::text FROM (VALUES ('ub_writer'), ('ub_reader')) AS r (name) "
        "ORDER BY 1, 2, 3"
    )
    before = query(migrated.owner_url, rights)
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        for statement in (
            "REVOKE ALL ON ALL TABLES IN SCHEMA ub FROM ub_writer",
            "REVOKE ALL ON ALL TABLES IN SCHEMA api FROM ub_writer, ub_reader",
            "REVOKE ALL ON SCHEMA ub, api FROM ub_writer, ub_reader",
            "REVOKE ALL ON FUNCTION ub.drop_old_chunks(text, interval) FROM ub_writer",
            "GRANT EXECUTE ON FUNCTION ub.drop_old_chunks(text, interval) TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA ub REVOKE ALL ON TABLES FROM ub_writer",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA api REVOKE ALL ON TABLES FROM ub_writer, ub_reader",
        ):
            connection.execute(statement.encode())
    assert run(migrated) == []
    assert query(migrated.owner_url, rights) == before
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("CREATE VIEW api.later AS SELECT 1")
    assert query(migrated.reader_url, "SELECT count(*) FROM api.later") == [(1,)]


def test_an_owner_who_is_no_superuser_hears_what_only_a_superuser_may_set(database: Database) -> None:
    owner = f"owner_{uuid4().hex}"
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        names = {"owner": Identifier(owner), "here": Identifier(connection.info.dbname)}
        lines: list[str] = []
        connection.execute(SQL("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'x'").format(**names))
        try:
            connection.execute(SQL("ALTER DATABASE {here} OWNER TO {owner}").format(**names))
            asyncio.run(migrate(with_login(database.owner_url, owner, "x"), lines.append))
        finally:
            for statement in (
                "ALTER DATABASE {here} OWNER TO CURRENT_USER",
                "REASSIGN OWNED BY {owner} TO CURRENT_USER",
                "DROP OWNED BY {owner}",
                "DROP ROLE {owner}",
            ):
                connection.execute(SQL(statement).format(**names))
    assert (
        "temp_file_limit of ub_reader is a superuser's to set: docs/operations.md, Roles and passwords"
        in lines
    )
