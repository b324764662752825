-- Views of schema api. They run with the rights of their owner, so readers need none on schema ub.
-- A cell stands there twice: `cell` (bigint) joins, `hex` is what travels on the wire.

CREATE VIEW api.vehicle_latest AS
SELECT vehicle_id, operator, ts, lat, lon, cell, ub.to_hex(cell) AS hex,
       vehicle_state, vehicle_type, battery_percent, received_at
FROM ub.vehicle_state;
COMMENT ON VIEW api.vehicle_latest IS 'One row per vehicle: its newest position by event time.';
COMMENT ON COLUMN api.vehicle_latest.ts IS 'When the vehicle was there, by its own clock.';
COMMENT ON COLUMN api.vehicle_latest.received_at IS 'When the gateway had the reading in hand.';
COMMENT ON COLUMN api.vehicle_latest.vehicle_state IS 'Vehicle state of MDS 2.0.';

CREATE VIEW api.cell_now AS
SELECT n.cell, ub.to_hex(n.cell) AS hex, n.operator, n.region,
       n.available, n.non_operational, n.reserved, n.on_trip, n.non_contactable,
       n.occupancy, n.as_of, g.lat, g.lon, g.boundary
FROM ub.cell_now n LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON VIEW api.cell_now IS
    'One row per cell and operator: how many vehicles have their newest position there, by state.';
COMMENT ON COLUMN api.cell_now.occupancy IS
    'Vehicles that stand in the cell: available + non_operational + reserved + non_contactable.';
COMMENT ON COLUMN api.cell_now.as_of IS 'Event time to which all active sources have reported.';
COMMENT ON COLUMN api.cell_now.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_now.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_now.boundary IS 'GeoJSON Polygon of the cell.';

