-- Tables of schema ub. `streams/store/tables.py` holds the same columns as data for the writer.

-- The rows of these two are overwritten all the time: room in each page lets PostgreSQL keep
-- the new version beside the old one.
CREATE TABLE ub.vehicle_state (
    vehicle_id      text PRIMARY KEY,
    operator        text NOT NULL,
    partition       integer NOT NULL,
    ts              timestamptz NOT NULL,
    lat             double precision NOT NULL,
    lon             double precision NOT NULL,
    cell            bigint NOT NULL,
    settled_cell    bigint,
    vehicle_state   text NOT NULL,
    vehicle_type    text NOT NULL,
    battery_percent smallint,
    received_at     timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX vehicle_state_partition ON ub.vehicle_state (partition);
CREATE INDEX vehicle_state_cell ON ub.vehicle_state (cell);
COMMENT ON TABLE ub.vehicle_state IS 'One row per vehicle: its newest position by event time.';
COMMENT ON COLUMN ub.vehicle_state.partition IS 'Partition of ub.vehicles whose fold owns the row.';
COMMENT ON COLUMN ub.vehicle_state.settled_cell IS
    'Cell where it stood at the watermark; null where it did not stand.';

CREATE TABLE ub.vehicle_event (
    at            timestamptz NOT NULL,
    vehicle_id    text NOT NULL,
    event_type    text NOT NULL,
    operator      text NOT NULL,
    vehicle_state text NOT NULL,
    last_ts       timestamptz NOT NULL,
    lat           double precision NOT NULL,
    lon           double precision NOT NULL,
    cell          bigint NOT NULL,
    PRIMARY KEY (vehicle_id, event_type, at)
);
SELECT create_hypertable('ub.vehicle_event', by_range('at', INTERVAL '30 days'));
COMMENT ON TABLE ub.vehicle_event IS
    'One row per vehicle that fell silent: what is left of it once it leaves vehicle_state.';

CREATE TABLE ub.cell_now (
    cell            bigint NOT NULL,
    operator        text NOT NULL,
    region          text NOT NULL,
    available       integer NOT NULL,
    non_operational integer NOT NULL,
    reserved        integer NOT NULL,
    on_trip         integer NOT NULL,
    non_contactable integer NOT NULL,
    occupancy       integer NOT NULL,
    as_of           timestamptz NOT NULL,
    PRIMARY KEY (cell, operator)
) WITH (fillfactor = 70);
COMMENT ON TABLE ub.cell_now IS 'One row per cell and operator: vehicles whose newest position lies there.';

CREATE TABLE ub.cell_window (
    window_start timestamptz NOT NULL,
    window_s     integer NOT NULL CHECK (window_s > 0),
    cell         bigint NOT NULL,
    operator     text NOT NULL,
    region       text NOT NULL,
    readings     integer NOT NULL,
    arrivals     integer NOT NULL,
    departures   integer NOT NULL,
    occupancy    integer NOT NULL,
    revision     integer NOT NULL,
    PRIMARY KEY (cell, operator, window_start, window_s)
);
SELECT create_hypertable('ub.cell_window', by_range('window_start', INTERVAL '1 day'));
COMMENT ON TABLE ub.cell_window IS 'One row per closed event-time window, cell and operator.';

CREATE TABLE ub.cell_geometry (
    cell       bigint PRIMARY KEY,
    hex        text NOT NULL,
    resolution smallint NOT NULL,
    lat        double precision NOT NULL,
    lon        double precision NOT NULL,
    boundary   jsonb NOT NULL
);
COMMENT ON TABLE ub.cell_geometry IS 'One row per cell ever seen: its centre and its boundary (GeoJSON Polygon).';

CREATE TABLE ub.alert (
    alert_id       text PRIMARY KEY,
    sequence       integer NOT NULL,
    kind           text NOT NULL,
    severity       text NOT NULL,
    status         text NOT NULL,
    acknowledged   boolean NOT NULL,
    cell           bigint NOT NULL,
    region         text NOT NULL,
    zone           text NOT NULL,
    lat            double precision NOT NULL,
    lon            double precision NOT NULL,
    starts_at      timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    ends_at        timestamptz,
    summary        text NOT NULL,
    policy         text NOT NULL,
    policy_version text NOT NULL,
    evidence       jsonb NOT NULL
);
CREATE INDEX alert_status ON ub.alert (status, updated_at DESC);
CREATE INDEX alert_cell ON ub.alert (cell, updated_at DESC);
COMMENT ON TABLE ub.alert IS 'One row per alert: its state after the newest event.';

CREATE TABLE ub.alert_event (
    at       timestamptz NOT NULL,
    alert_id text NOT NULL,
    sequence integer NOT NULL,
    action   text NOT NULL,
    severity text NOT NULL,
    status   text NOT NULL,
    body     jsonb NOT NULL,
    PRIMARY KEY (alert_id, sequence, at)
);
SELECT create_hypertable('ub.alert_event', by_range('at', INTERVAL '30 days'));
COMMENT ON TABLE ub.alert_event IS 'One row per event of an alert, as it was published.';

CREATE TABLE ub.rejected (
    source      text NOT NULL,
    sequence    bigint NOT NULL,
    received_at timestamptz NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    topic       text NOT NULL,
    payload     text NOT NULL,
    count       integer NOT NULL CHECK (count > 0),
    PRIMARY KEY (source, sequence, received_at)
);
SELECT create_hypertable('ub.rejected', by_range('received_at', INTERVAL '1 day'));
COMMENT ON TABLE ub.rejected IS 'One row per refusal, with the text that was refused.';

CREATE TABLE ub.rejected_count (
    partition integer NOT NULL,
    topic     text NOT NULL,
    reason    text NOT NULL,
    count     bigint NOT NULL,
    newest_at timestamptz NOT NULL,
    PRIMARY KEY (partition, topic, reason)
);
COMMENT ON TABLE ub.rejected_count IS 'One row per partition of ub.rejected, topic and reason: readings refused since the beginning.';

CREATE TABLE ub.ledger (
    stage      text NOT NULL,
    topic      text NOT NULL,
    partition  integer NOT NULL,
    received   bigint NOT NULL,
    applied    bigint NOT NULL,
    superseded bigint NOT NULL,
    rejected   bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stage, topic, partition),
    CONSTRAINT ledger_balances CHECK (received = applied + superseded + rejected)
);
COMMENT ON TABLE ub.ledger IS 'One row per stage and source partition: what became of every reading.';

