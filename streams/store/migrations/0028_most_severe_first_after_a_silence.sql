-- At the end of a silence over thousands of alerts they were told in the order in which they were looked at. What nothing keeps
-- back any more now takes its place among all that waits, the most severe first.

ALTER TABLE ub.notification ADD COLUMN kept boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN ub.notification.kept IS
    'Of what is pending: it was kept back until now, so it is told only as the alert is now.';
