-- What was closed as minor is open while it is major, and was closed again once it was minor, even if somebody had acted on
-- it meanwhile; the action that MQTT keeps said that it is open. So a closing holds until it is acted on at another severity.

CREATE OR REPLACE VIEW ub.alert_handling AS
SELECT a.alert_id,
       h.sequence,
       coalesce(h.taken[1].action = 'acknowledged', false) AS acknowledged,
       CASE WHEN h.taken[1].action = 'acknowledged' THEN h.taken[1].by END AS acknowledged_by,
       CASE WHEN h.taken[1].action = 'acknowledged' THEN h.taken[1].at END AS acknowledged_at,
       h.given[1].assignee AS assignee,
       h.given[1].due_at AS due_at,
       h.said[1].text AS comment,
       c.closed,
       CASE WHEN c.closed THEN h.shut[1].by END AS closed_by,
       CASE WHEN c.closed THEN h.shut[1].at END AS closed_at
FROM ub.alert a
-- for each alert by itself: who asks for one does not pay for all
JOIN LATERAL (
    SELECT max(sequence) AS sequence,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('acknowledged', 'unacknowledged')) AS taken,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('assigned', 'unassigned')) AS given,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE text IS NOT NULL) AS said,
           array_agg(x ORDER BY sequence DESC) FILTER (WHERE action IN ('closed', 'reopened')) AS shut,
           max(sequence) FILTER (WHERE x.severity <> a.severity) AS otherwise
    FROM ub.alert_action x
    WHERE x.alert_id = a.alert_id
) h ON h.sequence IS NOT NULL
-- worse, or better, than what was closed is another matter
CROSS JOIN LATERAL (
    SELECT coalesce(h.shut[1].action = 'closed' AND h.shut[1].sequence > coalesce(h.otherwise, -1), false) AS closed
) c;

COMMENT ON COLUMN ub.alert_action.severity IS
    'Severity of the alert at that moment: `closed` holds while it is not another, and nothing was done about it at another.';
