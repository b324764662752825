-- A question for minutes or hours of a cell without end wrote temporary files without end (other limits of readers: limits.py).

CREATE FUNCTION ub.steps(since timestamptz, until timestamptz, step interval) RETURNS SETOF timestamptz
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    IF NOT (isfinite(since) AND isfinite(until)) OR until - since > step * 1000000 THEN
        RAISE EXCEPTION 'from % until % are more than 1,000,000 rows; ask for a shorter span', since, until
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY SELECT generate_series(since, until - INTERVAL '1 microsecond', step);
END $$;
COMMENT ON FUNCTION ub.steps IS 'The moments from `since` to before `until`; an error where they are more than a million.';

CREATE OR REPLACE FUNCTION api.cell_minute_filled(since timestamptz, until timestamptz, of_cell bigint)
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
    FROM ub.steps(date_trunc('minute', since, 'UTC'), until, INTERVAL '1 minute') AS b (minute)
    LEFT JOIN flows f ON f.minute = b.minute
    ORDER BY b.minute;
END;

CREATE OR REPLACE FUNCTION api.cell_hour_filled(since timestamptz, until timestamptz, of_cell bigint)
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
    FROM ub.steps(date_trunc('hour', since, 'UTC'), until, INTERVAL '1 hour') AS b (hour)
    LEFT JOIN flows f ON f.hour = b.hour
    ORDER BY b.hour;
END;
