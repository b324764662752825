-- Sensors and citizens' requests: tables of schema ub and what the views of 0009 need to merge windows.
-- `streams/store/tables.py` holds the same columns as data for the writer.

CREATE TABLE ub.sensor_state (
    sensor_id   text NOT NULL,
    metric      text NOT NULL,
    kind        text NOT NULL,
    owner       text NOT NULL,
    partition   integer NOT NULL,
    ts          timestamptz NOT NULL,
    value       double precision NOT NULL,
    unit        text NOT NULL,
    status      text NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    cell        bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (sensor_id, metric)
) WITH (fillfactor = 70);
CREATE INDEX sensor_state_partition ON ub.sensor_state (partition);
CREATE INDEX sensor_state_cell ON ub.sensor_state (cell);
COMMENT ON TABLE ub.sensor_state IS 'One row per sensor and metric: its newest reading by event time.';
COMMENT ON COLUMN ub.sensor_state.partition IS 'Partition of ub.sensors whose fold owns the row.';

-- A chunk of seven days, where cell_window has one: readings of years, replayed in minutes, fill so many
-- chunks within one transaction that the locks on chunks of a day do not fit into PostgreSQL's lock table.
CREATE TABLE ub.sensor_window (
    window_start timestamptz NOT NULL,
    window_s     integer NOT NULL CHECK (window_s > 0),
    cell         bigint NOT NULL,
    metric       text NOT NULL,
    unit         text NOT NULL,
    region       text NOT NULL,
    readings     integer NOT NULL,
    total        double precision NOT NULL,
    mean         double precision NOT NULL,
    least        double precision NOT NULL,
    most         double precision NOT NULL,
    stddev       double precision,
    median       double precision NOT NULL,
    p95          double precision NOT NULL,
    bins         integer[] NOT NULL,
    bin_counts   integer[] NOT NULL,
    revision     integer NOT NULL,
    PRIMARY KEY (cell, metric, window_start, window_s)
);
SELECT create_hypertable('ub.sensor_window', by_range('window_start', INTERVAL '7 days'));
COMMENT ON TABLE ub.sensor_window IS 'One row per closed event-time window, cell and metric.';
COMMENT ON COLUMN ub.sensor_window.stddev IS 'Of a sample: null for one reading.';
COMMENT ON COLUMN ub.sensor_window.bins IS 'Buckets of the quantile sketch (ub.sketch_value), ascending.';
COMMENT ON COLUMN ub.sensor_window.bin_counts IS 'Readings in each of `bins`.';

-- `events` is text and not jsonb: only the fold reads it, and jsonb refuses the \u0000 of a citizen's text.
CREATE TABLE ub.request (
    service_request_id text PRIMARY KEY,
    owner              text NOT NULL,
    partition          integer NOT NULL,
    status             text NOT NULL,
    service_code       text NOT NULL,
    agency_responsible text,
    district           text,
    description        text,
    address            text,
    lat                double precision NOT NULL,
    lon                double precision NOT NULL,
    cell               bigint NOT NULL,
    opened_at          timestamptz,
    first_opened_at    timestamptz,
    updated_at         timestamptz NOT NULL,
    closed_at          timestamptz,
    expected_datetime  timestamptz,
    reopened           integer NOT NULL,
    satisfaction       smallint,
    resolved           boolean,
    rated_at           timestamptz,
    events             text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX request_partition ON ub.request (partition);
CREATE INDEX request_open ON ub.request (cell) WHERE status = 'open';
CREATE INDEX request_updated_at ON ub.request (updated_at DESC);
COMMENT ON TABLE ub.request IS 'One row per citizen''s request: its state after its newest event.';
COMMENT ON COLUMN ub.request.partition IS 'Partition of ub.requests whose fold owns the row.';
COMMENT ON COLUMN ub.request.status IS 'open, closed, or unknown: neither its opening nor its closing was told.';
COMMENT ON COLUMN ub.request.opened_at IS 'When it was opened, or last reopened.';
COMMENT ON COLUMN ub.request.first_opened_at IS 'When it was opened for the first time.';
COMMENT ON COLUMN ub.request.closed_at IS 'When it was last closed; null while it is open.';
COMMENT ON COLUMN ub.request.events IS 'JSON of what its fold goes on from.';

CREATE TABLE ub.request_window (
    window_start    timestamptz NOT NULL,
    window_s        integer NOT NULL CHECK (window_s > 0),
    cell            bigint NOT NULL,
    service_code    text NOT NULL,
    region          text NOT NULL,
    opened          integer NOT NULL,
    closed          integer NOT NULL,
    reopened        integer NOT NULL,
    open_now        integer NOT NULL,
    overdue         integer NOT NULL,
    resolution_rate double precision,
    median_s        double precision,
    rated           integer NOT NULL,
    resolved_rate   double precision,
    satisfaction    double precision,
    revision        integer NOT NULL,
    PRIMARY KEY (cell, service_code, window_start, window_s)
);
SELECT create_hypertable('ub.request_window', by_range('window_start', INTERVAL '30 days'));
COMMENT ON TABLE ub.request_window IS 'One row per closed event-time window, cell and category of requests.';
COMMENT ON COLUMN ub.request_window.open_now IS 'Requests that were open at the window''s end.';
COMMENT ON COLUMN ub.request_window.overdue IS 'Of these, those past their expected_datetime.';

-- Forgetting old chunks (0006), of these hypertables too.
CREATE OR REPLACE FUNCTION ub.drop_old_chunks(table_name text, keep interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER STRICT
    SET search_path FROM CURRENT
AS $$
DECLARE
    newest timestamptz;
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
    SELECT count(*) INTO dropped
    FROM drop_chunks(('ub.' || table_name)::regclass, older_than => least(newest, now()) - keep);
    RETURN dropped;
END $$;
