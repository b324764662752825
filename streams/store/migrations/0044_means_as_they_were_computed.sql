-- A mean was divided once more, from a total that is rounded: of three readings of 0.1 it was 0.09999999999999999, less than the
-- least of them and not what Kafka has. That of a single window is shown as it was computed, and none lies beyond its readings.

CREATE OR REPLACE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       least(greatest(w.mean, w.least), w.most) AS mean, w.least, w.most, w.stddev,
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
    SELECT window_start AS minute, cell, metric, unit, region,
           readings::bigint AS readings, total, mean, least, most, stddev, ARRAY[median, p95] AS quantiles, revision,
           window_start AS since, window_start + INTERVAL '1 minute' AS until
    FROM ub.sensor_window
    WHERE window_s = 60
    UNION ALL
    SELECT time_bucket(INTERVAL '1 minute', window_start), cell, metric, unit, max(region),
           sum(readings), sum(total), CASE count(*) WHEN 1 THEN min(mean) ELSE sum(total) / sum(readings) END,
           min(least), max(most),
           ub.merged_stddev(ub.moments(readings, total, stddev)),
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END,
           max(revision),
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second'))
    FROM ub.sensor_window
    WHERE window_s <> 60
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);

CREATE OR REPLACE VIEW api.cell_metric_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       least(greatest(w.mean, w.least), w.most) AS mean, w.least, w.most, w.stddev,
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
           sum(readings) AS readings, sum(total) AS total,
           CASE count(*) WHEN 1 THEN min(mean) ELSE sum(total) / sum(readings) END AS mean,
           min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles,
           CASE WHEN max(window_s) > 3600 THEN min(window_start) ELSE time_bucket(INTERVAL '1 hour', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 hour', window_start) + INTERVAL '1 hour', max(window_start + window_s * INTERVAL '1 second')) AS until
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
