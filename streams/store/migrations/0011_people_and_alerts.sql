-- What people do about alerts, silences, and the queue of notifications (docs/adr/0014-people-and-alerts.md).
--
-- No fold writes or reads these tables: detection stays a function of the log alone. Their times are
-- of the wall clock, because people live by it; those of alerts are event time.

CREATE FUNCTION ub.milliseconds(moment timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (extract(epoch FROM moment) * 1000)::bigint;
COMMENT ON FUNCTION ub.milliseconds(timestamptz) IS 'Milliseconds since the epoch, as on the wire.';

CREATE TABLE ub.alert_action (
    action_id text PRIMARY KEY,
    alert_id  text NOT NULL,
    sequence  integer NOT NULL CHECK (sequence >= 0),
    action    text NOT NULL CHECK (action IN
        ('acknowledged', 'unacknowledged', 'assigned', 'unassigned', 'commented', 'closed', 'reopened')),
    by        text NOT NULL CHECK (by <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    text      text,
    assignee  text CHECK ((action = 'assigned') = (assignee IS NOT NULL)),
    due_at    timestamptz,
    severity  text NOT NULL,
    told      boolean NOT NULL DEFAULT false,
    UNIQUE (alert_id, sequence)
);
CREATE INDEX alert_action_untold ON ub.alert_action (at) WHERE NOT told;
COMMENT ON TABLE ub.alert_action IS 'One row per thing that a person did about an alert.';
COMMENT ON COLUMN ub.alert_action.action_id IS 'UUID; the same when the action is told again.';
COMMENT ON COLUMN ub.alert_action.alert_id IS 'The alert.';
COMMENT ON COLUMN ub.alert_action.sequence IS 'Number of the action within its alert, from 0.';
COMMENT ON COLUMN ub.alert_action.action IS 'What was done.';
COMMENT ON COLUMN ub.alert_action.by IS 'Who did it.';
COMMENT ON COLUMN ub.alert_action.at IS 'When, by the database''s clock.';
COMMENT ON COLUMN ub.alert_action.text IS 'What they said.';
COMMENT ON COLUMN ub.alert_action.assignee IS 'Who is to see to it; only of `assigned`.';
COMMENT ON COLUMN ub.alert_action.due_at IS 'Until when; only of `assigned`.';
COMMENT ON COLUMN ub.alert_action.severity IS 'Severity of the alert at that moment: `closed` holds while it is not another.';
COMMENT ON COLUMN ub.alert_action.told IS 'Whether Kafka and MQTT have confirmed it.';

CREATE VIEW ub.alert_handling AS
SELECT a.alert_id,
       h.sequence,
       coalesce(h.taken[1].action = 'acknowledged', false) AS acknowledged,
       CASE WHEN h.taken[1].action = 'acknowledged' THEN h.taken[1].by END AS acknowledged_by,
       CASE WHEN h.taken[1].action = 'acknowledged' THEN h.taken[1].at END AS acknowledged_at,
       h.given[1].assignee AS assignee,
       h.given[1].due_at AS due_at,
       h.said[1].text AS comment,
       -- worse, or better, than what was closed is another matter
       coalesce(h.shut[1].action = 'closed' AND h.shut[1].severity = a.severity, false) AS closed,
       CASE WHEN h.shut[1].action = 'closed' AND h.shut[1].severity = a.severity THEN h.shut[1].by END AS closed_by,
       CASE WHEN h.shut[1].action = 'closed' AND h.shut[1].severity = a.severity THEN h.shut[1].at END AS closed_at
FROM ub.alert a
-- for each alert by itself: who asks for one does not pay for all
JOIN LATERAL (
    SELECT max(sequence) AS sequence,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('acknowledged', 'unacknowledged')) AS taken,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('assigned', 'unassigned')) AS given,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE text IS NOT NULL) AS said,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('closed', 'reopened')) AS shut
    FROM ub.alert_action x
    WHERE x.alert_id = a.alert_id
) h ON h.sequence IS NOT NULL;
COMMENT ON VIEW ub.alert_handling IS 'One row per alert about which somebody did something: what holds after the newest action.';

CREATE TABLE ub.silence (
    silence_id text PRIMARY KEY,
    matchers   jsonb NOT NULL CHECK (jsonb_typeof(matchers) = 'array' AND matchers <> '[]'),
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at >= starts_at),
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    comment    text NOT NULL CHECK (comment <> '')
);
CREATE INDEX silence_ends_at ON ub.silence (ends_at);
COMMENT ON TABLE ub.silence IS 'One row per silence: alerts that match it are not notified from starts_at to ends_at.';
COMMENT ON COLUMN ub.silence.silence_id IS 'UUID.';
COMMENT ON COLUMN ub.silence.matchers IS 'As Alertmanager''s: an array of {name, value, isRegex, isEqual}; all must match.';
COMMENT ON COLUMN ub.silence.starts_at IS 'From when on (wall clock).';
COMMENT ON COLUMN ub.silence.ends_at IS 'Until when (wall clock); the past, once it was expired.';
COMMENT ON COLUMN ub.silence.created_by IS 'Who made it.';
COMMENT ON COLUMN ub.silence.created_at IS 'When it was made.';
COMMENT ON COLUMN ub.silence.comment IS 'Why.';

