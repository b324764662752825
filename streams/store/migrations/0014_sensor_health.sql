-- How often each sensor speaks and repeats itself: what its health is judged by.

ALTER TABLE ub.sensor_state ADD COLUMN health bytea;
COMMENT ON COLUMN ub.sensor_state.health IS 'What was learned of the series (streams/sensing/health/record.py); null: nothing yet.';
