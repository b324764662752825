-- Escalations that wait for those who escalate them are marked by this column, too.

COMMENT ON COLUMN ub.notification.kept IS
    'Of what is pending: it was kept back until now, so an event is told only as the alert is now. Of an escalation that is kept back: when that ends, those who escalate it are told first, and have as much time as at first.';
