-- The most severe of what waits went first, also before the end of a former alert about the same. To Alertmanager, and to all who
-- know alerts by their labels, that end was then the end of the alert that is open. It goes first now, and is found by this.

CREATE INDEX notification_end ON ub.notification (receiver, (body ->> 'cell'))
    WHERE state = 'pending' AND body ->> 'status' = 'cleared';
