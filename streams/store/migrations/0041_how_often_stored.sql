-- A standby that takes over may lack what its primary stored last. A worker that went on from its memory would leave holes in
-- the tables: so a checkpoint says how often it was stored, and a worker that knows of more starts again from what is there.

ALTER TABLE ub.checkpoint ADD COLUMN commits bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ub.checkpoint.commits IS 'How often its owner has stored it since it was claimed.';
