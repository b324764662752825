-- Incidents: alerts that belong together (docs/adr/0021-incidents.md). And escalations of what is overdue.

CREATE TABLE ub.incident (
    incident_id text PRIMARY KEY,
    sequence    integer NOT NULL CHECK (sequence >= 0),
    status      text NOT NULL CHECK (status IN ('active', 'ended', 'merged')),
    severity    text NOT NULL,
    kinds       jsonb NOT NULL,
    region      text NOT NULL,
    zones       jsonb NOT NULL,
    cells       jsonb NOT NULL,
    rollup      jsonb NOT NULL,
    outline     jsonb NOT NULL,
    alerts      jsonb NOT NULL,
    started_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK ((ended_at IS NULL) = (status = 'active')),
    split_from  text,
    merged_into text CHECK ((merged_into IS NOT NULL) = (status = 'merged')),
    summary     text NOT NULL
);
CREATE INDEX incident_active ON ub.incident (started_at) WHERE status = 'active';
CREATE INDEX incident_updated_at ON ub.incident (updated_at);
COMMENT ON TABLE ub.incident IS 'One row per incident, after its newest event.';
COMMENT ON COLUMN ub.incident.incident_id IS 'UUID; the same when the log is folded again.';
COMMENT ON COLUMN ub.incident.sequence IS 'Number of its newest event, from 0.';
COMMENT ON COLUMN ub.incident.status IS 'active: one of its alerts is open; ended; merged: it is part of another now.';
COMMENT ON COLUMN ub.incident.severity IS 'Of its worst open alert; of the last ones once none is.';
COMMENT ON COLUMN ub.incident.kinds IS 'Kinds of all alerts that it ever had.';
COMMENT ON COLUMN ub.incident.region IS 'Region that it lies in (H3 hex string).';
COMMENT ON COLUMN ub.incident.zones IS 'Zones of its open alerts.';
COMMENT ON COLUMN ub.incident.cells IS 'Cells of its open alerts (H3 hex strings).';
COMMENT ON COLUMN ub.incident.rollup IS 'The same for maps: coarser parents where there are many.';
COMMENT ON COLUMN ub.incident.outline IS 'GeoJSON MultiPolygon of the cells.';
COMMENT ON COLUMN ub.incident.alerts IS 'Ids of its open alerts, oldest first.';
COMMENT ON COLUMN ub.incident.started_at IS 'When its first alert began.';
COMMENT ON COLUMN ub.incident.updated_at IS 'Event time of its newest event.';
COMMENT ON COLUMN ub.incident.ended_at IS 'When its last alert was cleared, or it became part of another.';
COMMENT ON COLUMN ub.incident.split_from IS 'The incident that it was part of before.';
COMMENT ON COLUMN ub.incident.merged_into IS 'The incident that it is part of now.';
COMMENT ON COLUMN ub.incident.summary IS 'One sentence for people.';

CREATE TABLE ub.incident_alert (
    incident_id text NOT NULL,
    alert_id    text NOT NULL,
    joined_at   timestamptz NOT NULL,
    PRIMARY KEY (incident_id, alert_id)
);
CREATE INDEX incident_alert_alert ON ub.incident_alert (alert_id);
COMMENT ON TABLE ub.incident_alert IS 'One row per alert that was ever part of an incident.';
COMMENT ON COLUMN ub.incident_alert.incident_id IS 'The incident.';
COMMENT ON COLUMN ub.incident_alert.alert_id IS 'The alert.';
COMMENT ON COLUMN ub.incident_alert.joined_at IS 'Since when (event time).';

CREATE VIEW api.incidents AS
SELECT incident_id, sequence, status, severity, kinds, region, zones, cells, rollup, outline, alerts,
       started_at, updated_at, ended_at, split_from, merged_into, summary
