-- A minute was a bucket of windows, also where each window is a minute (UB_WINDOW_S, by default). PostgreSQL cannot tell how many
-- rows a bound on a bucket leaves: of those between two it expected one in 200, and sorted them all on disk. And it grouped what
-- was grouped before it gave the first row. Windows of a minute are shown as they are now. Others are grouped as before, and
-- found by indexes of their own, which are empty where there are none. The length of windows is fixed, so no minute has both.

CREATE INDEX cell_window_no_minute ON ub.cell_window (window_start) WHERE window_s <> 60;
CREATE INDEX sensor_window_no_minute ON ub.sensor_window (window_start) WHERE window_s <> 60;

CREATE OR REPLACE VIEW api.operator_minute AS
SELECT w.minute, w.operator, w.region, w.readings, w.arrivals, w.departures, w.revision,
       1 - coalesce((
           SELECT ub.seconds_in(range_agg(tstzrange(greatest(a.starts_at, w.since), least(a.ends_at, w.until))))
                  / extract(epoch FROM w.until - w.since)
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = w.operator AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'vehicles'
             AND a.starts_at < w.until AND coalesce(a.ends_at, 'infinity') > w.since AND (a.ends_at IS NULL OR a.ends_at > a.starts_at)
       ), 0)::double precision AS completeness
FROM (
    SELECT window_start AS minute, operator, region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           max(revision) AS revision,
           window_start AS since, window_start + INTERVAL '1 minute' AS until
    FROM ub.cell_window
    WHERE window_s = 60
    GROUP BY window_start, operator, region
    UNION ALL
    SELECT time_bucket(INTERVAL '1 minute', window_start), operator, region,
           sum(readings), sum(arrivals), sum(departures),
           max(revision),
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second'))
    FROM ub.cell_window
    WHERE window_s <> 60
    GROUP BY 1, operator, region
) w;

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
    SELECT window_start AS minute, cell, operator, region,
           readings::bigint AS readings, arrivals::bigint AS arrivals, departures::bigint AS departures,
           occupancy, revision,
           window_start AS since, window_start + INTERVAL '1 minute' AS until
    FROM ub.cell_window
    WHERE window_s = 60
    UNION ALL
    SELECT time_bucket(INTERVAL '1 minute', window_start), cell, operator, max(region),
           sum(readings), sum(arrivals), sum(departures),
           last(occupancy, window_start + window_s * INTERVAL '1 second'), max(revision),
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second'))
    FROM ub.cell_window
    WHERE window_s <> 60
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
    SELECT window_start AS minute, cell, metric, unit, region,
           readings::bigint AS readings, total, least, most, stddev, ARRAY[median, p95] AS quantiles, revision,
           window_start AS since, window_start + INTERVAL '1 minute' AS until
    FROM ub.sensor_window
    WHERE window_s = 60
    UNION ALL
    SELECT time_bucket(INTERVAL '1 minute', window_start), cell, metric, unit, max(region),
           sum(readings), sum(total), min(least), max(most),
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
