-- How complete an aggregate is: for which share of its time those who should be heard were heard.
--
-- Who is silent is what alerts of kind feed_silent and sensor_silent say, from their beginning, the newest reading, to their
-- end: so it is known afterwards, and the same for everybody. Columns stand in the list, where nobody pays who does not ask.

CREATE INDEX alert_silent ON ub.alert (subject, starts_at) WHERE kind IN ('feed_silent', 'sensor_silent');

CREATE OR REPLACE VIEW api.cell_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, w.revision, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT max(extract(epoch FROM least(a.ends_at, w.minute + INTERVAL '1 minute') - greatest(a.starts_at, w.minute)))
                  / extract(epoch FROM INTERVAL '1 minute')
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.minute + INTERVAL '1 minute' AND (a.ends_at IS NULL OR a.ends_at > w.minute)
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy,
           max(revision) AS revision
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_minute.completeness IS
    '0..1: the share of the minute in which positions of the operator were heard, by the alerts on silence.';

CREATE OR REPLACE VIEW api.cell_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT max(extract(epoch FROM least(a.ends_at, w.hour + INTERVAL '1 hour') - greatest(a.starts_at, w.hour)))
                  / extract(epoch FROM INTERVAL '1 hour')
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.hour + INTERVAL '1 hour' AND (a.ends_at IS NULL OR a.ends_at > w.hour)
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_hour.completeness IS
    '0..1: the share of the hour in which positions of the operator were heard, by the alerts on silence.';

CREATE OR REPLACE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, w.revision, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce((
            SELECT max(extract(epoch FROM least(a.ends_at, w.minute + INTERVAL '1 minute') - greatest(a.starts_at, w.minute)))
                   / extract(epoch FROM INTERVAL '1 minute')
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                   OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors')
              AND a.region = w.region
              AND a.starts_at < w.minute + INTERVAL '1 minute' AND (a.ends_at IS NULL OR a.ends_at > w.minute)
        ), 0))
        FROM ub.sensor_state s WHERE s.cell = w.cell AND s.metric = w.metric)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles,
           max(revision) AS revision
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_metric_minute.completeness IS
    '0..1: the share of the minute in which its sensors of this metric were heard, by the alerts on silence; of several sensors, the mean. Null: none is there any more.';

CREATE OR REPLACE VIEW api.cell_metric_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce((
            SELECT max(extract(epoch FROM least(a.ends_at, w.hour + INTERVAL '1 hour') - greatest(a.starts_at, w.hour)))
                   / extract(epoch FROM INTERVAL '1 hour')
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                   OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors')
              AND a.region = w.region
              AND a.starts_at < w.hour + INTERVAL '1 hour' AND (a.ends_at IS NULL OR a.ends_at > w.hour)
        ), 0))
        FROM ub.sensor_state s WHERE s.cell = w.cell AND s.metric = w.metric)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_metric_hour.completeness IS
    '0..1: the share of the hour in which its sensors of this metric were heard, by the alerts on silence; of several sensors, the mean. Null: none is there any more.';

CREATE OR REPLACE VIEW api.cell_now AS
SELECT n.cell, ub.to_hex(n.cell) AS hex, n.operator, n.region,
       n.available, n.non_operational, n.reserved, n.on_trip, n.non_contactable,
       n.occupancy, n.as_of, g.lat, g.lon, g.boundary,
       CASE WHEN EXISTS (
           SELECT FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = n.operator AND a.region = n.region
             AND a.evidence #>> '{health,feed}' = 'vehicles' AND a.status = 'active'
       ) THEN 0.0 ELSE 1.0 END::double precision AS completeness
FROM ub.cell_now n LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_now.completeness IS
    '0 while nothing is heard of the operator''s vehicles in the region (alert feed_silent), so that these are the last known; else 1.';
