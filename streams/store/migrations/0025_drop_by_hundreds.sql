-- Forgetting old chunks (0006, 0008), a hundred in one transaction: each takes locks, and of thousands, as after years of history
-- or where less is to be kept than before, they do not fit into PostgreSQL's lock table. Nothing was dropped then, ever.
CREATE OR REPLACE FUNCTION ub.drop_old_chunks(table_name text, keep interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER STRICT
    SET search_path FROM CURRENT
AS $$
DECLARE
    newest timestamptz;
    hundredth timestamptz;
    dropped integer;
BEGIN
    CASE table_name
        WHEN 'cell_window' THEN SELECT max(window_start) INTO newest FROM ub.cell_window;
        WHEN 'sensor_window' THEN SELECT max(window_start) INTO newest FROM ub.sensor_window;
        WHEN 'request_window' THEN SELECT max(window_start) INTO newest FROM ub.request_window;
        WHEN 'alert_event' THEN SELECT max(at) INTO newest FROM ub.alert_event;
        WHEN 'vehicle_event' THEN SELECT max(at) INTO newest FROM ub.vehicle_event;
        WHEN 'rejected' THEN SELECT max(received_at) INTO newest FROM ub.rejected;
        ELSE RAISE EXCEPTION 'table "%" is kept for ever; retention covers cell_window, sensor_window, request_window, alert_event, vehicle_event and rejected',
            table_name USING ERRCODE = 'invalid_parameter_value';
    END CASE;
    IF newest IS NULL THEN
        RETURN 0;
    END IF;
    SELECT range_end INTO hundredth FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'ub' AND hypertable_name = table_name
    ORDER BY range_end OFFSET 99 LIMIT 1;
    SELECT count(*) INTO dropped
    FROM drop_chunks(('ub.' || table_name)::regclass, older_than => least(newest - keep, now() - keep, hundredth));
    RETURN dropped;
END $$;
COMMENT ON FUNCTION ub.drop_old_chunks(text, interval) IS
    'Drop the oldest chunks that lie wholly before the newest row minus `keep`, a hundred at the most; returns how many.';
