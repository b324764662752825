-- Anomalies of metrics: alerts whose evidence names a metric, what was seen and what was expected.

CREATE VIEW api.anomaly AS
SELECT a.alert_id, a.severity, a.status, a.cell, ub.to_hex(a.cell) AS hex, a.region, a.zone, a.lat, a.lon,
       a.starts_at, a.updated_at, a.ends_at, a.summary,
       found ->> 'metric' AS metric, found ->> 'unit' AS unit,
       (found ->> 'value')::double precision AS value, found ->> 'aspect' AS aspect,
       (found ->> 'observed')::double precision AS observed, (found ->> 'low')::double precision AS low,
       (found ->> 'high')::double precision AS high, (found ->> 'score')::double precision AS score,
       found ->> 'detector' AS detector, (found ->> 'detector_version')::integer AS detector_version, g.boundary
FROM ub.alert a
CROSS JOIN LATERAL (SELECT a.evidence::jsonb -> 'anomaly') AS e (found)
LEFT JOIN ub.cell_geometry g USING (cell)
WHERE a.kind = 'anomaly';
COMMENT ON VIEW api.anomaly IS
    'One row per alert of a metric that was unusual in a cell, open or cleared, as of its newest event.';
COMMENT ON COLUMN api.anomaly.alert_id IS 'Id of the alert; the same when the log is folded again.';
COMMENT ON COLUMN api.anomaly.severity IS 'warning, minor or major, by the score.';
COMMENT ON COLUMN api.anomaly.status IS 'active, or cleared: nothing new was seen for a while.';
COMMENT ON COLUMN api.anomaly.cell IS 'H3 cell.';
COMMENT ON COLUMN api.anomaly.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.anomaly.region IS 'H3 cell, a coarse parent: the region of the cell.';
COMMENT ON COLUMN api.anomaly.zone IS 'Zone of the policy file that the cell belongs to; "default" outside all zones.';
COMMENT ON COLUMN api.anomaly.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.anomaly.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.anomaly.starts_at IS 'Start of the window that raised it.';
COMMENT ON COLUMN api.anomaly.updated_at IS 'Event time of its newest event.';
COMMENT ON COLUMN api.anomaly.ends_at IS 'Event time at which it was cleared; null while it is active.';
COMMENT ON COLUMN api.anomaly.summary IS 'One sentence for people.';
COMMENT ON COLUMN api.anomaly.metric IS 'Metric that was unusual.';
COMMENT ON COLUMN api.anomaly.unit IS 'Its canonical unit (UCUM).';
COMMENT ON COLUMN api.anomaly.value IS 'Mean of the window''s readings.';
COMMENT ON COLUMN api.anomaly.aspect IS 'What of the series was unusual: its value, or a figure made of it.';
COMMENT ON COLUMN api.anomaly.observed IS 'That figure.';
COMMENT ON COLUMN api.anomaly.low IS 'Least that was expected of it.';
COMMENT ON COLUMN api.anomaly.high IS 'Most that was expected of it.';
COMMENT ON COLUMN api.anomaly.score IS 'How unusual: 0 as ever, 1 as unusual as the detector can say.';
COMMENT ON COLUMN api.anomaly.detector IS 'Name of the detector.';
COMMENT ON COLUMN api.anomaly.detector_version IS 'Version of its arithmetic.';
COMMENT ON COLUMN api.anomaly.boundary IS 'GeoJSON Polygon of the cell.';
