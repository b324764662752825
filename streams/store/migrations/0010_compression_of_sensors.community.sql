-- Community edition only, as in 0007: chunks whose time has passed are compressed.

ALTER TABLE ub.sensor_window SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'cell, metric',
    timescaledb.compress_orderby = 'window_start DESC, window_s'
);
ALTER TABLE ub.request_window SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'cell, service_code',
    timescaledb.compress_orderby = 'window_start DESC, window_s'
);
SELECT add_compression_policy('ub.sensor_window', INTERVAL '14 days', if_not_exists => true);
SELECT add_compression_policy('ub.request_window', INTERVAL '60 days', if_not_exists => true);
