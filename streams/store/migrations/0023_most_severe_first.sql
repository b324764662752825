-- What waits for a receiver is told the most severe first, of one alert in order: after an outage of a receiver, or in a
-- mass event, nobody should hear of a blocked street behind thousands of warnings.

ALTER TABLE ub.notification ADD COLUMN urgency integer NOT NULL
    GENERATED ALWAYS AS (coalesce(array_position('{warning,minor,major,critical}'::text[], body ->> 'severity'), 0)) STORED;
COMMENT ON COLUMN ub.notification.urgency IS 'Rank of the severity after this event: 1 (warning) to 4 (critical).';
CREATE INDEX notification_urgent ON ub.notification (receiver, urgency DESC, number) WHERE state = 'pending';
DROP INDEX ub.notification_pending;