-- Plain views in both editions of TimescaleDB. A continuous aggregate would answer an amended
-- window, or a replay of an old day, only after its next refresh; these are exact at once.
CREATE VIEW api.cell_minute AS
SELECT w.minute, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, w.revision, g.lat, g.lon, g.boundary
FROM (
    SELECT time_bucket(INTERVAL '1 minute', window_start) AS minute, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy,
           max(revision) AS revision
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON VIEW api.cell_minute IS
    'One row per minute, cell and operator in which something was reported. Windows shorter than a minute '
    'are summed; a longer one stands in the minute in which it starts. Gap-free: api.cell_minute_filled.';
COMMENT ON COLUMN api.cell_minute.minute IS 'Start of the minute, by the readings'' own time.';
COMMENT ON COLUMN api.cell_minute.readings IS 'Positions reported from the cell, each (vehicle, ts) once.';
COMMENT ON COLUMN api.cell_minute.arrivals IS 'Vehicles that came to stand in the cell.';
COMMENT ON COLUMN api.cell_minute.departures IS 'Vehicles that stopped standing in the cell.';
COMMENT ON COLUMN api.cell_minute.occupancy IS 'Vehicles that stood in the cell at the end of the newest window.';
COMMENT ON COLUMN api.cell_minute.revision IS '0, or how often late data amended the row.';
COMMENT ON COLUMN api.cell_minute.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.cell_hour AS
SELECT w.hour, w.cell, ub.to_hex(w.cell) AS hex, w.operator, w.region,
       w.readings, w.arrivals, w.departures, w.occupancy, g.lat, g.lon, g.boundary
FROM (
    SELECT time_bucket(INTERVAL '1 hour', window_start) AS hour, cell, operator, max(region) AS region,
           sum(readings) AS readings, sum(arrivals) AS arrivals, sum(departures) AS departures,
           last(occupancy, window_start + window_s * INTERVAL '1 second') AS occupancy
    FROM ub.cell_window
    GROUP BY 1, cell, operator
) w LEFT JOIN ub.cell_geometry g USING (cell);
COMMENT ON VIEW api.cell_hour IS
    'One row per hour, cell and operator in which something was reported: flows summed, occupancy at the '
    'end of the hour. Gap-free: api.cell_hour_filled.';
COMMENT ON COLUMN api.cell_hour.hour IS 'Start of the hour (UTC), by the readings'' own time.';
COMMENT ON COLUMN api.cell_hour.readings IS 'Positions reported from the cell, each (vehicle, ts) once.';
COMMENT ON COLUMN api.cell_hour.arrivals IS 'Vehicles that came to stand in the cell.';
COMMENT ON COLUMN api.cell_hour.departures IS 'Vehicles that stopped standing in the cell.';
COMMENT ON COLUMN api.cell_hour.occupancy IS 'Vehicles that stood in the cell at the end of the hour.';
COMMENT ON COLUMN api.cell_hour.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.alerts_open AS
SELECT a.alert_id, a.severity, a.kind, a.acknowledged, a.cell, ub.to_hex(a.cell) AS hex, a.region, a.zone,
       a.lat, a.lon, a.starts_at, a.updated_at, a.summary,
       (a.evidence ->> 'occupancy')::integer AS occupancy, (a.evidence ->> 'capacity')::integer AS capacity,
       a.policy, a.policy_version, a.sequence, a.evidence, g.boundary
FROM ub.alert a LEFT JOIN ub.cell_geometry g USING (cell)
WHERE a.status = 'active';
COMMENT ON VIEW api.alerts_open IS 'One row per alert that is active now, as of its newest event.';
COMMENT ON COLUMN api.alerts_open.occupancy IS 'Vehicles in the cell when the alert was last updated.';
COMMENT ON COLUMN api.alerts_open.capacity IS 'Vehicles that the policy allows in the cell.';
COMMENT ON COLUMN api.alerts_open.evidence IS 'The values behind the decision, and where in the log they stand.';
COMMENT ON COLUMN api.alerts_open.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.alert_history AS
SELECT e.at, e.alert_id, e.sequence, e.action, e.severity, e.status, a.kind, a.cell, ub.to_hex(a.cell) AS hex,
       a.region, a.zone, a.lat, a.lon, a.starts_at, a.ends_at, e.body ->> 'summary' AS summary,
       (e.body #>> '{evidence,occupancy}')::integer AS occupancy,
       (e.body #>> '{evidence,capacity}')::integer AS capacity, e.body, g.boundary
FROM ub.alert_event e
LEFT JOIN ub.alert a USING (alert_id)
LEFT JOIN ub.cell_geometry g ON g.cell = a.cell;
COMMENT ON VIEW api.alert_history IS
    'One row per event of an alert (raised, updated, cleared), of open and of cleared alerts.';
COMMENT ON COLUMN api.alert_history.at IS 'Event time of this event.';
COMMENT ON COLUMN api.alert_history.sequence IS 'Number of the event within its alert, from 0.';
COMMENT ON COLUMN api.alert_history.ends_at IS 'When the alert was cleared; null while it is active.';
COMMENT ON COLUMN api.alert_history.body IS 'The alert after this event, as it was published.';
COMMENT ON COLUMN api.alert_history.boundary IS 'GeoJSON Polygon of the cell.';

CREATE VIEW api.vehicle_events AS
SELECT at, vehicle_id, operator, event_type, vehicle_state, last_ts, lat, lon, cell, ub.to_hex(cell) AS hex
FROM ub.vehicle_event;
COMMENT ON VIEW api.vehicle_events IS
    'One row per vehicle that was not heard of for UB_STALE_AFTER_S and counts as missing since then.';
COMMENT ON COLUMN api.vehicle_events.at IS 'Since when it counts as missing (event time).';
COMMENT ON COLUMN api.vehicle_events.last_ts IS 'When it was heard of last; lat, lon and cell are of that moment.';

CREATE VIEW api.rejected AS
SELECT received_at, source, sequence, reason, detail, topic, payload, count FROM ub.rejected;
COMMENT ON VIEW api.rejected IS 'One row per refusal: a reading, or a payload in which no reading could be told apart.';
COMMENT ON COLUMN api.rejected.source IS 'Who refused it: a gateway, or a stage with its topic and partition.';
COMMENT ON COLUMN api.rejected.payload IS 'The text as it was received, cut at 4,096 characters.';
COMMENT ON COLUMN api.rejected.count IS 'Readings that the payload stood for.';

CREATE VIEW api.rejected_summary AS
SELECT topic, reason, sum(count)::bigint AS count, max(newest_at) AS newest_at
FROM ub.rejected_count GROUP BY topic, reason;
COMMENT ON VIEW api.rejected_summary IS 'One row per topic of the input and reason: readings refused since the beginning.';

CREATE VIEW api.ledger AS
SELECT stage, topic, partition, received, applied, superseded, rejected, updated_at FROM ub.ledger;
COMMENT ON VIEW api.ledger IS
    'One row per stage and source partition: received = applied + superseded + rejected, since the beginning.';
COMMENT ON COLUMN api.ledger.superseded IS 'Readings not newer than the position on file: duplicates and latecomers.';
