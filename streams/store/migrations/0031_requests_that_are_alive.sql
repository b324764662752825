-- Who takes up a partition of ub.requests asks for what is open or changed lately, among all requests of years.

CREATE INDEX request_changed ON ub.request (partition, updated_at);
CREATE INDEX request_open_owned ON ub.request (partition) WHERE status = 'open';
DROP INDEX ub.request_partition;
