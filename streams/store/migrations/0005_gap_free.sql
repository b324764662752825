-- Gap-free series of one cell. time_bucket_gapfill exists in the Community edition only, so the
-- buckets come from generate_series. Both functions read the api views with the caller's rights.
--
-- Occupancy is carried forward for each operator and then summed: it is kept as the running sum
-- of each operator's steps, the first step being the value last known before `since`.

CREATE FUNCTION api.cell_minute_filled(since timestamptz, until timestamptz, of_cell bigint)
RETURNS TABLE (minute timestamptz, cell bigint, hex text,
               readings bigint, arrivals bigint, departures bigint, occupancy bigint)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH known AS (
        (SELECT DISTINCT ON (m.operator)
                m.operator, m.minute, 0 AS readings, 0 AS arrivals, 0 AS departures, m.occupancy
         FROM api.cell_minute m
         WHERE m.cell = of_cell AND m.minute < date_trunc('minute', since, 'UTC')
         ORDER BY m.operator, m.minute DESC)
        UNION ALL
        SELECT m.operator, m.minute, m.readings, m.arrivals, m.departures, m.occupancy
        FROM api.cell_minute m
        WHERE m.cell = of_cell AND m.minute >= date_trunc('minute', since, 'UTC') AND m.minute < until
    ), steps AS (
        SELECT greatest(k.minute, date_trunc('minute', since, 'UTC')) AS minute, k.readings, k.arrivals, k.departures,
               k.occupancy - lag(k.occupancy, 1, 0) OVER (PARTITION BY k.operator ORDER BY k.minute) AS step
        FROM known k
    ), flows AS (
        SELECT s.minute, sum(s.readings) AS readings, sum(s.arrivals) AS arrivals,
               sum(s.departures) AS departures, sum(s.step) AS step
        FROM steps s GROUP BY s.minute
    )
    SELECT b.minute, of_cell, api.to_hex(of_cell),
           coalesce(f.readings, 0)::bigint, coalesce(f.arrivals, 0)::bigint, coalesce(f.departures, 0)::bigint,
           (sum(f.step) OVER (ORDER BY b.minute))::bigint
    FROM generate_series(date_trunc('minute', since, 'UTC'), until - INTERVAL '1 microsecond', INTERVAL '1 minute') AS b (minute)
    LEFT JOIN flows f ON f.minute = b.minute
    ORDER BY b.minute;
END;
COMMENT ON FUNCTION api.cell_minute_filled(timestamptz, timestamptz, bigint) IS
    'One row for each minute from `since` to before `until`, all operators summed: flows are 0 where nothing '
    'was reported, occupancy is carried forward (null before the first report of the cell).';

CREATE FUNCTION api.cell_hour_filled(since timestamptz, until timestamptz, of_cell bigint)
RETURNS TABLE (hour timestamptz, cell bigint, hex text,
               readings bigint, arrivals bigint, departures bigint, occupancy bigint)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH known AS (
        (SELECT DISTINCT ON (h.operator)
                h.operator, h.hour, 0 AS readings, 0 AS arrivals, 0 AS departures, h.occupancy
         FROM api.cell_hour h
         WHERE h.cell = of_cell AND h.hour < date_trunc('hour', since, 'UTC')
         ORDER BY h.operator, h.hour DESC)
        UNION ALL
        SELECT h.operator, h.hour, h.readings, h.arrivals, h.departures, h.occupancy
        FROM api.cell_hour h
        WHERE h.cell = of_cell AND h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < until
    ), steps AS (
        SELECT greatest(k.hour, date_trunc('hour', since, 'UTC')) AS hour, k.readings, k.arrivals, k.departures,
               k.occupancy - lag(k.occupancy, 1, 0) OVER (PARTITION BY k.operator ORDER BY k.hour) AS step
        FROM known k
    ), flows AS (
        SELECT s.hour, sum(s.readings) AS readings, sum(s.arrivals) AS arrivals,
               sum(s.departures) AS departures, sum(s.step) AS step
        FROM steps s GROUP BY s.hour
    )
    SELECT b.hour, of_cell, api.to_hex(of_cell),
           coalesce(f.readings, 0)::bigint, coalesce(f.arrivals, 0)::bigint, coalesce(f.departures, 0)::bigint,
           (sum(f.step) OVER (ORDER BY b.hour))::bigint
    FROM generate_series(date_trunc('hour', since, 'UTC'), until - INTERVAL '1 microsecond', INTERVAL '1 hour') AS b (hour)
    LEFT JOIN flows f ON f.hour = b.hour
    ORDER BY b.hour;
END;
COMMENT ON FUNCTION api.cell_hour_filled(timestamptz, timestamptz, bigint) IS
    'One row for each hour from `since` to before `until`, all operators summed: flows are 0 where nothing '
    'was reported, occupancy is carried forward (null before the first report of the cell).';