CREATE TABLE ub.receiver (
    name     text PRIMARY KEY,
    known_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ub.receiver IS 'One row per receiver that `urbanbrain notify` ever had.';
COMMENT ON COLUMN ub.receiver.name IS 'Its name in the file of receivers.';
COMMENT ON COLUMN ub.receiver.known_at IS 'When it was seen first: events from before are not told to it.';

CREATE TABLE ub.notification (
    number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    receiver     text NOT NULL,
    alert_id     text NOT NULL,
    sequence     integer NOT NULL,
    reason       text NOT NULL CHECK (reason IN ('event', 'escalation', 'repeat')),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'silenced', 'delivered', 'dropped')),
    queued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts     integer NOT NULL DEFAULT 0,
    done_at      timestamptz,
    note         text,
    body         jsonb NOT NULL,
    PRIMARY KEY (receiver, alert_id, sequence, reason)
);
CREATE INDEX notification_waiting ON ub.notification (receiver, number) WHERE state IN ('pending', 'silenced');
CREATE INDEX notification_alert ON ub.notification (alert_id, sequence DESC);
COMMENT ON TABLE ub.notification IS 'One row per event of an alert and receiver that it is for: queue and record of what was sent.';
COMMENT ON COLUMN ub.notification.number IS 'Order of the queue.';
COMMENT ON COLUMN ub.notification.receiver IS 'Name of the receiver.';
COMMENT ON COLUMN ub.notification.alert_id IS 'The alert.';
COMMENT ON COLUMN ub.notification.sequence IS 'Number of the event within its alert.';
COMMENT ON COLUMN ub.notification.reason IS 'event: as it happened; escalation: nobody acknowledged it in time; repeat: it lasts.';
COMMENT ON COLUMN ub.notification.state IS 'pending, silenced (waits for the end of a silence), delivered, dropped (note says why).';
COMMENT ON COLUMN ub.notification.queued_at IS 'When it was queued.';
COMMENT ON COLUMN ub.notification.due_at IS 'Not sent before.';
COMMENT ON COLUMN ub.notification.attempts IS 'Attempts that failed.';
COMMENT ON COLUMN ub.notification.done_at IS 'When it was delivered or dropped.';
COMMENT ON COLUMN ub.notification.note IS 'What the receiver answered last, or why it was dropped or silenced.';
COMMENT ON COLUMN ub.notification.body IS 'The alert after this event, as it was published.';

-- Views keep their columns in place; new ones stand at the end.

CREATE OR REPLACE VIEW api.alerts_open AS
SELECT a.alert_id, a.severity, a.kind, coalesce(h.acknowledged, false) AS acknowledged,
       a.cell, ub.to_hex(a.cell) AS hex, a.region, a.zone,
       a.lat, a.lon, a.starts_at, a.updated_at, a.summary,
       (a.evidence ->> 'occupancy')::integer AS occupancy, (a.evidence ->> 'capacity')::integer AS capacity,
       a.policy, a.policy_version, a.sequence, a.evidence, g.boundary,
       h.acknowledged_by, h.acknowledged_at, h.assignee, h.due_at, h.comment
FROM ub.alert a LEFT JOIN ub.cell_geometry g USING (cell) LEFT JOIN ub.alert_handling h USING (alert_id)
WHERE a.status = 'active' AND NOT coalesce(h.closed, false);
COMMENT ON VIEW api.alerts_open IS
    'One row per alert that is active now and was not closed by hand, as of its newest event.';
COMMENT ON COLUMN api.alerts_open.acknowledged IS 'Whether a person has taken note.';
COMMENT ON COLUMN api.alerts_open.acknowledged_by IS 'Who acknowledged it.';
COMMENT ON COLUMN api.alerts_open.acknowledged_at IS 'When (wall clock).';
COMMENT ON COLUMN api.alerts_open.assignee IS 'Who is to see to it.';
COMMENT ON COLUMN api.alerts_open.due_at IS 'Until when (wall clock).';
COMMENT ON COLUMN api.alerts_open.comment IS 'What was said last.';

