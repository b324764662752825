-- One way to forget for both editions: this function, called by the worker.
--
-- TimescaleDB's own retention policies (Community only) count back from the wall clock and would
-- drop a replay of 2016 as it arrives. Here the newest row of the table is where "now" is; a row
-- that lies ahead of the wall clock cannot shorten what is kept.
--
-- drop_chunks asks for the table's owner, ub_writer is not: hence SECURITY DEFINER, for these
-- four tables only. The search_path is the migration's, and holds the extension's schema.

CREATE FUNCTION ub.drop_old_chunks(table_name text, keep interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER STRICT
    SET search_path FROM CURRENT
AS $$
DECLARE
    newest timestamptz;
    dropped integer;
BEGIN
    CASE table_name
        WHEN 'cell_window' THEN SELECT max(window_start) INTO newest FROM ub.cell_window;
        WHEN 'alert_event' THEN SELECT max(at) INTO newest FROM ub.alert_event;
        WHEN 'vehicle_event' THEN SELECT max(at) INTO newest FROM ub.vehicle_event;
        WHEN 'rejected' THEN SELECT max(received_at) INTO newest FROM ub.rejected;
        ELSE RAISE EXCEPTION 'table "%" is kept for ever; retention covers cell_window, alert_event, vehicle_event and rejected',
            table_name USING ERRCODE = 'invalid_parameter_value';
    END CASE;
    IF newest IS NULL THEN
        RETURN 0;
    END IF;
    SELECT count(*) INTO dropped
    FROM drop_chunks(('ub.' || table_name)::regclass, older_than => least(newest, now()) - keep);
    RETURN dropped;
END $$;
COMMENT ON FUNCTION ub.drop_old_chunks(text, interval) IS
    'Drop the chunks that lie wholly before the newest row minus `keep`; returns how many.';
REVOKE ALL ON FUNCTION ub.drop_old_chunks(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ub.drop_old_chunks(text, interval) TO ub_writer;
