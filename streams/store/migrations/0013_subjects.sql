-- What an alert is about, where that is not the cell itself.

ALTER TABLE ub.alert ADD COLUMN subject text;
COMMENT ON COLUMN ub.alert.subject IS 'What it is about, where that is not the cell itself: a metric, a rule, a sensor, a vehicle.';
UPDATE ub.alert SET subject = coalesce(evidence::jsonb #>> '{anomaly,metric}', evidence::jsonb #>> '{rule,rule_id}');

-- Views keep their columns in place; new ones stand at the end.

CREATE OR REPLACE VIEW api.alerts_open AS
SELECT a.alert_id, a.severity, a.kind, coalesce(h.acknowledged, false) AS acknowledged,
       a.cell, ub.to_hex(a.cell) AS hex, a.region, a.zone,
       a.lat, a.lon, a.starts_at, a.updated_at, a.summary,
       (a.evidence ->> 'occupancy')::integer AS occupancy, (a.evidence ->> 'capacity')::integer AS capacity,
       a.policy, a.policy_version, a.sequence, a.evidence, g.boundary,
       h.acknowledged_by, h.acknowledged_at, h.assignee, h.due_at, h.comment, a.subject
FROM ub.alert a LEFT JOIN ub.cell_geometry g USING (cell) LEFT JOIN ub.alert_handling h USING (alert_id)
WHERE a.status = 'active' AND NOT coalesce(h.closed, false);
COMMENT ON COLUMN api.alerts_open.subject IS 'What it is about, where that is not the cell itself: a metric, a rule, a sensor, a vehicle.';

CREATE OR REPLACE VIEW api.alert_history AS
SELECT e.at, e.alert_id, e.sequence, e.action, e.severity, e.status, a.kind, a.cell, ub.to_hex(a.cell) AS hex,
       a.region, a.zone, a.lat, a.lon, a.starts_at, a.ends_at, e.body ->> 'summary' AS summary,
       (e.body #>> '{evidence,occupancy}')::integer AS occupancy,
       (e.body #>> '{evidence,capacity}')::integer AS capacity, e.body, g.boundary,
       coalesce(h.acknowledged, false) AS acknowledged,
       h.acknowledged_by, h.acknowledged_at, h.assignee, h.due_at, h.comment, h.closed_by, h.closed_at,
       a.subject
FROM ub.alert_event e
LEFT JOIN ub.alert a USING (alert_id)
LEFT JOIN ub.cell_geometry g ON g.cell = a.cell
LEFT JOIN ub.alert_handling h USING (alert_id);
COMMENT ON COLUMN api.alert_history.subject IS 'What it is about, where that is not the cell itself: a metric, a rule, a sensor, a vehicle.';