CREATE OR REPLACE VIEW api.alert_history AS
SELECT e.at, e.alert_id, e.sequence, e.action, e.severity, e.status, a.kind, a.cell, ub.to_hex(a.cell) AS hex,
       a.region, a.zone, a.lat, a.lon, a.starts_at, a.ends_at, e.body ->> 'summary' AS summary,
       (e.body #>> '{evidence,occupancy}')::integer AS occupancy,
       (e.body #>> '{evidence,capacity}')::integer AS capacity, e.body, g.boundary,
       coalesce(h.acknowledged, false) AS acknowledged,
       h.acknowledged_by, h.acknowledged_at, h.assignee, h.due_at, h.comment, h.closed_by, h.closed_at
FROM ub.alert_event e
LEFT JOIN ub.alert a USING (alert_id)
LEFT JOIN ub.cell_geometry g ON g.cell = a.cell
LEFT JOIN ub.alert_handling h USING (alert_id);
COMMENT ON COLUMN api.alert_history.acknowledged IS 'Whether a person has taken note of the alert, by now.';
COMMENT ON COLUMN api.alert_history.acknowledged_by IS 'Who acknowledged the alert.';
COMMENT ON COLUMN api.alert_history.acknowledged_at IS 'When (wall clock).';
COMMENT ON COLUMN api.alert_history.assignee IS 'Who is to see to the alert.';
COMMENT ON COLUMN api.alert_history.due_at IS 'Until when (wall clock).';
COMMENT ON COLUMN api.alert_history.comment IS 'What was said of the alert last.';
COMMENT ON COLUMN api.alert_history.closed_by IS 'Who closed the alert by hand.';
COMMENT ON COLUMN api.alert_history.closed_at IS 'When (wall clock).';

CREATE VIEW api.alert_actions AS
SELECT x.at, x.action_id, x.alert_id, x.sequence, x.action, x.by, x.text, x.assignee, x.due_at,
       a.kind, a.cell, ub.to_hex(a.cell) AS hex, a.zone, a.severity
FROM ub.alert_action x LEFT JOIN ub.alert a USING (alert_id);
COMMENT ON VIEW api.alert_actions IS 'One row per thing that a person did about an alert.';
COMMENT ON COLUMN api.alert_actions.at IS 'When (wall clock).';
COMMENT ON COLUMN api.alert_actions.action_id IS 'UUID; the same on Kafka and MQTT.';
COMMENT ON COLUMN api.alert_actions.alert_id IS 'The alert.';
COMMENT ON COLUMN api.alert_actions.sequence IS 'Number of the action within its alert, from 0.';
COMMENT ON COLUMN api.alert_actions.action IS
    'acknowledged, unacknowledged, assigned, unassigned, commented, closed or reopened.';
COMMENT ON COLUMN api.alert_actions.by IS 'Who did it.';
COMMENT ON COLUMN api.alert_actions.text IS 'What they said.';
COMMENT ON COLUMN api.alert_actions.assignee IS 'Who is to see to it; only of `assigned`.';
COMMENT ON COLUMN api.alert_actions.due_at IS 'Until when; only of `assigned`.';
COMMENT ON COLUMN api.alert_actions.kind IS 'Kind of the alert.';
COMMENT ON COLUMN api.alert_actions.cell IS 'Cell of the alert.';
COMMENT ON COLUMN api.alert_actions.hex IS 'The same as a hex string.';
COMMENT ON COLUMN api.alert_actions.zone IS 'Zone of the alert.';
COMMENT ON COLUMN api.alert_actions.severity IS 'Severity of the alert now.';

CREATE VIEW api.silences AS
SELECT silence_id, matchers, starts_at, ends_at, created_by, created_at, comment,
       CASE WHEN ends_at <= now() THEN 'expired' WHEN starts_at > now() THEN 'pending' ELSE 'active' END AS state
FROM ub.silence;
COMMENT ON VIEW api.silences IS 'One row per silence, expired ones included.';
COMMENT ON COLUMN api.silences.silence_id IS 'UUID.';
COMMENT ON COLUMN api.silences.matchers IS 'Array of {name, value, isRegex, isEqual}; all must match.';
COMMENT ON COLUMN api.silences.starts_at IS 'From when on (wall clock).';
COMMENT ON COLUMN api.silences.ends_at IS 'Until when (wall clock).';
COMMENT ON COLUMN api.silences.created_by IS 'Who made it.';
COMMENT ON COLUMN api.silences.created_at IS 'When it was made.';
COMMENT ON COLUMN api.silences.comment IS 'Why.';
COMMENT ON COLUMN api.silences.state IS 'pending, active or expired.';

CREATE VIEW api.notifications AS
SELECT number, receiver, alert_id, sequence, reason, state, queued_at, due_at, attempts, done_at, note
FROM ub.notification;
COMMENT ON VIEW api.notifications IS 'One row per event of an alert and receiver: what was sent, and what waits.';
COMMENT ON COLUMN api.notifications.number IS 'Order of the queue.';
COMMENT ON COLUMN api.notifications.receiver IS 'Name of the receiver.';
COMMENT ON COLUMN api.notifications.alert_id IS 'The alert.';
COMMENT ON COLUMN api.notifications.sequence IS 'Number of the event within its alert.';
COMMENT ON COLUMN api.notifications.reason IS 'event: as it happened; escalation: nobody acknowledged it in time; repeat: it lasts.';
COMMENT ON COLUMN api.notifications.state IS 'pending, silenced (waits for the end of a silence), delivered or dropped.';
COMMENT ON COLUMN api.notifications.queued_at IS 'When it was queued.';
COMMENT ON COLUMN api.notifications.due_at IS 'Not sent before.';
COMMENT ON COLUMN api.notifications.attempts IS 'Attempts that failed.';
COMMENT ON COLUMN api.notifications.done_at IS 'When it was delivered or dropped.';
COMMENT ON COLUMN api.notifications.note IS 'What the receiver answered last, or why it was dropped or silenced.';
