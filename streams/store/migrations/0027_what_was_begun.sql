-- A receiver may have taken a message though nobody could store that: whoever sent it was killed in between, or the answer was
-- lost. Where a silence began before the next attempt, and the alert ended under it, the receiver was never told of the end.

ALTER TABLE ub.notification ADD COLUMN begun_at timestamptz;
COMMENT ON COLUMN ub.notification.begun_at IS
    'Of the first message of an alert: since when its receiver may have it, though that is not known. Null: it has not, or it is known.';
