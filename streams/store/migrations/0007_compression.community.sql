-- Community edition only: chunks whose time has passed are compressed. Rows can still be upserted
-- there, more slowly, so that a late amendment or a replay is never refused.

ALTER TABLE ub.cell_window SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'cell, operator',
    timescaledb.compress_orderby = 'window_start DESC, window_s'
);
ALTER TABLE ub.alert_event SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'alert_id',
    timescaledb.compress_orderby = 'at DESC, sequence'
);
ALTER TABLE ub.rejected SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'source',
    timescaledb.compress_orderby = 'received_at DESC, sequence'
);
ALTER TABLE ub.vehicle_event SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'operator',
    timescaledb.compress_orderby = 'at DESC, vehicle_id'
);
SELECT add_compression_policy('ub.cell_window', INTERVAL '7 days', if_not_exists => true);
SELECT add_compression_policy('ub.alert_event', INTERVAL '60 days', if_not_exists => true);
SELECT add_compression_policy('ub.rejected', INTERVAL '7 days', if_not_exists => true);
SELECT add_compression_policy('ub.vehicle_event', INTERVAL '60 days', if_not_exists => true);