FROM ub.incident;
COMMENT ON VIEW api.incidents IS 'One row per incident, active or over, as of its newest event.';
COMMENT ON COLUMN api.incidents.incident_id IS 'UUID; the same when the log is folded again.';
COMMENT ON COLUMN api.incidents.sequence IS 'Number of its newest event, from 0.';
COMMENT ON COLUMN api.incidents.status IS 'active: one of its alerts is open; ended; merged: it is part of another now.';
COMMENT ON COLUMN api.incidents.severity IS 'Of its worst open alert; of the last ones once none is.';
COMMENT ON COLUMN api.incidents.kinds IS 'Array: kinds of all alerts that it ever had.';
COMMENT ON COLUMN api.incidents.region IS 'Region that it lies in (H3 hex string).';
COMMENT ON COLUMN api.incidents.zones IS 'Array: zones of its open alerts.';
COMMENT ON COLUMN api.incidents.cells IS 'Array: cells of its open alerts (H3 hex strings).';
COMMENT ON COLUMN api.incidents.rollup IS 'The same for maps: coarser parents where there are more than 50.';
COMMENT ON COLUMN api.incidents.outline IS 'GeoJSON MultiPolygon of the cells.';
COMMENT ON COLUMN api.incidents.alerts IS 'Array: ids of its open alerts, oldest first.';
COMMENT ON COLUMN api.incidents.started_at IS 'When its first alert began (event time).';
COMMENT ON COLUMN api.incidents.updated_at IS 'Event time of its newest event.';
COMMENT ON COLUMN api.incidents.ended_at IS 'When its last alert was cleared, or it became part of another.';
COMMENT ON COLUMN api.incidents.split_from IS 'The incident that it was part of before.';
COMMENT ON COLUMN api.incidents.merged_into IS 'The incident that it is part of now.';
COMMENT ON COLUMN api.incidents.summary IS 'One sentence for people.';

CREATE VIEW api.incident_alerts AS
SELECT i.incident_id, i.joined_at, a.alert_id, a.kind, a.severity, a.status, a.cell, ub.to_hex(a.cell) AS hex,
       a.subject, a.starts_at, a.ends_at, a.summary
FROM ub.incident_alert i JOIN ub.alert a USING (alert_id);
COMMENT ON VIEW api.incident_alerts IS 'One row per incident and alert that is or was part of it.';
COMMENT ON COLUMN api.incident_alerts.incident_id IS 'The incident.';
COMMENT ON COLUMN api.incident_alerts.joined_at IS 'Since when the alert was part of it (event time).';
COMMENT ON COLUMN api.incident_alerts.alert_id IS 'The alert.';
COMMENT ON COLUMN api.incident_alerts.kind IS 'Kind of the alert.';
COMMENT ON COLUMN api.incident_alerts.severity IS 'Severity of the alert now.';
COMMENT ON COLUMN api.incident_alerts.status IS 'active or cleared.';
COMMENT ON COLUMN api.incident_alerts.cell IS 'H3 cell of the alert.';
COMMENT ON COLUMN api.incident_alerts.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.incident_alerts.subject IS 'What the alert is about, where that is not the cell itself.';
COMMENT ON COLUMN api.incident_alerts.starts_at IS 'When the alert began.';
COMMENT ON COLUMN api.incident_alerts.ends_at IS 'When the alert was cleared; null while it is active.';
COMMENT ON COLUMN api.incident_alerts.summary IS 'What the alert says.';

-- Somebody had it, and the time until which it was due has passed.
ALTER TABLE ub.notification DROP CONSTRAINT notification_reason_check;
ALTER TABLE ub.notification ADD CONSTRAINT notification_reason_check
    CHECK (reason IN ('event', 'escalation', 'overdue', 'repeat'));
COMMENT ON COLUMN ub.notification.reason IS
    'event: as it happened; escalation: nobody acknowledged it in time; overdue: it is not over when it was due; repeat: it lasts.';
COMMENT ON COLUMN ub.notification.state IS
    'pending, silenced (waits for the end of a silence or of an inhibition), delivered, dropped (note says why).';
COMMENT ON COLUMN api.notifications.reason IS
    'event: as it happened; escalation: nobody acknowledged it in time; overdue: it is not over when it was due; repeat: it lasts.';
COMMENT ON COLUMN api.notifications.state IS
    'pending, silenced (waits for the end of a silence or of an inhibition), delivered or dropped.';
