"""The SQL of the pages runs; the columns that docs/tables.md names are those of the views."""

import re
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Database

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs"
TABLES = (DOCS / "tables.md").read_text()
SEMANTICS = (DOCS / "semantics.md").read_text()
NOTIFICATIONS = (DOCS / "notifications.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()
PAGES = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
OF_WINDOWS = re.compile(r"(?:FROM|JOIN) api\.cell_(?:minute|hour|metric_minute|metric_hour|request_window)\b")
NARROWED = re.compile(r"\b(?:minute|hour|window_start) >=|\bcell = ")
COLUMN_ROW = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)


def sql_of(page: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", page, re.DOTALL)


def psql_of(page: str) -> list[str]:
    """Return the queries that the page gives psql as an argument, of views only."""
    return [query for _, query in re.findall(r"psql -c (['\"])(SELECT .*?FROM api\..*?)\1", page)]


def test_a_reader_can_run_every_query_of_the_pages_on_tables_and_figures(migrated: Database) -> None:
    queries = [*sql_of(TABLES), *sql_of(SEMANTICS), *sql_of(NOTIFICATIONS)]
    assert len(queries) > 10
    typed = [query for page in PAGES for query in psql_of(page.read_text())]
    assert len(typed) > 1
    queries += typed
    assert sql_of(SEMANTICS)
    with psycopg.connect(migrated.reader_url, autocommit=True) as connection:
        for query in queries:
            connection.execute(query.encode())


def test_queries_of_the_pages_on_windows_name_a_cell_or_a_span_of_each() -> None:
    """Without one they read all that is kept: on a month of 2,000 cells one took 12 s, one with medians 46 s."""
    typed = [query for page in PAGES for query in psql_of(page.read_text())]
    queries = [query for query in [*sql_of(TABLES), *sql_of(SEMANTICS), *typed] if OF_WINDOWS.search(query)]
    assert len(queries) > 5
    for query in queries:
        assert len(NARROWED.findall(query)) >= len(OF_WINDOWS.findall(query)), query


def test_the_statements_of_the_page_on_operations_run(migrated: Database) -> None:
    with psycopg.connect(migrated.owner_url) as connection:
        for statements in sql_of(OPERATIONS):
            connection.execute(statements.encode())
        connection.rollback()  # the passwords of the roles belong to the whole session's stack


def test_every_view_is_described_with_its_columns(migrated: Database) -> None:
    with psycopg.connect(migrated.owner_url) as connection:
        views = connection.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
            "WHERE table_schema = 'api' GROUP BY table_name"
        ).fetchall()
    assert len(views) >= 10
    for view, columns in views:
        described = TABLES.split(f"\n## api.{view}\n", 1)[1].split("\n## ", 1)[0]
        named = [name for cells in COLUMN_ROW.findall(described) for name in re.findall(r"`(\w+)`", cells)]
        assert sorted(named) == sorted(columns), view
