-- How complete a window of requests is: by the alerts that say that the feed of citizens' requests of its region was silent
-- (evidence.health.feed is requests, and so is their subject), as migration 0015 has it for vehicles and sensors.

CREATE OR REPLACE VIEW api.cell_request_window AS
SELECT w.window_start, w.window_s, w.cell, ub.to_hex(w.cell) AS hex, w.service_code, w.region,
       w.opened, w.closed, w.reopened, w.open_now, w.overdue, w.resolution_rate, w.median_s,
       w.rated, w.resolved_rate, w.satisfaction, w.revision, g.lat, g.lon, g.boundary,
       1 - coalesce((
           SELECT max(extract(epoch FROM least(a.ends_at, w.window_start + w.window_s * INTERVAL '1 second')
                                         - greatest(a.starts_at, w.window_start))) / w.window_s
           FROM ub.alert a
           WHERE a.kind = 'feed_silent' AND a.subject = 'requests' AND a.region = w.region
             AND a.evidence #>> '{health,feed}' = 'requests'
             AND a.starts_at < w.window_start + w.window_s * INTERVAL '1 second'
             AND (a.ends_at IS NULL OR a.ends_at > w.window_start)
       ), 0)::double precision AS completeness
FROM ub.request_window w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON COLUMN api.cell_request_window.completeness IS
    '0..1: the share of the window in which the region''s feed of citizens'' requests was heard, by the alerts on silence.';
