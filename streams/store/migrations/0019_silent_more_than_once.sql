-- Completeness of what was silent more than once: the share of the time that any of the alerts covers, not of the longest.
-- Beside it, what `urbanbrain notify` needs where several processes run.

CREATE FUNCTION ub.seconds_in(times tstzmultirange) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT sum(extract(epoch FROM upper(time) - lower(time)))::double precision FROM unnest(times) AS time);
COMMENT ON FUNCTION ub.seconds_in IS 'How long some times are together; null where there are none.';

CREATE OR REPLACE VIEW api.cell_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, w.revision, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.minute), least(a.ends_at, w.minute + INTERVAL '1 minute'))))
                  / extract(epoch FROM INTERVAL '1 minute')
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.minute + INTERVAL '1 minute' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.minute))
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy,
           max(revision) AS revision
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);

CREATE OR REPLACE VIEW api.cell_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.hour), least(a.ends_at, w.hour + INTERVAL '1 hour'))))
                  / extract(epoch FROM INTERVAL '1 hour')
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.hour + INTERVAL '1 hour' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.hour))
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);

CREATE OR REPLACE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, w.revision, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce((
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.minute), least(a.ends_at, w.minute + INTERVAL '1 minute'))))
                   / extract(epoch FROM INTERVAL '1 minute')
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                   OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                      AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.minute + INTERVAL '1 minute' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.minute))
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

CREATE OR REPLACE VIEW api.cell_metric_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce((
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.hour), least(a.ends_at, w.hour + INTERVAL '1 hour'))))
                   / extract(epoch FROM INTERVAL '1 hour')
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                   OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                      AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.hour + INTERVAL '1 hour' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.hour))
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

CREATE OR REPLACE VIEW api.cell_request_window AS
SELECT w.window_start, w.window_s, w.cell, ub.to_hex(w.cell) AS hex, w.service_code, w.region,
       w.opened, w.closed, w.reopened, w.open_now, w.overdue, w.resolution_rate, w.median_s,
       w.rated, w.resolved_rate, w.satisfaction, w.revision, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.window_start),
                                                least(a.ends_at, w.window_start + w.window_s * INTERVAL '1 second')))) / w.window_s
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = 'requests' AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'requests'
             AND a.starts_at < w.window_start + w.window_s * INTERVAL '1 second'
             AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.window_start))
       ), 0)::double precision AS completeness
FROM ub.request_window w LEFT JOIN ub.cell_geometry g USING (cell);

ALTER TABLE ub.notification ADD COLUMN earlier jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN ub.notification.earlier IS 'Of what is overdue and was delivered for earlier due times: [due_at, updated_at of its body in ms, done_at] of each.';
CREATE INDEX notification_pending ON ub.notification (receiver, number) WHERE state = 'pending';
CREATE INDEX notification_held ON ub.notification (receiver, due_at, number) WHERE state = 'silenced';
DROP INDEX ub.notification_waiting;

ALTER TABLE ub.receiver ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN ub.receiver.not_before IS 'Nothing is sent to it before: it failed, or asked for time. Null: at any time.';
