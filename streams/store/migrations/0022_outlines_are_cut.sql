-- Outlines of cells across the antimeridian are cut there (RFC 7946, 3.1.9); rows of cells that were met before are as they were.

COMMENT ON COLUMN api.cell_now.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.cell_minute.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.cell_hour.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.alerts_open.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.alert_history.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.cell_metric_minute.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.cell_metric_hour.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.cell_request_window.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
COMMENT ON COLUMN api.anomaly.boundary IS
    'GeoJSON Polygon of the cell; where it crosses the antimeridian a MultiPolygon, cut there.';
