-- Views of schema api for sensors and citizens' requests; the rules of 0004 hold.

-- Windows are merged when they are asked for. The quantile sketch of a window is a DDSketch
-- (https://arxiv.org/abs/1908.10693, relative accuracy 1 %): its buckets add up, so the median of an hour is
-- that of all its readings and no mean of medians. Buckets and their values are those of streams/fold/sketch.py;
-- a test holds the two together.

CREATE TYPE ub.sketch AS (bins integer[], counts integer[]);
COMMENT ON TYPE ub.sketch IS 'Quantile sketch of one window: buckets, and how many readings each holds.';

CREATE FUNCTION ub.sketch_value(bin integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sign(bin::double precision) * 0.99 * power(101::double precision / 99, abs(bin) - 1037);
COMMENT ON FUNCTION ub.sketch_value(integer) IS 'The value that stands for a bucket: within 1 % of all values in it.';

CREATE FUNCTION ub.sketch_quantiles(parts ub.sketch[], quantiles double precision[]) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH merged AS (
        SELECT b.bin, sum(sum(b.count)) OVER (ORDER BY b.bin) AS upto
        FROM unnest(parts) AS p, unnest(p.bins, p.counts) AS b (bin, count)
        GROUP BY b.bin
    )
    SELECT array_agg((SELECT ub.sketch_value(min(m.bin)) FROM merged m
                      WHERE m.upto > q.quantile * ((SELECT max(upto) FROM merged) - 1)) ORDER BY q.place)
    FROM unnest(quantiles) WITH ORDINALITY AS q (quantile, place);
END;
COMMENT ON FUNCTION ub.sketch_quantiles(ub.sketch[], double precision[]) IS
    'Quantiles (0 to 1) of the readings of all sketches together, to within 1 % of the value.';

-- PostgreSQL's own way to join the variances of parallel workers (Chan, Golub and LeVeque): exact, where a
-- difference of sums of squares loses its digits to large values that hardly vary, such as air pressure.
CREATE AGGREGATE ub.merged_stddev(double precision[]) (
    SFUNC = float8_combine, STYPE = double precision[], INITCOND = '{0,0,0}',
    FINALFUNC = float8_stddev_samp, COMBINEFUNC = float8_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE ub.merged_stddev(double precision[]) IS
    'Standard deviation of the samples of all windows together, each given as ub.moments; null for one reading.';

CREATE FUNCTION ub.moments(readings integer, total double precision, stddev double precision) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[readings, total, coalesce(stddev * stddev * (readings - 1), 0)];
COMMENT ON FUNCTION ub.moments(integer, double precision, double precision) IS
    'Number, sum, and sum of squared distances from the mean, of a window''s readings.';

CREATE VIEW api.sensor_latest AS
SELECT sensor_id, metric, kind, owner, ts, value, unit, status, lat, lon, cell, ub.to_hex(cell) AS hex, received_at
FROM ub.sensor_state;
COMMENT ON VIEW api.sensor_latest IS 'One row per sensor and metric: its newest reading by event time.';
COMMENT ON COLUMN api.sensor_latest.sensor_id IS 'Id of the sensor, as its owner gave it.';
COMMENT ON COLUMN api.sensor_latest.metric IS 'What is measured.';
COMMENT ON COLUMN api.sensor_latest.kind IS 'Kind of the sensor: traffic, air, noise, waste, ...';
COMMENT ON COLUMN api.sensor_latest.owner IS 'Who publishes the sensor''s readings.';
COMMENT ON COLUMN api.sensor_latest.ts IS 'When it was measured, by the sensor''s own clock.';
COMMENT ON COLUMN api.sensor_latest.value IS 'The value, in `unit`, to a millionth of it.';
COMMENT ON COLUMN api.sensor_latest.unit IS 'Canonical unit of the metric (UCUM), whatever unit was sent.';
COMMENT ON COLUMN api.sensor_latest.status IS 'What the sensor says of itself: ok, degraded, fault or maintenance.';
COMMENT ON COLUMN api.sensor_latest.lat IS 'Latitude of the sensor at `ts`.';
COMMENT ON COLUMN api.sensor_latest.lon IS 'Longitude of the sensor at `ts`.';
COMMENT ON COLUMN api.sensor_latest.cell IS 'H3 cell of that place.';
COMMENT ON COLUMN api.sensor_latest.hex IS 'The cell as on the wire.';
COMMENT ON COLUMN api.sensor_latest.received_at IS 'When the gateway had the reading in hand.';

-- One window alone knows its quantiles already.
CREATE VIEW api.cell_metric_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, w.revision, g.lat, g.lon, g.boundary
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
COMMENT ON VIEW api.cell_metric_minute IS
    'One row per minute, cell and metric of which something was measured. Windows shorter than a minute are '
    'merged; a longer one stands in the minute in which it starts.';
COMMENT ON COLUMN api.cell_metric_minute.minute IS 'Start of the minute, by the readings'' own time.';
COMMENT ON COLUMN api.cell_metric_minute.cell IS 'H3 cell in which the sensors stand.';
COMMENT ON COLUMN api.cell_metric_minute.hex IS 'The cell as on the wire.';
COMMENT ON COLUMN api.cell_metric_minute.metric IS 'What is measured.';
COMMENT ON COLUMN api.cell_metric_minute.unit IS 'Unit of all values of the row but the counts (UCUM).';
COMMENT ON COLUMN api.cell_metric_minute.region IS 'Region of the cell.';
COMMENT ON COLUMN api.cell_metric_minute.readings IS 'Distinct readings (sensor, ts, value) of all sensors in the cell.';
COMMENT ON COLUMN api.cell_metric_minute.total IS 'Sum of the values.';
COMMENT ON COLUMN api.cell_metric_minute.mean IS 'Mean of the values.';
COMMENT ON COLUMN api.cell_metric_minute.least IS 'Lowest value.';
COMMENT ON COLUMN api.cell_metric_minute.most IS 'Highest value.';
COMMENT ON COLUMN api.cell_metric_minute.stddev IS 'Standard deviation of a sample; null for one reading.';
COMMENT ON COLUMN api.cell_metric_minute.median IS 'Median, to within 1 % of the value.';
COMMENT ON COLUMN api.cell_metric_minute.p95 IS '95th percentile, to within 1 % of the value.';
COMMENT ON COLUMN api.cell_metric_minute.revision IS '0, or how often late data amended the row.';
COMMENT ON COLUMN api.cell_metric_minute.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_metric_minute.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_metric_minute.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.cell_metric_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.metric, w.unit, w.region, w.readings, w.total,
       w.total / w.readings AS mean, w.least, w.most, w.stddev,
       least(greatest(w.quantiles[1], w.least), w.most) AS median,
       least(greatest(w.quantiles[2], w.least), w.most) AS p95, g.lat, g.lon, g.boundary
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, metric, unit, max(region) AS region,
           sum(readings) AS readings, sum(total) AS total, min(least) AS least, max(most) AS most,
           ub.merged_stddev(ub.moments(readings, total, stddev)) AS stddev,
           CASE count(*) WHEN 1 THEN ARRAY[min(median), min(p95)]
                ELSE ub.sketch_quantiles(array_agg((bins, bin_counts)::ub.sketch), '{0.5, 0.95}') END AS quantiles
    FROM ub.sensor_window
    GROUP BY 1, cell, metric, unit
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON VIEW api.cell_metric_hour IS
    'One row per hour, cell and metric of which something was measured: all its windows merged. A window longer '
    'than an hour stands in the hour in which it starts.';
COMMENT ON COLUMN api.cell_metric_hour.hour IS 'Start of the hour (UTC), by the readings'' own time.';
COMMENT ON COLUMN api.cell_metric_hour.cell IS 'H3 cell in which the sensors stand.';
COMMENT ON COLUMN api.cell_metric_hour.hex IS 'The cell as on the wire.';
COMMENT ON COLUMN api.cell_metric_hour.metric IS 'What is measured.';
COMMENT ON COLUMN api.cell_metric_hour.unit IS 'Unit of all values of the row but the counts (UCUM).';
COMMENT ON COLUMN api.cell_metric_hour.region IS 'Region of the cell.';
COMMENT ON COLUMN api.cell_metric_hour.readings IS 'Distinct readings (sensor, ts, value) of all sensors in the cell.';
COMMENT ON COLUMN api.cell_metric_hour.total IS 'Sum of the values.';
COMMENT ON COLUMN api.cell_metric_hour.mean IS 'Mean of the values.';
COMMENT ON COLUMN api.cell_metric_hour.least IS 'Lowest value.';
COMMENT ON COLUMN api.cell_metric_hour.most IS 'Highest value.';
COMMENT ON COLUMN api.cell_metric_hour.stddev IS 'Standard deviation of a sample, of all readings of the hour; null for one.';
COMMENT ON COLUMN api.cell_metric_hour.median IS 'Median of all readings of the hour, to within 1 % of the value.';
COMMENT ON COLUMN api.cell_metric_hour.p95 IS '95th percentile of all readings of the hour, to within 1 % of the value.';
COMMENT ON COLUMN api.cell_metric_hour.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_metric_hour.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_metric_hour.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.request_open AS
SELECT r.service_request_id, r.owner, r.service_code, r.agency_responsible, r.district, r.description, r.address,
       r.lat, r.lon, r.cell, ub.to_hex(r.cell) AS hex, r.opened_at, r.updated_at, r.reopened, r.expected_datetime,
       coalesce(r.expected_datetime < n.as_of, false) AS overdue, n.as_of - r.opened_at AS age, n.as_of
FROM ub.request r CROSS JOIN (SELECT max(updated_at) AS as_of FROM ub.request) n
WHERE r.status = 'open';
COMMENT ON VIEW api.request_open IS 'One row per citizen''s request that is open, as of the newest event of any request.';
COMMENT ON COLUMN api.request_open.service_request_id IS 'Id of the request, as its owner gave it.';
COMMENT ON COLUMN api.request_open.owner IS 'Who publishes the request''s events.';
COMMENT ON COLUMN api.request_open.service_code IS 'Category of the request.';
COMMENT ON COLUMN api.request_open.agency_responsible IS 'Agency that has it in hand; null: none named yet.';
COMMENT ON COLUMN api.request_open.district IS
    'The one that the events name, else that of UB_DISTRICTS_FILE which holds the place; null: not known.';
COMMENT ON COLUMN api.request_open.description IS 'The citizen''s words.';
COMMENT ON COLUMN api.request_open.address IS 'The place in words.';
COMMENT ON COLUMN api.request_open.lat IS 'Latitude of the place.';
COMMENT ON COLUMN api.request_open.lon IS 'Longitude of the place.';
COMMENT ON COLUMN api.request_open.cell IS 'H3 cell of the place.';
COMMENT ON COLUMN api.request_open.hex IS 'The cell as on the wire.';
COMMENT ON COLUMN api.request_open.opened_at IS 'When it was opened, or last reopened.';
COMMENT ON COLUMN api.request_open.updated_at IS 'Event time of its newest event.';
COMMENT ON COLUMN api.request_open.reopened IS 'How often it was opened again after it was closed.';
COMMENT ON COLUMN api.request_open.expected_datetime IS 'When it is due; null: no time was named.';
COMMENT ON COLUMN api.request_open.overdue IS 'Whether it was due before `as_of`.';
COMMENT ON COLUMN api.request_open.age IS 'From `opened_at` to `as_of`.';
COMMENT ON COLUMN api.request_open.as_of IS 'Event time of the newest event of any request: by it a replay of old days has its own present.';

CREATE VIEW api.request_kpi AS
SELECT (coalesce(r.first_opened_at, r.updated_at) AT TIME ZONE 'UTC')::date AS day,
       r.district, r.service_code, r.agency_responsible,
       count(r.opened_at) AS opened,
       count(*) FILTER (WHERE r.status = 'closed') AS closed,
       sum(r.reopened) AS reopened,
       count(*) FILTER (WHERE r.status = 'open') AS open_now,
       count(*) FILTER (WHERE r.status = 'open' AND r.expected_datetime < n.as_of) AS overdue,
       avg((r.status = 'closed')::integer) FILTER (WHERE r.status IN ('open', 'closed'))::double precision AS resolution_rate,
       avg((r.status = 'closed' AND r.closed_at <= r.expected_datetime)::integer)
           FILTER (WHERE r.status = 'closed' OR (r.status = 'open' AND r.expected_datetime < n.as_of))::double precision
           AS on_time_rate,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.closed_at - r.opened_at)::double precision / 3600)
           FILTER (WHERE r.status = 'closed') AS median_hours_to_close,
       count(r.rated_at) AS rated,
       avg(r.satisfaction)::double precision AS satisfaction,
       avg(r.resolved::integer)::double precision AS resolved_rate
FROM ub.request r CROSS JOIN (SELECT max(updated_at) AS as_of FROM ub.request) n
GROUP BY 1, r.district, r.service_code, r.agency_responsible;
COMMENT ON VIEW api.request_kpi IS
    'One row per day (UTC) of opening, district, category and agency: what became, until now, of the requests opened '
    'that day. "Now" is the newest event of any request. To add up rows, weight each rate by what it is a share of.';
COMMENT ON COLUMN api.request_kpi.day IS
    'Day (UTC) on which the request was opened for the first time; of its newest event where no opening is known.';
COMMENT ON COLUMN api.request_kpi.district IS
    'The one that the events name, else that of UB_DISTRICTS_FILE which holds the place; null: not known.';
COMMENT ON COLUMN api.request_kpi.service_code IS 'Category.';
COMMENT ON COLUMN api.request_kpi.agency_responsible IS 'Agency that has it in hand, or had it last; null: none named.';
COMMENT ON COLUMN api.request_kpi.opened IS 'Requests opened that day.';
COMMENT ON COLUMN api.request_kpi.closed IS 'Of these, those that are closed now.';
COMMENT ON COLUMN api.request_kpi.reopened IS 'How often they were opened again after they had been closed.';
COMMENT ON COLUMN api.request_kpi.open_now IS 'Those that are open now.';
COMMENT ON COLUMN api.request_kpi.overdue IS 'Those that are open now and were due before.';
COMMENT ON COLUMN api.request_kpi.resolution_rate IS 'closed / (closed + open_now); null where both are 0.';
COMMENT ON COLUMN api.request_kpi.on_time_rate IS
    'Closed by their expected_datetime / (closed ones that had one + overdue); null where none was due.';
COMMENT ON COLUMN api.request_kpi.median_hours_to_close IS 'Median hours from the last opening to the closing, of the closed ones.';
COMMENT ON COLUMN api.request_kpi.rated IS 'Those that their citizens have rated.';
COMMENT ON COLUMN api.request_kpi.satisfaction IS 'Mean satisfaction, 1 to 5, of those who said; null where nobody did.';
COMMENT ON COLUMN api.request_kpi.resolved_rate IS
    'Share of the citizens asked who say that it was resolved; null where nobody said.';

CREATE VIEW api.cell_request_window AS
SELECT w.window_start, w.window_s, w.cell, ub.to_hex(w.cell) AS hex, w.service_code, w.region,
       w.opened, w.closed, w.reopened, w.open_now, w.overdue, w.resolution_rate, w.median_s,
       w.rated, w.resolved_rate, w.satisfaction, w.revision, g.lat, g.lon, g.boundary
FROM ub.request_window w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON VIEW api.cell_request_window IS
    'One row per closed window, cell and category in which something happened to a citizen''s request.';
COMMENT ON COLUMN api.cell_request_window.window_start IS 'Start of the window, by the events'' own time.';
COMMENT ON COLUMN api.cell_request_window.window_s IS 'Length of the window, seconds.';
COMMENT ON COLUMN api.cell_request_window.cell IS 'H3 cell of the requests'' places.';
COMMENT ON COLUMN api.cell_request_window.hex IS 'The cell as on the wire.';
COMMENT ON COLUMN api.cell_request_window.service_code IS 'Category.';
COMMENT ON COLUMN api.cell_request_window.region IS 'Region of the cell.';
COMMENT ON COLUMN api.cell_request_window.opened IS 'Requests opened in the window, for the first time.';
COMMENT ON COLUMN api.cell_request_window.closed IS 'Closings in the window.';
COMMENT ON COLUMN api.cell_request_window.reopened IS 'Openings of requests that had been closed.';
COMMENT ON COLUMN api.cell_request_window.open_now IS 'Requests open at the window''s end.';
COMMENT ON COLUMN api.cell_request_window.overdue IS 'Of these, those past their expected_datetime.';
COMMENT ON COLUMN api.cell_request_window.resolution_rate IS 'closed / (closed + open_now); null where both are 0.';
COMMENT ON COLUMN api.cell_request_window.median_s IS
    'Median seconds from opening to closing, of what was closed in the window, to within 1 %; null: nothing.';
COMMENT ON COLUMN api.cell_request_window.rated IS 'Ratings given in the window.';
COMMENT ON COLUMN api.cell_request_window.resolved_rate IS 'Share of the ratings that say it was resolved; null: none says.';
COMMENT ON COLUMN api.cell_request_window.satisfaction IS 'Mean satisfaction, 1 to 5; null: none says.';
COMMENT ON COLUMN api.cell_request_window.revision IS '0, or how often late data amended the row.';
COMMENT ON COLUMN api.cell_request_window.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_request_window.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_request_window.boundary IS 'GeoJSON Polygon of the cell.';

COMMENT ON COLUMN api.ledger.superseded IS
    'Vehicles: readings not newer than the position on file. Sensors and requests: exact duplicates.';
