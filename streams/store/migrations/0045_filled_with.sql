-- A worker with another resolution of cells went to work without a word: it emptied every cell that was there, cleared their alerts
-- and raised others in cells of its own. So what a database is filled with is noted by the first claim, and others are refused.
-- A database that has windows was filled with what the newest of them shows.

CREATE TABLE ub.filled_with (
    setting text PRIMARY KEY,
    value   integer NOT NULL
);
COMMENT ON TABLE ub.filled_with IS
    'Settings of which all cells and windows are, by their names in the environment; empty until the first claim.';

WITH newest AS (
    SELECT window_s, api.cell_resolution(cell) AS cells, api.cell_resolution(api.from_hex(region)) AS regions
    FROM (
        (SELECT window_start, window_s, cell, region FROM ub.cell_window ORDER BY window_start DESC LIMIT 1)
        UNION ALL
        (SELECT window_start, window_s, cell, region FROM ub.sensor_window ORDER BY window_start DESC LIMIT 1)
        UNION ALL
        (SELECT window_start, window_s, cell, region FROM ub.request_window ORDER BY window_start DESC LIMIT 1)
    ) w
    ORDER BY window_start DESC LIMIT 1
)
INSERT INTO ub.filled_with (setting, value)
SELECT 'UB_H3_RESOLUTION', cells FROM newest
UNION ALL SELECT 'UB_REGION_RESOLUTION', regions FROM newest
UNION ALL SELECT 'UB_WINDOW_S', window_s FROM newest;
