"""Grants the rights of the services' roles again if they were lost; `doctor` names that case.

Migrations grant them, and a dump contains them. But a server that does not have these roles yet restores the dump
without their rights, and then no migration is pending that would grant them.
"""

from typing import Any

from psycopg import AsyncConnection

_ROLES = "SELECT count(*) FROM pg_roles WHERE rolname IN ('ub_writer', 'ub_reader')"
_LACKING = """
SELECT NOT (has_schema_privilege('ub_writer', 'ub', 'USAGE')
            AND has_schema_privilege('ub_writer', 'api', 'USAGE')
            AND has_schema_privilege('ub_reader', 'api', 'USAGE'))
    OR EXISTS (
        SELECT FROM pg_class
        WHERE relkind IN ('r', 'v') AND CASE relnamespace::regnamespace::text
            WHEN 'ub' THEN NOT (has_table_privilege('ub_writer', oid, 'SELECT')
                                AND (relname = 'schema_migration'
                                     OR has_table_privilege('ub_writer', oid, 'INSERT')
                                        AND has_table_privilege('ub_writer', oid, 'UPDATE')
                                        AND has_table_privilege('ub_writer', oid, 'DELETE')))
            WHEN 'api' THEN NOT (has_table_privilege('ub_writer', oid, 'SELECT')
                                 AND has_table_privilege('ub_reader', oid, 'SELECT'))
        END)
    OR EXISTS (
        SELECT FROM pg_proc
        WHERE pronamespace = 'ub'::regnamespace AND proname = 'drop_old_chunks'
          AND NOT has_function_privilege('ub_writer', oid, 'EXECUTE'))
"""
_GRANT = """
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['ub_writer', 'ub_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- a migration of another database was quicker
            END;
        END IF;
    END LOOP;
    GRANT USAGE ON SCHEMA ub TO ub_writer;
    GRANT USAGE ON SCHEMA api TO ub_writer, ub_reader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ub TO ub_writer;
    REVOKE INSERT, UPDATE, DELETE ON ub.schema_migration FROM ub_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA api TO ub_writer, ub_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA ub GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ub_writer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT SELECT ON TABLES TO ub_writer, ub_reader;
    IF to_regprocedure('ub.drop_old_chunks(text, interval)') IS NOT NULL THEN
        REVOKE ALL ON FUNCTION ub.drop_old_chunks(text, interval) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION ub.drop_old_chunks(text, interval) TO ub_writer;
    END IF;
END $$
"""


async def grant_rights(connection: AsyncConnection[Any]) -> bool:
    """Make the roles and grant them their rights where any is lacking; return whether one was."""
    lacking = await _value(connection, _ROLES) < 2 or await _value(connection, _LACKING)
    if lacking:
        await connection.execute(_GRANT)
    return bool(lacking)


async def _value(connection: AsyncConnection[Any], query: str) -> Any:
    return (await (await connection.execute(query.encode())).fetchall())[0][0]
