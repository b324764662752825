-- The roles of services, with passwords from the environment. The database image runs this once, as the owner,
-- when its volume is empty; migrations then grant the rights. Later changes: ALTER ROLE ub_writer PASSWORD '...'.
\set ON_ERROR_STOP on
\getenv writer_password WRITER_PASSWORD
\getenv reader_password READER_PASSWORD
CREATE ROLE ub_writer LOGIN PASSWORD :'writer_password';
CREATE ROLE ub_reader LOGIN PASSWORD :'reader_password';
