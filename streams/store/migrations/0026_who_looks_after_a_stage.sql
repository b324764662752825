-- A sign of life of every stage. The ledger has rows of fleet, sensing and requests only: where the workers of grid or incidents were
-- gone and others were not, the map stood still and no alert could be raised, and nothing told.
--
-- Whoever stores something writes both times, so seen_at is the later one, or the same. Where it is not, the owner is a program of
-- before this migration, which does not say when it looks after a partition in which nothing moves. The column has no default for
-- that reason: such a program inserts rows, too.

ALTER TABLE ub.checkpoint ADD COLUMN seen_at timestamptz;
COMMENT ON COLUMN ub.checkpoint.updated_at IS 'When changes of the partition were stored last; when it was claimed first, before.';
COMMENT ON COLUMN ub.checkpoint.seen_at IS
    'When its owner last stored something, or said that it looks after it; not known where it is null or before updated_at.';

CREATE VIEW api.stage AS
SELECT stage, count(*)::integer AS partitions, min(seen_at) FILTER (WHERE seen_at >= updated_at) AS seen_at,
       max(updated_at) AS stored_at
FROM ub.checkpoint GROUP BY stage;
COMMENT ON VIEW api.stage IS 'One row per stage that a worker ever had: when it was last looked after, and when it stored something.';
COMMENT ON COLUMN api.stage.stage IS 'fleet, sensing, requests, grid, incidents or rejects.';
COMMENT ON COLUMN api.stage.partitions IS 'Partitions of its topic that a worker ever had.';
COMMENT ON COLUMN api.stage.seen_at IS
    'When a worker last looked after its partition that is worst off (wall clock); null: not known, of an older program.';
COMMENT ON COLUMN api.stage.stored_at IS 'When a worker last stored changes of it, of whichever partition (wall clock).';
