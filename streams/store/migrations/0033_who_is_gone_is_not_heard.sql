-- Of a sensor that was taken as removed nobody waits any more, so windows after that are neither complete nor incomplete for it:
-- it stays in ub.sensor_state, and counted as heard. Whoever is silent no more, as the alert is over, and said nothing since it began, is gone.
-- (Incidents hear of a sensor a quarter of its patience late; one that is back spoke when its patience was over, be the alert's end later.)

CREATE OR REPLACE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, w.revision, g.lat, g.lon, g.boundary,
       (SELECT avg(1 - coalesce(of_it.silent_s / extract(epoch FROM INTERVAL '1 minute'), 0))
        FROM ub.sensor_state s CROSS JOIN LATERAL (
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.minute), least(a.ends_at, w.minute + INTERVAL '1 minute')))) AS silent_s
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.minute + INTERVAL '1 minute' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.minute))
        ) of_it
        WHERE s.cell = w.cell AND s.metric = w.metric AND (s.ts >= w.minute OR of_it.silent_s IS NOT NULL OR NOT EXISTS (
            SELECT FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.ends_at > s.ts AND a.ends_at <= w.minute
              AND s.ts <= a.starts_at + coalesce((a.evidence #>> '{health,patience_ms}')::bigint, 0) / 4 * INTERVAL '1 millisecond'
        )))::double precision AS completeness
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
       (SELECT avg(1 - coalesce(of_it.silent_s / extract(epoch FROM INTERVAL '1 hour'), 0))
        FROM ub.sensor_state s CROSS JOIN LATERAL (
            SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.hour), least(a.ends_at, w.hour + INTERVAL '1 hour')))) AS silent_s
            FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.starts_at < w.hour + INTERVAL '1 hour' AND (a.ends_at IS NULL OR a.ends_at > greatest(a.starts_at, w.hour))
        ) of_it
        WHERE s.cell = w.cell AND s.metric = w.metric AND (s.ts >= w.hour OR of_it.silent_s IS NOT NULL OR NOT EXISTS (
            SELECT FROM ub.alert a
            WHERE (a.kind = 'sensor_silent' AND a.subject = s.sensor_id
                  OR a.kind = 'feed_silent' AND a.subject = s.owner AND a.evidence #>> '{health,feed}' = 'sensors'
                     AND NOT coalesce(a.evidence #> '{health,heard}' ? s.sensor_id, false))
              AND a.region = w.region
              AND a.ends_at > s.ts AND a.ends_at <= w.hour
              AND s.ts <= a.starts_at + coalesce((a.evidence #>> '{health,patience_ms}')::bigint, 0) / 4 * INTERVAL '1 millisecond'
        )))::double precision AS completeness
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
