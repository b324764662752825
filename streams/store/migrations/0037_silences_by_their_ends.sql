-- Completeness of a whole city's last hour took eight seconds of vehicles, and twenty of metrics, where a feed had fallen silent
-- some hundred times: for each row all alerts were read that had begun until then, though hardly any lasted still. So they
-- are found by their ends: what was over before a row's time is not looked at. What the views say is as before.

CREATE INDEX alert_silent_until ON ub.alert (subject, coalesce(ends_at, 'infinity'), starts_at)
    WHERE kind IN ('feed_silent', 'sensor_silent');
DROP INDEX ub.alert_silent;

-- Strict: most rows were heard all the time, and a call costs more than to find that out.
CREATE OR REPLACE FUNCTION ub.seconds_in(times tstzmultirange) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT sum(extract(epoch FROM upper(time) - lower(time)))::double precision FROM unnest(times) AS time);

CREATE OR REPLACE VIEW api.cell_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, w.revision, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.since), least(a.ends_at, w.until))))
                  / extract(epoch FROM w.until - w.since)
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.until AND coalesce(a.ends_at, 'infinity') > w.since AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy,
           max(revision) AS revision,
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second')) AS until
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
CREATE OR REPLACE VIEW api.cell_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.since), least(a.ends_at, w.until))))
                  / extract(epoch FROM w.until - w.since)
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.until AND coalesce(a.ends_at, 'infinity') > w.since AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
       ), 0)::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy,
           CASE WHEN max(window_s) > 3600 THEN min(window_start) ELSE time_bucket(INTERVAL '1 hour', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 hour', window_start) + INTERVAL '1 hour', max(window_start + window_s * INTERVAL '1 second')) AS until
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
CREATE OR REPLACE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, w.revision, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce(of_it.silent_s / extract(epoch FROM w.until - w.since), 0))
        FROM ub.sensor_state s CROSS JOIN LATERAL (
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.since), least(a.ends_at, w.until)))) AS silent_s
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.until AND coalesce(a.ends_at, 'infinity') > w.since AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
        ) of_it
        WHERE s.cell = w.cell AND s.metric = w.metric AND (s.ts >= w.since OR of_it.silent_s IS NOT NULL OR NOT EXISTS (
            SELECT FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND coalesce(a.ends_at, 'infinity') > s.ts AND coalesce(a.ends_at, 'infinity') <= w.since
              AND s.ts <= a.starts_at + coalesce((a.evidence #>> '{health,patience_ms}')::bigint, 0) / 4 * INTERVAL '1 millisecond'
        )))::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles,
           max(revision) AS revision,
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second')) AS until
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
CREATE OR REPLACE VIEW api.cell_metric_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce(of_it.silent_s / extract(epoch FROM w.until - w.since), 0))
        FROM ub.sensor_state s CROSS JOIN LATERAL (
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.since), least(a.ends_at, w.until)))) AS silent_s
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.until AND coalesce(a.ends_at, 'infinity') > w.since AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
        ) of_it
        WHERE s.cell = w.cell AND s.metric = w.metric AND (s.ts >= w.since OR of_it.silent_s IS NOT NULL OR NOT EXISTS (
            SELECT FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND coalesce(a.ends_at, 'infinity') > s.ts AND coalesce(a.ends_at, 'infinity') <= w.since
              AND s.ts <= a.starts_at + coalesce((a.evidence #>> '{health,patience_ms}')::bigint, 0) / 4 * INTERVAL '1 millisecond'
        )))::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles,
           CASE WHEN max(window_s) > 3600 THEN min(window_start) ELSE time_bucket(INTERVAL '1 hour', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 hour', window_start) + INTERVAL '1 hour', max(window_start + window_s * INTERVAL '1 second')) AS until
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
             AND coalesce(a.ends_at, 'infinity') > w.window_start AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
       ), 0)::double precision AS completeness
FROM ub.request_window w LEFT JOIN ub.cell_geometry g USING (cell);
