-- After a year there are a million alerts. `alerts list --status cleared` sorted all of them to show the newest fifty; and where
-- the database's locale is not C, as in the image of TimescaleDB, the beginning of an id was looked for in all of them.

CREATE INDEX alert_starts_at ON ub.alert (starts_at);
CREATE INDEX alert_id_begins ON ub.alert (alert_id text_pattern_ops);
