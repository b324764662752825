-- What the whole city did, minute by minute, and what lies within a larger cell.
--
-- api.cell_minute has a row for each minute, cell and operator before anything is summed over cells: an hour of 60,000 cells
-- with 150,000 pairs of cell and operator are six million rows, more than readers may put aside on disk. Here minutes are
-- summed in one step, and completeness is looked up once for each minute, operator and region. Without occupancy: who
-- reported nothing in a minute stands somewhere all the same.

CREATE VIEW api.operator_minute AS
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
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, operator, region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           max(revision) AS revision,
           CASE WHEN max(window_s) > 60 THEN min(window_start) ELSE time_bucket(INTERVAL '1 minute', window_start) END AS since,
           greatest(time_bucket(INTERVAL '1 minute', window_start) + INTERVAL '1 minute', max(window_start + window_s * INTERVAL '1 second')) AS until
    FROM ub.cell_window
    GROUP BY 1, operator, region
) w;
COMMENT ON VIEW api.operator_minute IS
    'One row per minute, operator and region in which something was reported: the rows of api.cell_minute, summed over cells.';
COMMENT ON COLUMN api.operator_minute.minute IS 'Start of the minute, by the readings'' own time.';
COMMENT ON COLUMN api.operator_minute.operator IS 'Operator of the vehicles.';
COMMENT ON COLUMN api.operator_minute.region IS 'Region of the cells.';
COMMENT ON COLUMN api.operator_minute.readings IS 'Positions reported, each (vehicle, ts) once.';
COMMENT ON COLUMN api.operator_minute.arrivals IS 'Arrivals in all cells.';
COMMENT ON COLUMN api.operator_minute.departures IS 'Departures from all cells.';
COMMENT ON COLUMN api.operator_minute.revision IS '0, or how often late data amended the row of a cell, of the one amended most.';
COMMENT ON COLUMN api.operator_minute.completeness IS
    '0..1: the share of the minute, or of its windows where they are longer, in which positions of the operator were heard, by the alerts on silence.';

-- All cells of one resolution within a coarser one are one range of numbers, which the primary keys find; who compared
-- cell_parent(cell, ...) read all cells. In the digits finer than the coarse cell's, 7 becomes 0 or 6.

CREATE FUNCTION api.cell_first_child(cell bigint, resolution integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN resolution BETWEEN ((cell >> 52) & 15)::integer AND 15
        THEN ((cell & ~(15::bigint << 52)) | (resolution::bigint << 52))
             & ~((1::bigint << (3 * (15 - ((cell >> 52) & 15)::integer))) - (1::bigint << (3 * (15 - resolution))))
    END;
COMMENT ON FUNCTION api.cell_first_child(bigint, integer) IS
    'The least of the H3 cells of the given finer resolution within this cell; null where the resolution is coarser than the cell.';

CREATE FUNCTION api.cell_last_child(cell bigint, resolution integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN resolution BETWEEN ((cell >> 52) & 15)::integer AND 15
        THEN ((cell & ~(15::bigint << 52)) | (resolution::bigint << 52))
             & ~(((1::bigint << (3 * (15 - ((cell >> 52) & 15)::integer))) - (1::bigint << (3 * (15 - resolution)))) / 7)
    END;
COMMENT ON FUNCTION api.cell_last_child(bigint, integer) IS
    'The greatest of the H3 cells of the given finer resolution within this cell; null where the resolution is coarser than the cell.';
