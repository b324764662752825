-- Schemas and roles.
--
-- ub   the tables, private to the program
-- api  the promise to other services: views and functions that outlive changes of the tables
--
-- Roles belong to the whole cluster, so another database may have made them already; they are
-- then left as they are. They may log in but have no password: with password authentication
-- nobody gets in until the owner runs  ALTER ROLE ub_writer PASSWORD '...'.

CREATE SCHEMA IF NOT EXISTS api;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['ub_writer', 'ub_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- a migration of another database was quicker; our lock covers this one only
            END;
        END IF;
    END LOOP;
    -- the writer stages each batch in a temporary table
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ub_writer', current_database());
END $$;

COMMENT ON SCHEMA ub IS 'Tables of the urban brain, private to it. Read the views of schema api instead.';
COMMENT ON SCHEMA api IS 'Stable views and functions of the urban brain, for other services.';

GRANT USAGE ON SCHEMA ub TO ub_writer;
GRANT USAGE ON SCHEMA api TO ub_writer, ub_reader;
GRANT SELECT ON ub.schema_migration TO ub_writer;

-- Tables and views of later migrations get the same rights when they are made.
ALTER DEFAULT PRIVILEGES IN SCHEMA ub GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ub_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT SELECT ON TABLES TO ub_writer, ub_reader;
