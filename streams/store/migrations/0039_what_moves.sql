-- A checkpoint that stores parts alone, with nothing folded and no row changed, moves nothing: the grid notes for how long sources
-- have been silent, for minutes after the last reading. Who waits until the tables are at rest does not wait for that.

COMMENT ON COLUMN ub.checkpoint.updated_at IS
    'When records of the partition were folded, or rows stored, last; when it was claimed first, before.';
COMMENT ON COLUMN api.stage.stored_at IS 'When a worker last stored records or rows of it, of whichever partition (wall clock).';
