"""PostgreSQL + TimescaleDB: migrations, checkpoints, the tables of schema ub and the views of schema api."""