CREATE TABLE ub.checkpoint (
    stage      text NOT NULL,
    topic      text NOT NULL,
    partition  integer NOT NULL,
    cluster_id text NOT NULL,
    topic_id   text NOT NULL,
    generation integer NOT NULL,
    "offset"   bigint NOT NULL CHECK ("offset" >= -1),
    owner      text NOT NULL,
    epoch      bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stage, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE ub.checkpoint IS 'One row per stage and source partition: how far the tables reflect the log.';
COMMENT ON COLUMN ub.checkpoint."offset" IS 'Last offset covered; -1 before the first.';
COMMENT ON COLUMN ub.checkpoint.generation IS 'Grows when the topic was rebuilt and its offsets began anew.';
COMMENT ON COLUMN ub.checkpoint.epoch IS 'Grows at each assignment; only the newest owner may write.';

CREATE TABLE ub.checkpoint_part (
    stage     text NOT NULL,
    topic     text NOT NULL,
    partition integer NOT NULL,
    name      text NOT NULL,
    value     bytea NOT NULL,
    PRIMARY KEY (stage, topic, partition, name),
    FOREIGN KEY (stage, topic, partition) REFERENCES ub.checkpoint ON DELETE CASCADE
);
COMMENT ON TABLE ub.checkpoint_part IS 'Named parts of a fold''s state that no other table holds.';
